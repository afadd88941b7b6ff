/* SPDX-License-Identifier: ISC */
/* Address ranges: "192.0.2.0/24", "2001:db8::/32", or one address. */
#ifndef CIDR_H
#define CIDR_H

#include <stdbool.h>
#include <stddef.h>

struct cidr {
	unsigned char addr[16]; /* IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2) */
	unsigned bits;          /* of the 128 */
};

struct cidrs {
	struct cidr *item;
	size_t n;
};

/* Reads one range. False when the text is none, or has bits set behind its prefix. */
bool cidr_parse(const char *text, struct cidr *out);

/* True when address, in text form, is in one of the ranges. False for a text that is no address. */
bool cidr_match(const struct cidrs *ranges, const char *address);

#endif
