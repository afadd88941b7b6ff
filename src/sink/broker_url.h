/* SPDX-License-Identifier: ISC */
/* URLs of message brokers, "SCHEME://USER@HOST:PORT/PATH", and the kind of option that has one. */
#ifndef BROKER_URL_H
#define BROKER_URL_H

#include <stdbool.h>

#include "core/buf.h"

struct broker_url {
	char *text; /* all of it */
	char *host; /* or an address, without brackets */
	char *user; /* NULL: none */
	char *path; /* behind the host's "/", percent-decoded; NULL: there is no "/" */
	int port;
	bool tls;
};

/* What a type of broker takes. */
struct broker_scheme {
	const char *plain, *tls;    /* "nats://" */
	int plain_port, tls_port;   /* where the URL has none */
	const char *fix;            /* what a message says to write */
};

/* Reads the URL into out, to be freed by broker_url_free() also after a failure. False with the reason in why, from behind the value on. */
bool broker_url_parse(const struct broker_scheme *scheme, const char *text, struct broker_url *out, struct buf *why);
void broker_url_free(void *url);

#endif
