#include "core/message.h"

#include <stdio.h>
#include <string.h>

#include "core/policy.h"

static const char tag_field[] = "X-Relay-Guard";

/* --- what a check keeps ---------------------------------------------------------- */

void *message_attached(const struct session *s, const void *key)
{
	return attachment_get(&s->msg.attachments, key);
}

bool message_attach(struct session *s, const void *key, void *value, attachment_end *end)
{
	return s->msg.open && attachment_put(&s->msg.attachments, &s->msg.arena, key, value, end);
}

void *session_attached(const struct session *s, const void *key)
{
	return attachment_get(&s->attachments, key);
}

bool session_attach(struct session *s, const void *key, void *value, attachment_end *end)
{
	return attachment_put(&s->attachments, &s->arena, key, value, end);
}

/* --- what a check asks for --------------------------------------------------------- */

static bool ask(
    struct session *s, enum change_kind kind, unsigned index, const char *name, const char *value)
{
	if (s->running != NULL && s->running->mode == MODE_MONITOR)
		return true;
	return s->msg.open && changes_add(&s->msg.changes, &s->msg.arena, kind, index, name, value);
}

bool message_add_field(struct session *s, const char *name, const char *value)
{
	return ask(s, CHANGE_ADD, 0, name, value);
}

bool message_insert_field(struct session *s, unsigned index, const char *name, const char *value)
{
	return ask(s, CHANGE_INSERT, index, name, value);
}

bool message_delete_field(struct session *s, const char *name, unsigned nth)
{
	return ask(s, CHANGE_DELETE, nth, name, NULL);
}

void message_skip_body(struct session *s)
{
	size_t entry = s->running == NULL ? 64 : (size_t)(s->running - s->policy->entries);

	if (entry < 64)
		s->msg.enough_body |= (uint64_t)1 << entry;
}

void session_progress(const struct session *s)
{
	if (s->progress != NULL)
		s->progress(s->progress_arg);
}

/* --- marks --------------------------------------------------------------------------- */

static bool tag(struct session *s, const struct verdict *v)
{
	const char *text = v->tag;

	if (text == NULL)
		text = arena_printf(&s->msg.arena, "tag; check=%s%s%s; id=%s", v->check,
		    v->rule.name == NULL ? "" : "; rule=", v->rule.name == NULL ? "" : v->rule.name,
		    s->id);
	return text != NULL &&
	       changes_add(&s->msg.changes, &s->msg.arena, CHANGE_ADD, 0, tag_field, text);
}

static bool hold(struct session *s, const struct verdict *v)
{
	char text[CHANGE_HOLD_MAX + 1];

	snprintf(text, sizeof(text), "relay-guard: %s%s%s%s%s [%s]", v->check,
	    v->rule.name == NULL ? "" : " rule ", v->rule.name == NULL ? "" : v->rule.name,
	    v->reason == NULL ? "" : ": ", v->reason == NULL ? "" : v->reason, s->id);
	return changes_hold(&s->msg.changes, &s->msg.arena, text);
}

/* The mark outlives the recipient at which it was said, whose memory its reason may be in. */
static bool remember(struct session *s, const struct verdict *v)
{
	const char *reason = v->reason;

	if (verdict_strictest(&s->msg.marked, v) != v)
		return true;
	if (reason != NULL && (reason = arena_strdup(&s->msg.arena, reason)) == NULL)
		return false;
	s->msg.marked = *v;
	s->msg.marked.reason = reason;
	/* It is told again at the end; who is to be told at once was. */
	s->msg.marked.notify = false;
	return true;
}

static bool mark(struct session *s, const struct verdict *v)
{
	bool kept = v->kind == VERDICT_HOLD ? hold(s, v) : tag(s, v);

	return kept && remember(s, v);
}

bool message_mark(struct session *s, enum stage stage, const struct verdict *v)
{
	if (stage == STAGE_CONNECT || stage == STAGE_HELO) {
		s->marked[stage] = *verdict_strictest(&s->marked[stage], v);
		return true;
	}
	return mark(s, v);
}

bool message_finish(struct session *s, struct decision *out)
{
	for (size_t i = 0; i < sizeof(s->marked) / sizeof(s->marked[0]); i++)
		if (s->marked[i].kind != VERDICT_NONE && !mark(s, &s->marked[i]))
			return false;
	if (!changes_sort(&s->msg.changes, &s->msg.arena))
		return false;
	out->verdict = *verdict_strictest(&out->verdict, &s->msg.marked);
	out->changes = s->msg.changes.first;
	out->hold = s->msg.changes.hold;
	return true;
}
