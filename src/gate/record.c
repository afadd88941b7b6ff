/* SPDX-License-Identifier: ISC */
/* FastCGI 1.0 records and name-value pairs in memory. */
#include "gate/record.h"

#include <fastcgi.h>
#include <string.h>

bool record_read(const unsigned char *p, struct record *out)
{
	*out = (struct record){
		.type = p[1],
		.id = (unsigned)p[2] << 8 | p[3],
		.content = (size_t)p[4] << 8 | p[5],
		.padding = p[6],
	};
	return p[0] == FCGI_VERSION_1;
}

bool record_add(struct buf *b, int type, unsigned id, const void *content, size_t n, size_t padding)
{
	static const char zeros[8];
	const unsigned char header[RECORD_HEADER] = {FCGI_VERSION_1, (unsigned char)type, (unsigned char)(id >> 8), (unsigned char)id,
		(unsigned char)(n >> 8), (unsigned char)n, (unsigned char)padding};

	return buf_add(b, header, sizeof header) && buf_add(b, content, n) && buf_add(b, zeros, padding);
}

/* Where a request is between two records. */
enum stage { STAGE_BEGIN, STAGE_PARAMS, STAGE_STDIN, STAGE_END, STAGE_WRONG };

static enum stage next_stage(enum stage at, const struct record *r)
{
	switch (r->type) {
	case FCGI_BEGIN_REQUEST:
		return at == STAGE_BEGIN && r->content == sizeof(FCGI_BeginRequestBody) ? STAGE_PARAMS : STAGE_WRONG;
	case FCGI_PARAMS:
		return at != STAGE_PARAMS ? STAGE_WRONG : r->content ? STAGE_PARAMS : STAGE_STDIN;
	case FCGI_STDIN:
		return at != STAGE_STDIN ? STAGE_WRONG : r->content ? STAGE_STDIN : STAGE_END;
	case FCGI_ABORT_REQUEST:
		return at == STAGE_BEGIN ? STAGE_WRONG : STAGE_END;
	default:
		return STAGE_WRONG;
	}
}

static enum record_seen walk_management(const struct record *r, size_t n, size_t *size)
{
	*size = RECORD_HEADER + r->content + r->padding;
	return *size <= n ? RECORD_SEEN_MANAGEMENT : RECORD_SEEN_PARTIAL;
}

enum record_seen record_walk(const unsigned char *p, size_t n, size_t *size)
{
	enum stage stage = STAGE_BEGIN;
	struct record r;
	unsigned id = 0;
	size_t at = 0;

	while (n - at >= RECORD_HEADER) {
		if (!record_read(p + at, &r))
			return RECORD_SEEN_WRONG;
		if (at == 0 && r.id == FCGI_NULL_REQUEST_ID)
			return walk_management(&r, n, size);
		if (at == 0)
			id = r.id;
		stage = r.id == id ? next_stage(stage, &r) : STAGE_WRONG;
		if (stage == STAGE_WRONG)
			return RECORD_SEEN_WRONG;
		if (RECORD_HEADER + r.content + r.padding > n - at)
			break;
		at += RECORD_HEADER + r.content + r.padding;
		*size = at;
		if (stage == STAGE_END)
			return RECORD_SEEN_COMPLETE;
	}
	if (n >= RECORD_FULL)
		return RECORD_SEEN_FULL;
	return stage >= STAGE_STDIN || n >= RECORD_FULL_OF_BYTES ? RECORD_SEEN_PARAMS : RECORD_SEEN_PARTIAL;
}

/* A length of section 3.4: one byte, or four when the first bit is set. */
static bool take_length(const char **p, const char *end, size_t *out)
{
	const unsigned char *s = (const unsigned char *)*p;
	size_t size = *p < end && *s >= 0x80 ? 4 : 1;

	if ((size_t)(end - *p) < size)
		return false;
	*out = size == 1 ? *s : (size_t)(s[0] & 0x7F) << 24 | (size_t)s[1] << 16 | (size_t)s[2] << 8 | s[3];
	*p += size;
	return true;
}

/* The pair at *p, which moves on behind it. False when it goes beyond the end. */
static bool take_pair(const char **p, const char *end, struct slice *name, struct slice *value)
{
	if (!take_length(p, end, &name->n) || !take_length(p, end, &value->n) || name->n > (size_t)(end - *p) ||
	    value->n > (size_t)(end - *p) - name->n)
		return false;
	name->p = *p;
	value->p = *p + name->n;
	*p = value->p + value->n;
	return true;
}

/* The value stands behind the name. */
static bool is_variable(struct slice name, struct slice value)
{
	return name.n && !memchr(name.p, '=', name.n) && !memchr(name.p, '\0', name.n + value.n);
}

bool record_variables(char *pairs, size_t n, char **envp)
{
	char *end = pairs + n, *text;
	const char *p = pairs;
	struct slice name, value;
	bool whole = true;

	for (char *at = pairs; whole && at < end; at = pairs + (p - pairs)) {
		whole = take_pair(&p, end, &name, &value);
		*at = '\0'; /* behind the value before it; the lengths that stood here are read */
		if (!whole || !is_variable(name, value))
			continue;
		text = pairs + (name.p - pairs) - 1;
		memmove(text, name.p, name.n);
		text[name.n] = '=';
		*envp++ = text;
	}
	*end = '\0';
	*envp = NULL;
	return whole;
}

static bool add_pair(struct buf *b, const char *name, const char *value)
{
	return buf_printf(b, "%c%c%s%s", (char)strlen(name), (char)strlen(value), name, value);
}

static bool get_values(const struct record *r, const unsigned char *content, struct buf *out)
{
	static const struct {
		const char *name, *value;
	} known[] = {{FCGI_MAX_CONNS, "1024"}, {FCGI_MAX_REQS, "1024"}, {FCGI_MPXS_CONNS, "0"}};
	const char *p = (const char *)content, *end = p + r->content;
	bool asked[sizeof known / sizeof *known] = {false};
	struct buf pairs = {0};
	struct slice name, value;
	bool ok = true;

	while (ok && p < end) {
		ok = take_pair(&p, end, &name, &value);
		for (size_t i = 0; ok && i < sizeof known / sizeof *known; i++) {
			if (name.n != strlen(known[i].name) || memcmp(name.p, known[i].name, name.n) != 0)
				continue;
			ok = !asked[i] && add_pair(&pairs, known[i].name, known[i].value);
			asked[i] = true;
		}
	}
	ok = ok && record_add(out, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID, pairs.data, pairs.len, -pairs.len % 8); /* section 3.3: aligned on 8 bytes */
	buf_free(&pairs);
	return ok;
}

bool record_manage(const struct record *r, const unsigned char *content, struct buf *out)
{
	const FCGI_UnknownTypeBody unknown = {.type = (unsigned char)r->type};

	if (r->type == FCGI_GET_VALUES)
		return get_values(r, content, out);
	return record_add(out, FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID, &unknown, sizeof unknown, 0);
}
