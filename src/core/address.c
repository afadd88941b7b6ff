/* SPDX-License-Identifier: ISC */
/* IP addresses as text, and the networks they are in. */
#include "core/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const unsigned char mapped[12] = {[10] = 0xFF, [11] = 0xFF};

static bool is_v4(const struct in6_addr *a)
{
	return memcmp(a->s6_addr, mapped, sizeof mapped) == 0;
}

bool address_network(const char *text, unsigned bits, struct in6_addr *out)
{
	memcpy(out->s6_addr, mapped, sizeof mapped);
	if (inet_pton(AF_INET, text, out->s6_addr + sizeof mapped) == 1)
		return true;
	if (inet_pton(AF_INET6, text, out) != 1)
		return false;
	for (unsigned i = 0; i < 16 && !is_v4(out); i++) {
		unsigned kept = bits > 8 * i ? bits - 8 * i : 0;

		if (kept < 8)
			out->s6_addr[i] &= (unsigned char)(0xFF00 >> kept);
	}
	return true;
}

const char *address_network_text(const char *text, unsigned bits, char out[ADDRESS_TEXT])
{
	struct in6_addr a;
	size_t n;

	if (!address_network(text, bits, &a)) {
		snprintf(out, ADDRESS_TEXT, "%s", text);
	} else if (is_v4(&a)) {
		inet_ntop(AF_INET, a.s6_addr + sizeof mapped, out, ADDRESS_TEXT);
	} else {
		inet_ntop(AF_INET6, &a, out, ADDRESS_TEXT);
		n = strlen(out);
		snprintf(out + n, ADDRESS_TEXT - n, "/%u", bits);
	}
	return out;
}
