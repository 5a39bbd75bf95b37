/* What must hold in a fuzzer, whatever it is given. */
#ifndef TESTS_REQUIRE_H
#define TESTS_REQUIRE_H

#include <stdio.h>
#include <stdlib.h>

static inline void require(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

#endif
