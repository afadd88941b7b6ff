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

enum { LONG_US = 20 * 1000 }; /* of one text */

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

static void forget(struct pattern *p)
{
	if (p->compiled)
		regfree(&p->regex);
	p->compiled = false;
}

struct pattern *pattern_new(const char *text, char *why, size_t n)
{
	size_t size = strlen(text) + 1;
	struct pattern *p;
	char reason[128];
	int error;

	for (const char *c = text; *c; c++) {
		if (*c != '\\' || !c[1] || !isdigit((unsigned char)*++c))
			continue;
		snprintf(why, n, "it must not refer to a group; write the text again");
		return NULL;
	}
	p = malloc(sizeof *p + size);
	if (!p) {
		snprintf(why, n, "memory is short");
		return NULL;
	}
	p->compiled = false;
	memcpy(p->text, text, size);
	error = compile(p);
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
	forget(p);
	free(p);
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
		forget(p);
	return result;
}
