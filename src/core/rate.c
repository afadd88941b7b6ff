/* SPDX-License-Identifier: ISC */
/* Rate limits by endpoint and address, shared by all processes of a spool. */
#include "core/rate.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/address.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"

enum { ADDRESSES = 4096, NETWORKS = 1024, ENDPOINTS = 256, PROBES = 8 };

/*
 * A slot is free when it is all zero, or when its time is over: such a limit has all its places. Two processes that take a
 * slot at the same moment lose one place at most.
 */
struct slot {
	_Atomic uint64_t key; /* of endpoint and address */
	_Atomic int64_t due;  /* the "theoretical arrival time", clock_mono_us() */
};

/* The file, mapped for the life of the process, which has one spool. Each kind of limit has slots of its own. */
struct table {
	_Atomic uint64_t boot; /* the boot that the times belong to: clock_mono_us() begins again at each */
	_Atomic int64_t last;  /* the last time that a place was taken: shows a boot where its id can't be read */
	_Atomic uint64_t seed; /* of the keys, so that a stranger cannot choose addresses that share a slot */
	struct slot addresses[ADDRESSES], networks[NETWORKS], endpoints[ENDPOINTS];
};

static _Atomic(struct table *) table;

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

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
static uint64_t fnv_hash(uint64_t h, const void *p, size_t n)
{
	for (const unsigned char *s = p; n > 0; n--)
		h = (h ^ *s++) * 0x100000001B3U;
	return h;
}

static uint64_t this_boot(void)
{
	char id[64];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, id, sizeof id) : 0;

	if (fd >= 0)
		close(fd);
	return fnv_hash(sizeof(struct table), id, n > 0 ? (size_t)n : 0) | 1;
}

/* Empties a table of another boot, or of another version's layout. */
static void begin_boot(struct table *t)
{
	uint64_t boot = this_boot(), seed;

	if (atomic_exchange(&t->boot, boot) == boot && atomic_load(&t->last) <= clock_mono_us())
		return;
	memset((void *)t->addresses, 0, sizeof *t - offsetof(struct table, addresses));
	if (random_bytes_now(&seed, sizeof seed))
		atomic_store(&t->seed, seed);
}

static struct table *map_table(const char *spool)
{
	struct table *there = atomic_load(&table), *mapped = MAP_FAILED;
	char path[4096];
	int fd;

	if (there)
		return there;
	if (snprintf(path, sizeof path, "%s/rate", spool) >= (int)sizeof path)
		return NULL;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return NULL;
	if (posix_fallocate(fd, 0, sizeof *mapped) == 0) /* on a full disk, a write to a hole of a mapped file is a SIGBUS */
		mapped = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mapped == MAP_FAILED)
		return NULL;
	begin_boot(mapped);
	if (atomic_compare_exchange_strong(&table, &there, mapped))
		return mapped;
	munmap(mapped, sizeof *mapped); /* another thread was first */
	return there;
}

/* Of an endpoint and a network of it; no bits: the endpoint as a whole. */
static uint64_t slot_key(const struct table *t, const char *endpoint, const char *address, unsigned bits)
{
	uint64_t h = fnv_hash(0xCBF29CE484222325U ^ atomic_load(&t->seed), endpoint, strlen(endpoint) + 1);
	struct in6_addr network;

	if (bits && address_network(address, bits, &network))
		h = fnv_hash(h, &network, sizeof network);
	else if (bits)
		h = fnv_hash(h, address, strlen(address));
	h = (h ^ h >> 33) * 0xFF51AFD7ED558CCDU; /* MurmurHash3's finalizer: the lower bits depend on all */
	h ^= h >> 33;
	return h ? h : 1;
}

/*
 * The key's own slot; else a free one; else one that it shares with another key. In a flood of addresses some share a
 * limit, and no limit is lifted.
 */
static struct slot *find_slot(struct slot *slots, unsigned size, uint64_t key, int64_t now, bool *shared)
{
	struct slot *s, *unused = NULL;

	*shared = false;
	for (unsigned i = 0; i < PROBES; i++) {
		s = &slots[(key + i) % size];
		if (atomic_load(&s->key) == key)
			return s;
		if (!unused && atomic_load(&s->due) <= now)
			unused = s;
	}
	*shared = !unused;
	if (!unused)
		return &slots[key % size];
	atomic_store(&unused->due, now);
	atomic_store(&unused->key, key);
	return unused;
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

/* Takes a place in a slot; 0, or how many ms must pass before there is one. */
static int64_t take_place(struct slot *s, const struct rate *r, int64_t now, bool shared)
{
	int64_t due = atomic_load(&s->due), next, wait;

	do {
		if (shared && due > now + each_us(r) * r->burst)
			return each_us(r) / 1000 + 1; /* the other key's endpoint has a longer limit */
		next = due;
		wait = rate_pass(r, &next, now);
		if (wait)
			return wait;
	} while (!atomic_compare_exchange_weak(&s->due, &due, next));
	return 0;
}

static struct rate times(const struct rate *r, unsigned factor)
{
	return (struct rate){.n = r->n * factor, .per = r->per, .burst = r->burst * factor};
}

int64_t rate_take(const struct rate *r, const char *spool, const char *endpoint, const char *address)
{
	struct table *t = map_table(spool);
	int64_t now = clock_mono_us(), wait = 0;
	struct slot *taken[3];
	struct rate limits[3];
	unsigned n = 0;

	if (!t)
		return 0;
	atomic_store_explicit(&t->last, now, memory_order_relaxed);
	/* the widest first: an address that is refused by it needs no slot of its own */
	const struct {
		struct slot *slots;
		unsigned size, bits, factor;
	} levels[] = {{t->endpoints, ENDPOINTS, 0, RATE_ENDPOINT}, {t->networks, NETWORKS, 48, RATE_NETWORK}, {t->addresses, ADDRESSES, 64, 1}};

	for (size_t i = 0; !wait && i < sizeof levels / sizeof *levels; i++) {
		bool shared;

		if (levels[i].bits == 48 && !strchr(address, ':'))
			continue; /* of IPv4 there is no such network */
		limits[n] = times(r, levels[i].factor);
		taken[n] = find_slot(levels[i].slots, levels[i].size, slot_key(t, endpoint, address, levels[i].bits), now, &shared);
		wait = take_place(taken[n], &limits[n], now, shared);
		n += wait == 0;
	}
	while (wait && n-- > 0)
		atomic_fetch_sub(&taken[n]->due, each_us(&limits[n]));
	return wait;
}
