/* SPDX-License-Identifier: ISC */
/* The page as a FastCGI server: a thread for each connection, so that requests that wait hold up no others. */
#ifndef PAGE_SERVER_H
#define PAGE_SERVER_H

#include "page/page.h"

enum { SERVER_CONNECTIONS = 128 }; /* at a time; others wait in the socket's backlog */

/* Serves until SIGTERM, and reads the configuration again at SIGHUP. Signals are held. Returns the exit status. */
int server_run(struct page *p, int listen_fd, const char *own_address);

#endif
