/* SPDX-License-Identifier: ISC */
/* The output of a program: the beginning and the end of a stream of any length. */
#ifndef EXEC_OUTPUT_H
#define EXEC_OUTPUT_H

#include <stddef.h>

#include "core/buf.h"

enum { EXEC_OUTPUT_BYTES = 2048 /* of the beginning, and of the end */ };

/* The end is in a ring. Zero-initialised is valid and empty. */
struct exec_output {
	char head[EXEC_OUTPUT_BYTES], tail[EXEC_OUTPUT_BYTES];
	size_t n; /* bytes of the whole stream */
};

void exec_output_add(struct exec_output *k, const char *p, size_t n);

/* Appends beginning and end, and between them how many bytes were left out. Cut when memory is short. */
void exec_output_print(const struct exec_output *k, struct buf *out);

#endif
