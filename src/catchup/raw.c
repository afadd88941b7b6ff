/* SPDX-License-Identifier: ISC */
/* The parts of a JSON text as they are written. */
#include "catchup/raw.h"

#include <string.h>

#include "core/unescape.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Cuts white space, commas and colons off the beginning: between two values only one of them may stand. */
static void skip_between(struct slice *s)
{
	while (s->n > 0 && (is_space(*s->p) || *s->p == ',' || *s->p == ':')) {
		s->p++;
		s->n--;
	}
}

/* The length of the string that begins there, with its quotes. */
static size_t string_length(struct slice s)
{
	size_t i = 1;

	while (i < s.n && s.p[i] != '"')
		i += s.p[i] == '\\' ? 2 : 1;
	return i < s.n ? i + 1 : s.n;
}

/* The length of the value that begins there. */
static size_t value_length(struct slice s)
{
	size_t i = 0, depth = 0;

	if (*s.p != '"' && *s.p != '{' && *s.p != '[') {
		while (i < s.n && !is_space(s.p[i]) && s.p[i] != ',' && s.p[i] != ']' && s.p[i] != '}')
			i++;
		return i;
	}
	do {
		if (s.p[i] == '"') {
			i += string_length((struct slice){s.p + i, s.n - i});
			continue;
		}
		depth += s.p[i] == '{' || s.p[i] == '[';
		depth -= s.p[i] == '}' || s.p[i] == ']';
		i++;
	} while (depth > 0 && i < s.n);
	return i;
}

static struct slice cut_off(struct slice *rest, size_t n)
{
	struct slice taken = {rest->p, n};

	rest->p += n;
	rest->n -= n;
	return taken;
}

struct slice raw_whole(struct slice text)
{
	if (text.n >= 3 && memcmp(text.p, "\xEF\xBB\xBF", 3) == 0)
		cut_off(&text, 3);
	skip_between(&text);
	return text.n ? cut_off(&text, value_length(text)) : (struct slice){0};
}

bool raw_is_object(struct slice v)
{
	return v.n > 0 && *v.p == '{';
}

bool raw_is_array(struct slice v)
{
	return v.n > 0 && *v.p == '[';
}

bool raw_is_string(struct slice v)
{
	return v.n > 1 && *v.p == '"';
}

bool raw_is(struct slice v, const char *literal)
{
	return v.n == strlen(literal) && memcmp(v.p, literal, v.n) == 0;
}

bool raw_is_null(struct slice v)
{
	return raw_is(v, "null");
}

/* Passes over the bracket of the whole value, and over what stands before the next one. False at the end. */
static bool find_next(struct slice *rest, char open, char close)
{
	if (rest->n > 0 && *rest->p == open)
		cut_off(rest, 1);
	skip_between(rest);
	return rest->n > 0 && *rest->p != close;
}

bool raw_next_member(struct slice *rest, struct slice *name, struct slice *value)
{
	if (!find_next(rest, '{', '}') || *rest->p != '"')
		return false;
	*name = cut_off(rest, string_length(*rest));
	*name = (struct slice){name->p + 1, name->n - 2};
	skip_between(rest);
	if (rest->n == 0)
		return false;
	*value = cut_off(rest, value_length(*rest));
	return true;
}

struct slice raw_member(struct slice object, const char *name)
{
	struct slice rest = object, found, value;

	while (raw_is_object(object) && raw_next_member(&rest, &found, &value))
		if (raw_is(found, name))
			return value;
	return (struct slice){0};
}

struct slice raw_text(struct slice v, struct buf *scratch)
{
	struct slice inside;
	size_t at = scratch->len;

	if (v.n > 0 && (*v.p == '-' || (*v.p >= '0' && *v.p <= '9')))
		return v;
	if (!raw_is_string(v))
		return (struct slice){0};
	inside = (struct slice){v.p + 1, v.n - 2};
	if (!memchr(inside.p, '\\', inside.n))
		return inside;
	if (!buf_reserve(scratch, inside.n) || !unescape_add(scratch, inside, true))
		return (struct slice){0};
	return (struct slice){scratch->data + at, scratch->len - at};
}

bool raw_next_element(struct slice *rest, struct slice *value)
{
	if (!find_next(rest, '[', ']'))
		return false;
	*value = cut_off(rest, value_length(*rest));
	return true;
}
