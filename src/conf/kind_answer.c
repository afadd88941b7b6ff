/* SPDX-License-Identifier: ISC */
/* The options of an answer, as endpoint, scheme and handshake have them; and texts that borrow from the tree. */
#include "conf/kind_answer.h"

#include <stdlib.h>
#include <string.h>

#include "conf/kind.h"

enum { ANSWER_MAX = 1024, TYPE_MAX = 100 };

static bool check_answer_status(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	long status = strtol(text, NULL, 10);

	(void)row;
	(void)sec;
	if (status == 200 || status == 201 || status == 202 || status == 204)
		return true;
	buf_printf(why, "; write 200, 201, 202 or 204");
	return false;
}

bool kind_read_borrowed(const struct option_row *row, cfg_t *sec, void *field)
{
	*(const char **)field = cfg_getstr(sec, row->name);
	return true;
}

static bool is_media_type(const char *s, size_t max)
{
	size_t n = strlen(s);

	while (*s >= ' ' && *s < 0x7F)
		s++;
	return *s == '\0' && n > 0 && n <= max;
}

bool kind_check_answer(cfg_t *sec)
{
	const char *type = cfg_getstr(sec, "answer-type"), *text = cfg_getstr(sec, "answer-body");

	if (text && strlen(text) > ANSWER_MAX)
		return option_refuse_value(sec, "answer-body", text, "answer-body is longer than %d bytes", ANSWER_MAX);
	if (cfg_getint(sec, "answer-status") == 204 && text)
		return option_refuse_value(sec, "answer-body", text, "an answer with status 204 has no body; remove answer-body");
	return !option_is_given(sec, "answer-type") || (text && is_media_type(type, TYPE_MAX)) ||
		option_refuse_value(sec, "answer-type", type, "answer-type is the media type of an answer-body, such as \"text/plain\"");
}

const struct option_kind kind_status = {"status", CFGT_INT, .check = check_answer_status, .read = kind_read_count};
const struct option_kind kind_borrowed = {"text", CFGT_STR, .read = kind_read_borrowed};
