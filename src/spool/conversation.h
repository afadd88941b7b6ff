/* SPDX-License-Identifier: ISC */
/* Which event was the first of its conversation: found out for sinks that ask, behind the receiver's back. */
#ifndef SPOOL_CONVERSATION_H
#define SPOOL_CONVERSATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "spool/db.h"

/*
 * Takes note of the conversations of at most 1,000 events that came since the last time, in one transaction. *noted becomes
 * the id of the last event that is taken note of; *more: there are further ones.
 */
bool spool_conversation_note(struct spool_db *db, int64_t *noted, bool *more);

/*
 * Whether the event is the first of its conversation at its endpoint; of events that were noted. What was purged counts until
 * spool_conversation_purge() has forgotten the conversation.
 */
bool spool_conversation_first(struct spool_db *db, struct slice endpoint, struct slice conversation, int64_t event, bool *first);

/*
 * Forgets the endpoint's conversations whose last event was received before then, after those of all events were taken note of. False with
 * the reason in why.
 */
bool spool_conversation_purge(struct spool_db *db, const char *endpoint, int64_t before);

#endif
