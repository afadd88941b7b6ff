/* SPDX-License-Identifier: ISC */
/* The headers and the body of a delivery as JSON: exact, readable, and with the place of a syntax error. */
#ifndef PAGE_CONTENT_H
#define PAGE_CONTENT_H

#include "core/buf.h"
#include "core/json.h"

enum { CONTENT_SHOWN_MAX = 2 * 1024 * 1024 }; /* bytes of a body; of a longer one the beginning is written */

/*
 * Writes the members headers, body or body_base64, body_cut, unpacked and json_error; hookspool-page.fcgi(8) describes them. All are
 * null where the slices have p == NULL, or `shown` is false.
 */
void content_write(struct json *j, bool shown, struct slice headers, struct slice body);

#endif
