/* SPDX-License-Identifier: ISC */
/* The text of a stored event, read out of its body as the configuration says. */
#ifndef STORED_TEXT_H
#define STORED_TEXT_H

#include "conf/conf.h"
#include "hook/event.h"
#include "hook/stored.h"

/* Room for the text of an event after the other; zero-initialised but for conf is valid. */
struct stored_text {
	const struct conf *conf; /* has the schemes */
	struct event event;      /* of the last event */
	struct stored stored;
};

/* The endpoint with that path; NULL: the configuration has none. */
const struct endpoint *stored_text_endpoint(const struct conf *conf, struct slice path);

/* The scheme that reads the events of an endpoint; an endpoint that is gone has the scheme of the default. */
const struct scheme *stored_text_scheme(const struct endpoint *e);

/*
 * Reads the text of an event of that endpoint. text->p == NULL: it has none. Borrowed from t until the next call. False: memory is
 * short.
 */
bool stored_text_read(struct stored_text *t, struct slice endpoint, struct slice headers, struct slice body, struct slice *text);

void stored_text_free(struct stored_text *t);

#endif
