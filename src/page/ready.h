/* SPDX-License-Identifier: ISC */
/* /health and /ready, for load balancers. They are answered to all, and say nothing but ok or not. */
#ifndef READY_H
#define READY_H

#include "page/page.h"

/*
 * Could an event be stored now? The receiver tries it, and tells all processes by the file of measurements. One that has no socket, as
 * under CGI, cannot be asked: then this process tries, where it may write. At most one try a second for all callers.
 */
void ready_health(struct page_call *c);

/* Can this process show the spool? */
void ready_answer(struct page_call *c);

#endif
