/* SPDX-License-Identifier: ISC */
/* Endpoints: URL paths that receive deliveries. */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/cidr.h"
#include "conf/scheme.h"
#include "conf/secret.h"
#include "conf/sink.h"
#include "core/rate.h"
#include "core/strlist.h"

enum { ENDPOINT_STORES = 8 }; /* the most sinks that an endpoint's store may name: each delivery holds their ids */

struct endpoint {
	char *path; /* its title: the URL path, compared byte for byte */
	char *name; /* for people; NULL: none */
	struct scheme scheme; /* with this endpoint's bodies */
	struct secrets secrets;        /* signing secrets; several while rotating */
	struct secrets authorizations; /* whole Authorization values; empty: not asked for */
	struct secrets verify_tokens;  /* of a handshake that has them */
	char *url;                     /* as the provider was given it, without a query; NULL: not said */
	struct strlist events;         /* stored; empty: all */
	struct strlist accounts;       /* stored; empty: all */
	struct cidrs allow;            /* REMOTE_ADDR must be in one; empty: all */
	struct strlist certificates;   /* SSL_CLIENT_S_DN must be one, "*" is any that was verified; empty: not asked for */
	struct rate rate;
	bool answer_given;             /* the answer to an accepted delivery is configured */
	unsigned answer_status;
	char *answer_type, *answer_body; /* NULL: the receiver's */
	size_t max_body;               /* bytes */
	int64_t expect;                /* ms without an event that mean trouble; 0: not said */
	int64_t keep;                  /* ms after which its events are purged; 0: never; -1: as the other endpoints' */
	int64_t dedupe_window;         /* the configuration's */
	int64_t replay_window;         /* ms in which equal bytes under another unsigned id are a duplicate; 0: never */
	const struct sink **relay;     /* the sinks that its events go to after the answer */
	size_t n_relay;
	const struct sink **store;     /* the sinks whose acknowledgement the answer waits for */
	size_t n_store;
	int64_t store_wait;            /* ms that the answer waits for them at most */
	bool store_required;           /* the answer is 503 where they have not acknowledged by then */
};

#endif
