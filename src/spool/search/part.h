/* SPDX-License-Identifier: ISC */
/*
 * A file of the search index: for 131,072 ids, which blocks of 256 ids have which grams.
 *
 * A gram's hash names some rows, and a row has a bit for each block. A block whose bit is 0 in one of them has no event with the gram. A
 * row has 8 bytes for each 64 blocks that are indexed. The file has pages of 4 KiB, each with a checksum: the head, how the texts were
 * read, the rows.
 *
 * Readers trust nothing in the file: a page that is missing or damaged means that every block may have the gram.
 */
#ifndef SEARCH_PART_H
#define SEARCH_PART_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/search.h"

enum {
	PART_BITS = 17, /* a part's ids have the same number above their lowest 17 bits */
	PART_IDS = 1 << PART_BITS,
	PART_BLOCKS = 512,
	PART_WORDS = PART_BLOCKS / 64,
	PART_BLOCK_IDS = PART_IDS / PART_BLOCKS,
	PART_ROWS_LEAST = 6, /* of the base-2 logarithm of a part's rows */
	PART_ROWS_MOST = 18, /* 16 MiB */
	PART_PAGE = 4096, /* bytes; the last 8 are the checksum */
	PART_SCHEMES = 4096, /* endpoints of which a part has texts */
};

#define PART_MAGIC UINT64_C(0x3348435241455348) /* "HSEARCH3"; of another byte order it is another number */

/* A bit for each block. */
struct part_row {
	uint64_t word[PART_WORDS];
};

struct part_head {
	uint64_t magic;
	uint64_t identity;  /* of the spool, and of the program's letters: place.h */
	int64_t number;     /* of the part: its ids shifted right by PART_BITS */
	uint32_t rows;      /* base-2 logarithm of the number of rows */
	uint32_t blocks;    /* that are indexed, from the first */
	uint32_t schemes;   /* endpoints */
	uint32_t unused;
	int64_t oldest, newest; /* received_at of its events, ms */
	uint64_t first, last;   /* of its events: witness.h */
	struct part_row open; /* blocks in which anything may be */
};

/* A file that is being read. */
struct part {
	int fd;
	struct part_head head;
};

/* Opens the part's file in the directory. False when there is none that is whole, or it is another spool's. */
bool part_open(int dir, int64_t number, uint64_t identity, struct part *p);

/* True when the part's texts were read as the configuration reads them now. */
bool part_is_current(const struct part *p, const struct search_schemes *s);

/* Keeps in `maybe` the blocks whose bit is set in the row that the hash names. False when the row is damaged. */
bool part_filter(const struct part *p, uint64_t row, struct part_row *maybe);

/* Reads how the texts were read, and all rows. False when any page is damaged. */
bool part_load(const struct part *p, struct search_scheme schemes[PART_SCHEMES], struct part_row *rows);

void part_close(struct part *p);

/* Writes a part's whole file. False with errno set. */
bool part_write(int fd, const struct part_head *head, const struct search_scheme *schemes, const struct part_row *rows);

/* The checksum of a page of the file: of its bytes, the spool, the part, and its place. */
uint64_t part_sum(const void *page, const struct part_head *head, uint64_t at);

/* The i-th row of a gram's hash, below 2^32. A file of fewer rows takes the lowest bits. */
static inline uint64_t part_row_of(uint64_t hash, unsigned i)
{
	return (uint32_t)((hash & UINT32_MAX) + i * (hash >> 32 | 1));
}

static inline bool part_has(const struct part_row *row, unsigned block)
{
	return row->word[block / 64] >> (block % 64) & 1;
}

static inline void part_set(struct part_row *row, unsigned block)
{
	row->word[block / 64] |= UINT64_C(1) << (block % 64);
}

#endif
