/* SPDX-License-Identifier: ISC */
/* What is kept of a stream of any length: its beginning and its end. */
#ifndef EXEC_OUTPUT_H
#define EXEC_OUTPUT_H

#include <stddef.h>

#include "core/buf.h"

enum { KEPT_BYTES = 2048 /* of the beginning, and of the end */ };

/* The end is in a ring. Zero-initialised is valid and empty. */
struct kept {
	char head[KEPT_BYTES], tail[KEPT_BYTES];
	size_t n; /* bytes of the whole stream */
};

void kept_add(struct kept *k, const char *p, size_t n);

/* Appends what is kept, and between the two how many bytes were left out. Memory that is short cuts it. */
void kept_print(const struct kept *k, struct buf *out);

#endif
