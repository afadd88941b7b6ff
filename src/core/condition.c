/* SPDX-License-Identifier: ISC */
/* Conditions on the fields of a JSON body. */
#include "core/condition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/paths.h"

#define CONDITION_FIX "write \"json:PATH = TEXT\", \"json:PATH != TEXT\" or \"json:PATH ~ REGEX\", such as \"json:data.type = message\""

static const char source[] = "json:";

static const char *const operators[] = {[CONDITION_EQUAL] = "=", [CONDITION_DIFFERENT] = "!=", [CONDITION_MATCHES] = "~"};

enum { OPERATORS = sizeof operators / sizeof *operators };

static bool is_operator(const char *word, size_t n, enum condition_operator *out)
{
	for (size_t i = 0; i < OPERATORS; i++) {
		if (strlen(operators[i]) != n || memcmp(operators[i], word, n) != 0)
			continue;
		*out = (enum condition_operator)i;
		return true;
	}
	return false;
}

/* The first word that is an operator, with its size. NULL: there is none. A path's part "=" has a dot beside it, and is no word. */
static const char *find_operator(const char *text, size_t *size, enum condition_operator *out)
{
	for (const char *word = text + strspn(text, " "); *word; word += *size + strspn(word + *size, " ")) {
		*size = strcspn(word, " ");
		if (is_operator(word, *size, out))
			return word;
	}
	return NULL;
}

/* Copies what stands between begin and end, without the spaces around it. Returns the end of the copy, behind a NUL. */
static char *copy_part(char *to, const char *begin, const char *end)
{
	while (begin < end && *begin == ' ')
		begin++;
	while (begin < end && end[-1] == ' ')
		end--;
	memcpy(to, begin, (size_t)(end - begin));
	to[end - begin] = '\0';
	return to + (end - begin) + 1;
}

/* Makes path and value, which still have the source before them. False when memory is short. */
static bool split_parts(struct condition *c, const char *text, const char *op, size_t op_size)
{
	c->path = malloc(strlen(text) + 2);
	if (!c->path)
		return false;
	c->value = copy_part(c->path, text, op);
	copy_part(c->value, op + op_size, text + strlen(text));
	return true;
}

/* The quotation marks of the configuration stand around a condition, and not around its value. */
static bool has_quotes(const char *value)
{
	size_t n = strlen(value);

	return n > 1 && (*value == '"' || *value == '\'') && value[n - 1] == *value;
}

static bool read_parts(struct condition *c, char *why, size_t n)
{
	size_t prefix = sizeof source - 1;

	if (strncmp(c->path, source, prefix) != 0 || !paths_valid(c->path + prefix, false)) {
		snprintf(why, n, "\"%.100s\" is no source; " CONDITION_FIX, c->path);
		return false;
	}
	memmove(c->path, c->path + prefix, strlen(c->path + prefix) + 1);
	if (!*c->value) {
		snprintf(why, n, "the text behind the %s is missing; " CONDITION_FIX, operators[c->operator]);
		return false;
	}
	if (has_quotes(c->value)) {
		snprintf(why, n, "write the text behind the %s without quotation marks", operators[c->operator]);
		return false;
	}
	if (c->operator == CONDITION_MATCHES)
		c->pattern = pattern_new(c->value, why, n);
	return c->operator != CONDITION_MATCHES || c->pattern;
}

bool condition_read(const char *text, struct condition *out, char *why, size_t n)
{
	size_t op_size;
	const char *op;

	*out = (struct condition){0};
	op = find_operator(text, &op_size, &out->operator);
	if (strlen(text) > CONDITION_MAX)
		snprintf(why, n, "it is longer than %d bytes; write a shorter one", CONDITION_MAX);
	else if (!op)
		snprintf(why, n, "there is no =, != or ~ with spaces around it; " CONDITION_FIX);
	else if (!split_parts(out, text, op, op_size))
		snprintf(why, n, "memory is short");
	else if (read_parts(out, why, n))
		return true;
	condition_clear(out);
	return false;
}

void condition_clear(struct condition *c)
{
	pattern_free(c->pattern);
	free(c->path);
	*c = (struct condition){0};
}

static enum condition_result check_pattern_of(struct pattern *p, struct slice value)
{
	static const enum condition_result results[] = {[PATTERN_FOUND] = CONDITIONS_HOLD, [PATTERN_NOT_FOUND] = CONDITIONS_FAIL,
		[PATTERN_NO_MEMORY] = CONDITIONS_NO_MEMORY};
	char text[PATTERN_TEXT_MAX + 1];

	pattern_text(value, text);
	return results[pattern_find(p, text)];
}

static enum condition_result meets_condition(const struct condition *c, struct slice value)
{
	bool equal = value.p && value.n == strlen(c->value) && memcmp(value.p, c->value, value.n) == 0;

	if (c->operator == CONDITION_MATCHES)
		return value.p ? check_pattern_of(c->pattern, value) : CONDITIONS_FAIL;
	return equal == (c->operator == CONDITION_EQUAL) ? CONDITIONS_HOLD : CONDITIONS_FAIL;
}

enum condition_result conditions_check(const struct conditions *all, struct slice body)
{
	static const enum condition_result found[] = {[PATHS_OK] = CONDITIONS_HOLD, [PATHS_MALFORMED] = CONDITIONS_FAIL,
		[PATHS_NO_MEMORY] = CONDITIONS_NO_MEMORY};
	struct path path[CONDITIONS_MAX];
	enum condition_result result;
	struct buf arena = {0};
	const char *reason;

	for (size_t i = 0; i < all->n; i++)
		path[i] = (struct path){.text = all->item[i].path, .lenient = true};
	result = found[paths_find(body.p, body.n, path, all->n, &arena, &reason)];
	for (size_t i = 0; i < all->n && result == CONDITIONS_HOLD; i++)
		result = meets_condition(&all->item[i], path[i].value);
	buf_free(&arena);
	return result;
}
