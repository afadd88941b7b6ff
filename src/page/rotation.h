/* SPDX-License-Identifier: ISC */
/* /secrets.json: which secrets are in use, and which can be removed; names only. */
#ifndef ROTATION_H
#define ROTATION_H

#include "page/page.h"

void rotation_answer(struct page_call *c);

#endif
