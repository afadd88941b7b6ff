/* SPDX-License-Identifier: ISC */
/* The places of a spool: a directory, or a PostgreSQL server's database; and of its overflow: a directory, or none. */
#include "conf/place.h"

#include <string.h>

#include "conf/kind.h"

/* What is behind the URL's scheme; NULL: it is no URL. */
static const char *behind_scheme(const char *place)
{
	static const char *const schemes[] = {"postgresql://", "postgres://"};

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strncmp(place, schemes[i], strlen(schemes[i])) == 0)
			return place + strlen(schemes[i]);
	return NULL;
}

bool place_is_server(const char *place)
{
	return behind_scheme(place) != NULL;
}

bool place_is_local(const char *place)
{
	const char *p = behind_scheme(place), *at = p ? memchr(p, '@', strcspn(p, "/?")) : NULL, *host;

	if (!p)
		return true;
	p = at ? at + 1 : p;
	host = strstr(p, "host=");
	/* libpq takes a path, or %2F and so on, for a directory; several hosts are not looked at one by one */
	return !strchr(p, ',') && !strstr(p, "hostaddr=") &&
		(strncmp(p, "%2F", 3) == 0 || strncmp(p, "%2f", 3) == 0 || ((*p == '/' || *p == '?') && (!host || host[5] == '/' || host[5] == '%')));
}

static bool check_spool_place(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	const char *p = behind_scheme(text), *at = p ? memchr(p, '@', strcspn(p, "/?")) : NULL;

	(void)row;
	(void)sec;
	if (!p && strstr(text, "://"))
		buf_printf(why, ": write a directory, or \"postgresql:///database?host=/run/postgresql\"");
	else if (p && strpbrk(p, " \t\r\n"))
		buf_printf(why, ": a URL has no blanks");
	else if (p && ((at && memchr(p, ':', (size_t)(at - p))) || strstr(p, "password=")))
		buf_printf(why, ": a password goes into a file that the URL names, as \"...?passfile=/etc/hookspool/pgpass\"");
	else
		return true;
	return false;
}

static bool read_place(const struct option_row *row, cfg_t *sec, void *field)
{
	return place_is_server(cfg_getstr(sec, row->name)) ? kind_read_text(row, sec, field) : kind_read_path(row, sec, field);
}

static bool read_overflow(const struct option_row *row, cfg_t *sec, void *field)
{
	return strcmp(cfg_getstr(sec, row->name), "none") == 0 ? kind_read_text(row, sec, field) : kind_read_path(row, sec, field);
}

const struct option_kind place_spool_kind = {"directory or URL", CFGT_STR, .hidden = true, .check = check_spool_place, .read = read_place,
	.free = kind_free_text};
const struct option_kind place_overflow_kind = {"directory or \"none\"", CFGT_STR, .read = read_overflow, .free = kind_free_text};
