/* SPDX-License-Identifier: ISC */
/* The text of a stored event, read out of its body as the configuration says. */
#include "hook/stored_text.h"

#include <string.h>

const struct endpoint *stored_text_endpoint(const struct conf *conf, struct slice path)
{
	for (size_t i = 0; path.p && i < conf->n_endpoints; i++)
		if (strlen(conf->endpoints[i].path) == path.n && memcmp(conf->endpoints[i].path, path.p, path.n) == 0)
			return &conf->endpoints[i];
	return NULL;
}

const struct scheme *stored_text_scheme(const struct endpoint *e)
{
	return e ? &e->scheme : scheme_find("connectsafely");
}

bool stored_text_read(struct stored_text *t, struct slice endpoint, struct slice headers, struct slice body, struct slice *text)
{
	const struct scheme *s = stored_text_scheme(stored_text_endpoint(t->conf, endpoint));
	bool ok = stored_request(headers, body, &t->stored) &&
		event_read(&t->stored.request, s, (struct slice){0}, &t->event) != EVENT_UNAVAILABLE;

	*text = ok ? t->event.field[FIELD_TEXT] : (struct slice){0};
	return ok;
}

void stored_text_free(struct stored_text *t)
{
	event_free(&t->event);
	stored_free(&t->stored);
}
