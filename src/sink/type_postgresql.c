/* SPDX-License-Identifier: ISC */
/* Sinks of the type "postgresql": the options of a table of a PostgreSQL server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/kind.h"
#include "sink/postgresql_options.h"
#include "sink/type.h"

enum { POSTGRESQL_BATCH_MAX = 64, POSTGRESQL_IN_FLIGHT = 1024 };

/* ---- url: a URI of libpq, https://www.postgresql.org/docs/15/libpq-connect.html section 34.1.1.2 */

/* The parameters that a URL may have. Passwords stand in a file; what the driver relies on, such as options, is its own. */
static const char *const url_parameters[] = {"host", "hostaddr", "port", "dbname", "user", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl",
	"channel_binding", "application_name", NULL};

static const char *text_behind_scheme(const char *url)
{
	static const char *const schemes[] = {"postgresql://", "postgres://"};

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
			return url + strlen(schemes[i]);
	return NULL;
}

static bool is_known_parameter(const char *p, size_t n)
{
	for (const char *const *known = url_parameters; *known; known++)
		if (strlen(*known) == n && strncmp(*known, p, n) == 0)
			return true;
	return false;
}

/* What is wrong about the URL, or NULL. */
static const char *url_fault(const char *url)
{
	const char *p = text_behind_scheme(url), *at, *colon;
	size_t n = p ? strcspn(p, "/?") : 0;

	if (!p || strpbrk(url, " \t\r\n"))
		return "write it as \"postgresql://user@127.0.0.1:5432/database\" or \"postgresql:///database?host=/run/postgresql\"";
	at = memchr(p, '@', n);
	colon = at ? memchr(p, ':', (size_t)(at - p)) : NULL;
	if (colon || strstr(url, "password="))
		return "a password goes into a file that password-file names";
	if (memchr(p, ',', n))
		return "one host; for several, use an address that leads to the one that takes writes";
	for (p = strchr(url, '?'); p; p = strchr(p + 1, '&'))
		if (!is_known_parameter(p + 1, strcspn(p + 1, "=&")))
			return "behind the ? are host, hostaddr, port, dbname, user, sslmode, sslrootcert, sslcert, sslkey, sslcrl, channel_binding or application_name";
	return NULL;
}

static bool check_postgresql_url(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	const char *fault = url_fault(text);

	(void)row;
	(void)sec;
	if (fault)
		buf_printf(why, ": %s", fault);
	return !fault;
}

/* ---- table */

static bool is_identifier(const char *p, size_t n)
{
	return n > 0 && n <= POSTGRESQL_NAME_MAX && !memchr(p, '.', n);
}

static bool check_table(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	size_t n = strcspn(text, ".");

	(void)row;
	(void)sec;
	if (is_identifier(text, n) && (!text[n] || is_identifier(text + n + 1, strlen(text + n + 1))))
		return true;
	buf_printf(why, ": write \"hook_events\" or \"schema.hook_events\", without quotes; a name has at most %d bytes", POSTGRESQL_NAME_MAX);
	return false;
}

/* ---- columns */

static bool check_column(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	return named_templates_check(text, is_identifier, why);
}

static bool read_columns(const struct option_row *row, cfg_t *sec, void *field)
{
	return named_templates_read(field, sec, row->name, is_identifier);
}

/* The columns that a sink has when it names none. hookspool.conf(5) has a table with them. */
static const char *const default_columns[] = {"id = {{hookspool.id}}", "endpoint = {{hookspool.endpoint}}", "event = {{hookspool.event}}",
	"account = {{hookspool.account}}", "conversation = {{hookspool.conversation}}", "sender_id = {{hookspool.sender_id}}",
	"sender_name = {{hookspool.sender_name}}", "text = {{hookspool.text}}", "sent_at = {{hookspool.sent_at}}",
	"received_at = {{hookspool.received_at}}", "body = {{{raw}}}", NULL};

static bool add_default_columns(struct named_templates *columns)
{
	char why[256];

	for (const char *const *text = default_columns; *text; text++)
		if (!named_templates_add(columns, *text, is_identifier, why, sizeof why))
			return false;
	return true;
}

/* The column with the event's id is the first, as the driver has it. */
static bool is_id_column(const char *text)
{
	const char *value = strchr(text, '=');

	return value && strcmp(value + 1 + strspn(value + 1, " "), "{{hookspool.id}}") == 0;
}

static bool check_columns(cfg_t *sec)
{
	unsigned n = cfg_size(sec, "columns");

	if (n > POSTGRESQL_COLUMNS_MAX)
		return option_refuse_value(sec, "columns", NULL, "it has %u columns, and %d are the most", n, POSTGRESQL_COLUMNS_MAX);
	if (n && !is_id_column(cfg_getnstr(sec, "columns", 0)))
		return option_refuse_value(sec, "columns", NULL, "the first column is the event's id, as \"id = {{hookspool.id}}\"");
	return named_templates_check_once(sec, "columns");
}

/* ---- the type */

static const struct option_kind postgresql_url_kind = {"URL", CFGT_STR, .hidden = true, .check = check_postgresql_url, .read = kind_read_text, .free = kind_free_text};
static const struct option_kind table_kind = {"table", CFGT_STR, .check = check_table, .read = kind_read_text, .free = kind_free_text};
static const struct option_kind columns_kind = {"list of templates", CFGT_STR, .list = true, .hidden = true, .check = check_column, .read = read_columns, .free = named_templates_free};

#define AT(field) offsetof(struct postgresql_options, field)

static const struct option_row postgresql_rows[] = {
	{"url", &postgresql_url_kind, NULL, AT(url), .help = "the server and database: \"postgresql://user@127.0.0.1/database\""},
	{"password-file", &kind_secret_path, NULL, AT(password_file), .help = "a file with the user's password"},
	{"table", &table_kind, NULL, AT(table), .help = "the table that gets a row for each event"},
	{"columns", &columns_kind, NULL, AT(columns), .help = "the columns, as \"name = {{template}}\"; the event's id first", .free_text = true},
	{.name = NULL},
};

static bool check_postgresql(cfg_t *sec)
{
	if (!cfg_getstr(sec, "url"))
		return option_refuse_value(sec, "url", NULL, "it needs a url = \"postgresql://user@127.0.0.1/database\"");
	if (!cfg_getstr(sec, "table"))
		return option_refuse_value(sec, "table", NULL, "it needs a table = \"hook_events\"");
	return option_check(postgresql_rows, sec) && check_columns(sec);
}

static bool finish_postgresql(cfg_t *sec, struct sink *s)
{
	struct postgresql_options *o = s->options;

	(void)sec;
	if (o->columns.n == 0 && !add_default_columns(&o->columns))
		return false;
	s->needs_text = s->needs_text || named_templates_have(&o->columns, TEMPLATE_TEXT);
	return true;
}

static const char *postgresql_url(const struct sink *s, const char **how)
{
	*how = "insert";
	return postgresql_options(s)->url;
}

const struct sink_type type_postgresql = {
	.name = "postgresql",
	.help = "inserts events into a table of PostgreSQL",
	.package = "hookspool-postgresql",
	.library = "libpq-dev",
	.batch_max = POSTGRESQL_BATCH_MAX,
	.batches = true,
	.in_flight = POSTGRESQL_IN_FLIGHT,
	.unpacks = true,
	.rows = postgresql_rows,
	.size = sizeof(struct postgresql_options),
	.check = check_postgresql,
	.finish = finish_postgresql,
	.target = postgresql_url,
};
