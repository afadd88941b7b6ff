/* SPDX-License-Identifier: ISC */
/* What is told of a delivery when it was answered: the log, the counters and the ring of refused deliveries. */
#ifndef LOG_DELIVERY_H
#define LOG_DELIVERY_H

#include "conf/conf.h"
#include "hook/handle.h"
#include "hook/request.h"
#include "spool/spool.h"

/* Logs, counts, and notes a rejected delivery; after the answer is out. */
void log_delivery(const struct request *r, const struct conf *c, struct spool *s, const struct delivery *d);

#endif
