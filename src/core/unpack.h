/* SPDX-License-Identifier: ISC */
/*
 * Unpacking a compressed body (Content-Encoding, RFC 9110 section 8.4): gzip and deflate, with a bound. No provider signs
 * the header. The bytes alone decide how a body is read, so a captured delivery with another header is read as before.
 */
#ifndef UNPACK_H
#define UNPACK_H

#include "core/buf.h"

enum unpack_result {
	UNPACK_OK,
	UNPACK_PLAIN,     /* the bytes are not packed */
	UNPACK_BROKEN,    /* they are packed in another way, or are cut off */
	UNPACK_TOO_LARGE, /* see UNPACK_MAX */
	UNPACK_NO_MEMORY,
};

/* The largest unpacked size: 4 MiB, or four times the packed bytes where that is more. Anything larger is a bomb. */
enum { UNPACK_MAX = 4 << 20, UNPACK_TIMES = 4 };

/* True where the value of a Content-Encoding header names a coding: it is there, and isn't empty or "identity". */
bool unpack_is_coding(const char *coding);

/*
 * Writes the unpacked bytes to out, which is emptied first. gzip (RFC 1952) may have several members (section 2.2); deflate is the
 * zlib format (RFC 1950), or has no head (RFC 1951), as some senders have it. Each of them begins with bytes that are not text.
 */
enum unpack_result unpack(struct slice body, struct buf *out);

/*
 * What to say of a body that could not be read: static text, or NULL where how it was packed is not the reason. `coding` is the
 * value of its Content-Encoding; NULL: it has none.
 */
const char *unpack_note(const char *coding, enum unpack_result result);

/*
 * *out becomes the body unpacked into plain, or the body itself where it is not packed or cannot be unpacked. It borrows from
 * body and plain. False when memory is short.
 */
bool unpack_kept(struct slice body, struct buf *plain, struct slice *out);

#endif
