/* SPDX-License-Identifier: ISC */
/* The metrics of a spool and of the programs that use it, as `hookspool stats --prometheus` and the page's /metrics have them. */
#ifndef METRICS_H
#define METRICS_H

#include "conf/conf.h"
#include "core/buf.h"
#include "metrics/exposition.h"
#include "spool/db.h"

/*
 * Appends all metrics. The time that it takes depends on the numbers of endpoints, outcomes and sinks, and not on that of events. The names
 * of secrets are those of conf where it has read them, else those of a list: for each its endpoint's path, number, id in hexadecimal and
 * source, each with its NUL. False on an error of db, which has it, or when memory is short.
 */
bool metrics_write(const struct conf *conf, struct spool_db *db, enum exposition_format format, struct slice names, struct buf *out);

#endif
