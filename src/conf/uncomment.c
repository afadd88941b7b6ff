/* The text of a configuration without its comments. */
#include "conf/uncomment.h"

#include <string.h>

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
	size_t i = 1;

	while (i < n && p[i] != *p)
		i += p[i] == '\\' && i + 1 < n ? 2 : 1;
	return i < n ? i + 1 : n;
}

void uncomment(char *text, size_t n)
{
	size_t length;

	for (size_t i = 0; i < n; i += length) {
		if (text[i] == '"' || text[i] == '\'') {
			length = quoted(text + i, n - i);
			continue;
		}
		length = comment(text + i, n - i);
		for (size_t k = i; k < i + length; k++)
			text[k] = text[k] == '\n' ? '\n' : ' ';
		length = length ? length : 1;
	}
}

int uncomment_first_line(const char *text, size_t n, int line)
{
	int at = 1, first;
	size_t length;

	for (size_t i = 0; i < n && at <= line; i += length) {
		length = text[i] == '"' || text[i] == '\'' ? quoted(text + i, n - i) : 1;
		first = at;
		for (size_t k = i; k < i + length; k++)
			at += text[k] == '\n';
		if (length > 1 && at == line)
			return first;
	}
	return line;
}
