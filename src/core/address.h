/* SPDX-License-Identifier: ISC */
/* IP addresses as text, and the networks they are in. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

enum { ADDRESS_TEXT = INET6_ADDRSTRLEN + 4 }; /* room for a network's text */

/*
 * The network of an address: of IPv6 its first `bits`, of IPv4 the whole address, as ::ffff:a.b.c.d (RFC 4291 section
 * 2.5.5.2) in either spelling. False when the text is no address.
 */
bool address_network(const char *text, unsigned bits, struct in6_addr *out);

/* The network as text: "192.0.2.1", "2001:db8::/64"; the text itself when it is no address. Returns out. */
const char *address_network_text(const char *text, unsigned bits, char out[ADDRESS_TEXT]);

#endif
