/* SPDX-License-Identifier: ISC */
/* One request of a catch-up: libcurl's easy interface, and libcurl's callbacks. A build without libcurl has none. */
#ifndef CATCHUP_TRANSFER_H
#define CATCHUP_TRANSFER_H

#include <stdbool.h>

#include "catchup/allowance.h"
#include "catchup/client.h"

enum transfer_result {
	TRANSFER_ANSWERED,  /* with any status */
	TRANSFER_FAILED,    /* no answer, or none that is whole */
	TRANSFER_PRIVATE,   /* the address is a private one, and was not connected to */
	TRANSFER_TOO_LARGE, /* the answer is, and was not read to its end */
	TRANSFER_STOPPED,
};

struct transfer;

/* Reads the key's file. NULL with the reason in why, which never has the key in it. The caller frees it. */
struct transfer *transfer_new(const struct catchup *c, struct catchup_stop *stop, char *why, size_t why_size);
void transfer_free(struct transfer *t);

/* Sends a GET or an empty POST, and sets all of the answer but its verdict. */
enum transfer_result transfer_run(struct transfer *t, const char *url, bool post, struct catchup_answer *a, struct allowance_headers *h);

/* True when the text has the key in it: an API may repeat what it was sent. */
bool transfer_has_key(const struct transfer *t, struct slice text);

/* Why the last one failed; never with the key in it. */
const char *transfer_error(const struct transfer *t);

#endif
