#include "daemon/tally.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

enum { PLACES = 1024 };

struct board {
	_Atomic uint64_t events[TALLY_VERDICTS];
	/* Sums of what each process had more than when it told last: they outlive it. */
	_Atomic uint64_t lookups, cached, errors, bogus, deadlines, refused;
	/* Each written by one process. */
	_Atomic unsigned sessions[PLACES];
	_Atomic uint64_t in_flight[PLACES];
};

static struct board *board;
static bool taken[PLACES]; /* the master's */
static int mine = -1;

void tally_open(void)
{
	void *base =
	    mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	board = base == MAP_FAILED ? NULL : base;
}

int tally_take(void)
{
	for (int i = 0; board != NULL && i < PLACES; i++) {
		if (taken[i])
			continue;
		taken[i] = true;
		atomic_store(&board->sessions[i], 0);
		atomic_store(&board->in_flight[i], 0);
		return i;
	}
	return -1;
}

void tally_give(int place)
{
	if (place < 0)
		return;
	atomic_store(&board->in_flight[place], 0);
	taken[place] = false;
}

void tally_use(int place)
{
	mine = place;
}

void tally_sessions(unsigned count)
{
	if (mine >= 0)
		atomic_store(&board->sessions[mine], count);
}

unsigned tally_sessions_of(int place)
{
	return place < 0 ? 0 : atomic_load(&board->sessions[place]);
}

void tally_event(const char *verdict)
{
	/* From behind: what is undecided is called "defer" as well, and no event has it. */
	for (unsigned i = TALLY_VERDICTS; board != NULL && verdict != NULL && i-- > 0;)
		if (strcmp(verdict, verdict_name((enum verdict_kind)i)) == 0) {
			atomic_fetch_add(&board->events[i], 1);
			return;
		}
}

void tally_events(uint64_t out[TALLY_VERDICTS])
{
	for (unsigned i = 0; i < TALLY_VERDICTS; i++)
		out[i] = board == NULL ? 0 : atomic_load(&board->events[i]);
}

void tally_dns(const struct dns_counters *now)
{
	static struct dns_counters told;

	if (board == NULL)
		return;
	atomic_fetch_add(&board->lookups, now->lookups - told.lookups);
	atomic_fetch_add(&board->cached, now->cached - told.cached);
	atomic_fetch_add(&board->errors, now->errors - told.errors);
	atomic_fetch_add(&board->bogus, now->bogus - told.bogus);
	atomic_fetch_add(&board->deadlines, now->deadlines - told.deadlines);
	atomic_fetch_add(&board->refused, now->refused - told.refused);
	told = *now;
	if (mine >= 0)
		atomic_store(&board->in_flight[mine], now->in_flight);
}

struct dns_counters tally_dns_sum(void)
{
	struct dns_counters sum = {0};

	if (board == NULL)
		return sum;
	sum.lookups = atomic_load(&board->lookups);
	sum.cached = atomic_load(&board->cached);
	sum.errors = atomic_load(&board->errors);
	sum.bogus = atomic_load(&board->bogus);
	sum.deadlines = atomic_load(&board->deadlines);
	sum.refused = atomic_load(&board->refused);
	for (int i = 0; i < PLACES; i++)
		sum.in_flight += atomic_load(&board->in_flight[i]);
	return sum;
}
