/* SPDX-License-Identifier: ISC */
/* One delivery as plain CGI (RFC 3875): environment, standard input and output. */
#ifndef CGI_H
#define CGI_H

#include "conf/conf.h"

/* Serves the request this process was started for. conf is NULL when it can't be loaded. Returns the exit status. */
int cgi_serve(const struct conf *conf);

#endif
