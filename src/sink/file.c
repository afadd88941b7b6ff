/* SPDX-License-Identifier: ISC */
/* Sinks of the type file: JSON lines, as hookspool export prints them, at the end of a file. */
#include "sink/file.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sink/disk.h"
#include "sink/disk_path.h"
#include "sink/file_append.h"
#include "spool/event_line.h"

enum { WRITE_MOST = 10000, WRITE_BYTES = 4 << 20 }; /* of one write */

static bool copy_line(const struct sink_message *m, struct buf *data)
{
	return event_line(m->event, m->endpoint_name, data);
}

/* One write for all, so that one flush is enough. The lines of a batch are delivered together or not at all. */
static void append_items(void *ctx, struct disk_item *items)
{
	struct file_append *f = ctx;
	struct buf lines = {0};
	int64_t offset = 0;
	size_t bytes = 0;
	bool ok;

	for (const struct disk_item *i = items; i; i = i->next)
		bytes += i->data.len;
	ok = buf_reserve(&lines, bytes);
	for (struct disk_item *i = items; ok && i; i = i->next)
		ok = buf_add(&lines, i->data.data, i->data.len);
	if (ok)
		ok = file_append_lines(f, (struct slice){lines.data, lines.len}, &offset);
	else
		snprintf(f->error, sizeof f->error, "memory is short");
	buf_free(&lines);
	for (struct disk_item *i = items; i; i = i->next) {
		if (ok)
			disk_deliver(i, "offset %" PRId64, offset);
		else
			disk_retry(i, f->in_doubt, true, f->error);
		offset += (int64_t)i->data.len;
	}
}

static void end_file(void *ctx)
{
	struct file_append *f = ctx;

	file_append_close(f);
	free(f->options.path);
	free(f);
}

/* The thread may outlive the configuration: it has a copy of the path. */
static struct sink_target *file_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t n)
{
	static const struct disk_work work = {.most = WRITE_MOST, .most_bytes = WRITE_BYTES, .copy = copy_line, .write = append_items, .end = end_file};
	struct file_append *f = calloc(1, sizeof *f);

	if (f) {
		f->fd = -1;
		f->options = *(const struct file_options *)s->options;
		f->options.path = strdup(f->options.path);
	}
	if (f && f->options.path)
		return disk_open(l, done, &work, f, why, n);
	free(f);
	snprintf(why, n, "memory is short");
	return NULL;
}

static void file_check(struct sink_target *t, sink_say *say, void *ctx)
{
	const struct file_append *f = disk_context(t);
	const char *path = f->options.path;
	char text[PATH_MAX + 256];
	struct stat st;

	disk_path_check_parent(path, say, ctx);
	if (lstat(path, &st) != 0)
		return; /* the first event makes it */
	if (!S_ISREG(st.st_mode))
		snprintf(text, sizeof text, "%s is no regular file", path);
	else if (access(path, R_OK | W_OK) != 0)
		snprintf(text, sizeof text, "can't read and write %s: %s", path, strerror(errno));
	else
		return;
	say(ctx, SINK_WRONG, text);
}

const struct sink_driver file_driver = {
	.type = "file",
	.open = file_open,
	.send = disk_send,
	.stop = disk_stop,
	.close = disk_close,
	.check = file_check,
};
