/* SPDX-License-Identifier: ISC */
/*
 * Conditions on the fields of a JSON body, as texts of three parts with spaces between:
 *
 *   json:data.type = message    the value at the path (paths.h) is that text
 *   json:data.type != message   it is another text, or there is no value
 *   json:data.text ~ ^(hi|ho)   it matches an extended regular expression (pattern.h), case ignored
 *
 * A value is a string that isn't empty, the digits of a number as they stand in the body, "true" or "false". The path and the text
 * may have spaces in them. Spaces around them do not count.
 */
#ifndef CONDITION_H
#define CONDITION_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/pattern.h"

enum { CONDITIONS_MAX = 16, CONDITION_MAX = 1000 }; /* of one list; bytes of a condition's text */

enum condition_operator { CONDITION_EQUAL, CONDITION_DIFFERENT, CONDITION_MATCHES };

struct condition {
	char *path, *value; /* value: in the block of path */
	enum condition_operator operator;
	struct pattern *pattern; /* of CONDITION_MATCHES */
};

/* At most CONDITIONS_MAX. */
struct conditions {
	struct condition *item;
	size_t n;
};

/* Reads a condition; release it with condition_clear(). False with the reason, and the fix, in why. */
bool condition_read(const char *text, struct condition *out, char *why, size_t why_size);
void condition_clear(struct condition *c);

enum condition_result { CONDITIONS_HOLD, CONDITIONS_FAIL, CONDITIONS_NO_MEMORY };

/* HOLD when all conditions do. A body that isn't JSON meets none, whatever its operator. Not thread-safe. */
enum condition_result conditions_check(const struct conditions *all, struct slice body);

#endif
