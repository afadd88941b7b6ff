/* SPDX-License-Identifier: ISC */
/* Access to the page: closed, unless the web server has authenticated a user or the configuration opens it. */
#ifndef ACCESS_H
#define ACCESS_H

#include "page/page.h"

/*
 * Sets c->user: REMOTE_USER, or the subject of a client certificate that the web server has verified. True when there is one, or
 * the configuration says page-access = "open". Clients cannot set these variables: those of their headers begin with HTTP_.
 */
bool access_allowed(struct page_call *c);

/* Answers 403, and explains how to open the page. */
void access_refuse(struct page_call *c);

#endif
