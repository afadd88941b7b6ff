/* SPDX-License-Identifier: ISC */
/* /events.json: events and refused deliveries in one list, the newest first. */
#ifndef FEED_H
#define FEED_H

#include "page/page.h"

void feed_answer(struct page_call *c);

#endif
