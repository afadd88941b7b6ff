/* SPDX-License-Identifier: ISC */
/*
 * Refusals in the log: the first ones of a minute are written at once, equal ones are summed up. So a stranger whose requests are
 * refused cannot fill the spool's disk with log lines.
 *
 * Answers to a handshake count as refusals here: any stranger can ask for those of some providers.
 *
 * Equal are refusals of one endpoint with one outcome from one network: an IPv4 address, or a /64 of IPv6. A second,
 * higher limit holds for all networks together: it bounds the log where a stranger has many addresses. Lines that are not
 * written are counted, and the sum is a line of its own when the minute is over.
 */
#ifndef REFUSALS_H
#define REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

#include "hook/outcome.h"

enum {
	REFUSALS_OF_ONE = 20, /* lines a minute of one network */
	REFUSALS_OF_ALL = 100, /* lines a minute of all networks, by endpoint and outcome */
	REFUSALS_TEXT = 200,  /* bytes of a stranger's text in such a line */
};

/* True when this refusal's line is to be written; false when it was counted instead. The endpoint is "" for an unknown path. */
bool refusals_pass(const char *endpoint, enum outcome outcome, const char *remote, int64_t now_us);

/* Writes the sums of minutes that are over at clock_mono_us(), or of all. */
void refusals_flush(int64_t now_us, bool all);

#endif
