/* SPDX-License-Identifier: ISC */
/* Shared secrets of endpoints, from files and from the environment. */
#ifndef SECRET_H
#define SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "core/key.h"

struct option_kind;

/* A shared secret and its source. The bytes are never logged. */
struct secret {
	char *source; /* "file /etc/hookspool/linkedin.secret", "env LINKEDIN_SECRET" */
	char *text;   /* NUL-terminated, len without the NUL; empty: it could not be read */
	size_t len;
	int64_t id;      /* of its text, the same wherever it stands in the configuration; never 0 */
	struct key *key; /* of a signing secret; NULL for others */
	struct key *other_key; /* the same for the scheme's other algorithm; NULL where it has none */
};

struct secrets {
	struct secret *item;
	size_t n;
};

/*
 * Options whose field is a struct secrets. Both add to it, so an endpoint's files and variables make one list, numbered in the
 * order of the rows. A load with CONF_SECRETS_NONE leaves it empty.
 */
extern const struct option_kind secret_file_kind;
extern const struct option_kind secret_env_kind;

#endif
