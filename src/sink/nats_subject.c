/* SPDX-License-Identifier: ISC */
/* Subjects of NATS: which of them an event may go to. Values of events are in them, and a stranger chose those. */
#include <string.h>

#include "sink/nats_options.h"

enum { SUBJECT_MAX = 1024 /* the server's longest line, max_control_line, is 4096 bytes and has the reply's subject too */ };

static bool has_prefix(struct slice subject, const char *prefix)
{
	return subject.n >= strlen(prefix) && memcmp(subject.p, prefix, strlen(prefix)) == 0;
}

/* docs.nats.io, "Subject-Based Messaging": tokens without white space, with dots in between. */
static bool has_valid_tokens(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || strchr("*>", s.p[i]) || (s.p[i] == '.' && (i == 0 || i + 1 == s.n || s.p[i - 1] == '.')))
			return false;
	return s.n > 0;
}

const char *nats_subject_error(struct slice s)
{
	if (!has_valid_tokens(s))
		return "a subject is words with dots in between, without white space, \"*\" and \">\"";
	if (s.n > SUBJECT_MAX)
		return "a subject has at most 1024 bytes";
	if (has_prefix(s, "$") || has_prefix(s, "_INBOX."))
		return "subjects that begin with \"$\" or \"_INBOX.\" are the server's own";
	return NULL;
}
