/* SPDX-License-Identifier: ISC */
/* /sinks.json: pending deliveries by sink and age, dead letters by cause, pauses. */
#ifndef BACKLOG_H
#define BACKLOG_H

#include "page/page.h"

void backlog_answer(struct page_call *c);

#endif
