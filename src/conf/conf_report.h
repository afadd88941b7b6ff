/* SPDX-License-Identifier: ISC */
/* How a configuration is loaded: where its errors go, and which secrets are read. */
#ifndef CONF_REPORT_H
#define CONF_REPORT_H

#include "core/log.h"

/* Where errors and warnings go: one call each, "FILE:LINE: what is wrong; the fix", no newline. */
typedef void conf_report(void *ctx, enum log_level level, const char *message);

/* What is done about the secrets of endpoints. A sink's secrets are never read here. */
enum conf_secrets {
	CONF_SECRETS_ALL,   /* each is read; one that cannot be read is an error: for the receiver, verify and send */
	CONF_SECRETS_CHECK, /* the same for check, which reads on where other users may change a file, and looks at all of conf->files */
	CONF_SECRETS_THERE, /* one that cannot be read, or is no key, has len 0, id 0 and key NULL: for list, stats and the like */
	CONF_SECRETS_NONE,  /* none is read, and all secrets are empty: for the relay */
};

#endif
