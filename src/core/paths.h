/* Values at paths in a JSON text, by SAX: nothing of the text is kept but these. */
#ifndef PATHS_H
#define PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

enum { PATHS_MAX = 120, PATH_PARTS_MAX = 8 };

/*
 * A path is names and array indexes with dots between: "data.sender.id", "value.0.type". The part * is
 * every index: such a path has a value where all elements have the same one.
 */
enum path_kind { PATH_STRING, PATH_NUMBER, PATH_BOOLEAN };

struct path {
	const char *text;
	bool lenient; /* a key on it that is there twice leaves it without a value; otherwise the text is MALFORMED */
	struct slice value; /* a string that isn't empty, a number's digits, "true" or "false"; otherwise p == NULL */
	enum path_kind kind;
	bool filled; /* a list or an object is there, and has something in it; of a path with a *: at one index or more */
};

enum paths_result { PATHS_OK, PATHS_MALFORMED, PATHS_NO_MEMORY };

/*
 * Finds the values of n paths (at most PATHS_MAX); they borrow from the arena, to which they are added. MALFORMED: not
 * strict UTF-8, not one JSON object (RFC 8259; or array, where a path begins with an index), deeper than 64, more than
 * 256 top-level keys, or a top-level key or one on a path twice; *reason, static text, then says which.
 */
enum paths_result paths_find(const char *json, size_t json_size, struct path *paths, size_t n, struct buf *arena,
	const char **reason);

/* True when the text is a path: no empty part, at most PATH_PARTS_MAX, and one * at most. */
bool paths_valid(const char *text);

#endif
