/* SPDX-License-Identifier: ISC */
/*
 * ConnectSafely's API: pages of conversations, the last active one first, and the messages of those that moved.
 *
 * A conversation that gets a message while it is paged through moves to the front, where this run does not see it again. The next run
 * does: its conversations begin where this run began. What it fetches of a conversation begins where that conversation was last
 * fetched, and not where the run begins, so that nothing of it is left out.
 *
 * Docs: "Get conversations", "Get messages of a conversation".
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "catchup/batch.h"
#include "catchup/message.h"
#include "catchup/provider.h"
#include "catchup/raw.h"
#include "core/clock.h"
#include "core/paths.h"
#include "core/urn.h"

enum {
	ITEMS_MAX = 1000, /* of one page: many times what is asked for */
	FAILURES_MAX = 3, /* conversations in a row whose messages the API cannot give: then it is the API that fails */
};

static const int64_t MESSAGE_OVERLAP_MS = INT64_C(3600000); /* as the run's */

/* What an answer says of the pages behind it. The slices live as long as its arena. */
struct paging {
	struct buf arena;
	struct slice cursor; /* p == NULL: it is the last page */
	struct catchup_pages pages;
	bool cached;         /* the API did not ask LinkedIn */
};

/* Reads hasMore and the cursor of that name. False after run_fail(), where the next page cannot be asked for. */
static bool read_paging(struct catchup_run *r, const struct catchup_answer *a, const char *cursor, struct paging *p)
{
	struct path paths[] = {{.text = "hasMore", .lenient = true}, {.text = cursor, .lenient = true}, {.text = "fromCache", .lenient = true}};
	const char *reason;
	bool more;

	p->arena.len = 0;
	if (paths_find(a->body.data, a->body.len, paths, 3, &p->arena, &reason) != PATHS_OK)
		return run_fail(r, "memory is short");
	more = paths[0].value.p ? paths[0].value.n == 4 : paths[1].value.p != NULL; /* "true" */
	p->cached = paths[2].value.p && paths[2].value.n == 4;
	p->cursor = more ? paths[1].value : (struct slice){0};
	if (!more)
		return true;
	if (!p->cursor.p || p->cursor.n >= SPOOL_CATCHUP_CURSOR)
		return run_fail(r, "the API says that there is more, but not where (%s)", cursor);
	return run_next_page(r, &p->pages, p->cursor);
}

/* The raw list of that name. p == NULL after run_fail(): the answer has another shape. */
static struct slice list_of(struct catchup_run *r, const struct catchup_answer *a, const char *name)
{
	struct slice list = raw_member(raw_whole((struct slice){a->body.data, a->body.len}), name);

	if (raw_is_array(list))
		return list;
	run_fail(r, "the answer has another shape: it has no list \"%s\"", name);
	return (struct slice){0};
}

/* Adds "&NAME=VALUE" to a query. */
static bool add_query(struct buf *path, const char *name, struct slice value)
{
	return buf_printf(path, "&%s=", name) && catchup_client_escape(path, value);
}

/* ---- the messages of one conversation */

struct conversation {
	struct slice urn, id;
	int64_t active; /* its last activity, ms since the epoch; INT64_MIN: not said */
	int64_t from;   /* its messages since then are fetched */
};

static bool ask_messages(struct catchup_run *r, const struct conversation *c, struct slice cursor, struct catchup_answer *a)
{
	struct buf path = {0};
	char since[CLOCK_TEXT];
	bool ok = buf_add_text(&path, "/linkedin/conversations/") && catchup_client_escape(&path, c->urn) &&
		buf_add_text(&path, "/messages?count=50") && add_query(&path, "accountId", slice_text(r->account)) &&
		add_query(&path, "since", slice_text(clock_format(c->from, since))) && (!cursor.n || add_query(&path, "cursor", cursor));

	if (ok)
		catchup_client_get(r->client, buf_str(&path), a);
	else
		run_fail(r, "memory is short");
	buf_free(&path);
	return ok && run_answered(r, a, "messages") && run_check_body(r, a, "messages");
}

/* Takes one message of a page. False when the run cannot go on. */
static bool take_one_message(struct catchup_run *r, const struct conversation *c, const struct message_context *context, struct slice message,
	struct batch *b, bool *reached)
{
	struct buf body = {0};
	const char *why = "";
	int64_t sent_at = 0;
	enum message_result result = message_read(message, context, &body, &sent_at, &why);

	if (result == MESSAGE_NO_MEMORY)
		run_fail(r, "memory is short");
	else if (result == MESSAGE_UNSURE)
		run_fail(r, "the answer has another shape: %s", why);
	else if (sent_at < c->from)
		*reached = true; /* the API need not heed since */
	else if (result == MESSAGE_OWN)
		r->own++;
	else if (sent_at < r->until)
		return batch_add(b, r, &body, sent_at);
	buf_free(&body);
	return result != MESSAGE_NO_MEMORY;
}

/* Takes a page. *reached becomes true when it has a message from before c->from. */
static bool take_messages(struct catchup_run *r, const struct conversation *c, const struct catchup_answer *a, struct batch *b, bool *reached)
{
	struct slice rest = list_of(r, a, "messages"), message;
	struct message_context context = {r->account, c->id, raw_member(raw_whole((struct slice){a->body.data, a->body.len}), "participants")};
	bool ok = rest.p != NULL;
	int n = 0;

	*reached = false;
	while (ok && n++ < ITEMS_MAX && raw_next_element(&rest, &message))
		ok = take_one_message(r, c, &context, message, b, reached);
	if (ok && n > ITEMS_MAX)
		return run_fail(r, "a page has more than %d messages", ITEMS_MAX);
	return ok;
}

/* Fetches its messages, the newest page first. False when the run cannot go on, or not all of them are there. */
static bool fetch_messages(struct catchup_run *r, const struct conversation *c, struct catchup_answer *a)
{
	struct paging paging = {.arena = {0}};
	struct buf cursor = {0};
	struct batch b = {0};
	bool ok, more = true, reached;

	do {
		ok = ask_messages(r, c, (struct slice){cursor.data, cursor.len}, a) && take_messages(r, c, a, &b, &reached) &&
			read_paging(r, a, "cursor", &paging);
		more = ok && !reached && paging.cursor.p;
		cursor.len = 0;
		if (more && !buf_add(&cursor, paging.cursor.p, paging.cursor.n))
			ok = run_fail(r, "memory is short");
	} while (ok && more);
	ok = batch_store(&b, r) && ok; /* what was fetched is stored in any case */
	buf_free(&cursor);
	buf_free(&paging.arena);
	return ok;
}

/* ---- the conversations */

/* Reads an element of the list. False after run_fail(). */
static bool read_conversation(struct catchup_run *r, struct slice element, struct conversation *c, struct buf *scratch)
{
	struct slice urn = raw_member(element, "conversationUrn"), active = raw_member(element, "lastActivityAt");

	scratch->len = 0;
	if (!buf_reserve(scratch, element.n + 1))
		return run_fail(r, "memory is short");
	*c = (struct conversation){.urn = raw_is_string(urn) ? raw_text(urn, scratch) : (struct slice){0}, .active = INT64_MIN};
	c->id = c->urn.n <= 2 * URN_ID_MAX ? urn_id(c->urn) : (struct slice){0};
	if (!c->id.p)
		return run_fail(r, "the answer has another shape: conversationUrn is no URN with an id");
	if (active.p && !raw_is_null(active) && !clock_read(raw_text(active, scratch), &c->active))
		return run_fail(r, "the answer has another shape: lastActivityAt is no time");
	return true;
}

/* Finds out since when its messages are needed. False on an error; *moved is false when none are. */
static bool look_at_conversation(struct catchup_run *r, struct conversation *c, bool *moved)
{
	int64_t fetched;

	*moved = c->active == INT64_MIN || c->active >= r->from;
	if (!*moved || !run_find_item(r, c->id, &fetched))
		return !*moved;
	*moved = fetched == INT64_MIN || c->active == INT64_MIN || c->active > fetched;
	c->from = fetched == INT64_MIN || fetched - MESSAGE_OVERLAP_MS < r->oldest ? r->oldest : fetched - MESSAGE_OVERLAP_MS;
	return true;
}

/* Fetches a conversation that moved. False when the run cannot go on. */
static bool catch_up_conversation(struct catchup_run *r, const struct conversation *c, struct catchup_answer *a)
{
	bool failed = r->failed, whole, goes_on;

	r->failed = false;
	whole = fetch_messages(r, c, a) && !r->failed;
	r->failures = a->verdict == CATCHUP_FAILED ? r->failures + 1 : 0;
	goes_on = a->verdict == CATCHUP_ANSWERED || a->verdict == CATCHUP_GONE || (r->failures && r->failures < FAILURES_MAX);
	r->failed = r->failed || failed;
	if (!whole)
		return goes_on;
	return run_note_item(r, c->id, c->active == INT64_MIN || c->active > r->now ? r->now : c->active >= r->until ? r->until - 1 : c->active);
}

struct list_page {
	struct catchup_answer list, messages;
	struct buf scratch;
	bool any_moved, any_old; /* conversations of the page that were active since r->from, and before */
	int64_t newest;          /* activity of all pages */
};

/* Takes the conversations of a page. False when the run cannot go on. */
static bool take_conversations(struct catchup_run *r, struct list_page *p)
{
	struct slice rest = list_of(r, &p->list, "conversations"), element;
	struct conversation c;
	bool ok = rest.p != NULL, moved;
	int n = 0;

	p->any_moved = p->any_old = false;
	while (ok && n++ < ITEMS_MAX && raw_next_element(&rest, &element)) {
		if (!read_conversation(r, element, &c, &p->scratch))
			continue;
		p->any_moved = p->any_moved || c.active >= r->from;
		p->any_old = p->any_old || (c.active != INT64_MIN && c.active < r->from);
		p->newest = c.active > p->newest ? c.active : p->newest;
		ok = look_at_conversation(r, &c, &moved) && (!moved || catch_up_conversation(r, &c, &p->messages));
	}
	if (ok && n > ITEMS_MAX)
		return run_fail(r, "a page has more than %d conversations", ITEMS_MAX);
	return ok;
}

static bool ask_conversations(struct catchup_run *r, const char *account, struct slice cursor, struct catchup_answer *a)
{
	struct buf path = {0};
	bool ok = buf_add_text(&path, "/linkedin/conversations?count=20") && (!account || add_query(&path, "accountId", slice_text(account))) &&
		(!cursor.n || add_query(&path, "nextCursor", cursor));

	if (ok)
		catchup_client_get(r->client, buf_str(&path), a);
	else
		run_fail(r, "memory is short");
	buf_free(&path);
	return ok;
}

/* Asks for the page at r->state.cursor. A cursor of an earlier run may be too old: then the run begins anew. */
static bool ask_page(struct catchup_run *r, struct list_page *p, bool resumed)
{
	if (!ask_conversations(r, r->account, slice_text(r->state.cursor), &p->list))
		return false;
	if (resumed && *r->state.cursor && (p->list.verdict == CATCHUP_REFUSED || p->list.verdict == CATCHUP_GONE)) {
		*r->state.cursor = '\0';
		if (!ask_conversations(r, r->account, (struct slice){0}, &p->list))
			return false;
	}
	return run_answered(r, &p->list, "conversations") && run_check_body(r, &p->list, "conversations");
}

/* What came from a cache is complete only as far as its newest conversation. */
static void limit_to_cache(struct catchup_run *r, int64_t newest)
{
	if (!r->aside && newest && newest < r->state.run_until)
		r->state.run_until = newest;
}

static void fetch_account(struct catchup_run *r)
{
	struct list_page p = {.newest = 0};
	struct paging paging = {.arena = {0}};
	bool ok, more, resumed = *r->state.cursor != '\0', cached = false;

	if (!message_is_account(slice_text(r->account))) {
		run_fail(r, "it is no account's id");
		return;
	}
	do {
		ok = ask_page(r, &p, resumed) && take_conversations(r, &p);
		resumed = false;
		/* its order is not promised: a page that has old conversations alone is the end */
		more = ok && !(p.any_old && !p.any_moved);
		if (ok)
			ok = read_paging(r, &p.list, "nextCursor", &paging);
		cached = cached || paging.cached;
		more = more && ok && paging.cursor.p;
		if (ok && more)
			ok = run_save(r, paging.cursor);
		if (r->progress)
			r->progress(r);
	} while (ok && more);
	if (ok && cached)
		limit_to_cache(r, p.newest);
	catchup_answer_free(&p.list);
	catchup_answer_free(&p.messages);
	buf_free(&p.scratch);
	buf_free(&paging.arena);
}

/* ---- the accounts */

static bool add_account(struct catchup_run *r, struct strlist *accounts, struct slice id)
{
	if (!message_is_account(id))
		return run_fail(r, "the answer has another shape: an account has no id");
	return strlist_add(accounts, id) || run_fail(r, "memory is short");
}

/* A page of all accounts' conversations names the accounts. */
static bool list_accounts(struct catchup_run *r, struct strlist *accounts)
{
	struct catchup_answer a = {.status = 0};
	struct buf scratch = {0};
	struct slice rest, element;
	bool ok = ask_conversations(r, NULL, (struct slice){0}, &a) && run_answered(r, &a, "conversations") &&
		run_check_body(r, &a, "conversations");
	int n = 0;

	rest = ok ? list_of(r, &a, "accounts") : (struct slice){0};
	ok = rest.p != NULL;
	while (ok && n++ < ITEMS_MAX && raw_next_element(&rest, &element)) {
		scratch.len = 0;
		ok = add_account(r, accounts, raw_text(raw_member(element, "id"), &scratch));
	}
	buf_free(&scratch);
	catchup_answer_free(&a);
	return ok;
}

const struct catchup_provider catchup_connectsafely = {
	.scheme = "connectsafely",
	.one = "message", .many = "messages",
	.was = "was fetched that the webhook had not delivered", .were = "were fetched that the webhook had not delivered",
	.list_accounts = list_accounts,
	.fetch = fetch_account,
};
