/* The FastCGI server: connections, worker threads, deadlines, signals. */
#ifndef SERVE_H
#define SERVE_H

#include "conf/conf.h"

/*
 * Serves requests from the listening socket until SIGTERM, SIGINT or SIGUSR1, reloading on SIGHUP.
 * Takes over conf and listen_fd. own_address is the address of a socket that we opened, to be
 * removed on the way out; NULL for one that was handed to us. Returns the exit status.
 */
int serve(int listen_fd, const char *own_address, struct conf *conf);

#endif
