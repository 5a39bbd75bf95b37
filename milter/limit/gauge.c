#include "limit/gauge.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "limit/table.h"

enum { WINDOW = 32, ENTRIES_MIN = 1024 };

struct entry {
	shared_word tag;
	shared_word count;
};

struct owner {
	_Atomic pid_t pid; /* 0: free */
	struct entry *entries;
};

/* In shared memory, and so are the entries. */
struct gauges {
	uint64_t entries; /* of each owner, a power of two */
	size_t size;
	struct owner owners[GAUGE_OWNERS];
};

/* Of this process. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct gauges *gauges_new(uint64_t keys)
{
	uint64_t entries = ENTRIES_MIN;
	struct gauges *g;
	size_t size;
	void *base;

	while (entries < 2 * keys && entries < (uint64_t)1 << 24)
		entries *= 2;
	size = sizeof(*g) + GAUGE_OWNERS * entries * sizeof(struct entry);
	base = mmap(
	    NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return NULL;
	g = base;
	g->entries = entries;
	g->size = size;
	for (size_t i = 0; i < GAUGE_OWNERS; i++)
		g->owners[i].entries = (struct entry *)(void *)(g + 1) + i * entries;
	return g;
}

void gauges_free(struct gauges **g)
{
	if (*g != NULL)
		munmap(*g, (*g)->size);
	*g = NULL;
}

static struct entry *entry_at(
    const struct gauges *g, const struct owner *o, uint64_t tag, unsigned n)
{
	return &o->entries[(tag + n) & (g->entries - 1)];
}

static struct entry *find(const struct gauges *g, const struct owner *o, uint64_t tag)
{
	for (unsigned n = 0; n < WINDOW; n++) {
		struct entry *e = entry_at(g, o, tag, n);
		uint64_t there = atomic_load(&e->tag);

		if (there == tag)
			return e;
		if (there == 0)
			return NULL;
	}
	return NULL;
}

/* Within the lock. A tag is replaced only when nothing is counted under it. */
static struct entry *find_or_make(const struct gauges *g, const struct owner *o, uint64_t tag)
{
	struct entry *e = find(g, o, tag);

	for (unsigned n = 0; e == NULL && n < WINDOW; n++) {
		struct entry *other = entry_at(g, o, tag, n);

		if (atomic_load(&other->count) == 0) {
			atomic_store(&other->tag, tag);
			e = other;
		}
	}
	return e;
}

static bool is_dead(pid_t pid)
{
	return kill(pid, 0) != 0 && errno == ESRCH;
}

static void wipe(const struct gauges *g, struct owner *o)
{
	for (uint64_t i = 0; i < g->entries; i++) {
		if (atomic_load(&o->entries[i].tag) == 0)
			continue;
		atomic_store(&o->entries[i].count, 0);
		atomic_store(&o->entries[i].tag, 0);
	}
}

void gauges_sweep(struct gauges *g)
{
	for (size_t i = 0; i < GAUGE_OWNERS; i++) {
		pid_t pid = atomic_load(&g->owners[i].pid);

		if (pid <= 0 || !is_dead(pid))
			continue;
		/* Whoever wipes has it, so that it is not taken meanwhile. */
		if (!atomic_compare_exchange_strong(&g->owners[i].pid, &pid, -1))
			continue;
		wipe(g, &g->owners[i]);
		atomic_store(&g->owners[i].pid, 0);
	}
}

/* Within the lock. NULL: there are too many processes. */
static struct owner *mine(struct gauges *g, bool take)
{
	pid_t me = getpid();

	for (size_t i = 0; i < GAUGE_OWNERS; i++)
		if (atomic_load(&g->owners[i].pid) == me)
			return &g->owners[i];
	for (size_t i = 0; take && i < GAUGE_OWNERS; i++) {
		pid_t none = 0;

		if (atomic_compare_exchange_strong(&g->owners[i].pid, &none, me))
			return &g->owners[i];
	}
	return NULL;
}

uint64_t gauge_count(const struct gauges *g, uint64_t tag)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < GAUGE_OWNERS; i++) {
		const struct owner *o = &g->owners[i];
		const struct entry *e = atomic_load(&o->pid) > 0 ? find(g, o, tag) : NULL;

		sum += e == NULL ? 0 : atomic_load(&e->count);
	}
	return sum;
}

static bool add(struct gauges *g, uint64_t tag)
{
	struct entry *e = NULL;
	struct owner *o;

	pthread_mutex_lock(&lock);
	o = mine(g, true);
	if (o != NULL)
		e = find_or_make(g, o, tag);
	if (e != NULL)
		atomic_fetch_add(&e->count, 1);
	pthread_mutex_unlock(&lock);
	return e != NULL;
}

void gauge_leave(struct gauges *g, uint64_t tag)
{
	struct entry *e;
	struct owner *o;

	pthread_mutex_lock(&lock);
	o = mine(g, false);
	e = o == NULL ? NULL : find(g, o, tag);
	if (e != NULL && atomic_load(&e->count) > 0)
		atomic_fetch_sub(&e->count, 1);
	pthread_mutex_unlock(&lock);
}

bool gauge_enter(struct gauges *g, uint64_t tag, uint64_t max, uint64_t *count)
{
	*count = 0;
	if (!add(g, tag))
		return false;
	*count = gauge_count(g, tag);
	if (*count <= max)
		return true;
	gauge_leave(g, tag);
	return false;
}
