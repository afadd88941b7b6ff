/* SPDX-License-Identifier: ISC */
/* A sentence about the provider that a delivery looks like: for identify, rejects and verify. */
#include "hook/looks_like.h"

#include <string.h>

#include "conf/provider.h"

static bool add_title(const struct scheme *s, struct buf *out)
{
	return provider_add_note(provider_find(s->name), PROVIDER_TITLE, out);
}

static bool add_scheme(const struct scheme *s, struct buf *out)
{
	return add_title(s, out) && buf_printf(out, " (scheme = \"%s\")", s->name);
}

bool looks_like_add(const struct likeness *found, size_t n, struct buf *out)
{
	bool ok = true;

	if (n == 0)
		return true;
	if (found[0].proven && scheme_has_key(found[0].scheme))
		return buf_printf(out, "this is signed as ") && add_title(found[0].scheme, out) &&
			buf_printf(out, " signs (scheme = \"%s\")", found[0].scheme->name);
	ok = buf_printf(out, "this looks like a delivery of ") && add_scheme(found[0].scheme, out);
	for (size_t i = 1; ok && i < identify_best(found, n); i++)
		ok = buf_printf(out, ", or of ") && add_scheme(found[i].scheme, out);
	return ok;
}

/* The scheme of an endpoint, or the built-in one that it began as. */
static bool is_scheme_of(const struct endpoint *e, const struct scheme *s)
{
	return strcmp(e->scheme.name, s->name) == 0 || (e->scheme.like && strcmp(e->scheme.like, s->name) == 0);
}

bool looks_like_other(const struct request *r, const struct endpoint *e, struct buf *out)
{
	struct likeness found[IDENTIFY_MAX];
	size_t n = identify(r, e, found);

	for (size_t i = 0; i < n && found[i].proven == found[0].proven && found[i].points == found[0].points; i++)
		if (e && is_scheme_of(e, found[i].scheme))
			return true;
	return looks_like_add(found, n, out);
}
