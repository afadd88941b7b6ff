/* SPDX-License-Identifier: ISC */
/* The first event of each conversation, for sinks with `first-message`. The relay notes it, so that receiving costs no more. */
#ifndef SPOOL_CONVERSATION_H
#define SPOOL_CONVERSATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "spool/db.h"

/*
 * Notes the conversations of the next events, at most 1,000, in one transaction. *noted becomes the id of the last event that is
 * noted. *more becomes true when there are further ones.
 */
bool spool_conversation_note(struct spool_db *db, int64_t *noted, bool *more);

/*
 * *first becomes true when the event, which must be noted, is the first of its conversation at its endpoint. A purged event counts
 * until spool_conversation_purge() has deleted the conversation.
 */
bool spool_conversation_first(struct spool_db *db, struct slice endpoint, struct slice conversation, int64_t event, bool *first);

/* Deletes the endpoint's conversations whose last event was received before `before`, in ms since the epoch. Notes all events first. */
bool spool_conversation_purge(struct spool_db *db, const char *endpoint, int64_t before);

#endif
