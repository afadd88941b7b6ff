/* SPDX-License-Identifier: ISC */
/*
 * GitHub's API: the deliveries of one webhook, the newest first, and a redelivery of each event whose newest delivery has failed.
 *
 * GitHub delivers such an event itself once more, signed as ever, so nothing is stored here. A delivery that was asked for again is
 * remembered by its event's guid: until GitHub lists another delivery of that event, it is not asked for a second time.
 *
 * docs.github.com/rest, "List deliveries for a repository webhook", "Redeliver a delivery for a repository webhook".
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catchup/provider.h"
#include "catchup/raw.h"
#include "core/clock.h"

enum {
	DELIVERIES_MAX = 1000, /* of a page: 100 are asked for */
	GUIDS_MAX = 30000,     /* of a run: CATCHUP_REQUESTS_MAX pages of 100 */
	GUID_SIZE = 40,        /* a UUID has 36 characters */
};

struct delivery_row {
	int64_t id, delivered_at;
	struct slice guid;
	bool failed;
};

/* The guids of a run, in the order of a hash table with open addressing. */
struct guids {
	char (*slot)[GUID_SIZE];
	size_t size, n;
};

/* True for a guid that is new. False also where memory is short or there are too many: after run_fail(). */
static bool add_guid(struct catchup_run *r, struct guids *g, struct slice guid)
{
	uint64_t h = 0xCBF29CE484222325U; /* FNV-1a */
	size_t at;

	if (!g->slot) {
		g->size = 2 * GUIDS_MAX;
		g->slot = calloc(g->size, sizeof *g->slot);
	}
	if (!g->slot || g->n == GUIDS_MAX)
		return run_fail(r, g->slot ? "there are more than %d deliveries to look through" : "memory is short", GUIDS_MAX);
	for (size_t i = 0; i < guid.n; i++)
		h = (h ^ (unsigned char)guid.p[i]) * 0x100000001B3U;
	for (at = h % g->size; *g->slot[at]; at = (at + 1) % g->size)
		if (strlen(g->slot[at]) == guid.n && memcmp(g->slot[at], guid.p, guid.n) == 0)
			return false;
	memcpy(g->slot[at], guid.p, guid.n);
	g->n++;
	return true;
}

static bool read_positive(struct slice raw, int64_t max, int64_t *v)
{
	*v = 0;
	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] < '0' || raw.p[i] > '9' || *v > (max - (raw.p[i] - '0')) / 10)
			return false;
		*v = *v * 10 + (raw.p[i] - '0');
	}
	return raw.n > 0;
}

/* False after run_fail(): the element has another shape. */
static bool read_delivery(struct catchup_run *r, struct slice element, struct delivery_row *d, struct buf *scratch)
{
	int64_t status;

	scratch->len = 0;
	if (!buf_reserve(scratch, element.n + 1))
		return run_fail(r, "memory is short");
	if (!read_positive(raw_member(element, "id"), INT64_MAX, &d->id))
		return run_fail(r, "the answer has another shape: id is no number");
	if (!read_positive(raw_member(element, "status_code"), 999, &status))
		return run_fail(r, "the answer has another shape: status_code is no number");
	if (!clock_read(raw_text(raw_member(element, "delivered_at"), scratch), &d->delivered_at))
		return run_fail(r, "the answer has another shape: delivered_at is no time");
	d->guid = raw_is_string(raw_member(element, "guid")) ? raw_text(raw_member(element, "guid"), scratch) : (struct slice){0};
	if (d->guid.n == 0 || d->guid.n >= GUID_SIZE || memchr(d->guid.p, '\0', d->guid.n))
		return run_fail(r, "the answer has another shape: guid is none");
	d->failed = status < 200 || status > 299;
	return true;
}

/* Asks for a redelivery, unless one is under way, or the event is in the spool. False when the run cannot go on. */
static bool redeliver(struct catchup_run *r, const struct delivery_row *d, struct catchup_answer *a)
{
	int64_t asked;
	char path[64];
	bool has;

	if (!run_find_item(r, d->guid, &asked))
		return false;
	if (!spool_catchup_has(r->db, r->conf->endpoint->path, d->guid, d->guid, &has))
		return run_fail(r, "%s", spool_db_error(r->db));
	if (has || asked == d->id) {
		r->known++;
		return true;
	}
	if (r->spool) {
		snprintf(path, sizeof path, "/deliveries/%" PRId64 "/attempts", d->id);
		catchup_client_post(r->client, path, a);
		if (!run_answered(r, a, "redelivery"))
			return a->verdict == CATCHUP_GONE; /* GitHub keeps deliveries for some days */
	}
	run_count_found(r, d->delivered_at);
	return run_note_item(r, d->guid, d->id);
}

/* Takes a page. *reached becomes true behind the time that the run looks back to. False when the run cannot go on. */
static bool take_deliveries(struct catchup_run *r, const struct catchup_answer *list, struct guids *guids, bool *reached)
{
	struct slice rest = raw_whole((struct slice){list->body.data, list->body.len}), element;
	struct catchup_answer a = {.status = 0};
	struct buf scratch = {0};
	struct delivery_row d;
	bool ok = true;
	int n = 0;

	if (!raw_is_array(rest))
		return run_fail(r, "the answer has another shape: it is no list");
	while (ok && !*reached && n++ < DELIVERIES_MAX && raw_next_element(&rest, &element)) {
		if (!read_delivery(r, element, &d, &scratch))
			continue;
		*reached = d.delivered_at < r->from;
		/* the newest delivery of an event comes first, and says how the event stands */
		if (!*reached && add_guid(r, guids, d.guid) && d.failed && d.delivered_at < r->until)
			ok = redeliver(r, &d, &a);
	}
	catchup_answer_free(&a);
	buf_free(&scratch);
	return ok;
}

/*
 * Finds the cursor of the next page in the header Link (RFC 8288): <https://...?per_page=100&cursor=X>; rel="next". Only the cursor is
 * taken, and not the address. False: this is the last page.
 */
static bool next_cursor(const char *link, char *cursor, size_t size)
{
	const char *end, *at, *next = strstr(link, "rel=\"next\"");
	size_t n;

	for (end = next; end && end > link && *end != '>'; end--)
		;
	for (at = end; at && at > link && *at != '<'; at--)
		;
	at = end && end > at ? strstr(at, "cursor=") : NULL;
	if (!at || at > end || (at[-1] != '?' && at[-1] != '&'))
		return false;
	at += strlen("cursor=");
	n = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%+=/:,");
	if (n == 0 || n >= size || !strchr("&>", at[n]))
		return false;
	memcpy(cursor, at, n);
	cursor[n] = '\0';
	return true;
}

static void fetch_deliveries(struct catchup_run *r)
{
	char path[CATCHUP_LINK_MAX + 64], cursor[CATCHUP_LINK_MAX] = "";
	struct catchup_answer list = {.status = 0};
	struct catchup_pages pages = {.n = 0};
	struct guids guids = {.n = 0};
	bool reached = false, ok;

	do {
		snprintf(path, sizeof path, "/deliveries?per_page=100%s%s", *cursor ? "&cursor=" : "", cursor);
		catchup_client_get(r->client, path, &list);
		ok = run_answered(r, &list, "deliveries") && run_check_body(r, &list, "deliveries") &&
			take_deliveries(r, &list, &guids, &reached) && run_save(r, (struct slice){"", 0});
		if (r->progress)
			r->progress(r);
	} while (ok && !reached && next_cursor(list.link, cursor, sizeof cursor) && run_next_page(r, &pages, slice_text(cursor)));
	free(guids.slot);
	catchup_answer_free(&list);
}

const struct catchup_provider catchup_github = {
	.scheme = "github",
	.one = "delivery", .many = "deliveries",
	.was = "had failed and was asked for again", .were = "had failed and were asked for again",
	.fetch = fetch_deliveries,
};
