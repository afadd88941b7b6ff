/* SPDX-License-Identifier: ISC */
/*
 * The vault: a process of its own that has the endpoints' secrets, so that the one that talks to the web server has none. It is asked
 * for an explanation, for the names of secrets, and to accept a refused delivery. It takes ids alone, and never gives a secret, nor a
 * signature that would be right: a page's reader could sign with it.
 */
#ifndef VAULT_H
#define VAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/buf.h"

enum {
	VAULT_NAME = 512,
	VAULT_ANSWER_MAX = 128 * 1024,
	VAULT_WORK_S = 15, /* of one question: the spool's lock is waited for 8 s, and a signature is explained in some */
	VAULT_WAIT_S = 20, /* for the answer */
};

enum vault_question { VAULT_EXPLAIN, VAULT_ACCEPT, VAULT_SECRETS };

struct vault;

/*
 * The vault of that configuration, whose file it reads anew for each question. Its process is started now, or with `lazy` at the
 * first question: a process that has threads must not fork. The configuration is borrowed until then. NULL: memory is short.
 */
struct vault *vault_new(const struct conf *c, bool lazy);
void vault_free(struct vault *v);

/*
 * What is wrong with the signature of the refused delivery of that id: pairs of a name and a text, each with its NUL. False: the vault
 * gave no answer in time.
 */
bool vault_explain(struct vault *v, int64_t reject, struct buf *pairs);

/* Checks the refused delivery again, and stores it where it passes now. Pairs: outcome, and event or reason. */
bool vault_accept(struct vault *v, int64_t reject, struct buf *pairs);

/* All secrets of endpoints: for each its endpoint's path, number, id in hexadecimal and source, each with its NUL. */
bool vault_secrets(struct vault *v, struct buf *list);

/* The source of the endpoint's secret of that number. False: it has no such secret now, or the vault gave no answer. */
bool vault_secret_name(struct vault *v, const char *endpoint, int number, char name[VAULT_NAME]);

/* The next text of such a list; *p moves on behind it. NULL at the end. */
const char *vault_text(const char **p, const char *end);

/* In the vault's process: appends the answer to a question. vault_work.c */
void vault_work(const char *conf_file, enum vault_question question, int64_t id, struct buf *answer);

#endif
