/* SPDX-License-Identifier: ISC */
/* A message of ConnectSafely's API as the body that its webhook delivers: "message.received" of "What's in the payload". */
#ifndef CATCHUP_MESSAGE_H
#define CATCHUP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

/* What a message does not say itself. Borrowed. */
struct message_context {
	const char *account;       /* its id; printable, without quotes and backslashes */
	struct slice conversation; /* the id in the conversation's URN */
	struct slice participants; /* the raw list of the answer that has the message; p == NULL: none */
};

enum message_result {
	MESSAGE_RECEIVED,
	MESSAGE_OWN,     /* the account sent it itself */
	MESSAGE_UNSURE,  /* what is needed is missing, or of another type */
	MESSAGE_NO_MEMORY,
};

/*
 * Reads a message, a raw value of an answer that paths_find() has accepted. RECEIVED: appends the body, in the webhook's spelling of URNs.
 * Fields that the webhook does not have are kept as they are, under data.api. *sent_at: ms since the epoch, also of one's own messages.
 * UNSURE: *why, static text, says what is wrong.
 */
enum message_result message_read(struct slice message, const struct message_context *c, struct buf *body, int64_t *sent_at, const char **why);

/* True for an account's id that can stand in a body as it is. */
bool message_is_account(struct slice account);

#endif
