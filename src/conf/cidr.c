/* SPDX-License-Identifier: ISC */
/* Address ranges: "192.0.2.0/24", "2001:db8::/32", or one address. */
#include "conf/cidr.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static bool parse_address(const char *text, unsigned char out[16], bool *v4)
{
	static const unsigned char mapped[12] = {[10] = 0xFF, [11] = 0xFF};

	*v4 = inet_pton(AF_INET, text, out + 12) == 1;
	if (*v4)
		memcpy(out, mapped, sizeof mapped);
	return *v4 || inet_pton(AF_INET6, text, out) == 1;
}

/* True when a and b are equal in their first `bits` bits. */
static bool same_prefix(const unsigned char *a, const unsigned char *b, unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	if (memcmp(a, b, bytes) != 0)
		return false;
	return rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0;
}

bool cidr_parse(const char *text, struct cidr *out)
{
	char address[INET6_ADDRSTRLEN];
	unsigned char masked[16] = {0};
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	unsigned long bits, max;
	char *end;
	bool v4;

	if (n >= sizeof address)
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	if (!parse_address(address, out->addr, &v4))
		return false;
	max = v4 ? 32 : 128;
	bits = max;
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9')
			return false;
		bits = strtoul(slash + 1, &end, 10);
		if (*end || bits > max)
			return false;
	}
	out->bits = (unsigned)(bits + 128 - max);
	for (unsigned i = 0; i < out->bits; i++)
		masked[i / 8] |= (unsigned char)(out->addr[i / 8] & (0x80 >> i % 8));
	return memcmp(masked, out->addr, sizeof masked) == 0;
}

bool cidr_match(const struct cidrs *ranges, const char *address)
{
	unsigned char addr[16];
	bool v4;

	if (!parse_address(address, addr, &v4))
		return false;
	for (size_t i = 0; i < ranges->n; i++)
		if (same_prefix(ranges->item[i].addr, addr, ranges->item[i].bits))
			return true;
	return false;
}
