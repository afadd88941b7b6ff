/* SPDX-License-Identifier: ISC */
/* Metrics of the receiver: deliveries by endpoint, outcome and secret, their bytes and times, and the histograms. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook/outcome.h"
#include "metrics/parts.h"
#include "spool/totals.h"

#define NO_ENDPOINT "none" /* the label of paths that no endpoint has; no endpoint has this path, as all begin with a slash */

/* The outcomes, and "altered": a duplicate with other bytes. */
enum { ALTERED = OUTCOME_COUNT, CODES };

/* What the counters have of an endpoint. */
struct received {
	char *endpoint;
	int64_t n[CODES];
	bool there[CODES]; /* it is to be written */
	int64_t bytes, last_event, last_refusal;
};

struct secret_use {
	size_t endpoint; /* its place in struct counted */
	int64_t id, n;
};

struct counted {
	struct received *endpoints;
	struct secret_use *secrets;
	size_t n_endpoints, n_secrets;
};

static void free_counted(struct counted *c)
{
	for (size_t i = 0; i < c->n_endpoints; i++)
		free(c->endpoints[i].endpoint);
	free(c->endpoints);
	free(c->secrets);
}

static const char *code_of(unsigned code)
{
	return code == ALTERED ? "altered" : outcome_info((enum outcome)code)->code;
}

/* CODES: there is no such outcome. */
static unsigned find_code(const char *text)
{
	unsigned code = 0;

	while (code < CODES && strcmp(code_of(code), text) != 0)
		code++;
	return code;
}

static bool is_proven(unsigned code)
{
	return code == OUTCOME_STORED || code == OUTCOME_DUPLICATE || code == ALTERED || code == OUTCOME_IGNORED;
}

/* The endpoint's place, made where it is not there. NULL when memory is short. */
static struct received *place_of_endpoint(struct counted *c, const char *endpoint)
{
	struct received *more, new = {.endpoint = NULL};

	for (size_t i = 0; i < c->n_endpoints; i++)
		if (strcmp(c->endpoints[i].endpoint, endpoint) == 0)
			return &c->endpoints[i];
	more = realloc(c->endpoints, (c->n_endpoints + 1) * sizeof *more);
	if (!more)
		return NULL;
	c->endpoints = more;
	new.endpoint = strdup(endpoint);
	if (!new.endpoint)
		return NULL;
	c->endpoints[c->n_endpoints] = new;
	return &c->endpoints[c->n_endpoints++];
}

/* All outcomes that a configured endpoint can have are written: a series that begins with its first failure shows no increase. */
static bool begin_endpoint(struct counted *c, const struct endpoint *e)
{
	struct received *r = place_of_endpoint(c, e->path);

	for (unsigned code = 0; r && code < CODES; code++)
		r->there[code] = code != OUTCOME_NOT_FOUND;
	return r != NULL;
}

static bool count_secret(struct counted *c, size_t endpoint, int64_t id, int64_t n)
{
	struct secret_use *more;

	for (size_t i = 0; i < c->n_secrets; i++) {
		if (c->secrets[i].endpoint == endpoint && c->secrets[i].id == id) {
			c->secrets[i].n += n;
			return true;
		}
	}
	more = realloc(c->secrets, (c->n_secrets + 1) * sizeof *more);
	if (!more)
		return false;
	c->secrets = more;
	c->secrets[c->n_secrets++] = (struct secret_use){endpoint, id, n};
	return true;
}

static bool take_counter(struct counted *c, const struct spool_counter *k)
{
	struct received *r = place_of_endpoint(c, *k->endpoint ? k->endpoint : NO_ENDPOINT);
	unsigned code = find_code(k->code);
	int64_t *last;

	if (!r || code == CODES)
		return r != NULL;
	r->there[code] = true;
	r->n[code] += k->n;
	r->bytes += k->bytes;
	last = is_proven(code) ? &r->last_event : code < ALTERED && outcome_rejected((enum outcome)code) ? &r->last_refusal : NULL;
	if (last && k->last_at > *last)
		*last = k->last_at;
	return !k->secret || count_secret(c, (size_t)(r - c->endpoints), k->secret, k->n);
}

static bool read_counters(struct metrics *m, struct counted *c)
{
	struct spool_rows *rows = spool_totals_counters(m->db);
	struct spool_counter k;
	bool ok = true;

	for (size_t i = 0; ok && i < m->conf->n_endpoints; i++)
		ok = begin_endpoint(c, &m->conf->endpoints[i]);
	while (ok && spool_totals_next(rows, &k))
		ok = take_counter(c, &k);
	m->e.failed = m->e.failed || !ok;
	return spool_rows_end(rows);
}

/* ---- the families */

static void write_outcomes(struct metrics *m, const struct counted *c)
{
	const struct received *end = c->endpoints + c->n_endpoints;

	exposition_begin(&m->e, EXPOSITION_COUNTER, "hookspool_deliveries",
		"Deliveries by endpoint and outcome; the endpoint none is of paths that no endpoint has.");
	for (const struct received *r = c->endpoints; r < end; r++)
		for (unsigned code = 0; code < CODES; code++)
			if (r->there[code])
				exposition_add(&m->e, EXPOSITION_LABELS({"endpoint", r->endpoint}, {"outcome", code_of(code)}), r->n[code], EXPOSITION_ONE);
	exposition_begin(&m->e, EXPOSITION_COUNTER, "hookspool_received_bytes", "Bytes of the bodies of deliveries.");
	for (const struct received *r = c->endpoints; r < end; r++)
		exposition_add(&m->e, EXPOSITION_LABELS({"endpoint", r->endpoint}), r->bytes, EXPOSITION_ONE);
}

static void write_times(struct metrics *m, const struct counted *c)
{
	const struct received *end = c->endpoints + c->n_endpoints;

	exposition_begin(&m->e, EXPOSITION_GAUGE, "hookspool_last_event_timestamp_seconds",
		"When an authentic delivery last came: stored, duplicate or ignored.");
	for (const struct received *r = c->endpoints; r < end; r++)
		if (r->last_event)
			exposition_add(&m->e, EXPOSITION_LABELS({"endpoint", r->endpoint}), r->last_event, EXPOSITION_MILLI);
	exposition_begin(&m->e, EXPOSITION_GAUGE, "hookspool_last_refusal_timestamp_seconds", "When a delivery was last answered with an error.");
	for (const struct received *r = c->endpoints; r < end; r++)
		if (r->last_refusal)
			exposition_add(&m->e, EXPOSITION_LABELS({"endpoint", r->endpoint}), r->last_refusal, EXPOSITION_MILLI);
	exposition_begin(&m->e, EXPOSITION_GAUGE, "hookspool_expect_seconds", "How often an event is expected: the option expect.");
	for (const struct endpoint *e = m->conf->endpoints; e < m->conf->endpoints + m->conf->n_endpoints; e++)
		if (e->expect)
			exposition_add(&m->e, EXPOSITION_LABELS({"endpoint", e->path}), e->expect, EXPOSITION_MILLI);
}

/* The text at *p, which moves on behind it; NULL: the list ends. */
static const char *next_text(const char **p, const char *end)
{
	const char *text = *p, *nul = text ? memchr(text, '\0', (size_t)(end - text)) : NULL;

	*p = nul ? nul + 1 : NULL;
	return nul ? text : NULL;
}

/* The source of the list's secret of that endpoint and id; NULL: it is not there. */
static const char *listed_source(struct slice names, const char *endpoint, const char *id)
{
	const char *p = names.p, *end = p + names.n, *part[4];

	while (p && p < end) {
		for (int i = 0; i < 4; i++)
			part[i] = next_text(&p, end);
		if (part[3] && strcmp(part[0], endpoint) == 0 && strcmp(part[2], id) == 0)
			return part[3];
	}
	return NULL;
}

/* False where neither the configuration nor the list names any secret. */
static bool has_names(const struct metrics *m)
{
	bool any = m->names.n > 0;

	for (size_t i = 0; !any && i < m->conf->n_endpoints; i++)
		any = m->conf->endpoints[i].secrets.n > 0;
	return any;
}

/* The secret's source, "removed" where the configuration has it no more; "" where none is known. */
static const char *source_of(const struct metrics *m, const char *endpoint, int64_t id, const char *hex)
{
	const struct endpoint *e = conf_endpoint(m->conf, endpoint);
	int number = e ? conf_secret(&e->secrets, id) : 0;
	const char *listed = number || !m->names.n ? NULL : listed_source(m->names, endpoint, hex);

	return number ? e->secrets.item[number - 1].source : listed ? listed : has_names(m) ? "removed" : "";
}

/* The id keeps the series apart: several secrets may have been removed, and a file may get another secret. */
static void write_secrets(struct metrics *m, const struct counted *c)
{
	char id[24];

	exposition_begin(&m->e, EXPOSITION_COUNTER, "hookspool_secret_deliveries", "Deliveries by the secret that proved them.");
	for (size_t i = 0; i < c->n_secrets; i++) { /* there may be none, and no memory */
		const struct secret_use *s = &c->secrets[i];
		const char *endpoint = c->endpoints[s->endpoint].endpoint;

		snprintf(id, sizeof id, "%" PRIx64, (uint64_t)s->id);
		exposition_add(&m->e, EXPOSITION_LABELS({"endpoint", endpoint}, {"secret", source_of(m, endpoint, s->id, id)}, {"secret_id", id}),
			s->n, EXPOSITION_ONE);
	}
}

bool parts_receiving(struct metrics *m)
{
	struct counted c = {0};
	bool ok = read_counters(m, &c);

	write_outcomes(m, &c);
	write_secrets(m, &c);
	write_times(m, &c);
	free_counted(&c);
	return ok;
}

void parts_durations(struct metrics *m)
{
	const struct measure_now *now = measure_now_of(m->measured);

	exposition_begin(&m->e, EXPOSITION_HISTOGRAM, "hookspool_answer_duration_seconds",
		"From a request's beginning to its answer, by the group of its outcome: other is ignored or a challenge, refused 4xx, failed 5xx.");
	for (unsigned g = 0; g < MEASURE_GROUPS; g++)
		parts_histogram(m, EXPOSITION_LABELS({"group", measure_groups[g]}), &now->answers[g], measure_durations, EXPOSITION_MICRO);
	exposition_begin(&m->e, EXPOSITION_HISTOGRAM, "hookspool_body_bytes", "Sizes of the bodies of deliveries.");
	parts_histogram(m, exposition_unlabelled, &now->sizes, measure_sizes, EXPOSITION_ONE);
	exposition_begin(&m->e, EXPOSITION_HISTOGRAM, "hookspool_commit_duration_seconds",
		"How long a commit of events took, with the wait for the spool's lock and the fsync.");
	parts_histogram(m, exposition_unlabelled, &now->commits, measure_durations, EXPOSITION_MICRO);
	exposition_begin(&m->e, EXPOSITION_HISTOGRAM, "hookspool_commit_events", "Events in one commit.");
	parts_histogram(m, exposition_unlabelled, &now->events, measure_events, EXPOSITION_ONE);
}
