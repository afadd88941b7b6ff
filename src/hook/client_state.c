/* SPDX-License-Identifier: ISC */
/* The secrets that stand in a body: one of several notifications each. */
#include "hook/client_state.h"

#include "core/paths.h"
#include "core/unpack.h"
#include "hook/verify.h"

struct states {
	const struct secrets *secrets;
	size_t n;
	int first; /* the number of the first one's secret */
	bool wrong;
};

static void compare_secret(void *ctx, enum path_kind kind, struct slice value)
{
	struct states *s = ctx;
	int secret = kind == PATH_STRING ? verify_secret(s->secrets, value) : 0;

	if (s->n++ == 0)
		s->first = secret;
	s->wrong |= secret == 0;
}

/* All values of the first source that has one. */
static enum client_state check_all(const struct request *r, const struct endpoint *e, int *secret)
{
	const struct source *source = e->scheme.source[FIELD_CLIENT_STATE];
	enum paths_result result = PATHS_OK;
	struct buf arena = {0};
	const char *why;

	for (int i = 0; i < SCHEME_SOURCES && source[i].kind && result == PATHS_OK; i++) {
		struct states states = {.secrets = &e->secrets};
		struct path path = {.text = source[i].name, .each = compare_secret, .ctx = &states};

		if (source[i].kind != SOURCE_JSON)
			continue;
		result = paths_find(r->body.data, r->body.len, &path, 1, &arena, &why);
		if (result != PATHS_OK || states.n == 0)
			continue;
		*secret = states.wrong || path.missing ? 0 : states.first;
		buf_free(&arena);
		return states.wrong ? CLIENT_STATE_WRONG : path.missing ? CLIENT_STATE_ABSENT : CLIENT_STATE_OK;
	}
	buf_free(&arena);
	return result == PATHS_NO_MEMORY ? CLIENT_STATE_UNAVAILABLE : CLIENT_STATE_ABSENT;
}

/* As event_read() read it. */
static enum client_state check_body(const struct request *r, const struct endpoint *e, int *secret)
{
	struct request plain = *r;
	struct buf body = {0};
	enum client_state state;

	if (unpack((struct slice){r->body.data, r->body.len}, &body) == UNPACK_OK)
		plain.body = body;
	state = check_all(&plain, e, secret);
	buf_free(&body);
	return state;
}

enum client_state client_state_check(const struct request *r, const struct endpoint *e, const struct event *ev, int *secret)
{
	struct slice state = ev->field[FIELD_CLIENT_STATE];

	*secret = 0;
	if (ev->several & 1U << FIELD_CLIENT_STATE)
		return check_body(r, e, secret);
	if (!state.p)
		return CLIENT_STATE_ABSENT;
	*secret = verify_secret(&e->secrets, state);
	return *secret ? CLIENT_STATE_OK : CLIENT_STATE_WRONG;
}
