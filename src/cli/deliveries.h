/* SPDX-License-Identifier: ISC */
/* What hookspool deliveries, retry and drop share. */
#ifndef DELIVERIES_H
#define DELIVERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "spool/db.h"
#include "spool/deliveries.h"

/*
 * True when the sink exists (NULL: any): in the configuration, or as a removed one that has deliveries. False with the reason in
 * why, or where that is empty, in db; *none is set where there is no such sink.
 */
bool deliveries_sink(const struct conf *conf, struct spool_db *db, const char *sink, bool *none, char *why, size_t why_size);

/* True when the delivery's endpoint has its sink in `store`. */
bool deliveries_is_store(const struct conf *conf, const struct spool_delivery *d);

/* Where the target has a delivered event, such as "partition 3 offset 9"; p == NULL: it did not say. Borrowed from d. */
struct slice deliveries_place(const struct conf *conf, const struct spool_delivery *d);

/* Prints how many deliveries of each sink (NULL: all) are pending, by their age. False with the reason in why. */
bool deliveries_shape(struct spool_db *db, const char *sink, bool json, char *why, size_t why_size);

#endif
