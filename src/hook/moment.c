/* SPDX-License-Identifier: ISC */
/* The time of a signature, where it is written as a date. */
#include "hook/moment.h"

#include <ctype.h>
#include <string.h>

#include "core/clock.h"

enum { TEXT_MAX = 40, FRACTION_MAX = 9 };

/* In a shape, 0 is a digit and A a letter. Returns what is behind it, or NULL. */
static const char *pass_shape(const char *text, const char *shape)
{
	for (; *shape; shape++, text++)
		if (*shape == '0' ? !isdigit((unsigned char)*text) : *shape == 'A' ? !isalpha((unsigned char)*text) : *text != *shape)
			return NULL;
	return text;
}

static bool is_rfc3339(const char *text)
{
	size_t digits;

	text = pass_shape(text, "0000-00-00T00:00:00");
	if (text && *text == '.') {
		digits = strspn(++text, "0123456789");
		text = digits > 0 && digits <= FRACTION_MAX ? text + digits : NULL;
	}
	if (!text || strcmp(text, "Z") == 0)
		return text != NULL;
	return (*text == '+' || *text == '-') && (text = pass_shape(text + 1, "00:00")) && !*text;
}

/* A date of HTTP (RFC 9110 section 5.6.7). */
static bool is_http_date(const char *text)
{
	text = pass_shape(text, "AAA, 00 AAA 0000 00:00:00 GMT");
	return text && !*text;
}

bool moment_read(struct slice text, int64_t *ms)
{
	char copy[TEXT_MAX];

	if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return (is_rfc3339(copy) || is_http_date(copy)) && clock_read(text, ms);
}
