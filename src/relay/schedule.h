/* When an attempt that failed is made again. */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdint.h>

#include "conf/sink.h"

/*
 * The time of the attempt after attempt number `attempt` (from 1), which ended at `now`, in ms since the epoch: at random
 * up to a limit that doubles with each attempt, from first to most ("full jitter", aws.amazon.com/blogs/architecture/
 * exponential-backoff-and-jitter), by at least a tenth of it. 0: never, as it would be later than `within` after
 * `since`. The same for the same seed.
 */
int64_t schedule_next(const struct retry *r, int attempt, int64_t since, int64_t now, uint64_t seed);

#endif
