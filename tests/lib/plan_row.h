/* A row of a self-test's plan, by its names. Include after unit.h. */
#ifndef TESTS_LIB_PLAN_ROW_H
#define TESTS_LIB_PLAN_ROW_H

#include <stdlib.h>
#include <string.h>

#include "selftest/plan.h"

static inline struct row *plan_row(const struct plan *p, const char *actor, const char *probe)
{
	for (size_t i = 0; i < p->row_count; i++)
		if (strcmp(p->rows[i].actor->name, actor) == 0 &&
		    strcmp(p->rows[i].probe->name, probe) == 0)
			return &p->rows[i];
	fail_msg("there is no row %s %s", actor, probe);
	abort();
}

#endif
