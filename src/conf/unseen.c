/* SPDX-License-Identifier: ISC */
/* Invisible characters in the text of a configuration. */
#include "conf/unseen.h"

#include <stdbool.h>
#include <string.h>

#include "conf/uncomment.h"
#include "core/buf.h"
#include "core/invisible.h"

static bool is_quoted(struct slice token)
{
	return token.p[0] == '"' || token.p[0] == '\'';
}

/* True for a name or a number, and not for a mark or a blank. */
static bool is_word(struct slice token)
{
	return token.n > 1 || !strchr(" \t\r\n={}()+,", token.p[0]);
}

/* True for a byte that is no text outside of quotes: a control character, or a non-breaking space of Latin-1. */
static bool is_stray(struct slice token, size_t k, const char **name)
{
	unsigned char c = (unsigned char)token.p[k];

	if ((c < ' ' && !strchr("\t\r\n", c)) || c == 0x7F)
		*name = "a control character";
	else if (c == 0xA0 && (k == 0 || !(token.p[k - 1] & 0x80)))
		*name = "a non-breaking space of Latin-1 (0xA0)";
	else
		return false;
	return true;
}

int unseen_line(const char *text, size_t n, unseen_filter *is_free_text, const char **name)
{
	struct slice option = {"", 0}, token;
	int line = 1;

	for (size_t i = 0; i < n; i += token.n) {
		token = (struct slice){text + i, uncomment_token(text + i, n - i)};
		if (token.n > n - i)
			token.n = n - i;
		if (is_word(token) && !is_quoted(token))
			option = token;
		for (size_t k = 0; k < token.n; k++) {
			if (!(is_quoted(token) && is_free_text(option)) && invisible_at(token.p + k, token.n - k, name))
				return line;
			if (!is_quoted(token) && is_stray(token, k, name))
				return line;
			line += token.p[k] == '\n';
		}
	}
	return 0;
}
