/* SPDX-License-Identifier: ISC */
/* The parts of the module journald. */
#ifndef JOURNALD_SINK_H
#define JOURNALD_SINK_H

#include <stdbool.h>
#include <sys/uio.h>

#include "sink/journald_options.h"
#include "sink/worker.h"

#define JOURNALD_SOCKET "/run/systemd/journal/socket" /* https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ */

enum { JOURNALD_FIELDS_MAX = JOURNALD_OWN_FIELDS_MAX + 32 };

/* Appends the fields of the message's entry to out, each with its length before it. Fields without a value are left out. False when memory is short. */
bool journald_print_fields(const struct sink *s, const struct sink_message *m, struct buf *out);

/* The fields of what journald_print_fields() made; their number. They point into it. */
int journald_split_fields(struct slice printed, struct iovec field[JOURNALD_FIELDS_MAX]);

#endif
