/* SPDX-License-Identifier: ISC */
/* What is sent of an event: the sink's template with the event's values, or the event's own bytes. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "relay/attempt.h"

/*
 * Makes the attempt's message complete: body, type, and the text where the sink needs it (ev is room for it). deadline is
 * clock_mono_us(). False when memory is short, or OpenSSL failed.
 */
bool message_make(struct attempt *a, const struct sink *s, const struct conf *c, struct event *ev, int64_t deadline);

#endif
