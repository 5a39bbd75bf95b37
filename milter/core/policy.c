#include "core/policy.h"

static bool has_enough(const struct session *s, size_t entry)
{
	return entry < 64 && (s->msg.enough_body >> entry & 1) != 0;
}

bool policy_has_enough_body(const struct policy *p, const struct session *s)
{
	for (size_t i = 0; i < p->count; i++)
		if ((p->entries[i].stages & STAGE_BIT(STAGE_BODY)) != 0 && !has_enough(s, i))
			return false;
	return true;
}

void policy_run(const struct policy *p, struct session *s, enum stage stage, usec_t now,
    void (*each)(void *arg, const struct verdict *v, enum mode mode), void *arg,
    struct verdict *out)
{
	*out = (struct verdict){.kind = VERDICT_NONE};
	for (size_t i = 0; i < p->count; i++) {
		const struct policy_entry *e = &p->entries[i];
		struct verdict v = {.kind = VERDICT_NONE, .check = e->check->name};

		if ((e->stages & STAGE_BIT(stage)) == 0 ||
		    (stage == STAGE_BODY && has_enough(s, i)))
			continue;
		s->running = e;
		s->so_far = out->kind;
		e->check->run(e->self, s, stage, now, &v);
		s->running = NULL;
		if (v.kind == VERDICT_NONE)
			continue;
		verdict_resolve(&v);
		each(arg, &v, e->mode);
		if (e->mode == MODE_ENFORCE && verdict_strictest(out, &v) == &v)
			*out = v;
	}
}

void policy_settled(const struct policy *p, struct session *s, enum stage stage, usec_t now,
    const struct verdict *v)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->entries[i].settled != NULL)
			p->entries[i].settled(p->entries[i].self, s, stage, v, now);
}
