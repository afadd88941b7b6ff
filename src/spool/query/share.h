/* SPDX-License-Identifier: ISC */
/* Equal shares of a bounded room for nested classes: what a class does not use is shared by the others. */
#ifndef SPOOL_SHARE_H
#define SPOOL_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHARE_LEVELS = 5 };

/* The class of a rejected delivery; the members define nested classes, the widest first. Borrowed texts. */
struct share_class {
	bool is_signed;
	const char *endpoint, *code, *net;
};

/* A rejected delivery, as a claim on room. */
struct share {
	int64_t id;    /* the highest is the newest */
	uint64_t room; /* that it takes: 1, or its bytes */
	uint64_t at;   /* set by spool_share_rank(): the room that it takes with all that come before it */
	uint32_t class[SHARE_LEVELS];
	bool is_signed;
	void *owner; /* the caller's */
};

/* Compares for qsort(), so that all classes of one wider class are adjacent. */
int spool_share_compare(const struct share_class *a, const struct share_class *b);

/*
 * Sets the numbers of the class of s. `before`, of class before_class, is its predecessor in the order of spool_share_compare();
 * NULL: s is the first.
 */
void spool_share_number(struct share *s, const struct share_class *class, const struct share *before,
	const struct share_class *before_class);

/*
 * Sets `at` of all n: those with at <= limit are the fair choice for that limit. The method is fair queueing, class by class, and the
 * newest first inside a class. O(n log n).
 */
void spool_share_rank(struct share *s, size_t n);

#endif
