/*
 * FastCGI 1.0 records and name-value pairs in memory: judged and read here, with no input or output.
 *
 * Every length is checked against the bytes there are. No byte of a peer is passed to libfcgi: it would take
 * records out of padding, and add lengths without a check.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

enum {
	RECORD_HEADER = 8,             /* bytes, section 3.3 */
	RECORD_CONTENT_MAX = 65535,
	RECORD_PARAMS_MAX = 128 * 1024, /* bytes of a request's variables, with their lengths */
	RECORD_FULL = 32 * 1024, /* a peer that writes in small pieces may fill the socket's buffer with so much */
};

struct record {
	int type; /* FCGI_BEGIN_REQUEST and so on, fastcgi.h */
	unsigned id;
	size_t content, padding;
};

/* Reads a header of RECORD_HEADER bytes. False when its version is not 1. */
bool record_read(const unsigned char *p, struct record *out);

/* Appends a record. The content is at most RECORD_CONTENT_MAX bytes. False when memory is short. */
bool record_add(struct buf *b, int type, unsigned id, const void *content, size_t n);

enum record_seen {
	RECORD_SEEN_PARTIAL,    /* not all variables are there */
	RECORD_SEEN_PARAMS,     /* the variables are there, not all of the body */
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
 * Turns a stream of name-value pairs (section 3.4) into "NAME=value" strings, in its own memory, and appends a
 * pointer to each to envp, NULL last. A pair that can be no variable is left out: an empty name, "=" in the name, or
 * a NUL. False when a length goes beyond the bytes: the pairs before it are in envp all the same. False with an
 * empty envp when memory is short.
 */
bool record_variables(struct buf *pairs, struct buf *envp);

/*
 * Appends the answer to a management record: the known values that FCGI_GET_VALUES asks for, or that the type is
 * unknown. False when its pairs are malformed or name a value twice, or memory is short.
 */
bool record_manage(const struct record *r, const unsigned char *content, struct buf *out);

#endif
