/* SPDX-License-Identifier: ISC */
/* The URL that hookspool send delivers to, and the endpoint that it delivers as. */
#ifndef SEND_TARGET_H
#define SEND_TARGET_H

#include <stdbool.h>

#include "conf/conf.h"

struct send_target {
	const struct endpoint *endpoint; /* borrowed from the configuration */
	char *url;                       /* whole; the caller calls send_target_free() */
	char *base, *query;              /* the same without its query; that, NULL when there is none */
	bool local;                      /* the host is this machine's loopback */
};

/*
 * Finds the endpoint: the named one (NULL: none is), else the one whose path the URL has, else the only one. A URL without a path
 * gets the endpoint's. Returns CLI_OK, or another exit status after a message that lists the endpoints.
 */
int send_target_find(struct send_target *t, const struct conf *conf, const char *url, const char *named);
void send_target_free(struct send_target *t);

#endif
