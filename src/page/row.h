/* SPDX-License-Identifier: ISC */
/* One line of the list: an event or a refused delivery, as JSON, and whether it has the text that is searched. */
#ifndef ROW_H
#define ROW_H

#include "core/json.h"
#include "hook/stored_text.h"
#include "page/page.h"
#include "spool/view.h"

/* The text of an event: as it is stored, or out of its body. p == NULL: none. It lives until the next call. */
struct slice row_text(struct stored_text *t, const struct spool_view_row *row);

/* True when the row has the sender (its id, or a part of its name) and the text; p == NULL: any. */
bool row_matches(struct stored_text *t, const struct spool_view_row *row, struct slice sender, struct slice text);

/* Writes the row as an item of the list. */
void row_write(struct stored_text *t, struct json *j, const struct spool_view_row *row);

/* Writes the members "endpoint" and "name" (the endpoint's in the configuration, or null). */
void row_write_endpoint(struct json *j, const struct conf *conf, struct slice path);

/* Writes a text as a member, cut to that many characters, with an ellipsis behind. */
void row_write_cut(struct json *j, const char *name, struct slice text, size_t characters);

#endif
