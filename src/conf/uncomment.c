/* SPDX-License-Identifier: ISC */
/* The text of a configuration without its comments. */
#include "conf/uncomment.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/invisible.h"

/* The length of the ${...} at p; 0: there is none. libconfuse takes any text up to the brace, also a quote. */
static size_t variable(const char *p, size_t n)
{
	const char *end = n > 1 && p[0] == '$' && p[1] == '{' ? memchr(p, '}', n) : NULL;

	return end ? (size_t)(end + 1 - p) : 0;
}

/* The length of the comment at p, one more than n when it does not end; 0: there is none. */
static size_t comment(const char *p, size_t n)
{
	const char *end;

	if (*p == '#' || (n > 1 && p[0] == '/' && p[1] == '/')) {
		end = memchr(p, '\n', n);
		return end ? (size_t)(end - p) : n;
	}
	if (n < 2 || p[0] != '/' || p[1] != '*')
		return 0;
	for (end = p + 2; end + 1 < p + n; end++)
		if (end[0] == '*' && end[1] == '/')
			return (size_t)(end + 2 - p);
	return n + 1;
}

/* The length of one character or variable between these quotes. */
static size_t inside(char quotes, const char *p, size_t n)
{
	size_t length = quotes == '"' ? variable(p, n) : 0;

	return length ? length : *p == '\\' && n > 1 ? 2 : 1;
}

/* The length of quotes with their text, one more than n when they do not end. */
static size_t quoted(const char *p, size_t n)
{
	size_t i = 1;

	while (i < n && p[i] != *p)
		i += inside(*p, p + i, n - i);
	return i + 1;
}

size_t uncomment_token(const char *p, size_t n)
{
	static const char no_word[] = " #\"'\t\n\r={}()+,*";
	size_t length = *p == '"' || *p == '\'' ? quoted(p, n) : variable(p, n);

	if (length)
		return length;
	while (length < n && !memchr(no_word, p[length], sizeof no_word - 1))
		length++;
	return length ? length : 1;
}

static int line_feeds(const char *p, size_t n)
{
	int feeds = 0;

	for (size_t i = 0; i < n; i++)
		feeds += p[i] == '\n';
	return feeds;
}

/* True when a line of the text looks like an option: the quotes should have ended before it. */
static bool has_option_line(const char *p, size_t n)
{
	const char *end = p + n, *name;

	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		while (p < end && strchr(" \t\n", *p))
			p++;
		for (name = p; p < end && (islower((unsigned char)*p) || *p == '-'); p++)
			;
		while (p > name && p < end && *p == ' ')
			p++;
		if (p > name && p < end && *p == '=')
			return true;
	}
	return false;
}

int uncomment(char *text, size_t n, const char **missing)
{
	static const char *const ends[] = {"\"", "'", "*/"};
	int line = 1, open = 0, depth = 0, run_on = 0;
	size_t length;
	bool skip;

	for (size_t i = 0; i < n; i += length) {
		length = comment(text + i, n - i);
		skip = length > 0;
		if (!skip)
			length = uncomment_token(text + i, n - i);
		if (length > n - i) {
			*missing = ends[skip ? 2 : text[i] == '\''];
			return run_on ? run_on : line;
		}
		if (!run_on && (text[i] == '"' || text[i] == '\'') && has_option_line(text + i, length))
			run_on = line;
		if (text[i] == '{' && depth++ == 0)
			open = line;
		if (text[i] == '}')
			depth--;
		line += line_feeds(text + i, length);
		for (size_t k = i; skip && k < i + length; k++)
			text[k] = text[k] == '\n' ? '\n' : ' ';
	}
	*missing = "}";
	return depth > 0 ? open : 0;
}

int uncomment_first_line(const char *text, size_t n, int line)
{
	int at = 1, first;
	size_t length;

	for (size_t i = 0; i < n && at <= line; i += length) {
		length = uncomment_token(text + i, n - i);
		first = at;
		at += line_feeds(text + i, length);
		if (at > first && length > 1 && at == line)
			return first;
	}
	return line;
}

int uncomment_section_line(const char *text, size_t n, int line)
{
	int at = 1, first = line, depth = 0;
	size_t length;

	for (size_t i = 0; i < n && at <= line; i += length) {
		length = uncomment_token(text + i, n - i);
		if (text[i] == '{' && depth++ == 0)
			first = at;
		if (text[i] == '}' && --depth == 0 && at == line)
			return first;
		at += line_feeds(text + i, length);
	}
	return line;
}

/* Writes the name in ${...} to out. True when the environment has no such variable, and ${...} has no text in its place. */
static bool is_unset(const char *p, size_t length, char *out, size_t n)
{
	char *colon;

	snprintf(out, n, "%.*s", (int)length - 3, p + 2);
	colon = strchr(out, ':');
	return *out && (!colon || colon[1] != '-') && !getenv(out);
}

/* Writes the name in ${...} to out. True when the text of that variable begins or ends with white space or an invisible character. */
static bool is_blank_around(const char *p, size_t length, char *out, size_t n)
{
	const char *value;

	snprintf(out, n, "%.*s", (int)length - 3, p + 2);
	out[strcspn(out, ":")] = '\0';
	value = *out ? getenv(out) : NULL;
	return value && (invisible_begin(value, strlen(value)) || invisible_end(value, strlen(value)));
}

static int find_variable(const char *text, size_t n, bool (*is_wanted)(const char *p, size_t length, char *out, size_t n), char *name,
	size_t name_size)
{
	char quotes = '\0';
	size_t length;
	int line = 1;

	for (size_t i = 0; i < n; i += length) {
		length = 1;
		if (quotes && text[i] != quotes)
			length = inside(quotes, text + i, n - i);
		else if (quotes)
			quotes = '\0';
		else if (text[i] == '"' || text[i] == '\'')
			quotes = text[i];
		else
			length = uncomment_token(text + i, n - i);
		if (quotes != '\'' && variable(text + i, length) && is_wanted(text + i, length, name, name_size))
			return line;
		line += line_feeds(text + i, length);
	}
	return 0;
}

int uncomment_unset_line(const char *text, size_t n, char *name, size_t name_size)
{
	return find_variable(text, n, is_unset, name, name_size);
}

int uncomment_blank_line(const char *text, size_t n, char *name, size_t name_size)
{
	return find_variable(text, n, is_blank_around, name, name_size);
}
