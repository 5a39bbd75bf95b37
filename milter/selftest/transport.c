#include "selftest/transport.h"

#include <stdio.h>
#include <string.h>

void transport_fail(struct trial *trials, size_t count, const char *why)
{
	for (size_t i = 0; i < count; i++) {
		if (trials[i].got.kind != OUTCOME_NONE)
			continue;
		trials[i].got.kind = OUTCOME_ERROR;
		snprintf(trials[i].got.text, sizeof(trials[i].got.text), "%s", why);
	}
}

/* A guard's refusal ends in its session, " [0123abcd...]". */
static bool has_mark(const char *text)
{
	const char *open = strrchr(text, '[');
	size_t n;

	if (open == NULL)
		return false;
	n = strspn(open + 1, "0123456789abcdef");
	return n >= 12 && open[1 + n] == ']';
}

void outcome_set(struct outcome *o, unsigned code, const char *text)
{
	o->code = code;
	o->kind = code < 400 ? OUTCOME_ACCEPTED : code < 500 ? OUTCOME_DEFERRED : OUTCOME_REFUSED;
	snprintf(o->text, sizeof(o->text), "%s", text);
	o->by_guard = o->kind != OUTCOME_ACCEPTED && has_mark(text);
}
