/* SPDX-License-Identifier: ISC */
/* Requests that are taken from their sockets before they are whole. */
#include "gate/early.h"

enum { EARLY_MOST = 16 << 20 };

enum input_ready early_look(struct server *s, struct conn *c, size_t *size, size_t *taken)
{
	*taken = c->early.len;
	if (*taken || atomic_load(&s->early) >= EARLY_MOST)
		return input_look(c->fd, (struct slice){c->early.data, c->early.len}, size);
	return input_take(c->fd, size, taken);
}

bool early_keep(struct server *s, struct conn *c, size_t from, size_t taken)
{
	struct slice rest = input_taken(from, taken);

	if (!buf_add(&c->early, rest.p, rest.n))
		return false;
	atomic_fetch_add(&s->early, rest.n);
	return true;
}

void early_drop(struct server *s, struct conn *c)
{
	if (!c->early.len)
		return;
	atomic_fetch_sub(&s->early, c->early.len);
	buf_free(&c->early);
}
