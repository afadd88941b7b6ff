/* SPDX-License-Identifier: ISC */
/* The names that the configuration gives to endpoints, for people. */
#ifndef ENDPOINT_NAME_H
#define ENDPOINT_NAME_H

#include <stdbool.h>

#include "conf/conf.h"
#include "core/buf.h"

/* The endpoint with that path; NULL: there is none. */
const struct endpoint *endpoint_name_find(const struct conf *conf, struct slice path);

/* The name of the endpoint with that path; p == NULL: it has none, or there is no such endpoint. Borrowed from conf. */
struct slice endpoint_name(const struct conf *conf, struct slice path);

/* True when an endpoint has a name, so that listings need a place for it. */
bool endpoint_name_any(const struct conf *conf);

/* Prints the path, and the name in parentheses behind it. */
void endpoint_name_print(const struct conf *conf, struct slice path);

#endif
