/* SPDX-License-Identifier: ISC */
/* Rotation of a file sink's file. */
#include "sink/file_rotate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "core/strlist.h"
#include "sink/disk_path.h"

enum {
	STAMP = 16,    /* the characters of "20260512T143321Z" */
	CLAIM_MOST = 9 /* names to try, which another process takes each time */
};

/* Periods are counted from 1970-01-01 UTC: nothing has to be remembered but the time of the last write. */
static bool is_of_earlier_period(const struct stat *st, int64_t every, int64_t now)
{
	int64_t written = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;

	return every && written / every < now / every;
}

bool file_rotate_is_due(const struct file_options *o, const struct stat *st, int64_t now)
{
	if (st->st_size == 0)
		return false;
	return (o->rotate_size && (size_t)st->st_size > o->rotate_size) || is_of_earlier_period(st, o->rotate_every, now);
}

/* ---- the old files */

/* The stamp in the name of a rotated file of that name, with its number behind it; NULL: it is none. */
static const char *stamp_of(const char *entry, const char *name)
{
	static const char form[] = "ddddddddTddddddZ";
	size_t n = strlen(name), at = 0;

	if (strncmp(entry, name, n) != 0 || entry[n] != '.')
		return NULL;
	entry += n + 1;
	for (; at < STAMP; at++)
		if (form[at] == 'd' ? entry[at] < '0' || entry[at] > '9' : entry[at] != form[at])
			return NULL;
	if (!entry[at])
		return entry;
	if (entry[at] != '-' || entry[at + 1] < '1' || entry[at + 1] > '9' || entry[at + 1 + strspn(entry + at + 1, "0123456789")])
		return NULL;
	return entry;
}

/* The older first. The names begin alike, so that all stamps are at the same place; the first of a second has no number. */
static int compare_stamps(const void *a, const void *b)
{
	const char *one = *(char *const *)a, *two = *(char *const *)b;
	size_t from = (size_t)(strrchr(one, '.') - one) + 1;
	int r = strncmp(one + from, two + from, STAMP);

	if (r != 0)
		return r;
	one += from + STAMP;
	two += from + STAMP;
	return (*one ? atoi(one + 1) : 1) - (*two ? atoi(two + 1) : 1);
}

static bool list_rotated(DIR *d, const char *name, struct strlist *names)
{
	struct dirent *entry;
	char **more;

	while ((entry = readdir(d))) {
		if (!stamp_of(entry->d_name, name))
			continue;
		more = realloc(names->item, (names->n + 1) * sizeof *more);
		if (!more)
			return false;
		names->item = more;
		names->item[names->n] = strdup(entry->d_name);
		if (!names->item[names->n])
			return false;
		names->n++;
	}
	return true;
}

/* The rotated files, the oldest first. False when they can't be read. */
static bool read_rotated(int dir, const char *name, struct strlist *names)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), error;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	bool ok = d && list_rotated(d, name, names);

	error = errno;
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	errno = error;
	if (names->n)
		qsort(names->item, names->n, sizeof *names->item, compare_stamps);
	return ok;
}

/* What can't be removed is tried with the next rotation. The new file counts, and is the youngest. */
static void remove_oldest(int dir, const struct strlist *names, unsigned keep)
{
	for (size_t i = 0; i + keep < names->n + 1; i++)
		if (unlinkat(dir, names->item[i], 0) != 0)
			log_message(LOG_LEVEL_WARNING, "can't remove the old file %s: %s", names->item[i], strerror(errno));
}

/* ---- the new one */

/* Sets the stamp and the number behind all that are there, also within a second and where the clock was set back. */
static void choose_stamp(const struct strlist *names, const char *name, int64_t now, char stamp[STAMP + 1], int *number)
{
	const char *last = names->n ? stamp_of(names->item[names->n - 1], name) : NULL;
	time_t s = (time_t)(now / 1000);
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(stamp, STAMP + 1, "%Y%m%dT%H%M%SZ", &tm);
	*number = 1;
	if (!last || strncmp(last, stamp, STAMP) < 0)
		return;
	memcpy(stamp, last, STAMP);
	*number = (last[STAMP] ? atoi(last + STAMP + 1) : 1) + 1;
}

/* Makes an empty file with a name that was free, so that the rename replaces nothing else. False with errno set. */
static bool claim_name(int dir, const char *name, const char *stamp, int number, char claimed[NAME_MAX + 1])
{
	int fd = -1, n;

	for (int i = number; fd < 0 && i < number + CLAIM_MOST; i++) {
		n = i == 1 ? snprintf(claimed, NAME_MAX + 1, "%s.%s", name, stamp) : snprintf(claimed, NAME_MAX + 1, "%s.%s-%d", name, stamp, i);
		if (n > NAME_MAX) {
			errno = ENAMETOOLONG;
			return false;
		}
		fd = openat(dir, claimed, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 && errno != EEXIST)
			return false;
	}
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool rename_to_free_name(int dir, const char *name, const struct strlist *names, int64_t now)
{
	char stamp[STAMP + 1], claimed[NAME_MAX + 1];
	int number, error;

	choose_stamp(names, name, now, stamp, &number);
	if (!claim_name(dir, name, stamp, number, claimed))
		return false;
	if (renameat(dir, name, dir, claimed) == 0)
		return true;
	error = errno;
	unlinkat(dir, claimed, 0);
	errno = error;
	return false;
}

bool file_rotate(const struct file_options *o, int64_t now)
{
	struct strlist names = {0};
	const char *name;
	int dir = disk_path_parent(o->path, &name), error;
	bool ok = dir >= 0 && read_rotated(dir, name, &names) && rename_to_free_name(dir, name, &names, now);

	error = errno;
	if (ok && o->rotate_keep)
		remove_oldest(dir, &names, o->rotate_keep);
	strlist_free(&names);
	if (dir >= 0)
		close(dir);
	errno = error;
	return ok;
}
