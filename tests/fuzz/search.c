/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: a file of the search index. The first byte says which pages get the checksum that they should have, and whether the
 * head gets the spool's identity, so that inputs come further than the first look.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spool/search/part.h"

enum { SEALED = 1, OURS = 2, PAGES = 8 };

static const uint64_t identity = 42;
static const int64_t number = 3;
static char dir_name[] = "/tmp/hookspool-fuzz-XXXXXX";
static int dir = -1;

static void remove_dir(void)
{
	unlinkat(dir, "3", 0);
	rmdir(dir_name);
}

static void set_up(void)
{
	if (dir >= 0)
		return;
	assert(mkdtemp(dir_name) && (dir = open(dir_name, O_RDONLY | O_DIRECTORY)) >= 0);
	atexit(remove_dir);
}

static void seal(unsigned char *file, size_t pages, const struct part_head *head)
{
	for (size_t i = 0; i < pages; i++) {
		uint64_t sum = part_sum(file + i * PART_PAGE, head, i);

		memcpy(file + (i + 1) * PART_PAGE - sizeof sum, &sum, sizeof sum);
	}
}

static void write_file(const unsigned char *bytes, size_t n)
{
	int fd = openat(dir, "3", O_CREAT | O_TRUNC | O_WRONLY, 0600);

	assert(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
	close(fd);
}

/* Reads it as a search and a builder do. */
static void read_part(void)
{
	struct search_scheme own = {1, 2}, *schemes = malloc(PART_SCHEMES * sizeof *schemes);
	const struct search_schemes all = {&own, 1, 3};
	struct part_row maybe = {{UINT64_MAX}}, *rows = malloc(sizeof *rows << PART_ROWS_MOST);
	struct part p;

	assert(schemes && rows);
	if (part_open(dir, number, identity, &p)) {
		assert(p.head.rows <= PART_ROWS_MOST && p.head.blocks <= PART_BLOCKS && p.head.schemes <= PART_SCHEMES);
		part_is_current(&p, &all);
		for (uint64_t row = 0; row < UINT32_MAX / 2; row = row * 3 + 7)
			part_filter(&p, row, &maybe);
		part_load(&p, schemes, rows);
		part_close(&p);
	}
	free(schemes);
	free(rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char file[PAGES * PART_PAGE];
	struct part_head head = {0};
	size_t n = size ? size - 1 : 0;

	set_up();
	n = n < sizeof file ? n : sizeof file;
	if (n)
		memcpy(file, data + 1, n);
	memset(file + n, 0, sizeof file - n);
	if (n && data[0] & SEALED)
		n = (n + PART_PAGE - 1) / PART_PAGE * PART_PAGE;
	memcpy(&head, file, sizeof head);
	if (size && data[0] & OURS) {
		head.magic = PART_MAGIC;
		head.identity = identity;
		head.number = number;
		memcpy(file, &head, sizeof head);
	}
	if (size && data[0] & SEALED)
		seal(file, n / PART_PAGE, &head);
	write_file(file, n);
	read_part();
	return 0;
}
