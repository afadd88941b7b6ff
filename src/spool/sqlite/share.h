/* SPDX-License-Identifier: ISC */
/* Equal shares of a bounded room for nested classes: what a class does not use is shared by the others. */
#ifndef SPOOL_SHARE_H
#define SPOOL_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHARE_LEVELS = 5 };

/* What tells the classes of rejected deliveries apart, the widest first. Borrowed texts. */
struct share_class {
	bool is_signed;
	const char *endpoint, *code, *net;
};

/* One that wants room. */
struct share {
	int64_t id;    /* the highest is the newest */
	uint64_t room; /* that it takes: 1, or its bytes */
	uint64_t at;   /* set by spool_share_rank(): the room that it takes with all that come before it */
	uint32_t class[SHARE_LEVELS];
	bool is_signed;
	void *owner; /* the caller's */
};

/* Orders classes so that those of one wider class stand together: as qsort() has it. */
int spool_share_compare(const struct share_class *a, const struct share_class *b);

/* Sets the class of s. `before` is the one before it in the order of spool_share_compare(), of class before_class; NULL: it is the first. */
void spool_share_number(struct share *s, const struct share_class *class, const struct share *before, const struct share_class *before_class);

/*
 * Sets `at` of all n, so that those with at <= limit are the fair choice for that limit: fair queueing, class by class, and the
 * newest first inside a class. O(n log n).
 */
void spool_share_rank(struct share *s, size_t n);

#endif
