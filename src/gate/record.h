/* SPDX-License-Identifier: ISC */
/*
 * FastCGI 1.0 records and name-value pairs in memory: checked and read here, with no input or output.
 *
 * Every length is checked against the bytes there are.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

enum {
	RECORD_HEADER = 8,             /* bytes, section 3.3 */
	RECORD_CONTENT_MAX = 65535,
	RECORD_SIZE_MAX = RECORD_HEADER + RECORD_CONTENT_MAX + 255, /* with the padding */
	RECORD_PAIR_MIN = 3, /* bytes of a name-value pair with a name: two lengths and a byte */
	RECORD_PARAMS_MAX = 128 * 1024, /* bytes of a request's variables, with their lengths */
	RECORD_FULL = 32 * 1024, /* a peer that writes in small pieces may fill the socket's buffer with so much */
	RECORD_FULL_OF_BYTES = 64, /* one that writes single bytes, with so much: Linux counts 768 bytes a write, and poll(2) waits above a quarter */
};

struct record {
	int type; /* FCGI_BEGIN_REQUEST and so on, fastcgi.h */
	unsigned id;
	size_t content, padding;
};

/* Reads a header of RECORD_HEADER bytes. False when its version is not 1. */
bool record_read(const unsigned char *p, struct record *out);

/* Appends a record. The content is at most RECORD_CONTENT_MAX bytes, the padding at most 8. False when memory is short. */
bool record_add(struct buf *b, int type, unsigned id, const void *content, size_t n, size_t padding);

enum record_seen {
	RECORD_SEEN_PARTIAL,    /* not all variables are there */
	RECORD_SEEN_PARAMS,     /* the variables are there, or as much as a socket's buffer may hold; not all of the body */
	RECORD_SEEN_FULL,       /* as one of the last two, and the rest may not come before some is read */
	RECORD_SEEN_COMPLETE,   /* a whole request */
	RECORD_SEEN_MANAGEMENT, /* a whole management record (section 4), between requests */
	RECORD_SEEN_WRONG,      /* not a request */
};

/*
 * Walks the records of one request, from its first byte. A request is BEGIN_REQUEST of 8 bytes, PARAMS, an empty
 * PARAMS, STDIN, an empty STDIN, all with one id; ABORT_REQUEST ends it early. Anything else between them is wrong:
 * no server sends it. *size becomes the bytes of what is complete, with all padding.
 */
enum record_seen record_walk(const unsigned char *p, size_t n, size_t *size);

/*
 * Makes the n bytes of a request's name-value pairs (section 3.4) its variables, in place: envp gets a pointer to each text
 * "NAME=value", and NULL last. A pair that cannot be a variable is left out: its name is empty or has "=" in it, or it has a NUL.
 * `pairs` has room for n + 1 bytes, and envp for n / RECORD_PAIR_MIN + 1 pointers. False when a length goes beyond the bytes;
 * the variables before it are there all the same.
 */
bool record_variables(char *pairs, size_t n, char **envp);

/*
 * Appends the answer to a management record: the known values that FCGI_GET_VALUES asks for, or that the type is
 * unknown. False when its pairs are malformed or name a value twice, or memory is short.
 */
bool record_manage(const struct record *r, const unsigned char *content, struct buf *out);

#endif
