/* SPDX-License-Identifier: ISC */
/* The options of sinks of the type journald, beside those of all sinks. */
#ifndef JOURNALD_OPTIONS_H
#define JOURNALD_OPTIONS_H

#include "conf/sink.h"
#include "sink/named_templates.h"

enum { JOURNALD_OWN_FIELDS_MAX = 64 /* of the option fields */ };

struct journald_options {
	struct template *message;
	struct named_templates fields; /* beside the sink's own */
	char *identifier;
	unsigned priority;             /* 0 to 7, as syslog(3) counts: RFC 5424, table 2 */
};

/* The options of a sink of this type. */
static inline const struct journald_options *journald_options(const struct sink *s)
{
	return s->options;
}

#endif
