/* SPDX-License-Identifier: ISC */
/*
 * The probe: a FastCGI request of hookspool check that proves that a receiver serves, and that is stored nowhere.
 *
 * A variable marks it. No client can set that one through a web server: variables of a client's headers begin with HTTP_ (RFC
 * 3875, section 4.1.18).
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "gate/fcgi_client.h"
#include "spool/spool.h"

#define PROBE_VARIABLE "HOOKSPOOL_PROBE"

/* The answer of this process to a probe, as CGI text: its pid, and whether its spool can be written. */
bool probe_answer(struct spool *s, struct buf *out);

struct probe_result {
	int64_t pid;
	bool writable;
	char error[256]; /* why it isn't */
};

/*
 * Sends a probe on a connected socket, and waits for the answer for at most timeout_ms. FCGI_CLIENT_OTHER also where another program
 * answers, or a receiver that is older.
 */
enum fcgi_client_end probe_ask(int fd, int64_t timeout_ms, struct probe_result *result);

#endif
