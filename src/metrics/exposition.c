/* SPDX-License-Identifier: ISC */
/* A writer of metrics for Prometheus: text format 0.0.4, and OpenMetrics 1.0. */
#include "metrics/exposition.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/utf8.h"

static const char *const type_names[] = {
	[EXPOSITION_COUNTER] = "counter", [EXPOSITION_GAUGE] = "gauge", [EXPOSITION_HISTOGRAM] = "histogram", [EXPOSITION_INFO] = "info"};

/* What a sample's name has behind that of the family. */
static const char *const suffixes[] = {
	[EXPOSITION_COUNTER] = "_total", [EXPOSITION_GAUGE] = "", [EXPOSITION_HISTOGRAM] = "", [EXPOSITION_INFO] = "_info"};

const struct exposition_label exposition_unlabelled[] = {{0}};

void exposition_begin(struct exposition *e, enum exposition_type type, const char *name, const char *help)
{
	e->type = type;
	e->name = name;
	e->help = help;
	e->headed = false;
}

static void note_failure(struct exposition *e, bool ok)
{
	e->failed = e->failed || !ok;
}

/* In the text format, HELP and TYPE name the samples, and there is no type "info". */
static void write_head(struct exposition *e)
{
	bool text = e->format == EXPOSITION_TEXT;
	const char *suffix = text ? suffixes[e->type] : "", *type = text && e->type == EXPOSITION_INFO ? "gauge" : type_names[e->type];

	if (e->headed)
		return;
	e->headed = true;
	note_failure(e, buf_printf(e->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", e->name, suffix, e->help, e->name, suffix, type));
}

/* Both formats escape the same three characters in a label's value. */
static bool write_escaped(struct buf *out, const char *value)
{
	bool ok = true;

	for (size_t n; ok && *value; value += n) {
		n = strcspn(value, "\\\"\n");
		ok = buf_add(out, value, n);
		if (!value[n])
			break;
		ok = ok && buf_add_text(out, value[n] == '\n' ? "\\n" : value[n] == '"' ? "\\\"" : "\\\\");
		n++;
	}
	return ok;
}

static bool write_label(struct buf *out, const char *name, const char *value)
{
	struct buf valid = {0};
	bool ok = utf8_replace_invalid(slice_text(value), &valid) && buf_printf(out, "%s=\"", name) &&
		write_escaped(out, valid.len ? buf_str(&valid) : "") && buf_add_text(out, "\"");

	buf_free(&valid);
	return ok;
}

/* bound == NULL: there is no label "le". */
static void write_labels(struct exposition *e, const struct exposition_label *labels, const char *bound)
{
	char before = '{';

	for (; labels->name; labels++, before = ',')
		note_failure(e, buf_add(e->out, &before, 1) && write_label(e->out, labels->name, labels->value));
	if (bound)
		note_failure(e, buf_printf(e->out, "%cle=\"%s\"", before, bound));
	if (before == ',' || bound)
		note_failure(e, buf_add_text(e->out, "}"));
}

/* Writes a number in its base unit, exactly and without zeros at its end; with a point where `point` is set, as bounds have it. */
static const char *number(char out[40], int64_t value, enum exposition_unit unit, bool point)
{
	int64_t whole = value / unit, part = llabs(value % unit);
	int digits = unit == EXPOSITION_ONE ? 0 : unit == EXPOSITION_MILLI ? 3 : 6;

	while (digits > 0 && part % 10 == 0) {
		part /= 10;
		digits--;
	}
	if (digits)
		snprintf(out, 40, "%s%" PRId64 ".%0*" PRId64, value < 0 && !whole ? "-" : "", whole, digits, part);
	else
		snprintf(out, 40, "%" PRId64 "%s", whole, point ? ".0" : "");
	return out;
}

void exposition_add(struct exposition *e, const struct exposition_label *labels, int64_t value, enum exposition_unit unit)
{
	char text[40];

	write_head(e);
	note_failure(e, buf_printf(e->out, "%s%s", e->name, suffixes[e->type]));
	write_labels(e, labels, NULL);
	note_failure(e, buf_printf(e->out, " %s\n", number(text, value, unit, false)));
}

static void write_part(struct exposition *e, const char *suffix, const struct exposition_label *labels, const char *bound, const char *value)
{
	note_failure(e, buf_printf(e->out, "%s%s", e->name, suffix));
	write_labels(e, labels, bound);
	note_failure(e, buf_printf(e->out, " %s\n", value));
}

/* The buckets are cumulative, and the count is their last: so the parts of a histogram never contradict each other. */
void exposition_add_histogram(struct exposition *e, const struct exposition_label *labels, const struct exposition_histogram *h)
{
	char bound[40], value[40];
	uint64_t count = 0;

	write_head(e);
	for (unsigned i = 0; i < h->n; i++) {
		count += h->bucket[i];
		write_part(e, "_bucket", labels, i + 1 < h->n ? number(bound, h->bound[i], h->unit, true) : "+Inf",
			number(value, (int64_t)count, EXPOSITION_ONE, false));
	}
	write_part(e, "_sum", labels, NULL, number(value, (int64_t)h->sum, h->unit, false));
	write_part(e, "_count", labels, NULL, number(value, (int64_t)count, EXPOSITION_ONE, false));
}

bool exposition_end(struct exposition *e)
{
	if (e->format == EXPOSITION_OPEN)
		note_failure(e, buf_add_text(e->out, "# EOF\n"));
	return !e->failed;
}

/* ---- Accept */

/* One range of the header, such as "text/plain;version=0.0.4;q=0.3". Its weight in thousandths; 1000 where it has none. */
static int weight_of(const char *range, size_t n)
{
	char text[128], *at, *end;

	snprintf(text, sizeof text, "%.*s", (int)n, range);
	for (at = strchr(text, ';'); at; at = strchr(at, ';')) {
		at += 1 + strspn(at + 1, " \t");
		if ((*at == 'q' || *at == 'Q') && at[1] == '=') {
			double q = strtod(at + 2, &end);

			return end > at + 2 && q >= 0 && q <= 1 ? (int)(q * 1000) : 0;
		}
	}
	return 1000;
}

static bool is_range(const char *range, size_t n, const char *type)
{
	size_t k = strlen(type);

	return n >= k && strncasecmp(range, type, k) == 0 && (n == k || strchr("; \t", range[k]));
}

enum exposition_format exposition_accepted(const char *accept)
{
	int open = 0, text = 0, weight;

	while (accept && *accept) {
		size_t n;

		accept += strspn(accept, ", \t");
		n = strcspn(accept, ",");
		weight = weight_of(accept, n);
		if (is_range(accept, n, "application/openmetrics-text"))
			open = weight > open ? weight : open;
		else if (is_range(accept, n, "text/plain"))
			text = weight > text ? weight : text;
		accept += n;
	}
	return open > 0 && open >= text ? EXPOSITION_OPEN : EXPOSITION_TEXT;
}

const char *exposition_media_type(enum exposition_format format)
{
	return format == EXPOSITION_OPEN ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8";
}
