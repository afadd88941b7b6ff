/* SPDX-License-Identifier: ISC */
/* /event/ID and /event/ID.json: one event, or one refused delivery as rID. */
#ifndef DETAIL_H
#define DETAIL_H

#include "page/page.h"

void detail_answer(struct page_call *c);

#endif
