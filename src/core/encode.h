/* SPDX-License-Identifier: ISC */
/* Bytes as text: hexadecimal and base64 (RFC 4648 sections 8, 4 and 5), strict. */
#ifndef ENCODE_H
#define ENCODE_H

#include <stdbool.h>
#include <stddef.h>

enum encoding { ENCODING_HEX, ENCODING_BASE64, ENCODING_BASE64URL };

/* The characters that n bytes become, without the NUL. */
size_t encode_size(enum encoding e, size_t n);

/* Writes them, hexadecimal in lower case, base64 padded, base64url not padded, and a NUL; out has room for encode_size() + 1. */
void encode(enum encoding e, const void *bytes, size_t n, char *out);

/*
 * Reads the n characters at text into out, at most max bytes; *len becomes how many. Hexadecimal of
 * either case; base64 with its padding, base64url without, and no other text for the same bytes. False for any other character, white space too, for a length
 * that can't be, and for more than max bytes.
 */
bool decode(enum encoding e, const char *text, size_t n, unsigned char *out, size_t max, size_t *len);

/* The same for base64 with or without its padding, and with bits at the end that stand for nothing. */
bool decode_loose(const char *text, size_t n, unsigned char *out, size_t max, size_t *len);

#endif
