/* SPDX-License-Identifier: ISC */
/* The files of long bodies: their names, and reading them. */
#include "spool/sqlite/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crc32c.h"

static void put_number(unsigned char *out, int bytes, uint64_t value)
{
	while (bytes--) {
		out[bytes] = (unsigned char)value;
		value >>= 8;
	}
}

static uint64_t get_number(const unsigned char *p, int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | *p++;
	return value;
}

void spool_segment_pack(const struct spool_place *p, unsigned char out[SPOOL_SEGMENT_PLACE])
{
	put_number(out, 8, (uint64_t)p->at);
	put_number(out + 8, 8, (uint64_t)p->n);
	put_number(out + 16, 4, p->sum);
}

bool spool_segment_unpack(int64_t segment, struct slice place, struct spool_place *p)
{
	const unsigned char *b = (const unsigned char *)place.p;

	if (segment <= 0 || place.n != SPOOL_SEGMENT_PLACE)
		return false;
	*p = (struct spool_place){segment, (int64_t)get_number(b, 8), (int64_t)get_number(b + 8, 8), (uint32_t)get_number(b + 16, 4)};
	return segment <= SPOOL_SEGMENT_LAST && p->at >= 0 && p->n >= 0 && p->at <= INT64_MAX - p->n;
}

const char *spool_segment_name(int64_t segment, char out[SPOOL_SEGMENT_NAME])
{
	snprintf(out, SPOOL_SEGMENT_NAME, "bodies-%" PRId64, segment);
	return out;
}

/* As spool_trust_files() for the files that have one name. */
static bool is_trusted(struct spool_db *db, const struct stat *st)
{
	struct stat dir;

	if (!S_ISREG(st->st_mode) || fstat(db->dir_fd, &dir) != 0)
		return false;
	return geteuid() != 0 || dir.st_uid != 0 || st->st_uid == 0;
}

int spool_segment_open(struct spool_db *db, int64_t segment, int flags, int64_t *size)
{
	char name[SPOOL_SEGMENT_NAME];
	int fd = openat(db->dir_fd, spool_segment_name(segment, name), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && is_trusted(db, &st)) {
		*size = st.st_size;
		return fd;
	}
	close(fd);
	errno = EPERM;
	return -1;
}

void spool_segment_close(struct spool_db *db)
{
	if (db->segment)
		close(db->segment_fd);
	db->segment = 0;
}

/* Keeps the segment open: the next body is often in the same one. */
static bool open_for_reading(struct spool_db *db, int64_t segment)
{
	int64_t size;

	if (db->segment == segment)
		return true;
	spool_segment_close(db);
	db->segment_fd = spool_segment_open(db, segment, O_RDONLY, &size);
	if (db->segment_fd < 0)
		return false;
	db->segment = segment;
	return true;
}

/* Returns how many bytes the file has there, -1 with errno set. */
static ssize_t read_range(int fd, char *to, int64_t at, int64_t n)
{
	int64_t done = 0;
	ssize_t got = 1;

	while (done < n && got != 0) {
		got = pread(fd, to + done, (size_t)(n - done), at + done);
		if (got < 0 && errno != EINTR)
			return -1;
		if (got > 0)
			done += got;
	}
	return done;
}

/* The row may be forged: no more is read than the file has. */
static bool has_range(int fd, const struct spool_place *p)
{
	struct stat st;

	return fstat(fd, &st) == 0 && p->at + p->n <= st.st_size;
}

void *spool_segment_read(struct spool_db *db, const struct spool_place *p, struct spool_unread *why)
{
	char name[SPOOL_SEGMENT_NAME], *body = NULL;
	ssize_t got = -1;

	spool_segment_name(p->segment, name);
	*why = (struct spool_unread){0};
	if (!open_for_reading(db, p->segment)) {
		why->lost = errno == ENOENT || errno == ELOOP || errno == EPERM || errno == ENXIO; /* a socket */
		snprintf(why->text, sizeof why->text, "%s: %s", name, errno == ENOENT ? "the file is missing" : strerror(errno));
		return NULL;
	}
	if (has_range(db->segment_fd, p) && (body = sqlite3_malloc64((sqlite3_uint64)p->n + 1)))
		got = read_range(db->segment_fd, body, p->at, p->n);
	why->lost = body ? got >= 0 || errno == EIO : !has_range(db->segment_fd, p);
	if (!body)
		snprintf(why->text, sizeof why->text, "%s: %s", name, why->lost ? "the file is too short" : "memory is short");
	else if (got < p->n)
		snprintf(why->text, sizeof why->text, "%s: %s", name, got < 0 ? strerror(errno) : "the file is too short");
	else if (crc32c(body, (size_t)p->n) != p->sum)
		snprintf(why->text, sizeof why->text, "%s: damaged from byte %" PRId64 " on", name, p->at);
	else
		return body;
	sqlite3_free(body);
	spool_segment_close(db);
	return NULL;
}

int64_t spool_segment_number(const char *name)
{
	char same[SPOOL_SEGMENT_NAME];
	long long number = strncmp(name, "bodies-", 7) == 0 ? strtoll(name + 7, NULL, 10) : 0;

	return number > 0 && number <= SPOOL_SEGMENT_LAST && strcmp(spool_segment_name(number, same), name) == 0 ? number : 0;
}

bool spool_segment_each(int dir_fd, bool (*each)(int dir_fd, const char *name, void *ctx), void *ctx)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool ok = dir != NULL;

	if (fd >= 0 && !dir)
		close(fd);
	while (ok && (errno = 0, entry = readdir(dir)))
		ok = !spool_segment_number(entry->d_name) || each(dir_fd, entry->d_name, ctx);
	ok = ok && errno == 0;
	if (dir)
		closedir(dir);
	return ok;
}

static bool raise_highest(int dir_fd, const char *name, void *highest)
{
	int64_t number = spool_segment_number(name);

	(void)dir_fd;
	*(int64_t *)highest = number > *(int64_t *)highest ? number : *(int64_t *)highest;
	return true;
}

bool spool_segment_highest(int dir_fd, int64_t *highest)
{
	*highest = 0;
	return spool_segment_each(dir_fd, raise_highest, highest);
}

static bool remove_segment(int dir_fd, const char *name, void *ctx)
{
	(void)ctx;
	return unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT;
}

bool spool_segment_remove_all(int dir_fd)
{
	return spool_segment_each(dir_fd, remove_segment, NULL);
}
