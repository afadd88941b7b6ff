/* SPDX-License-Identifier: ISC */
/* /chart.json: deliveries, refusals, answer times and backlogs over an hour, a day or a week. */
#ifndef CHART_H
#define CHART_H

#include "page/page.h"

void chart_answer(struct page_call *c);

#endif
