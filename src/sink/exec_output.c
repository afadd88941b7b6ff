/* SPDX-License-Identifier: ISC */
/* The output of a program: the beginning and the end of a stream of any length. */
#include "sink/exec_output.h"

#include <string.h>

void exec_output_add(struct exec_output *k, const char *p, size_t n)
{
	size_t at, part;

	for (; n > 0; p += part, n -= part, k->n += part) {
		at = k->n % EXEC_OUTPUT_BYTES;
		part = n < EXEC_OUTPUT_BYTES - at ? n : EXEC_OUTPUT_BYTES - at;
		memcpy((k->n < EXEC_OUTPUT_BYTES ? k->head : k->tail) + at, p, part);
	}
}

void exec_output_print(const struct exec_output *k, struct buf *out)
{
	size_t at = k->n % EXEC_OUTPUT_BYTES, tail = k->n > EXEC_OUTPUT_BYTES ? k->n - EXEC_OUTPUT_BYTES : 0;

	buf_add(out, k->head, k->n - tail);
	if (tail <= EXEC_OUTPUT_BYTES) {
		buf_add(out, k->tail, tail);
		return;
	}
	buf_printf(out, "\n[%zu bytes left out]\n", tail - EXEC_OUTPUT_BYTES);
	buf_add(out, k->tail + at, EXEC_OUTPUT_BYTES - at);
	buf_add(out, k->tail, at);
}
