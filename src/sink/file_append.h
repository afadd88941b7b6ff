/* SPDX-License-Identifier: ISC */
/*
 * The file of a file sink, to which whole batches of lines are added.
 *
 * Its lock (flock(2)) is held for a batch: another relay may write to the same file. The file ends with a line feed at each
 * batch's beginning and end. A batch that could not be written whole is cut off again at once, or by the next process.
 */
#ifndef FILE_APPEND_H
#define FILE_APPEND_H

#include "sink/file.h"

enum { FILE_APPEND_ERROR = 512 };

struct file_append {
	struct file_options options;
	int fd;                  /* -1: not open */
	bool rotation_failed;    /* the log says so already */
	bool in_doubt;           /* after a failure: the lines may be in the file all the same */
	char error[FILE_APPEND_ERROR]; /* after a failure: why */
};

/*
 * Appends the lines, and waits until they are on stable storage. Opens the file first, or opens it anew where the path names
 * another one; rotates it where that is due. *offset becomes the lines' place in the file. False after a failure.
 */
bool file_append_lines(struct file_append *f, struct slice lines, int64_t *offset);

/* Closes the file. */
void file_append_close(struct file_append *f);

#endif
