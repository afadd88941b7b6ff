/* SPDX-License-Identifier: ISC */
/* Unpacking a compressed body (Content-Encoding, RFC 9110 section 8.4): gzip and deflate, with a bound. */
#define _DEFAULT_SOURCE /* strcasecmp */
#include "core/unpack.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

/* zlib.h, inflateInit2(): the window's bits, and what says which format */
enum { WINDOW = 15, AS_GZIP = WINDOW + 16, AS_ZLIB = WINDOW, AS_RAW = -WINDOW, STEP = 16 * 1024 };

enum { LOOKED_AT = 16 }; /* bytes of a body that tell text from packed bytes */

/* Inflates until the end of the input. Several gzip members follow each other. */
static enum unpack_result inflate_all(z_stream *z, bool members, size_t most, struct buf *out)
{
	int rc = Z_OK;

	while (rc == Z_OK) {
		if (!buf_reserve(out, STEP))
			return UNPACK_NO_MEMORY;
		z->next_out = (unsigned char *)out->data + out->len;
		z->avail_out = STEP;
		rc = inflate(z, Z_NO_FLUSH);
		out->len += STEP - z->avail_out;
		if (out->len > most)
			return UNPACK_TOO_LARGE;
		if (rc == Z_STREAM_END && members && z->avail_in > 0)
			rc = inflateReset(z);
	}
	if (rc == Z_MEM_ERROR)
		return UNPACK_NO_MEMORY;
	return rc == Z_STREAM_END && z->avail_in == 0 ? UNPACK_OK : UNPACK_BROKEN;
}

static enum unpack_result inflate_as(int format, struct slice packed, struct buf *out)
{
	size_t most = packed.n > UNPACK_MAX / UNPACK_TIMES ? packed.n * UNPACK_TIMES : UNPACK_MAX;
	z_stream z = {.next_in = (unsigned char *)(uintptr_t)packed.p, .avail_in = (unsigned)packed.n};
	enum unpack_result result;

	out->len = 0;
	if (packed.n > UINT_MAX)
		return UNPACK_TOO_LARGE;
	if (inflateInit2(&z, format) != Z_OK)
		return UNPACK_NO_MEMORY;
	result = inflate_all(&z, format == AS_GZIP, most, out);
	inflateEnd(&z);
	return result;
}

bool unpack_is_coding(const char *coding)
{
	return coding && *coding && strcasecmp(coding, "identity") != 0;
}

static bool is_known(const char *coding)
{
	return strcasecmp(coding, "gzip") == 0 || strcasecmp(coding, "x-gzip") == 0 || strcasecmp(coding, "deflate") == 0;
}

static bool is_text_byte(unsigned char c)
{
	return (c >= ' ' && c < 0x7F) || c == '\t' || c == '\r' || c == '\n';
}

/* JSON, or a beginning that is text. No packed JSON or form begins so. */
static bool begins_plain(struct slice body)
{
	size_t n = body.n < LOOKED_AT ? body.n : LOOKED_AT;

	if (n > 0 && (body.p[0] == '{' || body.p[0] == '['))
		return true;
	for (size_t i = 0; i < n; i++)
		if (!is_text_byte((unsigned char)body.p[i]))
			return false;
	return true;
}

enum unpack_result unpack(struct slice body, struct buf *out)
{
	enum unpack_result result;

	out->len = 0;
	if (begins_plain(body))
		return UNPACK_PLAIN;
	if (body.n >= 2 && memcmp(body.p, "\x1F\x8B", 2) == 0)
		return inflate_as(AS_GZIP, body, out);
	result = inflate_as(AS_ZLIB, body, out);
	return result == UNPACK_BROKEN ? inflate_as(AS_RAW, body, out) : result;
}

const char *unpack_note(const char *coding, enum unpack_result result)
{
	if (result == UNPACK_TOO_LARGE)
		return "the body unpacks to more than 4 MiB and four times its size";
	if (!coding)
		return NULL;
	if (!is_known(coding))
		return "the Content-Encoding is not gzip or deflate";
	return result == UNPACK_OK ? NULL : "the body is not packed as its Content-Encoding says";
}

bool unpack_kept(struct slice body, struct buf *plain, struct slice *out)
{
	enum unpack_result result = unpack(body, plain);

	*out = result == UNPACK_OK ? (struct slice){plain->data, plain->len} : body;
	return result != UNPACK_NO_MEMORY;
}
