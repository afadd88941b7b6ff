/* SPDX-License-Identifier: ISC */
/* One line of the list: an event or a refused delivery, as JSON, and whether it has the text that is searched. */
#ifndef ROW_H
#define ROW_H

#include "core/json.h"
#include "hook/event.h"
#include "hook/stored.h"
#include "page/page.h"
#include "spool/view.h"

/* Room for reading a row's body; zero-initialised, then used again and again. */
struct row_reader {
	const struct conf *conf;
	struct stored stored;
	struct event event;
};

void row_reader_free(struct row_reader *r);

/* The text of an event: as it is stored, or out of its body. p == NULL: none. It lives until the next call. */
struct slice row_text(struct row_reader *r, const struct spool_view_row *row);

/* True when the row has the sender (its id, or a part of its name) and the text; p == NULL: any. */
bool row_matches(struct row_reader *r, const struct spool_view_row *row, struct slice sender, struct slice text);

/* Writes the row as an item of the list. */
void row_write(struct row_reader *r, struct json *j, const struct spool_view_row *row);

/* The endpoint with that path; NULL: the configuration has none. */
const struct endpoint *row_endpoint(const struct conf *conf, struct slice path);

/* Writes the members "endpoint" and "name" (the endpoint's in the configuration, or null). */
void row_write_endpoint(struct json *j, const struct conf *conf, struct slice path);

/* Writes a text as a member, cut to that many characters, with an ellipsis behind. */
void row_write_cut(struct json *j, const char *name, struct slice text, size_t characters);

#endif
