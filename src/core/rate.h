/* SPDX-License-Identifier: ISC */
/*
 * Rate limits by endpoint and address, shared by all processes of a spool: the generic cell rate algorithm
 * (ITU-T I.371) in a small table of memory that is mapped from the spool's directory.
 */
#ifndef RATE_H
#define RATE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	RATE_MAX = 1000000,
	RATE_NETWORK = 16,   /* times the rate: the limit of a /48 of IPv6 */
	RATE_ENDPOINT = 256, /* times the rate: the limit of an endpoint as a whole */
};

/* n in the time `per`, and `burst` at once. n == 0: no limit. */
struct rate {
	unsigned n;
	int64_t per; /* ms */
	unsigned burst;
};

/* Reads "60/m": a number, a slash, and s, m or h. False when the text is none, or the number is 0 or above 1000000. */
bool rate_parse(const char *text, struct rate *out);

/*
 * Takes a place at a moment of clock_mono_us(). Returns 0, or the ms until there is one. *due is the state of the limit, 0 at
 * first: the moment when the last place is free again, if places are taken one after the other.
 */
int64_t rate_pass(const struct rate *r, int64_t *due, int64_t now);

/* Gives back a place that was taken. */
void rate_give_back(const struct rate *r, int64_t *due);

/*
 * Takes a delivery's place: of its address (IPv4, or a /64 of IPv6), of its /48 and of its endpoint. Returns 0, or the ms
 * until there is one; a refused delivery takes none. Where the table can't be mapped there is no limit: a limit is no
 * reason to lose events. Where the table is full, keys share a limit.
 */
int64_t rate_take(const struct rate *r, const char *spool, const char *endpoint, const char *address);

#endif
