/* SPDX-License-Identifier: ISC */
/* The ring of rejected deliveries, whose room is shared so that no sender's junk can take all of it. */
#include "spool/query/rejects.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"
#include "spool/query/share.h"
#include "spool/stmt.h"

enum {
	PENDING_MAX = 512,  /* in memory: a flush a second takes them away */
	PENDING_KEPT = 256, /* of more than that */
	PATH_KEPT = 512, TYPE_KEPT = 128, METHOD_KEPT = 32, /* bytes that a stranger may choose */
	LARGE_RING = 10000, /* from here on a cut makes room for some more: each one sorts the whole ring */
};

struct noted_reject {
	struct noted_reject *next; /* the one before it */
	char *endpoint, *reason, *remote_addr, *path, *method, *content_type, *body, *headers;
	char net[INET6_ADDRSTRLEN];
	const char *code;
	int64_t received_at, bytes;
	size_t body_len, headers_len;
	bool is_signed, dropped;
};

static void free_reject(struct noted_reject *r)
{
	free(r->endpoint);
	free(r->reason);
	free(r->remote_addr);
	free(r->path);
	free(r->method);
	free(r->content_type);
	free(r->body);
	free(r->headers);
	free(r);
}

static size_t size_of(const struct noted_reject *r)
{
	return r->body_len + r->headers_len;
}

static struct share_class class_of(const struct noted_reject *r)
{
	return (struct share_class){r->is_signed, r->endpoint ? r->endpoint : "", r->code, r->net};
}

static int compare_noted(const void *left, const void *right)
{
	struct share_class a = class_of(((const struct share *)left)->owner), b = class_of(((const struct share *)right)->owner);

	return spool_share_compare(&a, &b);
}

/* Marks those that are beyond the limit; by number, or by size. */
static void mark(struct spool_rejects *all, struct share *shares, uint64_t limit, bool by_size)
{
	struct share_class class, before = {0};
	int64_t id = all->n;
	size_t n = 0;

	for (struct noted_reject *r = all->newest; r; r = r->next, id--)
		if (!r->dropped && (!by_size || size_of(r)))
			shares[n++] = (struct share){.id = id, .room = by_size ? size_of(r) : 1, .owner = r};
	qsort(shares, n, sizeof *shares, compare_noted);
	for (size_t i = 0; i < n; i++, before = class) {
		class = class_of(shares[i].owner);
		spool_share_number(&shares[i], &class, i ? &shares[i - 1] : NULL, &before);
	}
	spool_share_rank(shares, n);
	for (size_t i = 0; i < n; i++)
		((struct noted_reject *)shares[i].owner)->dropped = shares[i].at > limit;
}

static void sweep(struct spool_rejects *all)
{
	struct noted_reject **at = &all->newest, *r;

	while ((r = *at)) {
		if (!r->dropped) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		all->size -= size_of(r);
		all->n--;
		free_reject(r);
	}
}

/* Where memory is too short to sort them, all go. */
static void bound(struct spool_rejects *all, size_t size)
{
	bool many = all->n > PENDING_MAX, large = all->size > size;
	struct share *shares;

	if (!many && !large)
		return;
	shares = calloc(all->n, sizeof *shares);
	if (!shares) {
		spool_rejects_free(all);
		return;
	}
	if (many)
		mark(all, shares, PENDING_KEPT, false);
	if (large)
		mark(all, shares, size, true);
	free(shares);
	sweep(all);
}

static char *copy(const char *s)
{
	return s ? strdup(s) : NULL;
}

/* Whole characters of the text's beginning. */
static char *copy_some(const char *s, size_t most)
{
	size_t n = s ? strlen(s) : 0;

	return s ? strndup(s, n > most ? utf8_fit(s, n, most) : n) : NULL;
}

static char *copy_bytes(struct slice from, size_t *n)
{
	char *p = from.p ? malloc(from.n + 1) : NULL;

	if (p && from.n)
		memcpy(p, from.p, from.n);
	*n = p ? from.n : 0;
	return p;
}

/* An IPv6 customer has at least a /64 (RFC 6177), so that its addresses count as one. */
static void find_net(const char *address, char net[INET6_ADDRSTRLEN])
{
	struct in6_addr a;

	if (!address || inet_pton(AF_INET6, address, &a) != 1) {
		snprintf(net, INET6_ADDRSTRLEN, "%s", address ? address : "");
		return;
	}
	if (!IN6_IS_ADDR_V4MAPPED(&a))
		memset(a.s6_addr + 8, 0, 8);
	inet_ntop(AF_INET6, &a, net, INET6_ADDRSTRLEN);
}

void spool_rejects_add(struct spool_rejects *to, const struct spool_reject *r, size_t size)
{
	struct noted_reject *new = calloc(1, sizeof *new);

	if (!new)
		return;
	new->endpoint = copy(r->endpoint);
	new->reason = copy(r->reason);
	new->remote_addr = copy(r->remote_addr);
	new->path = copy_some(r->path, PATH_KEPT);
	new->method = copy_some(r->method, METHOD_KEPT);
	new->content_type = copy_some(r->content_type, TYPE_KEPT);
	find_net(r->remote_addr, new->net);
	new->code = r->code;
	new->received_at = r->received_at;
	new->bytes = r->bytes;
	new->is_signed = r->is_signed;
	if (r->body.n + r->headers.n <= size) {
		new->body = copy_bytes(r->body, &new->body_len);
		new->headers = copy_bytes(r->headers, &new->headers_len);
	}
	new->next = to->newest;
	to->newest = new;
	to->n++;
	to->size += size_of(new);
	bound(to, size);
}

void spool_rejects_join(struct spool_rejects *to, struct spool_rejects *from, size_t size)
{
	struct noted_reject **end = &from->newest;

	while (*end)
		end = &(*end)->next;
	*end = to->newest;
	to->newest = from->newest;
	to->n += from->n;
	to->size += from->size;
	*from = (struct spool_rejects){0};
	bound(to, size);
}

/* The list is newest first and the table oldest first. */
static bool write_list(const struct noted_reject *r, struct spool_stmt *st)
{
	bool ok;

	if (!r)
		return true;
	if (!write_list(r->next, st))
		return false;
	spool_stmt_bind_int(st, 1, r->received_at);
	spool_stmt_bind_text(st, 2, r->endpoint);
	spool_stmt_bind_text(st, 3, r->code);
	spool_stmt_bind_text(st, 4, r->reason);
	spool_stmt_bind_int(st, 5, r->bytes);
	spool_stmt_bind_text(st, 6, r->remote_addr);
	spool_stmt_bind_blob(st, 7, (struct slice){r->body, r->body_len});
	spool_stmt_bind_slice(st, 8, (struct slice){r->headers, r->headers_len});
	spool_stmt_bind_text(st, 9, r->path);
	spool_stmt_bind_text(st, 10, r->method);
	spool_stmt_bind_text(st, 11, r->content_type);
	spool_stmt_bind_int(st, 12, r->is_signed);
	spool_stmt_bind_text(st, 13, r->net);
	spool_stmt_bind_int(st, 14, (int64_t)size_of(r));
	ok = spool_stmt_step(st) == SPOOL_DONE;
	spool_stmt_reset(st);
	return ok;
}

bool spool_rejects_write(const struct spool_rejects *from, struct spool_db *db)
{
	struct spool_stmt *st;
	bool ok;

	if (!from->newest)
		return true;
	if (!spool_stmt_prepare(db, "INSERT INTO reject(received_at, endpoint, code, reason, bytes, remote_addr, body, headers,"
			" path, method, content_type, signed, net, kept) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)", &st))
		return false;
	ok = write_list(from->newest, st);
	spool_stmt_free(st);
	return ok;
}

bool spool_rejects_expire(struct spool_db *db, const struct reject_limits *limits, int64_t now)
{
	return spool_stmt_run(db, "DELETE FROM reject WHERE received_at < ?1 OR received_at > ?2", now - limits->age, now + limits->age);
}

/* What is in the ring, from its index alone. */
static bool measure(struct spool_db *db, int64_t *n, int64_t *size)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, "SELECT count(*), CAST(coalesce(sum(kept), 0) AS BIGINT) FROM reject INDEXED BY reject_share", &st))
		return false;
	ok = spool_stmt_step(st) == SPOOL_ROW;
	*n = spool_stmt_int64(st, 0);
	*size = spool_stmt_int64(st, 1);
	spool_stmt_free(st);
	return ok;
}

/* A class that owns its texts. */
struct own_class {
	struct share_class class;
	char *text[3];
};

/* Reads the class of the statement's row. False when memory is short. */
static bool read_class(struct spool_stmt *st, struct own_class *out)
{
	const char *text;
	bool ok = true;

	for (int i = 0; i < 3; i++) {
		text = spool_stmt_text(st, 2 + i);
		free(out->text[i]);
		out->text[i] = strdup(text);
		ok = ok && out->text[i];
	}
	out->class = (struct share_class){(int)spool_stmt_int64(st, 1), out->text[0], out->text[1], out->text[2]};
	return ok;
}

/* Reads the ring in the order of its index, which has each class together. *n becomes how many were read. */
static bool read_shares(struct spool_db *db, bool by_size, struct share *shares, size_t most, size_t *n)
{
	struct own_class class[2] = {0};
	struct spool_stmt *st;
	bool ok = true;
	enum spool_step rc = SPOOL_DONE;

	if (!spool_stmt_prepare(db, "SELECT id, signed, endpoint, code, net, kept FROM reject INDEXED BY reject_share"
			" ORDER BY signed, endpoint, code, net, kept", &st))
		return false;
	for (*n = 0; ok && *n < most && (rc = spool_stmt_step(st)) == SPOOL_ROW;) {
		struct share *s = &shares[*n];
		int64_t kept = spool_stmt_int64(st, 5);

		if (by_size && kept <= 0)
			continue;
		*s = (struct share){.id = spool_stmt_int64(st, 0), .room = by_size ? (uint64_t)kept : 1};
		ok = read_class(st, &class[*n % 2]);
		if (ok)
			spool_share_number(s, &class[*n % 2].class, *n ? s - 1 : NULL, &class[(*n + 1) % 2].class);
		++*n;
	}
	for (int i = 0; i < 6; i++)
		free(class[i / 3].text[i % 3]);
	spool_stmt_free(st);
	return ok && (rc == SPOOL_DONE || rc == SPOOL_ROW);
}

static bool delete_beyond(struct spool_db *db, const struct share *shares, size_t n, uint64_t limit)
{
	struct spool_stmt *st;
	bool ok = true;

	if (!spool_stmt_prepare(db, "DELETE FROM reject WHERE id = ?1", &st))
		return false;
	for (size_t i = 0; ok && i < n; i++) {
		if (shares[i].at <= limit)
			continue;
		spool_stmt_bind_int(st, 1, shares[i].id);
		ok = spool_stmt_step(st) == SPOOL_DONE;
		spool_stmt_reset(st);
	}
	spool_stmt_free(st);
	return ok;
}

static bool cut(struct spool_db *db, int64_t most, uint64_t limit, bool by_size)
{
	struct share *shares = calloc((size_t)most, sizeof *shares);
	size_t n = 0;
	bool ok = shares && read_shares(db, by_size, shares, (size_t)most, &n);

	if (ok) {
		spool_share_rank(shares, n);
		ok = delete_beyond(db, shares, n, limit);
	}
	free(shares);
	return ok;
}

bool spool_rejects_cut(struct spool_db *db, const struct reject_limits *limits)
{
	int64_t n, size;
	uint64_t keep = limits->keep;

	if (!measure(db, &n, &size))
		return false;
	if (keep >= LARGE_RING)
		keep -= keep / 64;
	return (n <= limits->keep || cut(db, n, keep, false)) && (size <= (int64_t)limits->size || cut(db, n, limits->size, true));
}

void spool_rejects_free(struct spool_rejects *all)
{
	struct noted_reject *r;

	while ((r = all->newest)) {
		all->newest = r->next;
		free_reject(r);
	}
	*all = (struct spool_rejects){0};
}
