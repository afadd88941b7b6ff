/* SPDX-License-Identifier: ISC */
/*
 * Refusals in the log: the first ones of a minute are written at once, what is equal to them is summed up. A stranger
 * can refuse no disk to the spool by having requests refused.
 *
 * Answers to a handshake count as refusals here: some providers' can be asked for by anyone.
 *
 * Equal are refusals of one endpoint with one outcome from one network: an IPv4 address, or a /64 of IPv6. For all
 * networks together there is a second, higher limit, so that many addresses fill the log no more than that. What is
 * not written is counted, and the sum is a line of its own when the minute is over.
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
