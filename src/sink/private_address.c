/* SPDX-License-Identifier: ISC */
/* Private addresses: a sink may reach them only with allow-private. */
#include "sink/private_address.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * The special-purpose addresses of RFC 6890 and its IANA registries, without those for documentation, which lead nowhere. Also the
 * ranges that contain IPv4 addresses: SIIT (RFC 2765), Teredo (in 2001::/23) and 6to4; and site-local addresses (RFC 3879).
 */
static const char *const private_ranges[] = {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
	"172.16.0.0/12", "192.0.0.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3", "::/96",
	"::ffff:0:0:0/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2002::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"};

enum { PRIVATE_RANGES = sizeof private_ranges / sizeof *private_ranges };

/* The ranges of IPv4 are added twice: behind a NAT64, 64:ff9b::10.0.0.1 is 10.0.0.1 (RFC 6052 section 2.1). */
struct cidrs private_addresses(void)
{
	static const unsigned char nat64[12] = {0, 0x64, 0xFF, 0x9B};
	struct cidrs all = {.item = calloc(2 * PRIVATE_RANGES, sizeof *all.item)};

	for (size_t i = 0; all.item && i < PRIVATE_RANGES && cidr_parse(private_ranges[i], &all.item[all.n]); i++) {
		all.n++;
		if (strchr(private_ranges[i], ':'))
			continue;
		all.item[all.n] = all.item[all.n - 1];
		memcpy(all.item[all.n++].addr, nat64, sizeof nat64);
	}
	return all;
}

bool private_socket(const struct cidrs *ranges, const struct sockaddr *a)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (a->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, text, sizeof text);
	else if (a->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, text, sizeof text);
	return !*text || cidr_match(ranges, text);
}

/* RFC 6761 section 6.3; a dot may follow. */
static bool is_localhost(const char *host)
{
	static const char name[] = "localhost";
	size_t n = strlen(host), dot = n > 0 && host[n - 1] == '.', size = sizeof name - 1;

	return n >= size + dot && strncasecmp(host + n - dot - size, name, size) == 0 && (n == size + dot || host[n - dot - size - 1] == '.');
}

bool private_url(const char *url)
{
	struct cidrs all = private_addresses();
	CURLU *parts = curl_url();
	char *host = NULL;
	bool private = false;

	if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK && curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		host[strcspn(host, "]")] = '\0';
		private = is_localhost(host) || cidr_match(&all, host + (*host == '['));
	}
	curl_free(host);
	curl_url_cleanup(parts);
	free(all.item);
	return private;
}
