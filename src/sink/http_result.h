/* SPDX-License-Identifier: ISC */
/* The result of a request of an http sink: by the answer's status, or by the reason that there is none. */
#ifndef HTTP_RESULT_H
#define HTTP_RESULT_H

#include "sink/http_transfer.h"

/* The result of a transfer that ended with that code. It borrows from the transfer. */
struct sink_result http_result(const struct http_transfer *t, CURLcode code);

#endif
