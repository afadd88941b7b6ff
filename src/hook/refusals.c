/* SPDX-License-Identifier: ISC */
/* Refusals in the log: the first ones of a minute are written at once, what is equal to them is summed up. */
#include "hook/refusals.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/address.h"

enum { MINUTE_US = 60 * 1000 * 1000, NETWORKS = 256, GROUPS = 128, PROBES = 8 };

/* Refusals that are equal; all zero is one that is free. */
struct sum {
	int64_t since; /* of the first line, clock_mono_us() */
	uint64_t more; /* refusals that were not written */
	unsigned lines;
	enum outcome outcome;
	char remote[ADDRESS_TEXT]; /* "" for all networks together */
	char endpoint[REFUSALS_TEXT + 1];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct sum networks[NETWORKS], groups[GROUPS];
static struct sum rest[OUTCOME_COUNT]; /* of endpoints that there was no group for */

static uint32_t hash(uint32_t h, const char *s)
{
	do
		h = (h ^ (unsigned char)*s) * 16777619; /* FNV-1a, 32 bits */
	while (*s++);
	return h;
}

static bool equal(const struct sum *s, const char *endpoint, enum outcome outcome, const char *remote)
{
	return s->lines && s->outcome == outcome && strcmp(s->endpoint, endpoint) == 0 && strcmp(s->remote, remote) == 0;
}

/* The sum of what is equal; else a free one, unless `old` is asked for. NULL: there is none. */
static struct sum *find_refusal(struct sum *table, unsigned size, const char *endpoint, enum outcome outcome, const char *remote, bool old)
{
	uint32_t h = hash(hash(2166136261 ^ (uint32_t)outcome, endpoint), remote);
	struct sum *s, *unused = NULL;

	for (unsigned i = 0; i < PROBES; i++) {
		s = &table[(h + i) % size];
		if (equal(s, endpoint, outcome, remote))
			return s;
		if (!s->lines && !unused)
			unused = s;
	}
	if (!unused || old)
		return NULL;
	unused->outcome = outcome;
	snprintf(unused->endpoint, sizeof unused->endpoint, "%s", endpoint);
	snprintf(unused->remote, sizeof unused->remote, "%s", remote);
	return unused;
}

static void write_line(struct sum *s, int64_t now_us)
{
	if (s->lines++ == 0)
		s->since = now_us;
}

static bool pass_refusal(const char *endpoint, enum outcome outcome, const char *network, int64_t now_us)
{
	struct sum *all = find_refusal(groups, GROUPS, endpoint, outcome, "", false), *one;

	if (!all) {
		all = &rest[outcome];
		all->outcome = outcome;
	}
	one = find_refusal(networks, NETWORKS, endpoint, outcome, network, all->lines >= REFUSALS_OF_ALL);
	if (one && one->lines >= REFUSALS_OF_ONE) {
		one->more++;
		return false;
	}
	if (all->lines >= REFUSALS_OF_ALL) {
		all->more++;
		return false;
	}
	write_line(all, now_us);
	if (one)
		write_line(one, now_us);
	return true;
}

bool refusals_pass(const char *endpoint, enum outcome outcome, const char *remote, int64_t now_us)
{
	char network[ADDRESS_TEXT], name[REFUSALS_TEXT + 1];
	bool ok;

	snprintf(name, sizeof name, "%s", endpoint);
	address_network_text(remote, 64, network);
	pthread_mutex_lock(&mutex);
	ok = pass_refusal(name, outcome, network, now_us);
	pthread_mutex_unlock(&mutex);
	return ok;
}

static void log_sum(const struct sum *s, int64_t now_us)
{
	const struct outcome_info *info = outcome_info(s->outcome);
	char text[96];
	struct log_entry e;

	if (!log_on(info->level))
		return;
	snprintf(text, sizeof text, "%llu more like this in %lld s", (unsigned long long)s->more, (long long)((now_us - s->since + 999999) / 1000000));
	log_begin(&e, info->level);
	log_text(&e, "msg", text);
	log_text(&e, "endpoint", *s->endpoint ? s->endpoint : NULL);
	log_text(&e, "like", info->code);
	log_number(&e, "more", (int64_t)s->more);
	log_text(&e, "remote", *s->remote ? s->remote : "various");
	log_end(&e);
}

static void flush(struct sum *table, unsigned size, int64_t now_us, bool all)
{
	for (unsigned i = 0; i < size; i++) {
		if (!table[i].lines || (!all && now_us - table[i].since < MINUTE_US))
			continue;
		if (table[i].more)
			log_sum(&table[i], now_us);
		table[i] = (struct sum){0};
	}
}

void refusals_flush(int64_t now_us, bool all)
{
	pthread_mutex_lock(&mutex);
	flush(networks, NETWORKS, now_us, all);
	flush(groups, GROUPS, now_us, all);
	flush(rest, OUTCOME_COUNT, now_us, all);
	pthread_mutex_unlock(&mutex);
}
