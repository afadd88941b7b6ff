/* SPDX-License-Identifier: ISC */
/* By when a request must be answered: one deadline for its body, the spool's lock and the sinks of `store` together. */
#include "gate/deadline.h"

enum { ANSWER_MS = 12 * 1000, AFTER_BODY_MS = 2 * 1000 };

int64_t deadline_answer_by(const struct conf *c, int64_t since)
{
	int64_t ms = c->body_timeout + AFTER_BODY_MS;

	return since + (ms > ANSWER_MS ? ms : ANSWER_MS) * 1000;
}
