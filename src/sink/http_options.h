/* SPDX-License-Identifier: ISC */
/* The options of sinks of the type http, beside those of all sinks. */
#ifndef HTTP_OPTIONS_H
#define HTTP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/sink.h"
#include "core/strlist.h"
#include "core/template.h"

enum { HTTP_STATUS_MAX = 600 };

enum http_batch_format { HTTP_JSON_ARRAY, HTTP_JSON_LINES };

/* A header whose value depends on the event. */
struct http_template {
	char *name;
	struct template *value;
};

/* Secrets are named and not read: the receiver knows the options, and must not be able to read the secrets. */
struct http_options {
	char *url;                       /* NULL: it is in url_file */
	char *url_file;
	char *method;
	struct strlist headers;          /* "Name: value", as they are sent */
	struct http_template *templates; /* the other headers */
	size_t n_templates;
	bool pass_headers;               /* the headers that were kept with the event go along */
	char *authorization_file;        /* the value of the Authorization header; NULL: none */
	struct strlist secret_files;     /* the secrets that sign as Standard Webhooks has it; empty: unsigned */
	char *ca_file;                   /* the certificates to trust; NULL: the system's */
	bool allow_private, follow_redirects;
	int64_t connect_timeout;         /* ms */
	enum http_batch_format batch_format;
	unsigned requests;               /* at a time; of a sink with batches */
	bool retry_on[HTTP_STATUS_MAX];  /* by the answer's status */
};

/* The options of a sink of this type. */
static inline const struct http_options *http_options(const struct sink *s)
{
	return s->options;
}

#endif
