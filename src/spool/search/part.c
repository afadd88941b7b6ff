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
	ROWS_A_PAGE = 63,
	SCHEMES_A_PAGE = ROWS_A_PAGE * sizeof(struct part_row) / sizeof(struct search_scheme),
};

struct page {
	union {
		struct part_head head;
		struct part_row row[ROWS_A_PAGE];
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

static uint64_t row_pages(const struct part_head *head)
{
	return ((UINT64_C(1) << head->rows) + ROWS_A_PAGE - 1) / ROWS_A_PAGE;
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
	uint64_t n = row & ((UINT64_C(1) << p->head.rows) - 1), at = 1 + scheme_pages(&p->head) + n / ROWS_A_PAGE;
	const struct part_row *found;
	struct page page;

	if (!read_part_page(p, at, &page) || page.sum != part_sum(&page, &p->head, at))
		return false;
	found = &page.is.row[n % ROWS_A_PAGE];
	for (size_t i = 0; i < sizeof maybe->word / sizeof *maybe->word; i++)
		maybe->word[i] &= found->word[i];
	return true;
}

bool part_load(const struct part *p, struct search_scheme schemes[PART_SCHEMES], struct part_row *rows)
{
	uint64_t n_schemes = scheme_pages(&p->head), n_rows = UINT64_C(1) << p->head.rows, first, n;
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
		first = (at - 1 - n_schemes) * ROWS_A_PAGE;
		n = n_rows - first;
		memcpy(rows + first, page.is.row, (n < ROWS_A_PAGE ? n : ROWS_A_PAGE) * sizeof *rows);
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

/* Writes things of a size, so many a page. */
static bool write_pages(int fd, const struct part_head *head, uint64_t *at, const void *things, size_t size, uint64_t n, uint64_t a_page)
{
	struct page page;

	for (uint64_t first = 0; first < n; first += a_page) {
		uint64_t some = n - first < a_page ? n - first : a_page;

		page = (struct page){0};
		memcpy(page.is.bytes, (const char *)things + first * size, some * size);
		if (!write_page(fd, head, (*at)++, &page))
			return false;
	}
	return true;
}

bool part_write(int fd, const struct part_head *head, const struct search_scheme *schemes, const struct part_row *rows)
{
	struct page page = {.is.head = *head};
	uint64_t at = 1;

	page.is.head.magic = PART_MAGIC;
	return write_pages(fd, head, &at, schemes, sizeof *schemes, head->schemes, SCHEMES_A_PAGE) &&
		write_pages(fd, head, &at, rows, sizeof *rows, UINT64_C(1) << head->rows, ROWS_A_PAGE) &&
		write_page(fd, head, 0, &page);
}
