/* SPDX-License-Identifier: ISC */
/*
 * The probe: a FastCGI request of hookspool check that proves that a receiver serves, and that is stored nowhere.
 *
 * It is known by a variable that no web server makes of what a client sends: those begin with HTTP_ (RFC 3875, section 4.1.18).
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "spool/spool.h"

#define PROBE_VARIABLE "HOOKSPOOL_PROBE"

/* The answer of this process to a probe, as CGI text: its pid, and whether its spool can be written. */
bool probe_answer(struct spool *s, struct buf *out);

enum probe_end {
	PROBE_ANSWERED,
	PROBE_SILENT, /* no answer in time */
	PROBE_CLOSED, /* the peer closed without an answer */
	PROBE_OTHER,  /* an answer, but not to a probe: no receiver, or an older one */
};

struct probe_result {
	int64_t pid;
	bool writable;
	char error[256]; /* why it isn't */
};

/* Asks the receiver on a connected socket, and waits for its answer at most so long. */
enum probe_end probe_ask(int fd, int64_t timeout_ms, struct probe_result *result);

#endif
