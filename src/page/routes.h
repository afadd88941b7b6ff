/* SPDX-License-Identifier: ISC */
/* The page's URLs: which function answers which. */
#ifndef ROUTES_H
#define ROUTES_H

#include "page/page.h"

/*
 * Finds the function of the URL and calls it: access, method, and the bounds on URL and query are checked before. The path's last
 * part, or its last two, name the route, so the page may be mounted at any path.
 */
void routes_answer(struct page_call *c);

#endif
