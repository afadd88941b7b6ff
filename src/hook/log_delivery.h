/* SPDX-License-Identifier: ISC */
/* What is recorded of an answered delivery: a log line, counters, and the refused deliveries. */
#ifndef LOG_DELIVERY_H
#define LOG_DELIVERY_H

#include "conf/conf.h"
#include "hook/handle.h"
#include "hook/request.h"
#include "spool/spool.h"

/* Logs and counts the delivery, and keeps a refused one, after its answer was sent. */
void log_delivery(const struct request *r, const struct conf *c, struct spool *s, const struct delivery *d);

#endif
