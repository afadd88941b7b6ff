/* SPDX-License-Identifier: ISC */
/* POST /action: retry, replay, drop and accept, for a user that may. */
#ifndef PAGE_ACTION_H
#define PAGE_ACTION_H

#include "page/page.h"

void action_answer(struct page_call *c);

#endif
