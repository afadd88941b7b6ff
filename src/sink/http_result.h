/* SPDX-License-Identifier: ISC */
/* What became of a request of an http sink: the answer's status decides, or why there is none. */
#ifndef HTTP_RESULT_H
#define HTTP_RESULT_H

#include "sink/http_transfer.h"

/* The result of a transfer that ended with that code. It borrows from the transfer. */
struct sink_result http_result(const struct http_transfer *t, CURLcode code);

#endif
