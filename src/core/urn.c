/* SPDX-License-Identifier: ISC */
/* LinkedIn's URNs, which have two spellings of one id, its last part. */
#include "core/urn.h"

#include <ctype.h>
#include <string.h>

/* Base64 in both alphabets, and what joins parts of an id. None of these needs an escape in JSON. */
static bool is_urn_id(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && !strchr("-_=+/.~%", s.p[i] ? s.p[i] : ' '))
			return false;
	return s.n > 0 && s.n <= URN_ID_MAX;
}

struct slice urn_id(struct slice urn)
{
	char mark = ':';
	size_t at;

	if (urn.n == 0)
		return (struct slice){0};
	if (urn.p[urn.n - 1] == ')') {
		mark = ',';
		urn.n--;
	}
	for (at = urn.n; at > 0 && urn.p[at - 1] != mark; at--)
		;
	if (mark == ',' && at == 0)
		return (struct slice){0};
	urn.p += at;
	urn.n -= at;
	return is_urn_id(urn) ? urn : (struct slice){0};
}

bool urn_is_api_message(struct slice urn)
{
	static const char begin[] = "urn:li:msg_message:(";

	return urn.n >= sizeof begin && memcmp(urn.p, begin, sizeof begin - 1) == 0;
}
