/* Unpacking a body that came with a Content-Encoding (RFC 9110 section 8.4): gzip and deflate, with a bound. */
#define _DEFAULT_SOURCE /* strcasecmp */
#include "core/unpack.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

/* zlib.h, inflateInit2(): the window's bits, and what says which format */
enum { WINDOW = 15, AS_GZIP = WINDOW + 16, AS_ZLIB = WINDOW, AS_RAW = -WINDOW, STEP = 16 * 1024 };

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

enum unpack_result unpack(const char *coding, struct slice packed, struct buf *out)
{
	enum unpack_result result;

	if (strcasecmp(coding, "gzip") == 0 || strcasecmp(coding, "x-gzip") == 0)
		return inflate_as(AS_GZIP, packed, out);
	if (strcasecmp(coding, "deflate") != 0)
		return UNPACK_UNKNOWN;
	result = inflate_as(AS_ZLIB, packed, out);
	return result == UNPACK_BROKEN ? inflate_as(AS_RAW, packed, out) : result;
}

const char *unpack_reason(enum unpack_result result)
{
	static const char *const reasons[] = {
		[UNPACK_OK] = NULL,
		[UNPACK_UNKNOWN] = "the Content-Encoding is not gzip or deflate",
		[UNPACK_BROKEN] = "the body is not packed as its Content-Encoding says",
		[UNPACK_TOO_LARGE] = "the body unpacks to more than 4 MiB and four times its size",
		[UNPACK_NO_MEMORY] = "memory is short",
	};

	return reasons[result];
}

/* The value of the header's first line; borrowed, p == NULL: it has none. */
static struct slice find_line(struct slice headers, const char *name)
{
	const char *line = headers.p, *end = headers.n ? headers.p + headers.n : headers.p, *stop;
	size_t n = strlen(name);

	for (; line < end; line = stop + 1) {
		stop = memchr(line, '\n', (size_t)(end - line));
		if (!stop)
			stop = end;
		if ((size_t)(stop - line) > n + 1 && strncasecmp(line, name, n) == 0 && line[n] == ':')
			return (struct slice){line + n + 2, (size_t)(stop - line) - n - 2};
	}
	return (struct slice){0};
}

bool unpack_kept(struct slice headers, struct slice body, struct buf *plain, struct slice *out)
{
	struct slice value = find_line(headers, "Content-Encoding");
	enum unpack_result result;
	char coding[32];

	*out = body;
	if (!value.p || value.n >= sizeof coding)
		return true;
	memcpy(coding, value.p, value.n);
	coding[value.n] = '\0';
	if (!unpack_is_coding(coding))
		return true;
	result = unpack(coding, body, plain);
	if (result == UNPACK_OK)
		*out = (struct slice){plain->data, plain->len};
	return result != UNPACK_NO_MEMORY;
}
