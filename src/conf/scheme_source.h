/* SPDX-License-Identifier: ISC */
/* The options that say where a scheme takes an event's fields from: "json:PATH", "header:NAME" and the like. */
#ifndef SCHEME_SOURCE_H
#define SCHEME_SOURCE_H

#include "conf/option.h"
#include "conf/scheme.h"

/* An option whose field is struct scheme's source[FIELD_...]. Its names borrow from the tree. */
extern const struct option_kind scheme_source_kind;

#define SCHEME_SOURCE_FIX "write \"json:PATH\", \"header:NAME\", \"form:NAME\", \"query:NAME\", \"text:TEXT\", \"number:PATH\", \"member:PATH\", or some of them " \
	"with \" + \" between; for the dedupe-key also \"thing:PATH\", \"body\", \"none\" as the last, or \"signature\" where the header's value is one " \
	"signature; \"[EVENT] \" may stand before each, but not before one of event"

/*
 * Gives each source of "a + b" an item of its own in the tree, so that each name is a string there: "a" and " + b". An option that was
 * split before stays as it is. False when memory is short.
 */
bool scheme_source_split(cfg_t *sec, const char *option);

/* Reads one source, which borrows from the text. False for a text that is none, and for one of the dedupe key alone. */
bool scheme_source_parse(const char *text, struct source *out);

/* What such a source begins with in the configuration, as "json:"; "" for a kind that is none of them. */
const char *scheme_source_prefix(enum source_kind kind);

/* True for a header's name, as a CGI variable can have it. */
bool scheme_source_is_header(const char *name);

#endif
