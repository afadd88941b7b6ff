/* SPDX-License-Identifier: ISC */
/* A file of the search index: its pages are checked when they are read, and written whole. */
#define _XOPEN_SOURCE 700 /* pread */
#include "spool/search/part.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/search/grams.h"
#include "spool/search/place.h"

enum {
	WORDS_A_PAGE = 63 * PART_WORDS,
	SCHEMES_A_PAGE = WORDS_A_PAGE * sizeof(uint64_t) / sizeof(struct search_scheme),
};

struct page {
	union {
		struct part_head head;
		uint64_t word[WORDS_A_PAGE];
		struct search_scheme scheme[SCHEMES_A_PAGE];
		unsigned char bytes[PART_PAGE - sizeof(uint64_t)];
	} is;
	uint64_t sum; /* of the bytes, the spool, the part and the page's place */
};

_Static_assert(sizeof(struct page) == PART_PAGE, "a page is read at once");

uint64_t part_sum(const void *page, const struct part_head *head, uint64_t at)
{
	return search_hash(head->identity ^ (uint64_t)head->number << 24 ^ at, page, PART_PAGE - sizeof(uint64_t));
}

static uint64_t scheme_pages(const struct part_head *head)
{
	return (head->schemes + SCHEMES_A_PAGE - 1) / SCHEMES_A_PAGE;
}

/* Of a row in the file. */
static uint64_t row_words(const struct part_head *head)
{
	return head->blocks ? (head->blocks + 63) / 64 : 1;
}

static uint64_t rows_a_page(const struct part_head *head)
{
	return WORDS_A_PAGE / row_words(head);
}

static uint64_t row_pages(const struct part_head *head)
{
	return ((UINT64_C(1) << head->rows) + rows_a_page(head) - 1) / rows_a_page(head);
}

static bool read_part_page(const struct part *p, uint64_t at, struct page *page)
{
	ssize_t n;

	do
		n = pread(p->fd, page, PART_PAGE, (off_t)(at * PART_PAGE));
	while (n < 0 && errno == EINTR);
	return n == PART_PAGE;
}

/* Takes the head, whose numbers bound all that follows. */
static bool take_head(struct part *p, int64_t number, uint64_t identity)
{
	const struct part_head *h = &p->head;
	struct page page;
	struct stat st;

	if (!read_part_page(p, 0, &page))
		return false;
	p->head = page.is.head;
	return h->magic == PART_MAGIC && h->identity == identity && h->number == number && page.sum == part_sum(&page, h, 0) &&
		h->rows >= PART_ROWS_LEAST && h->rows <= PART_ROWS_MOST && h->blocks <= PART_BLOCKS && h->schemes <= PART_SCHEMES &&
		fstat(p->fd, &st) == 0 && (uint64_t)st.st_size == (1 + scheme_pages(h) + row_pages(h)) * PART_PAGE;
}

bool part_open(int dir, int64_t number, uint64_t identity, struct part *p)
{
	char name[SEARCH_NAME];
	struct stat st;

	p->fd = openat(dir, search_part_name(number, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (p->fd < 0)
		return false;
	if (fstat(p->fd, &st) == 0 && S_ISREG(st.st_mode) && take_head(p, number, identity))
		return true;
	close(p->fd);
	return false;
}

bool part_is_current(const struct part *p, const struct search_schemes *s)
{
	struct page page;

	for (uint32_t i = 0; i < p->head.schemes; i++) {
		uint64_t at = 1 + i / SCHEMES_A_PAGE;
		const struct search_scheme *scheme = &page.is.scheme[i % SCHEMES_A_PAGE];

		if (i % SCHEMES_A_PAGE == 0 && (!read_part_page(p, at, &page) || page.sum != part_sum(&page, &p->head, at)))
			return false;
		if (scheme->reads != search_scheme_of(s, scheme->endpoint))
			return false;
	}
	return true;
}

bool part_filter(const struct part *p, uint64_t row, struct part_row *maybe)
{
	uint64_t n = row & ((UINT64_C(1) << p->head.rows) - 1), at = 1 + scheme_pages(&p->head) + n / rows_a_page(&p->head);
	const uint64_t *found;
	struct page page;

	if (!read_part_page(p, at, &page) || page.sum != part_sum(&page, &p->head, at))
		return false;
	found = page.is.word + n % rows_a_page(&p->head) * row_words(&p->head);
	for (uint64_t i = 0; i < row_words(&p->head); i++)
		maybe->word[i] &= found[i];
	return true;
}

bool part_load(const struct part *p, struct search_scheme schemes[PART_SCHEMES], struct part_row *rows)
{
	uint64_t n_schemes = scheme_pages(&p->head), n_rows = UINT64_C(1) << p->head.rows, words = row_words(&p->head), first, n;
	struct page page;

	for (uint64_t at = 1; at < 1 + n_schemes + row_pages(&p->head); at++) {
		if (!read_part_page(p, at, &page) || page.sum != part_sum(&page, &p->head, at))
			return false;
		first = (at - 1) * SCHEMES_A_PAGE;
		n = p->head.schemes - first;
		if (at <= n_schemes) {
			memcpy(schemes + first, page.is.scheme, (n < SCHEMES_A_PAGE ? n : SCHEMES_A_PAGE) * sizeof *schemes);
			continue;
		}
		first = (at - 1 - n_schemes) * rows_a_page(&p->head);
		for (uint64_t i = 0; i < rows_a_page(&p->head) && first + i < n_rows; i++)
			memcpy(rows[first + i].word, page.is.word + i * words, words * sizeof *page.is.word);
	}
	return true;
}

void part_close(struct part *p)
{
	close(p->fd);
}

static bool write_page(int fd, const struct part_head *head, uint64_t at, struct page *page)
{
	ssize_t n;

	page->sum = part_sum(page, head, at);
	do
		n = pwrite(fd, page, PART_PAGE, (off_t)(at * PART_PAGE));
	while (n < 0 && errno == EINTR);
	if (n >= 0 && n < PART_PAGE)
		errno = ENOSPC;
	return n == PART_PAGE;
}

static bool write_scheme_pages(int fd, const struct part_head *head, const struct search_scheme *schemes)
{
	struct page page;

	for (uint64_t first = 0; first < head->schemes; first += SCHEMES_A_PAGE) {
		uint64_t n = head->schemes - first < SCHEMES_A_PAGE ? head->schemes - first : SCHEMES_A_PAGE;

		page = (struct page){0};
		memcpy(page.is.scheme, schemes + first, n * sizeof *schemes);
		if (!write_page(fd, head, 1 + first / SCHEMES_A_PAGE, &page))
			return false;
	}
	return true;
}

static bool write_row_pages(int fd, const struct part_head *head, const struct part_row *rows)
{
	uint64_t words = row_words(head), at = 1 + scheme_pages(head), n = UINT64_C(1) << head->rows;
	struct page page;

	for (uint64_t first = 0; first < n; first += rows_a_page(head)) {
		page = (struct page){0};
		for (uint64_t i = 0; i < rows_a_page(head) && first + i < n; i++)
			memcpy(page.is.word + i * words, rows[first + i].word, words * sizeof *page.is.word);
		if (!write_page(fd, head, at++, &page))
			return false;
	}
	return true;
}

bool part_write(int fd, const struct part_head *head, const struct search_scheme *schemes, const struct part_row *rows)
{
	struct page page = {.is.head = *head};

	page.is.head.magic = PART_MAGIC;
	return write_scheme_pages(fd, head, schemes) && write_row_pages(fd, head, rows) && write_page(fd, head, 0, &page);
}
