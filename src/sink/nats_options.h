/* SPDX-License-Identifier: ISC */
/* The options of sinks of the type nats, beside those of all sinks. */
#ifndef NATS_OPTIONS_H
#define NATS_OPTIONS_H

#include "conf/sink.h"
#include "core/buf.h"
#include "sink/broker_url.h"

struct nats_options {
	struct broker_url url;
	char *password_file;      /* of the URL's user; NULL: none */
	char *token_file;         /* NULL: none */
	char *creds_file;         /* a JWT and its seed, as nsc writes them; NULL: none */
	char *ca_file;            /* the certificates to trust; NULL: the system's */
	struct template *subject;
	bool fixed;               /* the subject is the same for all events */
};

/* The options of a sink of this type. */
static inline const struct nats_options *nats_options(const struct sink *s)
{
	return s->options;
}

/* Why no event may go to the subject; NULL: it may. */
const char *nats_subject_error(struct slice subject);

#endif
