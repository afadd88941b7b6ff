/* SPDX-License-Identifier: ISC */
/* Sinks of the type http: one request for each message, by libcurl. */
#ifndef HTTP_H
#define HTTP_H

#include "sink/driver.h"

/*
 * An attempt is one request, and those of the redirects that are followed. A 2xx answer is success. Retried: no answer, 401, 403
 * and 407 (they tell of the sink's credentials), and the statuses of the sink's retry-on. All else is refused.
 */
extern const struct sink_driver http_driver;

#endif
