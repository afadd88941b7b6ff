/* SPDX-License-Identifier: ISC */
/* The providers whose APIs a catch-up knows: a row each. conf/catchup.h has what the configuration says of them. */
#ifndef CATCHUP_PROVIDER_H
#define CATCHUP_PROVIDER_H

#include "catchup/run.h"
#include "core/strlist.h"

struct catchup_provider {
	const char *scheme; /* as in struct catchup_api */

	/* What a run finds, in the words of its log line: "12 messages of ... were fetched that the webhook had not delivered". */
	const char *one, *many, *was, *were;

	/* Adds the accounts that the key has. False after run_answered() or run_fail() has noted why. NULL: the provider has no accounts. */
	bool (*list_accounts)(struct catchup_run *r, struct strlist *accounts);

	/* Fetches what is missing of r->account from r->from on. What goes wrong is noted in the run; what was fetched stays. */
	void (*fetch)(struct catchup_run *r);
};

extern const struct catchup_provider catchup_connectsafely, catchup_github;

/* The row of that API, never NULL. */
const struct catchup_provider *catchup_provider_of(const struct catchup_api *api);

#endif
