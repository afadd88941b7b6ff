/* SPDX-License-Identifier: ISC */
/* Sinks of the type dir: a file for each event, in a directory. */
#include "sink/dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sink/dir_write.h"
#include "sink/disk.h"
#include "sink/disk_path.h"

enum { FILES_BYTES = 4 << 20 }; /* of one flush of the directory */

static bool copy_body(const struct sink_message *m, struct buf *data)
{
	return buf_add(data, m->body.p, m->body.n);
}

static void write_files(void *ctx, struct disk_item *items)
{
	dir_write_items(ctx, items);
}

static void end_dir(void *ctx)
{
	struct dir_write *d = ctx;

	dir_write_close(d);
	free(d->options.path);
	free(d);
}

/* The thread may outlive the configuration: it has a copy of the path. */
static struct sink_target *dir_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t n)
{
	static const struct disk_work work = {.most = DIR_WRITE_MOST, .most_bytes = FILES_BYTES, .copy = copy_body, .write = write_files, .end = end_dir};
	struct dir_write *d = calloc(1, sizeof *d);
	size_t length;

	if (d) {
		d->fd = d->tmp = -1;
		d->options = *(const struct dir_options *)s->options;
		d->options.path = strdup(d->options.path);
	}
	if (!d || !d->options.path) {
		free(d);
		snprintf(why, n, "memory is short");
		return NULL;
	}
	for (length = strlen(d->options.path); length > 1 && d->options.path[length - 1] == '/'; length--)
		d->options.path[length - 1] = '\0';
	return disk_open(l, done, &work, d, why, n);
}

static void dir_check(struct sink_target *t, sink_say *say, void *ctx)
{
	const struct dir_write *d = disk_context(t);
	struct stat st;

	if (stat(d->options.path, &st) != 0 && errno == ENOENT)
		disk_path_check_parent(d->options.path, say, ctx); /* the first event makes it */
	else
		disk_path_check(d->options.path, say, ctx);
}

const struct sink_driver dir_driver = {
	.type = "dir",
	.open = dir_open,
	.send = disk_send,
	.stop = disk_stop,
	.close = disk_close,
	.check = dir_check,
};
