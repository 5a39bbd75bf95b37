/* How thorough a bench is. With BENCH_SHORT in the environment it only shows that it runs. */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include <stdbool.h>
#include <stdlib.h>

static inline bool bench_is_short(void)
{
	return getenv("BENCH_SHORT") != NULL;
}

/* How often to measure, for the best of it. */
static inline int bench_rounds(int most)
{
	return bench_is_short() ? 1 : most;
}

#endif
