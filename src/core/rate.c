/* Rate limits by endpoint and address, shared by all processes of a spool. */
#include "core/rate.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"

enum { SLOTS = 4096, PROBES = 8 };

/* All zero is a slot that is free. Two processes that take one at the same moment cost each other a place at most. */
struct slot {
	_Atomic uint64_t key; /* of endpoint and address */
	_Atomic int64_t due;  /* the "theoretical arrival time", clock_mono_us() */
};

/* What is mapped, for the life of the process; a process has one spool. */
static _Atomic(struct slot *) table;

bool rate_parse(const char *text, struct rate *out)
{
	static const char units[] = "smh";
	static const int64_t ms[] = {1000, 60 * 1000, 3600 * 1000};
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	const char *unit = end[0] == '/' && end[1] ? strchr(units, end[1]) : NULL;

	if (*text < '0' || *text > '9' || n == 0 || n > RATE_MAX || !unit || end[2])
		return false;
	*out = (struct rate){.n = (unsigned)n, .per = ms[unit - units], .burst = (unsigned)n};
	return true;
}

static struct slot *map_table(const char *spool)
{
	enum { SIZE = SLOTS * sizeof(struct slot) };
	struct slot *there = atomic_load(&table), *mapped = MAP_FAILED;
	char path[4096];
	int fd;

	if (there)
		return there;
	if (snprintf(path, sizeof path, "%s/rate", spool) >= (int)sizeof path)
		return NULL;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return NULL;
	if (ftruncate(fd, SIZE) == 0)
		mapped = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mapped == MAP_FAILED)
		return NULL;
	if (atomic_compare_exchange_strong(&table, &there, mapped))
		return mapped;
	munmap(mapped, SIZE); /* another thread was first */
	return there;
}

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
static uint64_t hash(uint64_t h, const void *p, size_t n)
{
	for (const unsigned char *s = p; n > 0; n--)
		h = (h ^ *s++) * 0x100000001B3U;
	return h;
}

static uint64_t key_of(const char *endpoint, const char *address)
{
	uint64_t h = hash(0xCBF29CE484222325U, endpoint, strlen(endpoint) + 1);
	struct in6_addr v6;

	if (inet_pton(AF_INET6, address, &v6) == 1)
		h = hash(h, &v6, IN6_IS_ADDR_V4MAPPED(&v6) ? sizeof v6 : 8); /* of IPv4 all are in one /64 */
	else
		h = hash(h, address, strlen(address));
	return h ? h : 1;
}

/* The key's own slot; else one whose time is over; else the one that will be free first. */
static struct slot *find(struct slot *slots, uint64_t key, int64_t now)
{
	struct slot *s, *best = &slots[key % SLOTS];

	for (unsigned i = 0; i < PROBES; i++) {
		s = &slots[(key + i) % SLOTS];
		if (atomic_load(&s->key) == key)
			return s;
		if (atomic_load(&s->due) < atomic_load(&best->due))
			best = s;
	}
	atomic_store(&best->due, now);
	atomic_store(&best->key, key);
	return best;
}

static int64_t each_us(const struct rate *r)
{
	return r->n ? r->per * 1000 / r->n : 0;
}

int64_t rate_pass(const struct rate *r, int64_t *due, int64_t now)
{
	int64_t each = each_us(r), room = each * (r->burst - 1), from;

	if (!r->n)
		return 0;
	from = *due > now + room + each ? now : *due > now ? *due : now; /* later than can be: from before a reboot */
	if (from - now > room)
		return (from - now - room) / 1000 + 1;
	*due = from + each;
	return 0;
}

void rate_give_back(const struct rate *r, int64_t *due)
{
	*due -= each_us(r);
}

int64_t rate_take(const struct rate *r, const char *spool, const char *endpoint, const char *address)
{
	int64_t now = clock_mono_us(), due, next, wait;
	struct slot *slots = map_table(spool), *s;

	if (!slots)
		return 0;
	s = find(slots, key_of(endpoint, address), now);
	due = atomic_load(&s->due);
	do {
		next = due;
		wait = rate_pass(r, &next, now);
		if (wait)
			return wait;
	} while (!atomic_compare_exchange_weak(&s->due, &due, next));
	return 0;
}
