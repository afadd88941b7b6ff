/* SPDX-License-Identifier: ISC */
/* URLs of message brokers. */
#include "sink/broker_url.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void broker_url_free(void *of)
{
	struct broker_url *url = of;

	free(url->text);
	free(url->host);
	free(url->user);
	free(url->path);
	*url = (struct broker_url){0};
}

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* RFC 3986 section 2.1. NULL for what is no such text, or has a NUL, or when memory is short. */
static char *percent_decode(const char *p, size_t n)
{
	char *out = malloc(n + 1), *to = out;

	for (size_t i = 0; out && i < n; i++) {
		int high = p[i] == '%' && i + 2 < n ? hex_digit(p[i + 1]) : -1, low = high >= 0 ? hex_digit(p[i + 2]) : -1;

		if (p[i] == '%' && (low < 0 || high * 16 + low == 0)) {
			free(out);
			return NULL;
		}
		*to++ = (char)(p[i] == '%' ? high * 16 + low : p[i]);
		i += p[i] == '%' ? 2 : 0;
	}
	if (out)
		*to = '\0';
	return out;
}

/* Reads ":PORT", or nothing, and returns what is behind it. NULL for a port that is none. */
static const char *read_port(const char *p, int *port)
{
	size_t n;

	if (*p != ':')
		return p;
	n = strspn(++p, "0123456789");
	if (n == 0 || n > 5)
		return NULL;
	*port = atoi(p);
	return *port >= 1 && *port <= UINT16_MAX ? p + n : NULL;
}

/* RFC 3986 section 3.2.2: an address of IPv6 stands in brackets. */
static bool read_authority(const char *text, struct broker_url *out)
{
	bool bracket = *text == '[';
	size_t n = strcspn(text += bracket, bracket ? "]" : ":/");
	const char *p = text + n;

	if (n == 0 || (bracket && *p++ != ']'))
		return false;
	out->host = strndup(text, n);
	p = read_port(p, &out->port);
	if (!p || !out->host)
		return false;
	if (*p == '/')
		out->path = percent_decode(p + 1, strlen(p + 1));
	return !*p || (*p == '/' && out->path);
}

static bool read_user(const char *p, size_t n, struct broker_url *out, struct buf *why)
{
	if (memchr(p, ':', n)) {
		buf_printf(why, ": a password goes into a file that password-file names");
		return false;
	}
	out->user = percent_decode(p, n);
	return out->user && *out->user;
}

bool broker_url_parse(const struct broker_scheme *scheme, const char *text, struct broker_url *out, struct buf *why)
{
	bool tls = strncmp(text, scheme->tls, strlen(scheme->tls)) == 0, plain = strncmp(text, scheme->plain, strlen(scheme->plain)) == 0;
	const char *rest = text + strlen(tls ? scheme->tls : plain ? scheme->plain : ""), *at = strrchr(rest, '@');

	*out = (struct broker_url){.tls = tls, .port = tls ? scheme->tls_port : scheme->plain_port, .text = strdup(text)};
	if (out->text && (tls || plain) && !strpbrk(text, " \t\r\n?#") && (!at || read_user(rest, (size_t)(at - rest), out, why)) &&
	    read_authority(at ? at + 1 : rest, out))
		return true;
	if (why->len == 0)
		buf_printf(why, ": write it as %s", scheme->fix);
	return false;
}
