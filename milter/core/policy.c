#include "core/policy.h"

void policy_run(const struct policy *p, struct session *s, enum stage stage, usec_t now,
    void (*each)(void *arg, const struct verdict *v, enum mode mode), void *arg,
    struct verdict *out)
{
	*out = (struct verdict){.kind = VERDICT_NONE};
	for (size_t i = 0; i < p->count; i++) {
		const struct policy_entry *e = &p->entries[i];
		struct verdict v = {.kind = VERDICT_NONE, .check = e->check->name};

		if ((e->stages & STAGE_BIT(stage)) == 0)
			continue;
		e->check->run(e->self, s, stage, now, &v);
		if (v.kind == VERDICT_NONE)
			continue;
		verdict_resolve(&v);
		each(arg, &v, e->mode);
		if (e->mode == MODE_ENFORCE && verdict_strictest(out, &v) == &v)
			*out = v;
	}
}
