/* SPDX-License-Identifier: ISC */
/* hookspool init: the URL that the provider will call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/init.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

static bool is_host(const char *text, size_t n)
{
	return n > 0 && n < INIT_HOST && strspn(text, LETTERS DIGITS "-.") >= n && *text != '-' && *text != '.';
}

/* No dots in front of a part: "..", and files that a web server hides. */
static bool is_path(const char *path)
{
	size_t n = strlen(path);

	return n > 1 && n < INIT_PATH && *path == '/' && path[n - 1] != '/' && strspn(path, LETTERS DIGITS "-._~/") == n && !strstr(path, "//") &&
		!strstr(path, "/.");
}

const char *init_url_read(const char *text, const char *path, struct init_url *out)
{
	struct init_url u = {.tls = strncmp(text, "https://", 8) == 0};
	const char *host = strstr(text, "://");
	size_t n;
	char *end;

	if (!host || (!u.tls && strncmp(text, "http://", 7) != 0))
		return "it begins with https:// or http://";
	host += 3;
	n = strcspn(host, ":/?#");
	if (!is_host(host, n))
		return "behind https:// comes the host's name, in letters, digits, - and .";
	memcpy(u.host, host, n);
	u.port = u.tls ? 443 : 80;
	host += n;
	if (*host == ':') {
		u.port = (unsigned)strtoul(host + 1, &end, 10);
		if (end == host + 1 || u.port == 0 || u.port > 65535)
			return "the port is a number up to 65535";
		host = end;
	}
	snprintf(u.path, sizeof u.path, "%s", *host == '\0' || strcmp(host, "/") == 0 ? path : host);
	if (strlen(host) >= sizeof u.path || !is_path(u.path))
		return "the path has parts of letters, digits, - _ . and ~, each behind a /, and no query";
	*out = u;
	return NULL;
}

bool init_url_add(const struct init_url *u, struct buf *out)
{
	return buf_printf(out, "%s://%s", u->tls ? "https" : "http", u->host) && (u->port == (u->tls ? 443 : 80) || buf_printf(out, ":%u", u->port)) &&
		buf_add_text(out, u->path);
}
