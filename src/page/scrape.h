/* SPDX-License-Identifier: ISC */
/* /metrics: for Prometheus, in the format that it asks for. */
#ifndef SCRAPE_H
#define SCRAPE_H

#include "page/page.h"

void scrape_answer(struct page_call *c);

#endif
