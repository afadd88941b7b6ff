/* SPDX-License-Identifier: ISC */
/*
 * LinkedIn's URNs, which have two spellings of one id, its last part:
 *
 *   webhook   urn:li:messagingMessage:2-abc                            urn:li:messagingThread:2-xyz
 *   API       urn:li:msg_message:(urn:li:fsd_profile:ACoAA1,2-abc)     urn:li:msg_conversation:(urn:li:fsd_profile:ACoAA1,2-xyz)
 */
#ifndef URN_H
#define URN_H

#include <stdbool.h>

#include "core/buf.h"

#define URN_MESSAGE "urn:li:messagingMessage:"
#define URN_THREAD "urn:li:messagingThread:"
#define URN_PROFILE "urn:li:fsd_profile:"

enum { URN_ID_MAX = 250 };

/* The id of a URN in either spelling, or of a bare id. p == NULL: it has none, or one with other characters than ids have. */
struct slice urn_id(struct slice urn);

/* True for a message's URN in the API's spelling. */
bool urn_is_api_message(struct slice urn);

#endif
