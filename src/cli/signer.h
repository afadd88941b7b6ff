/* SPDX-License-Identifier: ISC */
/* What hookspool send signs with. */
#ifndef SIGNER_H
#define SIGNER_H

#include <stdbool.h>

#include "conf/conf.h"
#include "core/buf.h"

struct signer_options {
	const char *scheme;      /* NULL: the endpoint's */
	const char *secret_file; /* NULL: the endpoint's first secret */
	bool wrong;              /* with a wrong secret */
};

/* The secret is the endpoint's first, or the one of secret_file. */
struct signer {
	struct scheme scheme;
	struct secret secret; /* text == NULL: nothing is signed */
	struct buf text, source;
	bool by_secret; /* the scheme has secrets at all */
};

/* Returns CLI_OK, or the status to exit with, after a message. signer_free() must follow in both cases; zero-initialised before. */
int signer_init(struct signer *s, const struct signer_options *o, const struct conf *conf, const struct endpoint *e);
void signer_free(struct signer *s);

#endif
