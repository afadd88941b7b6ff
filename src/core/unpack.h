/* Unpacking a body that came with a Content-Encoding (RFC 9110 section 8.4): gzip and deflate, with a bound. */
#ifndef UNPACK_H
#define UNPACK_H

#include "core/buf.h"

enum unpack_result {
	UNPACK_OK,
	UNPACK_UNKNOWN,   /* another coding, or several */
	UNPACK_BROKEN,    /* the bytes are not packed as the coding says, or are cut off */
	UNPACK_TOO_LARGE, /* see UNPACK_MAX */
	UNPACK_NO_MEMORY,
};

/* What a body may unpack to: 4 MiB, or four times the packed bytes where that is more. The rest is a bomb. */
enum { UNPACK_MAX = 4 << 20, UNPACK_TIMES = 4 };

/* True where the value of a Content-Encoding header names a coding: it is there, and isn't empty or "identity". */
bool unpack_is_coding(const char *coding);

/*
 * Writes the unpacked bytes to out, which is emptied first. "gzip" and "x-gzip" may have several members (RFC 1952 section 2.2);
 * "deflate" is the zlib format (RFC 1950), or without its head, as some senders have it.
 */
enum unpack_result unpack(const char *coding, struct slice packed, struct buf *out);

/*
 * The same for what is kept of a delivery: headers are lines "Name: value\n". *out becomes the body unpacked into plain where they
 * have a Content-Encoding and it can be, else the body itself. It borrows from body and plain. False when memory is short.
 */
bool unpack_kept(struct slice headers, struct slice body, struct buf *plain, struct slice *out);

/* Static text that says why; NULL for UNPACK_OK. */
const char *unpack_reason(enum unpack_result result);

#endif
