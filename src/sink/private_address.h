/* SPDX-License-Identifier: ISC */
/* Private addresses: a sink may reach them only with allow-private. */
#ifndef PRIVATE_ADDRESS_H
#define PRIVATE_ADDRESS_H

#include <stdbool.h>

#include "conf/cidr.h"

/* Returns their ranges. The caller frees item, which is NULL when memory is short. */
struct cidrs private_addresses(void);

/* True when the URL's host is a private, loopback or link-local address, or localhost. No name is resolved. */
bool private_url(const char *url);

#endif
