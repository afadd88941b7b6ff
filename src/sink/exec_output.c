/* SPDX-License-Identifier: ISC */
/* What is kept of a stream of any length: its beginning and its end. */
#include "sink/exec_output.h"

#include <string.h>

void kept_add(struct kept *k, const char *p, size_t n)
{
	size_t at, part;

	for (; n > 0; p += part, n -= part, k->n += part) {
		at = k->n % KEPT_BYTES;
		part = n < KEPT_BYTES - at ? n : KEPT_BYTES - at;
		memcpy((k->n < KEPT_BYTES ? k->head : k->tail) + at, p, part);
	}
}

void kept_print(const struct kept *k, struct buf *out)
{
	size_t at = k->n % KEPT_BYTES, tail = k->n > KEPT_BYTES ? k->n - KEPT_BYTES : 0;

	buf_add(out, k->head, k->n - tail);
	if (tail <= KEPT_BYTES) {
		buf_add(out, k->tail, tail);
		return;
	}
	buf_printf(out, "\n[%zu bytes left out]\n", tail - KEPT_BYTES);
	buf_add(out, k->tail + at, KEPT_BYTES - at);
	buf_add(out, k->tail, at);
}
