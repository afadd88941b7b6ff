/* SPDX-License-Identifier: ISC */
/* A byte buffer that grows and is reused; not NUL-terminated unless buf_str() is called. */
#ifndef BUF_H
#define BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised is valid and empty. The buffer owns data; buf_free() releases it. */
struct buf {
	char *data;
	size_t len;
	size_t cap;
};

/* Borrowed bytes; p may be NULL when n is 0. The owner is named where a slice is handed out. */
struct slice {
	const char *p;
	size_t n;
};

/* The characters of a string, without its NUL. */
struct slice slice_text(const char *text);

/* Makes room for `more` further bytes. False when memory is short; the buffer is then unchanged. */
bool buf_reserve(struct buf *b, size_t more);

/* Appends n bytes. False when memory is short; the buffer is then unchanged. */
bool buf_add(struct buf *b, const void *p, size_t n);

/* The same for a string, and for a number's decimal digits. */
bool buf_add_text(struct buf *b, const char *text);
bool buf_add_number(struct buf *b, int64_t value);

/* Appends what printf would print. False when memory is short or the format fails. */
bool buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* The content as a C string, valid until the next call on b; "" when memory is short. */
const char *buf_str(struct buf *b);

/* Releases the memory and leaves a valid empty buffer. */
void buf_free(struct buf *b);

#endif
