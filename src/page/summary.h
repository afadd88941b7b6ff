/* SPDX-License-Identifier: ISC */
/* /summary.json: the page's top line: does it work, and what waits? */
#ifndef SUMMARY_H
#define SUMMARY_H

#include "page/page.h"

void summary_answer(struct page_call *c);

#endif
