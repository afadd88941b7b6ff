/* SPDX-License-Identifier: ISC */
/* An event as a line of JSON: what hookspool export prints, and what sinks of the type file write. */
#ifndef EVENT_LINE_H
#define EVENT_LINE_H

#include "spool/events.h"

/*
 * Appends the event and a line feed: id, endpoint, name, event, key, account, received_at, remote_addr, note, headers, and body or
 * body_base64. name is the endpoint's in the configuration; p == NULL: it has none. False when memory is short; out then has a part.
 */
bool event_line(const struct spool_row *r, struct slice name, struct buf *out);

#endif
