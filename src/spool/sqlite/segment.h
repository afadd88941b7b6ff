/* SPDX-License-Identifier: ISC */
/*
 * Segments: the files that hold long bodies, beside the database.
 *
 * SQLite writes each byte twice: to the write-ahead log, and from there to the table. The long bodies of a transaction are therefore
 * appended to a segment, bodies-1, bodies-2 and so on. The row has the number of the segment, and in the column body the place there.
 * That costs one more sync. So a body stays in its row where the transaction has few long ones, as one process a delivery (CGI) does.
 * Rows of older spools have their body in that column, too.
 *
 *   - A row refers to bytes that were synced before the row was committed: append.h.
 *   - A file has bytes appended, and deleted ones are overwritten with zeros: hole.h. No byte is written a second time otherwise.
 *   - A number is used once. The next one is above all numbers of rows and holes, and above the one in the lock's file.
 *
 * Statements name event_body(body, segment, id) and event_size(body, segment) in place of the column.
 */
#ifndef SPOOL_SEGMENT_H
#define SPOOL_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "spool/sqlite/db.h"

enum {
	SPOOL_SEGMENT_LEAST = 12 * 1024,    /* bytes of a long body */
	SPOOL_SEGMENT_BATCH = 256 * 1024,   /* of all long ones of a transaction: fewer are written twice in the time of a sync */
	SPOOL_SEGMENT_MOST = 64 << 20,      /* bytes of a segment that is appended to */
	SPOOL_SEGMENT_PLACE = 20,           /* bytes of a place in the column body */
	SPOOL_SEGMENT_NAME = 32,
};

#define SPOOL_SEGMENT_LAST INT64_C(1000000000000000) /* no number is higher */

/* The place of a body. */
struct spool_place {
	int64_t segment;
	int64_t at, n; /* the first byte, and how many */
	uint32_t sum;  /* CRC-32C of them */
};

/* Writes a place as the column body has it, in the order of places, and reads it. False where the bytes are none. */
void spool_segment_pack(const struct spool_place *p, unsigned char out[SPOOL_SEGMENT_PLACE]);
bool spool_segment_unpack(int64_t segment, struct slice place, struct spool_place *p);

/* The name of a segment's file in the spool's directory. Returns out. */
const char *spool_segment_name(int64_t segment, char out[SPOOL_SEGMENT_NAME]);

/*
 * Opens the file of a segment that is there. Returns a descriptor, which the caller closes, and its size. -1 with errno set: also
 * where it is no plain file, or root's directory has another user's file.
 */
int spool_segment_open(struct spool_db *db, int64_t segment, int flags, int64_t *size);

/* Why a body can't be read. */
struct spool_unread {
	bool lost; /* what is on the disk is missing or damaged: a second reading won't do */
	char text[128];
};

/* Reads the body at a place, and compares the checksum. Returns it, for sqlite3_free(); NULL with the reason in why. */
void *spool_segment_read(struct spool_db *db, const struct spool_place *p, struct spool_unread *why);

/* Closes the segment that was read last. */
void spool_segment_close(struct spool_db *db);

/* The number of a segment's file; 0: the name is another file's. */
int64_t spool_segment_number(const char *name);

/* Calls each() with the name of every segment's file in a directory, in no order, until it returns false. False then, or with errno set. */
bool spool_segment_each(int dir_fd, bool (*each)(int dir_fd, const char *name, void *ctx), void *ctx);

/* The highest number that a file there has; 0: there is none. False with errno set. */
bool spool_segment_highest(int dir_fd, int64_t *highest);

/* Removes all of them: a restored database takes the place of theirs. False with errno set. */
bool spool_segment_remove_all(int dir_fd);

/* Gives the connection the functions of SQL. Returns SQLite's code. */
int spool_segment_register(struct spool_db *db);

#endif
