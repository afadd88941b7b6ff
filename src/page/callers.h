/* SPDX-License-Identifier: ISC */
/* /callers.json: the addresses that deliveries came from, and how often. */
#ifndef CALLERS_H
#define CALLERS_H

#include "page/page.h"

void callers_answer(struct page_call *c);

#endif
