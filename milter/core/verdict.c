#include "core/verdict.h"

#include <stddef.h>

const char *verdict_name(enum verdict_kind k)
{
	static const char *const names[] = {
	    [VERDICT_NONE] = "none",
	    [VERDICT_NOTE] = "note",
	    [VERDICT_PERMIT] = "permit",
	    [VERDICT_TAG] = "tag",
	    [VERDICT_HOLD] = "hold",
	    [VERDICT_UNDECIDED] = "defer",
	    [VERDICT_DEFER] = "defer",
	    [VERDICT_REJECT] = "reject",
	};

	return names[k];
}

const struct verdict *verdict_strictest(const struct verdict *a, const struct verdict *b)
{
	return b->kind > a->kind ? b : a;
}

static void reply_of_class(struct reply *r, unsigned class)
{
	static const struct reply temporary = {451, "4.7.1", "Please try again later"};
	static const struct reply permanent = {550, "5.7.1", "Refused by policy"};

	if (r->code == 0)
		*r = class == 4 ? temporary : permanent;
	else
		*r = reply_as_class(r, class);
}

void verdict_resolve(struct verdict *v)
{
	/* A check that could not decide has no reply of its own to give. */
	if (v->kind == VERDICT_UNDECIDED) {
		v->kind = VERDICT_DEFER;
		v->reply.code = 0;
	}
	if (v->kind == VERDICT_DEFER)
		reply_of_class(&v->reply, 4);
	else if (v->kind == VERDICT_REJECT)
		reply_of_class(&v->reply, 5);
}
