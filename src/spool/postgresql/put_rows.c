/* SPDX-License-Identifier: ISC */
/* A batch of events as the parameters of put's statements. */
#include "spool/postgresql/put_rows.h"

#include <stdlib.h>
#include <string.h>

#include "core/encode.h"
#include "core/random.h"

enum { RUN_MOST = 256, RUN_BYTES = 32 << 20 };

/* ---- taking events */

/* The columns of another spool, as spool_key_make() makes them. */
static bool take_kept_key(const struct spool_event *ev, struct buf *text, struct spool_key *k)
{
	*k = (struct spool_key){0};
	if (!ev->key.p)
		return true;
	text->len = 0;
	if (!buf_add(text, ev->key.p, ev->key.n) || (ev->scope.n && !buf_add(text, ev->scope.p, ev->scope.n)))
		return false;
	k->whole = (struct slice){text->data ? text->data : "", text->len};
	k->id = ev->key;
	k->scope = ev->scope;
	if (ev->digest)
		memcpy(k->digest, ev->digest, sizeof k->digest);
	return true;
}

/* An event without a key is a duplicate of itself alone: when its commit is tried again, also from the overflow, which keeps its name. */
static bool name_event(struct spool_event *ev)
{
	unsigned char bytes[(sizeof ev->once - 1) / 2];

	if (*ev->once)
		return true;
	if (!random_bytes(bytes, sizeof bytes))
		return false;
	encode(ENCODING_HEX, bytes, sizeof bytes, ev->once);
	return true;
}

static bool hash_key(struct put_item *i, struct slice salt)
{
	struct slice own = i->key.whole;
	struct buf text = {0};
	bool ok = own.p || i->ev->kept || name_event(i->ev);

	if (!own.p)
		own = i->ev->kept ? i->ev->origin : slice_text(i->ev->once);
	ok = ok && buf_add(&text, salt.p, salt.n) && (i->key.whole.p || buf_add(&text, "\xff", 1)) && buf_add(&text, own.p, own.n);
	ok = ok && spool_key_digest((struct slice){text.data, text.len}, i->hash);
	buf_free(&text);
	return ok;
}

/* An event that is known by its bytes has a hash of them already. */
static bool digest_bytes(struct put_item *i)
{
	if (i->is_unsigned)
		memcpy(i->digest, i->key.digest, sizeof i->digest);
	else if (i->ev->identity == SPOOL_IDENTITY_SIGNED)
		return spool_key_digest(spool_key_bytes(i->ev), i->digest);
	else
		memcpy(i->digest, i->hash, sizeof i->digest);
	return true;
}

static struct put_item *new_item(struct put_rows *b)
{
	struct put_item *more;
	size_t cap = b->cap ? 2 * b->cap : 64;

	if (b->n == b->cap) {
		more = realloc(b->item, cap * sizeof *more);
		if (!more)
			return NULL;
		memset(more + b->cap, 0, (cap - b->cap) * sizeof *more);
		b->item = more;
		b->cap = cap;
	}
	return &b->item[b->n++];
}

static bool take_event(struct put_rows *b, struct spool_event *ev, struct slice salt)
{
	struct put_item *i = new_item(b);

	if (!i)
		return false;
	i->ev = ev;
	if (!(ev->kept ? take_kept_key(ev, &i->text, &i->key) : spool_key_make(ev, &i->text, &i->key)) || !hash_key(i, salt))
		return false;
	i->is_unsigned = ev->identity == SPOOL_IDENTITY_UNSIGNED && i->key.whole.p;
	return digest_bytes(i);
}

bool put_rows_take(struct put_rows *b, const struct spool_batch *first, struct slice salt)
{
	bool ok = true;

	b->n = 0;
	for (; ok && first; first = first->next)
		for (struct spool_event *ev = first->events; ok && ev; ev = ev->next)
			ok = ev->settled || take_event(b, ev, salt);
	return ok;
}

/* ---- runs */

/* A statement does not see what it inserts: two events of one key, or of the same bytes, are of two statements. */
static bool share_anything(const struct put_item *a, const struct put_item *b)
{
	return memcmp(a->hash, b->hash, BATCH_HASH) == 0 || (a->is_unsigned && b->is_unsigned && memcmp(a->digest, b->digest, BATCH_HASH) == 0);
}

size_t put_rows_run(const struct put_rows *b, size_t from, size_t to)
{
	size_t bytes = 0, end = from;

	for (; end < to && end - from < RUN_MOST; end++) {
		for (size_t k = from; k < end; k++)
			if (share_anything(&b->item[k], &b->item[end]))
				return end;
		bytes += b->item[end].ev->body.n + b->item[end].ev->headers.n;
		if (bytes > RUN_BYTES && end > from)
			return end;
	}
	return end;
}

/* ---- columns */

static const enum pg_type column_types[BATCH_COLUMNS] = {
	[BATCH_ENDPOINT] = PG_TEXT, [BATCH_HASHES] = PG_BYTES, [BATCH_DIGESTS] = PG_BYTES, [BATCH_AT] = PG_NUMBER, [BATCH_UNSIGNED] = PG_BOOL,
	[BATCH_REPLAY] = PG_NUMBER, [BATCH_SECRET] = PG_NUMBER, [BATCH_EVENT] = PG_BYTES, [BATCH_KEY] = PG_BYTES, [BATCH_SCOPE] = PG_BYTES,
	[BATCH_ACCOUNT] = PG_BYTES, [BATCH_SENDER_ID] = PG_BYTES, [BATCH_SENDER_NAME] = PG_BYTES, [BATCH_CONVERSATION] = PG_BYTES,
	[BATCH_SENT_AT] = PG_BYTES, [BATCH_ADDRESS] = PG_BYTES, [BATCH_HEADERS] = PG_BYTES, [BATCH_BODY] = PG_BYTES, [BATCH_TEXT] = PG_BYTES,
	[BATCH_NOTE] = PG_BYTES, [BATCH_SOURCE] = PG_NUMBER, [BATCH_RELAY_EVENT] = PG_NUMBER, [BATCH_RELAY_SINK] = PG_TEXT,
	[BATCH_RELAY_CONVERSATION] = PG_BYTES, [BATCH_RELAY_JUDGE] = PG_NUMBER, [BATCH_RELAY_STORE] = PG_BOOL, [BATCH_RELAY_WITHHELD] = PG_BOOL,
};

static const enum pg_type window_types[] = {PG_TEXT, PG_BYTES, PG_NUMBER, PG_NUMBER};

static void clear_array(struct pg_array *a, enum pg_type type)
{
	a->type = type;
	pg_array_clear(a);
}

static void clear_columns(struct put_rows *b)
{
	b->any_store = false;
	for (size_t i = 0; i < BATCH_COLUMNS; i++)
		clear_array(&b->column[i], column_types[i]);
	for (size_t i = 0; i < 4; i++)
		clear_array(&b->window[i], window_types[i]);
	clear_array(&b->lock, PG_NUMBER);
	clear_array(&b->accepted, PG_NUMBER);
}

static struct slice hash_slice(const unsigned char *p)
{
	return (struct slice){(const char *)p, BATCH_HASH};
}

/* NOT NULL columns: an empty value is no missing one. */
static struct slice not_null(struct slice value)
{
	return value.p ? value : (struct slice){"", 0};
}

static struct slice text_or_null(const char *text)
{
	return text ? slice_text(text) : (struct slice){0};
}

/* The text for the relay, which then does not parse the body again: NULL where no sink needs it, empty where there is none. */
static struct slice stored_text(const struct spool_event *ev)
{
	bool any = false;

	for (size_t i = 0; !any && i < ev->n_relay; i++)
		any = ev->relay[i]->needs_text;
	for (size_t i = 0; !any && i < ev->n_store; i++)
		any = ev->store[i]->needs_text;
	if (any && ev->text.p && ev->text.n == 0)
		any = false; /* the body tells */
	return any ? not_null(ev->text) : (struct slice){0};
}

static void add_key_columns(struct put_rows *b, const struct put_item *i)
{
	const struct spool_event *ev = i->ev;

	pg_array_add(&b->column[BATCH_ENDPOINT], slice_text(ev->endpoint));
	pg_array_add(&b->column[BATCH_HASHES], hash_slice(i->hash));
	pg_array_add(&b->column[BATCH_DIGESTS], hash_slice(i->digest));
	pg_array_add_number(&b->column[BATCH_AT], ev->received_at);
	pg_array_add_bool(&b->column[BATCH_UNSIGNED], i->is_unsigned);
	pg_array_add_number(&b->column[BATCH_REPLAY], ev->replay_window);
}

static void add_event_columns(struct put_rows *b, const struct put_item *i)
{
	const struct spool_event *ev = i->ev;
	const struct {
		enum put_column column;
		struct slice value;
	} bytes[] = {
		{BATCH_EVENT, not_null(ev->event)}, {BATCH_KEY, i->key.id}, {BATCH_SCOPE, not_null(i->key.scope)}, {BATCH_ACCOUNT, ev->account},
		{BATCH_SENDER_ID, ev->sender_id}, {BATCH_SENDER_NAME, ev->sender_name}, {BATCH_CONVERSATION, ev->conversation},
		{BATCH_SENT_AT, ev->sent_at}, {BATCH_ADDRESS, text_or_null(ev->remote_addr)}, {BATCH_HEADERS, not_null(ev->headers)},
		{BATCH_BODY, not_null(ev->body)}, {BATCH_TEXT, stored_text(ev)}, {BATCH_NOTE, text_or_null(ev->note)},
	};

	pg_array_add_number(&b->column[BATCH_SECRET], ev->secret);
	for (size_t k = 0; k < sizeof bytes / sizeof *bytes; k++)
		pg_array_add(&b->column[bytes[k].column], bytes[k].value);
	pg_array_add_number(&b->column[BATCH_SOURCE], ev->source);
}

/* True when the sink's filter, as far as the receiver knows it, lets the event through. */
static bool is_wanted(const struct sink *sink, const struct spool_event *ev)
{
	return (ev->several_events || strlist_match(&sink->events, ev->event)) &&
		(ev->several_accounts || strlist_match(&sink->accounts, ev->account));
}

static void add_relay_row(struct put_rows *b, size_t number, const struct spool_event *ev, const struct sink *sink, bool store)
{
	if (!is_wanted(sink, ev))
		return;
	pg_array_add_number(&b->column[BATCH_RELAY_EVENT], (int64_t)number);
	pg_array_add(&b->column[BATCH_RELAY_SINK], slice_text(sink->name));
	pg_array_add(&b->column[BATCH_RELAY_CONVERSATION], sink->ordered ? ev->conversation : (struct slice){0});
	pg_array_add_number(&b->column[BATCH_RELAY_JUDGE], sink->filtered);
	pg_array_add_bool(&b->column[BATCH_RELAY_STORE], store);
	b->any_store = b->any_store || store;
	pg_array_add_bool(&b->column[BATCH_RELAY_WITHHELD], !store && !sink->catch_up);
}

/* The first bytes of the digest, as a number that the server can lock. */
static int64_t lock_number(const unsigned char *digest)
{
	int64_t n;

	memcpy(&n, digest, sizeof n);
	return n;
}

static void add_rest(struct put_rows *b, const struct put_item *i)
{
	const struct spool_event *ev = i->ev;

	if (i->is_unsigned)
		pg_array_add_number(&b->lock, lock_number(i->digest));
	if (ev->identity == SPOOL_IDENTITY_BODY && i->key.whole.p) {
		pg_array_add(&b->window[0], slice_text(ev->endpoint));
		pg_array_add(&b->window[1], hash_slice(i->hash));
		pg_array_add_number(&b->window[2], ev->received_at);
		pg_array_add_number(&b->window[3], ev->dedupe_window);
	}
	if (ev->reject)
		pg_array_add_number(&b->accepted, ev->reject);
}

static bool end_columns(struct put_rows *b)
{
	bool ok = pg_array_end(&b->lock) && pg_array_end(&b->accepted);

	for (size_t i = 0; ok && i < BATCH_COLUMNS; i++)
		ok = pg_array_end(&b->column[i]);
	for (size_t i = 0; ok && i < 4; i++)
		ok = pg_array_end(&b->window[i]);
	return ok;
}

bool put_rows_fill(struct put_rows *b, size_t from, size_t to)
{
	clear_columns(b);
	for (size_t i = from; i < to; i++) {
		const struct spool_event *ev = b->item[i].ev;

		add_key_columns(b, &b->item[i]);
		add_event_columns(b, &b->item[i]);
		for (size_t k = 0; k < ev->n_relay; k++)
			add_relay_row(b, i - from + 1, ev, ev->relay[k], false);
		for (size_t k = 0; k < ev->n_store; k++)
			add_relay_row(b, i - from + 1, ev, ev->store[k], true);
		add_rest(b, &b->item[i]);
	}
	return end_columns(b);
}

void put_rows_settle_new(struct put_rows *b)
{
	size_t left = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct put_item item = b->item[i];

		if (item.is_new) {
			item.ev->settled = true;
			continue;
		}
		b->item[i] = b->item[left]; /* each item keeps a buffer of its own */
		b->item[left++] = item;
	}
	b->n = left;
}

void put_rows_free(struct put_rows *b)
{
	for (size_t i = 0; i < b->cap; i++)
		buf_free(&b->item[i].text);
	free(b->item);
	for (size_t i = 0; i < BATCH_COLUMNS; i++)
		pg_array_free(&b->column[i]);
	for (size_t i = 0; i < 4; i++)
		pg_array_free(&b->window[i]);
	pg_array_free(&b->lock);
	pg_array_free(&b->accepted);
	*b = (struct put_rows){0};
}
