/* SPDX-License-Identifier: ISC */
/* Private addresses: a sink may reach them only with allow-private. */
#ifndef PRIVATE_ADDRESS_H
#define PRIVATE_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "conf/cidr.h"

/* Returns their ranges. The caller frees item, which is NULL when memory is short. */
struct cidrs private_addresses(void);

/*
 * True when the address is in those ranges, or is no IP address. To be asked of the address that is connected to: the addresses of a name
 * may change between two look-ups.
 */
bool private_socket(const struct cidrs *ranges, const struct sockaddr *a);

/* True when the URL's host is a private, loopback or link-local address, or localhost. No name is resolved. */
bool private_url(const char *url);

#endif
