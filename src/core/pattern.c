/* SPDX-License-Identifier: ISC */
/* Extended regular expressions of POSIX, letters of either case, for texts that strangers write. */
#include "core/pattern.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/utf8.h"

enum {
	LONG_US = 20 * 1000, /* of one text */
	SIZE_LIMIT = 1000,   /* regcomp(3) needs memory for the square of the size */
};

static bool deferred;

struct pattern {
	regex_t regex;
	bool compiled;
	char text[];
};

static int compile(struct pattern *p)
{
	int error = p->compiled ? 0 : regcomp(&p->regex, p->text, REG_EXTENDED | REG_ICASE | REG_NOSUB);

	p->compiled = !error;
	return error;
}

static void forget_states(struct pattern *p)
{
	if (p->compiled)
		regfree(&p->regex);
	p->compiled = false;
}

/* From "[" to behind the "]" that closes it; the first character may be a "]" itself. */
static const char *skip_bracket(const char *p)
{
	const char *end;

	p += p[1] == '^' ? 2 : 1;
	if (*p == ']')
		p++;
	while (*p && *p != ']') {
		end = *p == '[' && p[1] && strchr(":.=", p[1]) ? strstr(p + 2, (const char[]){p[1], ']', '\0'}) : NULL;
		p = end ? end + 2 : p + 1;
	}
	return *p ? p + 1 : p;
}

static size_t least_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The copies that regcomp(3) makes of the part before a "{", "+", "*" or "?"; moves *p behind that. "a+" becomes "aa*". */
static size_t read_repeat(const char **p)
{
	size_t n = 0, most = 1;

	if (**p != '{')
		return *(*p)++ == '+' ? 2 : 1;
	for (++*p; isdigit((unsigned char)**p) || **p == ','; ++*p) {
		n = **p == ',' ? 0 : least_of(n * 10 + (size_t)(**p - '0'), SIZE_LIMIT + 1);
		most += **p == ',';
		most = n > most ? n : most;
	}
	if (**p == '}')
		++*p;
	return most;
}

/*
 * The size of the expression from *p to the end of its group: the number of characters, classes and groups. Bounds are written
 * out, as regcomp(3) does. At most SIZE_LIMIT + 1. *p moves to the ")", or the end. Outside of groups a ")" is a character.
 */
static size_t measure_group(const char **p, bool in_group)
{
	size_t all = 0, last = 0;

	while (**p && !(in_group && **p == ')') && all <= SIZE_LIMIT) {
		if (strchr("{+*?", **p) && last) {
			all -= last;
			last = least_of(last * read_repeat(p), SIZE_LIMIT + 1);
			all += last;
			continue;
		}
		last = 1;
		if (**p == '(') {
			++*p;
			last += measure_group(p, true);
			*p += **p == ')';
		} else if (**p == '[') {
			*p = skip_bracket(*p);
		} else {
			*p += **p == '\\' && (*p)[1] ? 2 : 1;
		}
		all += last;
	}
	return least_of(all, SIZE_LIMIT + 1);
}

static bool check_text(const char *text, char *why, size_t n)
{
	const char *rest = text;

	if (strlen(text) > PATTERN_MAX) {
		snprintf(why, n, "it is longer than %d bytes; write a shorter one", PATTERN_MAX);
		return false;
	}
	for (const char *c = text; *c; c++) {
		if (*c != '\\' || !c[1] || !isdigit((unsigned char)*++c))
			continue;
		snprintf(why, n, "it must not refer to a group; write the text again");
		return false;
	}
	if (measure_group(&rest, false) <= SIZE_LIMIT)
		return true;
	snprintf(why, n, "its bounds multiply to more than %d characters; write smaller numbers in braces", SIZE_LIMIT);
	return false;
}

void pattern_defer(void)
{
	deferred = true;
}

struct pattern *pattern_new(const char *text, char *why, size_t n)
{
	size_t size = strlen(text) + 1;
	struct pattern *p;
	char reason[128];
	int error;

	if (!check_text(text, why, n))
		return NULL;
	p = malloc(sizeof *p + size);
	if (!p) {
		snprintf(why, n, "memory is short");
		return NULL;
	}
	p->compiled = false;
	memcpy(p->text, text, size);
	error = deferred ? 0 : compile(p);
	if (!error)
		return p;
	regerror(error, NULL, reason, sizeof reason);
	snprintf(why, n, "%s; write an extended regular expression of POSIX, as regex(7) has them", reason);
	free(p);
	return NULL;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	forget_states(p);
	free(p);
}

size_t pattern_text(struct slice text, char copy[PATTERN_TEXT_MAX + 1])
{
	size_t n = utf8_fit(text.p, text.n, PATTERN_TEXT_MAX);

	for (size_t i = 0; i < n; i++)
		copy[i] = text.p[i] ? text.p[i] : ' ';
	copy[n] = '\0';
	return n;
}

/* glibc says "no match", with errno set, where memory is short; and keeps each state that a text led to, which may be 100 MiB of them. */
enum pattern_result pattern_find(struct pattern *p, const char *text)
{
	int64_t begin = clock_mono_us();
	enum pattern_result result = PATTERN_NO_MEMORY;

	if (compile(p) != 0)
		return result;
	errno = 0;
	switch (regexec(&p->regex, text, 0, NULL, 0)) {
	case 0:
		result = PATTERN_FOUND;
		break;
	case REG_NOMATCH:
		result = errno == ENOMEM ? PATTERN_NO_MEMORY : PATTERN_NOT_FOUND;
		break;
	default:
		break;
	}
	if (result == PATTERN_NO_MEMORY || clock_mono_us() - begin > LONG_US)
		forget_states(p);
	return result;
}
