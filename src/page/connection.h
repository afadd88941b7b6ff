/* SPDX-License-Identifier: ISC */
/* A connection of the web server: FastCGI requests one after the other, or the one request of CGI. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdatomic.h>

#include "page/page.h"

/* Serves requests until the peer closes, or `stopping`. An idle one is closed sooner when there are many connections. */
void connection_serve(struct page *p, int fd, const atomic_bool *stopping, const atomic_uint *connections);

/* Serves the request that this process was started for. Returns the exit status. */
int connection_serve_cgi(struct page *p);

#endif
