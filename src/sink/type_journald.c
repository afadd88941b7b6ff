/* SPDX-License-Identifier: ISC */
/* Sinks of the type "journald": the options of entries of systemd's journal. */
#include <string.h>

#include "conf/kind.h"
#include "sink/journald_options.h"
#include "sink/type.h"

enum {
	JOURNALD_BATCH_MAX = 64,
	JOURNALD_IN_FLIGHT = 64,
	FIELD_NAME_MAX = 64, /* systemd.journal-fields(7) and systemd's journal_field_valid() */
};

static const char *const priorities[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", NULL};

/* ---- fields */

static bool is_sinks_own(const char *p, size_t n)
{
	static const char *const names[] = {"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "BODY", NULL};

	for (const char *const *name = names; *name; name++)
		if (strlen(*name) == n && strncmp(p, *name, n) == 0)
			return true;
	return n >= 10 && strncmp(p, "HOOKSPOOL_", 10) == 0;
}

/* Names that begin with "_" are journald's own: it drops such fields. */
static bool is_field_name(const char *p, size_t n)
{
	if (n == 0 || n > FIELD_NAME_MAX || !(*p >= 'A' && *p <= 'Z'))
		return false;
	return strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") >= n && !is_sinks_own(p, n);
}

static bool check_journal_field(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (is_field_name(text, strcspn(text, " =")))
		return named_templates_check(text, is_field_name, why);
	buf_printf(why, ": write \"NAME = {{template}}\"; a name has A to Z, 0 to 9 and _, begins with a letter, and is not one of the sink's own, "
		"such as MESSAGE, BODY and HOOKSPOOL_ID");
	return false;
}

static bool read_journal_fields(const struct option_row *row, cfg_t *sec, void *field)
{
	return named_templates_read(field, sec, row->name, is_field_name);
}

static bool check_identifier(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (*text && !strpbrk(text, " \t\r\n") && !strstr(text, "{{"))
		return true;
	buf_printf(why, ": write a name without blanks; it is no template");
	return false;
}

static const struct option_kind fields_kind = {"list of templates", CFGT_STR, .list = true, .hidden = true, .check = check_journal_field,
	.read = read_journal_fields, .free = named_templates_free};
static const struct option_kind identifier_kind = {"text", CFGT_STR, .check = check_identifier, .read = kind_read_text, .free = kind_free_text};

/* ---- the type */

#define AT(field) offsetof(struct journald_options, field)

static const struct option_row journald_rows[] = {
	{"message", &kind_template, "{{hookspool.event}} {{hookspool.id}}", AT(message), .help = "the entry's MESSAGE, which journalctl prints; a template",
		.free_text = true},
	{"fields", &fields_kind, NULL, AT(fields), .help = "more fields of an entry, as \"NAME = {{template}}\"", .free_text = true},
	{"identifier", &identifier_kind, "hookspool", AT(identifier), .help = "the entry's SYSLOG_IDENTIFIER, for journalctl -t"},
	{"priority", &kind_choice, "info", AT(priority), .choices = priorities, .help = "the entry's priority, for journalctl -p"},
	{.name = NULL},
};

static bool check_journald(cfg_t *sec)
{
	unsigned n = cfg_size(sec, "fields");

	if (n > JOURNALD_OWN_FIELDS_MAX)
		return option_refuse_value(sec, "fields", NULL, "it has %u fields, and %d are the most", n, JOURNALD_OWN_FIELDS_MAX);
	return option_check(journald_rows, sec) && named_templates_check_once(sec, "fields");
}

static const char *journald_identifier(const struct sink *s, const char **how)
{
	*how = "logs to journald as";
	return journald_options(s)->identifier;
}

const struct sink_type type_journald = {
	.name = "journald",
	.help = "writes events to systemd's journal",
	.package = "hookspool",
	.library = "libsystemd-dev",
	.batch_max = JOURNALD_BATCH_MAX,
	.in_flight = JOURNALD_IN_FLIGHT,
	.fields = true,
	.unpacks = true,
	.has_body = true,
	.rows = journald_rows,
	.size = sizeof(struct journald_options),
	.check = check_journald,
	.target = journald_identifier,
};
