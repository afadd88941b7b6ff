/* SPDX-License-Identifier: ISC */
/* Builds the search index, a part at a time. */
#include "spool/search_build.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "spool/fs.h"
#include "spool/search/grams.h"
#include "spool/search/part.h"
#include "spool/search/place.h"
#include "spool/search/witness.h"
#include "spool/stmt.h"

#define LOCK "lock"

enum {
	ROWS = 1 << PART_ROWS_MOST,
	SAMPLE = 4096, /* rows */
	SPARSE = 6, /* a part has half of its rows while no more than one bit of so many is set */
	FREE_LEAST = 128 << 20, /* bytes of the disk that stay for events */
};

/* The part being built. */
struct work {
	int64_t number;
	int fd;
	uint32_t blocks; /* that it will have */
	int64_t block;   /* that events are added to; -1: none */
	struct part_head head;
	uint64_t bit[ROWS / 64]; /* of that block: the rows that have it */
	struct search_scheme scheme[PART_SCHEMES];
	uint32_t scheme_at; /* of the last event */
	struct part_row row[ROWS];
};

struct search_build {
	struct spool_db *db;
	const struct search_schemes *schemes;
	int dir, lock;
	uint64_t identity;
	struct work *work; /* NULL: none */
};

uint64_t search_seed(uint64_t identity, enum search_field field)
{
	return search_hash(identity, &field, sizeof field);
}

static bool fail_build(struct search_build *b)
{
	return spool_db_fail(b->db, errno == ENOSPC ? SPOOL_ERROR_FULL : SPOOL_ERROR_OTHER, "search index: %s", strerror(errno));
}

/* ---- begin and end */

/* Removes what is no part of this spool: of one that was here before, of another release or copy, or half written. */
static bool tidy(struct search_build *b)
{
	int fd = dup(b->dir);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	char name[SEARCH_NAME];
	struct part p;
	int64_t number;
	bool ok = true;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (ok && (entry = readdir(dir))) {
		number = (int64_t)strtoull(entry->d_name, NULL, 16);
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, LOCK) == 0)
			continue;
		if (strcmp(search_part_name(number, name), entry->d_name) == 0 && search_witness_open(b->db, b->dir, number, b->identity, &p))
			part_close(&p);
		else
			ok = unlinkat(b->dir, entry->d_name, 0) == 0 || errno == ENOENT;
	}
	closedir(dir);
	return ok;
}

enum search_begun search_build_new(struct spool_db *db, const struct search_schemes *s, struct search_build **out)
{
	struct search_build *b = calloc(1, sizeof *b);

	*out = b;
	if (!b)
		return SEARCH_FAILED;
	*b = (struct search_build){.db = db, .schemes = s, .dir = search_place_open(db, true), .lock = -1};
	if (b->dir < 0 && !db->sql)
		return SEARCH_NONE;
	if (b->dir >= 0)
		b->lock = openat(b->dir, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (b->lock >= 0 && flock(b->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return SEARCH_HELD;
	if (b->lock < 0 || !spool_fs_give(db->dir_fd, b->lock)) {
		fail_build(b);
		return SEARCH_FAILED;
	}
	if (!search_identity(db, &b->identity))
		return SEARCH_FAILED;
	return tidy(b) || fail_build(b) ? SEARCH_BEGUN : SEARCH_FAILED;
}

static void end_work(struct search_build *b)
{
	if (b->work)
		close(b->work->fd);
	free(b->work);
	b->work = NULL;
}

void search_build_free(struct search_build *b)
{
	if (!b)
		return;
	end_work(b);
	if (b->lock >= 0)
		close(b->lock);
	if (b->dir >= 0)
		close(b->dir);
	free(b);
}

/* ---- choosing a part */

static bool ask_id(struct spool_db *db, const char *sql, int64_t parameter, int64_t *id)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_keep(db, sql, &st))
		return false;
	spool_stmt_bind_int(st, 1, parameter);
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	*id = spool_stmt_int64(st, 0);
	spool_stmt_reset(st);
	return ok;
}

/* The newest event up to that id; 0: there is none. */
static bool newest_up_to(struct spool_db *db, int64_t up_to, int64_t *id)
{
	return ask_id(db, "SELECT coalesce(max(id), 0) FROM event WHERE id <= ?1", up_to, id);
}

static bool oldest_event(struct spool_db *db, int64_t *id)
{
	return ask_id(db, "SELECT coalesce(min(id), 0) FROM event WHERE id >= ?1", 0, id);
}

/* The blocks that the part's file has and that are of use; 0 without one. */
static uint32_t blocks_there(const struct search_build *b, int64_t number)
{
	uint32_t blocks = 0;
	struct part p;

	if (!search_witness_open(b->db, b->dir, number, b->identity, &p))
		return 0;
	if (part_is_current(&p, b->schemes))
		blocks = p.head.blocks;
	part_close(&p);
	return blocks;
}

/* A file of fewer rows has the rows of a larger one laid over each other. */
static void lay_out(struct part_row *row, uint32_t rows)
{
	for (size_t n = (size_t)1 << rows; n < ROWS; n *= 2)
		memcpy(row + n, row, n * sizeof *row);
}

/* The part's file is looked at behind the making of the new one: a deletion that comes later removes that. */
static bool begin_part(struct search_build *b, int64_t number, uint32_t blocks)
{
	char name[SEARCH_NAME];
	struct work *w = calloc(1, sizeof *w);
	struct part p;

	b->work = w;
	if (!w)
		return spool_db_fail(b->db, SPOOL_ERROR_OTHER, "search index: memory is short");
	w->fd = -1;
	w->number = number;
	w->blocks = blocks;
	w->block = -1;
	w->head.identity = b->identity;
	w->head.number = number;
	w->head.oldest = INT64_MAX;
	w->head.newest = INT64_MIN;
	search_new_name(number, name);
	if (unlinkat(b->dir, name, 0) == 0 || errno == ENOENT)
		w->fd = openat(b->dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->fd < 0 || !spool_fs_give(b->db->dir_fd, w->fd))
		return fail_build(b);
	if (!search_witness_open(b->db, b->dir, number, b->identity, &p))
		return true;
	if (part_is_current(&p, b->schemes) && part_load(&p, w->scheme, w->row)) {
		w->head = p.head;
		lay_out(w->row, p.head.rows);
	} else {
		memset(w->row, 0, sizeof w->row); /* a part of it may have been read */
	}
	part_close(&p);
	return true;
}

/* A file is written anew as a whole: each time for a quarter more, so that an event is written a few times. */
static bool is_worth(uint32_t there, uint32_t blocks, int64_t least)
{
	int64_t more = (int64_t)(blocks - there) * PART_BLOCK_IDS;

	return more >= least && (blocks - there >= there / 4 || least == 1);
}

bool search_build_part(struct search_build *b, int64_t least, int64_t *first, int64_t *last)
{
	int64_t newest, oldest, settled, whole, id, begin;
	uint32_t there, blocks;

	*first = 1;
	*last = 0;
	end_work(b);
	if (!spool_db_settled(b->db, &settled) || !newest_up_to(b->db, settled, &newest) || !oldest_event(b->db, &oldest))
		return false;
	if (newest - oldest < SEARCH_LEAST || oldest <= 0)
		return true;
	whole = (newest + 1) / PART_BLOCK_IDS * PART_BLOCK_IDS - 1; /* the end of the last block that no event will join */
	for (id = whole; id >= oldest; id = begin - 1) {
		if (!newest_up_to(b->db, id, &id) || id <= 0)
			return id == 0;
		begin = id / PART_IDS * PART_IDS;
		there = blocks_there(b, id / PART_IDS);
		blocks = (uint32_t)((whole - begin + 1) / PART_BLOCK_IDS < PART_BLOCKS ? (whole - begin + 1) / PART_BLOCK_IDS : PART_BLOCKS);
		if (blocks <= there || (blocks < PART_BLOCKS && !is_worth(there, blocks, least)))
			continue;
		if (!begin_part(b, id / PART_IDS, blocks))
			return false;
		*first = begin + (int64_t)b->work->head.blocks * PART_BLOCK_IDS;
		*last = begin + (int64_t)blocks * PART_BLOCK_IDS - 1;
		return true;
	}
	return true;
}

/* ---- adding events */

/* Sets the block's bit in its rows. */
static void end_block(struct work *w)
{
	for (size_t i = 0; w->block >= 0 && i < ROWS / 64; i++)
		for (; w->bit[i]; w->bit[i] &= w->bit[i] - 1)
			part_set(&w->row[i * 64 + (size_t)__builtin_ctzll(w->bit[i])], (unsigned)w->block);
	w->block = -1;
}

static void add_gram(void *ctx, uint64_t hash, unsigned rows)
{
	struct work *w = ctx;

	for (unsigned i = 0; i < rows; i++) {
		uint64_t row = part_row_of(hash, i) % ROWS;

		w->bit[row / 64] |= UINT64_C(1) << (row % 64);
	}
}

static void open_block(struct work *w)
{
	part_set(&w->head.open, (unsigned)w->block);
}

static void set_words(struct search_build *b, struct slice text, enum search_field field)
{
	if (text.p && text.n <= SEARCH_TEXT_MOST)
		grams_each(text, search_seed(b->identity, field), add_gram, b->work);
	else if (text.p)
		open_block(b->work);
}

/* Notes how the endpoint's texts are read. */
static void note_scheme(struct search_build *b, uint64_t endpoint)
{
	struct work *w = b->work;
	uint32_t i = w->scheme_at;

	if (i < w->head.schemes && w->scheme[i].endpoint == endpoint)
		return;
	for (i = 0; i < w->head.schemes && w->scheme[i].endpoint != endpoint;)
		i++;
	if (i == PART_SCHEMES) {
		open_block(w);
		return;
	}
	w->scheme_at = i;
	w->scheme[i] = (struct search_scheme){endpoint, search_scheme_of(b->schemes, endpoint)};
	w->head.schemes += i == w->head.schemes;
}

static void set_value(struct search_build *b, const void *p, size_t n, enum search_field field)
{
	if (p)
		add_gram(b->work, search_hash(search_seed(b->identity, field), p, n), SEARCH_ID_ROWS);
}

static void set_time(struct part_head *head, int64_t at)
{
	head->oldest = at < head->oldest ? at : head->oldest;
	head->newest = at > head->newest ? at : head->newest;
}

void search_build_add(struct search_build *b, const struct search_event *ev)
{
	struct work *w = b->work;
	int64_t block = (ev->id - w->number * PART_IDS) / PART_BLOCK_IDS;

	if (block != w->block)
		end_block(w);
	w->block = block;
	note_scheme(b, ev->endpoint);
	if (ev->unread)
		open_block(w);
	set_time(&w->head, ev->received_at);
	set_value(b, &ev->endpoint, sizeof ev->endpoint, SEARCH_ENDPOINT);
	set_value(b, ev->event.p, ev->event.n, SEARCH_EVENT);
	set_value(b, ev->account.p, ev->account.n, SEARCH_ACCOUNT);
	set_value(b, ev->sender_id.p, ev->sender_id.n, SEARCH_SENDER_ID);
	set_words(b, ev->sender_name, SEARCH_SENDER_NAME);
	set_words(b, ev->text, SEARCH_TEXT);
	if (ev->stored.n && (ev->stored.n != ev->text.n || memcmp(ev->stored.p, ev->text.p, ev->text.n) != 0))
		set_words(b, ev->stored, SEARCH_TEXT);
}

/* ---- writing */

/* True while no more than one bit of SPARSE is set, by a sample of the rows: hashes spread them evenly. */
static bool is_sparse(const struct work *w, size_t rows)
{
	size_t step = rows > SAMPLE ? rows / SAMPLE : 1;
	uint64_t n = 0;

	for (size_t r = 0; r < rows; r += step)
		for (size_t i = 0; i < PART_WORDS; i++)
			n += (uint64_t)__builtin_popcountll(w->row[r].word[i]);
	return n * SPARSE <= (uint64_t)w->blocks * (rows / step);
}

/* Lays the upper half of the rows over the lower one, while few bits are set. */
static uint32_t lay_over(struct work *w)
{
	uint32_t rows = PART_ROWS_MOST;

	while (rows > PART_ROWS_LEAST && is_sparse(w, (size_t)1 << rows)) {
		rows--;
		for (size_t r = 0; r < (size_t)1 << rows; r++)
			for (size_t i = 0; i < PART_WORDS; i++)
				w->row[r].word[i] |= w->row[r + ((size_t)1 << rows)].word[i];
	}
	return rows;
}

static bool has_room(const struct search_build *b)
{
	struct statvfs fs;

	if (fstatvfs(b->dir, &fs) != 0 || fs.f_bavail * fs.f_frsize >= FREE_LEAST + sizeof b->work->row)
		return true;
	errno = ENOSPC;
	return false;
}

bool search_build_write(struct search_build *b)
{
	char new[SEARCH_NAME], name[SEARCH_NAME];
	struct work *w = b->work;
	bool ok;

	end_block(w);
	w->head.blocks = w->blocks;
	w->head.rows = lay_over(w);
	search_new_name(w->number, new);
	ok = search_witness_set(b->db, &w->head) && ((has_room(b) && part_write(w->fd, &w->head, w->scheme, w->row) &&
		(renameat(b->dir, new, b->dir, search_part_name(w->number, name)) == 0 || errno == ENOENT)) || fail_build(b));
	if (!ok)
		unlinkat(b->dir, new, 0);
	end_work(b);
	return ok;
}
