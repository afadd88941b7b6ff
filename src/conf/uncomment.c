/* The text of a configuration without its comments. */
#include "conf/uncomment.h"

#include <stdbool.h>
#include <string.h>

/* The length of ${...} that begins here; 0: none does. libconfuse takes anything up to the brace, also a quote. */
static size_t variable(const char *p, size_t n)
{
	const char *end = n > 1 && p[0] == '$' && p[1] == '{' ? memchr(p, '}', n) : NULL;

	return end ? (size_t)(end + 1 - p) : 0;
}

/* The length of the comment that begins here; 0: none does. */
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
	return 0; /* it has no end: libconfuse says so */
}

static size_t quoted(const char *p, size_t n)
{
	size_t i = 1, length;

	while (i < n && p[i] != *p) {
		length = *p == '"' ? variable(p + i, n - i) : 0;
		i += length ? length : p[i] == '\\' && i + 1 < n ? 2 : 1;
	}
	return i < n ? i + 1 : n;
}

/* The length of what libconfuse's lexer.l reads as one here, and no comment: quotes, a variable, a word or a mark. */
static size_t token(const char *p, size_t n)
{
	static const char no_word[] = " #\"'\t\n\r={}()+,*";
	size_t length = *p == '"' || *p == '\'' ? quoted(p, n) : variable(p, n);

	if (length)
		return length;
	while (length < n && !memchr(no_word, p[length], sizeof no_word - 1))
		length++;
	return length ? length : 1;
}

void uncomment(char *text, size_t n)
{
	size_t length;

	for (size_t i = 0; i < n; i += length) {
		length = comment(text + i, n - i);
		for (size_t k = i; k < i + length; k++)
			text[k] = text[k] == '\n' ? '\n' : ' ';
		if (!length)
			length = token(text + i, n - i);
	}
}

static int line_feeds(const char *p, size_t n)
{
	int feeds = 0;

	for (size_t i = 0; i < n; i++)
		feeds += p[i] == '\n';
	return feeds;
}

int uncomment_first_line(const char *text, size_t n, int line)
{
	int at = 1, first;
	size_t length;

	for (size_t i = 0; i < n && at <= line; i += length) {
		length = token(text + i, n - i);
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
		length = token(text + i, n - i);
		if (text[i] == '{' && depth++ == 0)
			first = at;
		if (text[i] == '}' && --depth == 0 && at == line)
			return first;
		at += line_feeds(text + i, length);
	}
	return line;
}
