/* SPDX-License-Identifier: ISC */
/* The configuration: read whole, validated, then const; reload makes a new one and swaps the pointer. */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/catchup.h"
#include "conf/endpoint.h"
#include "conf/fingerprint.h"
#include "conf/conf_report.h"
#include "conf/sink.h"
#include "core/log.h"

struct option_row;

enum {
	CONF_MAX_IN_FLIGHT = 1024, /* the most that max-in-flight may be */
	CONF_FINGERPRINT = FINGERPRINT_SIZE,
};

/* The refused deliveries that are remembered: the newest, within all of these bounds. */
struct reject_limits {
	unsigned keep;
	size_t size; /* bytes of their bodies and headers together */
	int64_t age; /* ms */
};

enum journal {
	JOURNAL_WAL,    /* local disks: one fsync a commit */
	JOURNAL_DELETE, /* network file systems, asked for: slower, no shared memory */
};

enum page_access {
	PAGE_CLOSED, /* the page is for users that the web server has authenticated */
	PAGE_OPEN,   /* it is for all that reach it */
};

/* The options' rows are in conf.c. */
struct conf {
	void *tree;  /* libconfuse's; the configuration's own schemes borrow from it */
	char *file;  /* the main file */
	struct strlist files; /* the main file, and all included files */
	char fingerprint[CONF_FINGERPRINT]; /* of their texts; empty when memory was short */
	char *spool; /* a directory, or the URL of a server */
	char *overflow; /* where the spool is a server: a directory, or "none" */
	int64_t spool_wait; /* ms that an event waits for the server */
	const char *overflow_dir; /* NULL: no overflow */
	const char *dir; /* of the files that are this machine's alone; the spool's own where that is a directory */
	char *health; /* a path that tells whether events can be stored; NULL: none */
	enum journal journal;
	size_t max_body; /* bytes; of endpoints without their own */
	size_t min_free; /* bytes that check wants free on the spool's disk */

	char *listen; /* "unix:PATH" or "tcp:127.0.0.1:PORT"; NULL: none */
	mode_t socket_mode;
	char *socket_group;     /* NULL: the process's own */
	unsigned max_in_flight; /* requests that may wait for the rest of their body */
	int64_t params_timeout; /* ms */
	int64_t body_timeout;   /* ms */
	int64_t idle_timeout;   /* ms that a kept connection may wait for its next request */

	enum log_level log_level;
	enum log_format log_format;
	enum log_target log_target;
	bool log_bodies;

	struct reject_limits reject;
	bool reject_bodies;    /* their bodies are kept, and all headers that are no secret */
	int64_t dedupe_window; /* ms that a key is known, also when its event was purged */
	int64_t keep;          /* ms after which events are purged; 0: never */

	bool search_index;     /* the relay builds the search index */
	bool sandbox;          /* receiver and page give up what they need not: conf/confine.h */
	enum page_access page_access;
	bool page_actions;     /* the page has buttons that change something */
	bool page_bodies;      /* it shows bodies, texts and names */

	struct endpoint *endpoints;
	size_t n_endpoints;
	const struct endpoint **by_path; /* they, in the order of their paths */
	struct sink *sinks;
	size_t n_sinks;
	const struct sink **alert; /* the sinks that get events of hookspool's own */
	size_t n_alert;
	int64_t alert_after;       /* ms that a sink is down before an alert; and that trouble is over before some alerts end */
	struct catchup *catchups;
	size_t n_catchups;
};

/*
 * Reads and validates the file, the files that it includes, and the secrets that endpoints name. A relative path starts at the
 * directory of its section's file, outside of sections at that of the main file. NULL after at least one error was reported. The
 * caller frees the result with conf_free(). Not thread-safe, as libconfuse's lexer is not.
 */
struct conf *conf_load(const char *file, conf_report *report, void *ctx);

/* The same with other secrets; conf_load() is for CONF_SECRETS_ALL. */
struct conf *conf_load_with(const char *file, enum conf_secrets secrets, conf_report *report, void *ctx);
void conf_free(struct conf *c);

/* The endpoint of that path, or NULL. */
const struct endpoint *conf_endpoint(const struct conf *c, const char *path);

/* The i-th sink of the endpoint, those of relay before those of store; NULL behind the last. */
const struct sink *conf_endpoint_sink(const struct endpoint *e, size_t i);

/* The sink of that name, or NULL. */
const struct sink *conf_sink(const struct conf *c, const char *name);

/* The number of the secret with that id, from 1; 0: none has it. */
int conf_secret(const struct secrets *s, int64_t id);

/* The scheme of that name, built in or the configuration's own, into out; it borrows from the configuration. */
bool conf_scheme(const struct conf *c, const char *name, struct scheme *out);

/*
 * Finds the configuration's file: `given` (from -c), else $HOOKSPOOL_CONF, else hookspool.conf beside the running program, else the
 * compiled-in default. Writes its path to out, of size n; returns out.
 */
const char *conf_find(const char *given, char *out, size_t n);

/* The options of one section, for hookspool check --options. */
struct conf_options {
	const char *section; /* NULL: the top level */
	const char *type;    /* of sinks; NULL: all types, or no sink */
	const char *help;    /* one line about the section or the type */
	const struct option_row *rows; /* conf/option.h; ends with a row without a name */
};

/* The i-th group of options, in the order of hookspool.conf(5). False behind the last. */
bool conf_options(size_t i, struct conf_options *out);

#endif
