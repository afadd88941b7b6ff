/* SPDX-License-Identifier: ISC */
/* By when a request must be answered: one deadline for its body, the spool's lock and the sinks of `store` together. */
#ifndef DEADLINE_H
#define DEADLINE_H

#include <stdint.h>

#include "conf/conf.h"

/*
 * By when a request that began to come at `since` must be answered, both clock_mono_us(): 12 s later, as senders such as ConnectSafely
 * give up after 15 s. Where body-timeout is longer than 10 s, 2 s after that.
 */
int64_t deadline_answer_by(const struct conf *c, int64_t since);

#endif
