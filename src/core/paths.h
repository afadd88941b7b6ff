/* SPDX-License-Identifier: ISC */
/* Values at paths in a JSON text, by SAX: nothing of the text is kept but these. */
#ifndef PATHS_H
#define PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/path_part.h"

enum { PATHS_MAX = 120 };

/*
 * A path is names and array indexes with dots between: "data.sender.id", "value.0.type". Other parts:
 *   *          every element of an array; all must have a value, and the same one
 *   =          the only element of an array; where there is another, the path has no value
 *   !a!b       of an object, the first member with a list or an object other than a and b. One part of a path may be such.
 */
enum path_kind { PATH_STRING, PATH_NUMBER, PATH_BOOLEAN };

/* Gets each value at the path, in the order of the text; borrowed for the call. */
typedef void path_visitor(void *ctx, enum path_kind kind, struct slice value);

struct path {
	const char *text;
	path_visitor *each; /* NULL: only the value is needed */
	void *ctx;          /* of it */
	bool lenient; /* a duplicate key on the path leaves it without a value; otherwise the text is MALFORMED */
	bool exact;   /* different strings have different values, also with invalid Unicode: unescape.h */
	bool member;  /* the value is the name of the member that the last part, "!...", finds */
	struct slice value; /* a string that isn't empty, a number's digits, "true" or "false"; otherwise p == NULL */
	enum path_kind kind;
	bool named;   /* the path's first name is in the top-level object, whatever it has: null and "" too */
	bool filled;  /* an array or object is there, and is not empty; of a path with a *: at one index or more */
	bool missing; /* an element of a * has no value */
	bool several; /* a * or = has no value because its elements differ: several values, several elements, or some with none */
};

enum paths_result { PATHS_OK, PATHS_MALFORMED, PATHS_NO_MEMORY };

/*
 * Finds the values of n paths (at most PATHS_MAX); they borrow from the arena, to which they are added. A byte order mark in front
 * is passed over. MALFORMED, and *reason, a static text, says which: the text is not strict UTF-8, not one JSON object or array
 * (RFC 8259), deeper than 64, or has a top-level key, or a key on a path, twice. Time and memory are linear in the text's length.
 */
enum paths_result paths_find(const char *json, size_t json_size, struct path *paths, size_t n, struct buf *arena,
	const char **reason);

#endif
