/* SPDX-License-Identifier: ISC */
/* The time of a signature, where it is written as a date. */
#include "hook/moment.h"

#include <ctype.h>
#include <stdio.h>
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

/* Rewrites a date of HTTP as one of RFC 3339. */
static bool rewrite_http(const char *text, char out[TEXT_MAX])
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *end = pass_shape(text, "AAA, 00 AAA 0000 00:00:00 GMT"), *month;
	char name[4] = "";

	if (!end || *end)
		return false;
	memcpy(name, text + 8, 3);
	month = strstr(months, name);
	if (!month || (month - months) % 3)
		return false;
	snprintf(out, TEXT_MAX, "%.4s-%02d-%.2sT%.8sZ", text + 12, (int)(month - months) / 3 + 1, text + 5, text + 17);
	return true;
}

bool moment_read(struct slice text, int64_t *ms)
{
	char copy[TEXT_MAX], date[TEXT_MAX];

	if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	if (is_rfc3339(copy))
		return clock_read(text, ms);
	return rewrite_http(copy, date) && clock_read(slice_text(date), ms);
}
