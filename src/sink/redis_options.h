/* SPDX-License-Identifier: ISC */
/* The options of sinks of the type redis, beside those of all sinks. */
#ifndef REDIS_OPTIONS_H
#define REDIS_OPTIONS_H

#include <stdint.h>

#include "conf/sink.h"

/* "redis://USER@HOST:PORT/DATABASE" or "unix:/PATH?db=DATABASE". */
struct redis_url {
	char *text; /* all of it */
	char *host; /* or an address; NULL: path */
	char *path; /* of the socket; NULL: host */
	char *user; /* NULL: the server's default user */
	int port, database;
};

struct redis_options {
	struct redis_url url;
	char *password_file;     /* NULL: no AUTH */
	struct template *stream;
	int64_t dedupe_window;   /* ms that the server knows an event's id */
	unsigned max_length;     /* entries of the stream, about */
};

/* The options of a sink of this type. */
static inline const struct redis_options *redis_options(const struct sink *s)
{
	return s->options;
}

#endif
