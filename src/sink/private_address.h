/* SPDX-License-Identifier: ISC */
/* Addresses that are not a host's of the internet: a sink may have one only where its configuration says so. */
#ifndef PRIVATE_ADDRESS_H
#define PRIVATE_ADDRESS_H

#include <stdbool.h>

#include "conf/cidr.h"

/* Their ranges; the caller frees item, which is NULL when memory is short. */
struct cidrs private_addresses(void);

/* True when the URL's host is a private, loopback or link-local address, or localhost, by its look: no name is resolved. */
bool private_url(const char *url);

#endif
