/* SPDX-License-Identifier: ISC */
/* The values of a row, and what errors of the server mean. */
#include <stdio.h>
#include <string.h>

#include "core/utf8.h"
#include "sink/postgresql.h"

/* PostgreSQL's texts are UTF-8 without U+0000. What is neither becomes U+FFFD. */
static bool make_text(struct buf *value)
{
	struct buf clean = {0};
	struct slice part = {value->data, 0};
	const char *end = value->data + value->len;
	bool ok = true;

	if (!memchr(value->data, 0, value->len) && utf8_valid(value->data, value->len))
		return buf_add(value, "", 1);
	for (; ok && part.p < end; part.p += part.n + 1) {
		part.n = strnlen(part.p, (size_t)(end - part.p));
		ok = utf8_replace_invalid(part, &clean) && (part.p + part.n == end || buf_add_text(&clean, "\xEF\xBF\xBD"));
	}
	ok = ok && buf_add(&clean, "", 1);
	buf_free(value);
	*value = clean;
	return ok;
}

bool postgresql_values(struct postgresql *p, const struct sink_message *m, const char *values[POSTGRESQL_COLUMNS_MAX], int lengths[POSTGRESQL_COLUMNS_MAX])
{
	const struct named_templates *columns = &postgresql_options(p->sink)->columns;
	struct template_values of = *m->values;

	of.body = m->body; /* of a delivery by GET: its parameters */
	for (size_t i = 0; i < columns->n; i++) {
		struct buf *value = &p->value[i];

		value->len = 0;
		if (!template_print(columns->item[i].value, &of, value))
			return false;
		lengths[i] = (int)value->len;
		values[i] = value->len ? value->data : p->link.binary[i] ? "" : NULL;
		if (!value->len || p->link.binary[i])
			continue;
		if (!make_text(value))
			return false;
		values[i] = value->data;
	}
	return true;
}

/* ---- errors; classes and codes of https://www.postgresql.org/docs/15/errcodes-appendix.html */

/* A message about a value has it behind a colon: no body goes to the log. The same holds for the error's details, which are left out. */
void postgresql_note_error(struct postgresql_error *e, const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE), *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	size_t n;

	if (e->set)
		return;
	if (!text)
		text = PQresultErrorMessage(r);
	n = strcspn(text, state && strncmp(state, "22", 2) == 0 ? ":\n" : "\n");
	e->set = true;
	snprintf(e->state, sizeof e->state, "%s", state ? state : "");
	snprintf(e->text, sizeof e->text, "%.*s%s%s%s", n < 200 ? (int)n : 200, text, state ? " (SQLSTATE " : "", state ? state : "", state ? ")" : "");
}

static bool is_of_class(const struct postgresql_error *e, const char *const *classes)
{
	for (; *classes; classes++)
		if (strncmp(e->state, *classes, 2) == 0)
			return true;
	return false;
}

/* A value that its column does not take, a constraint, the check of a view, a row that is too large for an index. */
static const char *const refusing[] = {"22", "23", "44", "54", NULL};

/* The same, and what a function of the table's owner raises; a rollback that another transaction causes. */
static const char *const of_event[] = {"22", "23", "44", "54", "P0", "38", "39", "40", NULL};

bool postgresql_is_of_event(const struct postgresql_error *e)
{
	return is_of_class(e, of_event);
}

struct sink_result postgresql_result(const struct postgresql_error *e)
{
	bool refused = is_of_class(e, refusing);

	return (struct sink_result){.verdict = refused ? SINK_REFUSED : SINK_RETRY, .target_failed = !postgresql_is_of_event(e), .error = e->text};
}
