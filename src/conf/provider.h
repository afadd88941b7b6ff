/* SPDX-License-Identifier: ISC */
/*
 * The built-in schemes, one a provider. Each is a file in schemes/, in the language of the configuration. The build writes their texts into
 * one table. A scheme is read from its text when it is first asked for.
 */
#ifndef PROVIDER_H
#define PROVIDER_H

#include <stddef.h>

#include "conf/scheme.h"
#include "core/buf.h"

struct provider {
	const char *name, *text;
};

/* In the order of their names; the last has none. Made by schemes/embed. */
extern const struct provider provider_all[];

/* The scheme of schemes/connectsafely.conf, which most endpoints have: it costs no start of a CGI program any time. */
extern const struct scheme provider_connectsafely;

/* What the comments of a provider's file say, for people; each with its key. */
enum provider_note {
	PROVIDER_TITLE,    /* the provider's name */
	PROVIDER_DOCS,     /* the URL of its documentation */
	PROVIDER_ENTER,    /* what to enter where at the provider */
	PROVIDER_ID,       /* what its ids identify */
	PROVIDER_UNSIGNED, /* what is used, and not signed */
	PROVIDER_CHECKED,  /* the other program that took its samples */
	PROVIDER_NOTE,     /* what else to know */
	PROVIDER_EVENTS,   /* how the names of its events begin, where others sign and name their fields alike */
	PROVIDER_NOTES
};

/* The keys of the comments, "# title: text", and their members in JSON. */
extern const char *const provider_keys[PROVIDER_NOTES];

/* The provider of that name, or NULL. */
const struct provider *provider_find(const char *name);

/* Appends a comment's text, its lines joined by blanks; nothing where there is none. False when memory is short. */
bool provider_add_note(const struct provider *p, enum provider_note note, struct buf *out);

/* The text behind the comments: the scheme section, and what it needs before it. */
const char *provider_block(const struct provider *p);

#endif
