#include "check/outcome.h"

#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "conf/load.h"

/* --- words ----------------------------------------------------------------------- */

const struct conf_word outcome_words[] = {{"nothing", OUTCOME_NOTHING}, {"note", OUTCOME_NOTE},
    {"tag", OUTCOME_TAG}, {"hold", OUTCOME_HOLD}, {"defer", OUTCOME_DEFER},
    {"reject", OUTCOME_REJECT}, {NULL, 0}};

const struct conf_word outcome_mild_words[] = {{"nothing", OUTCOME_NOTHING}, {"note", OUTCOME_NOTE},
    {"tag", OUTCOME_TAG}, {"hold", OUTCOME_HOLD}, {"defer", OUTCOME_DEFER}, {NULL, 0}};

static enum verdict_kind verdict_of(int action)
{
	static const enum verdict_kind kinds[] = {
	    [OUTCOME_NOT_GIVEN] = VERDICT_NONE,
	    [OUTCOME_NOTHING] = VERDICT_NONE,
	    [OUTCOME_NOTE] = VERDICT_NOTE,
	    [OUTCOME_TAG] = VERDICT_TAG,
	    [OUTCOME_HOLD] = VERDICT_HOLD,
	    [OUTCOME_DEFER] = VERDICT_DEFER,
	    [OUTCOME_REJECT] = VERDICT_REJECT,
	};

	return kinds[action];
}

/* --- whose mail ------------------------------------------------------------------- */

static bool read_from_domain(struct conf_reader *r, const struct conf_value *v, void *field)
{
	struct names_criterion *c = field;

	c->given = true;
	return conf_read_value(r, CONF_DOMAINS, "from-domain", v, &c->set);
}

const struct conf_row origin_criteria_rows[] = {
    {.key = "", .include = criteria_rows, .offset = offsetof(struct origin_criteria, base)},
    {.key = "from-domain",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct origin_criteria, from_domain),
	.read = read_from_domain,
	.doc = "The domain of the header's From, where there is one: domains, lists as @NAME. "
	       "Anybody can write any: it proves nothing."},
    {.key = NULL},
};

static bool check_criteria(
    struct conf_reader *r, const struct origin_criteria *c, const struct conf_loc *where)
{
	if (!c->base.to.given && c->base.reading == READING_IS_ANY)
		return true;
	return conf_error(r, where,
	    "found `%s`; expected no criterion of recipients here, as a message is judged as a "
	    "whole",
	    c->base.to.given ? "to" : "reading");
}

bool origin_read(struct conf_reader *r, const struct conf_value *v, void *field)
{
	struct origin_criteria *c = field;

	c->given = true;
	return conf_read_block(r, v, origin_criteria_rows, c) && check_criteria(r, c, &v->loc);
}

bool origin_matches(
    const struct origin_criteria *c, const struct session *s, const struct evidence *e)
{
	const char *domain = evidence_from_domain(e);

	if (c->from_domain.given &&
	    (domain == NULL || !domset_contains(c->from_domain.set, domain)))
		return false;
	return criteria_match(&c->base, s, NULL) == MATCH_YES;
}

/* --- sections ---------------------------------------------------------------------- */

static const struct conf_word mode_words[] = {
    {"enforce", MODE_ENFORCE}, {"monitor", MODE_MONITOR}, {NULL, 0}};

const struct conf_row outcome_common_rows[] = {
    {.key = "mode",
	.type = CONF_ENUM,
	.offset = offsetof(struct outcome_policy, mode),
	.fallback = "enforce",
	.words = mode_words,
	.doc = "enforce, or monitor: record what would be done, and do nothing."},
    {.key = "except",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct outcome_policy, except),
	.read = origin_read,
	.doc =
	    "Whose mail this check lets alone, in the criteria of a rule: { client = @friends }."},
    {.key = "reply",
	.type = CONF_TEXT,
	.offset = offsetof(struct outcome_policy, reply_text),
	.doc = "What the client hears when the mail is rejected or deferred, such as \"550 5.7.1 "
	       "Not from there\". Each outcome has one of its own where this is not given."},
    {.key = NULL},
};

bool outcome_policy_finish(struct conf_reader *r, void *section)
{
	struct outcome_policy *p = section;
	const char *why = NULL;

	if (p->reply_text == NULL || reply_parse(p->reply_text, &p->reply, &why))
		return true;
	return conf_error(
	    r, &p->head.loc, "found the reply \"%.200s\"; expected %s", p->reply_text, why);
}

bool outcome_rule_finish(struct conf_reader *r, void *section)
{
	struct outcome_rule *u = section;
	bool any = false;

	for (size_t i = 0; i < OUTCOMES_MAX; i++)
		any = any || u->actions[i] != OUTCOME_NOT_GIVEN;
	if (!any)
		return conf_error(r, &u->head.loc,
		    "found no action in rule `%s`; expected one for an outcome at least, such as "
		    "`fail = tag`",
		    u->head.name);
	return check_criteria(r, &u->criteria, &u->head.loc);
}

static const struct outcome_rule *first_rule(const struct outcome_policy *p)
{
	return (const struct outcome_rule *)(const void *)p->rules;
}

static const struct outcome_rule *next_rule(const struct outcome_rule *u)
{
	return (const struct outcome_rule *)(const void *)u->head.next;
}

static unsigned rights_of(const int actions[OUTCOMES_MAX])
{
	unsigned rights = 0;

	for (size_t i = 0; i < OUTCOMES_MAX; i++) {
		if (actions[i] == OUTCOME_TAG)
			rights |= RIGHT_ADD_FIELDS;
		if (actions[i] == OUTCOME_HOLD)
			rights |= RIGHT_QUARANTINE;
	}
	return rights;
}

bool outcome_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, const struct check *check, struct policy_entry *out)
{
	const struct outcome_policy *p = (const struct outcome_policy *)(const void *)section;
	struct outcome_self *self = arena_alloc(r->arena, sizeof(*self));

	if (self == NULL)
		return conf_no_memory(r);
	*self = (struct outcome_self){p, settings};
	*out = (struct policy_entry){
	    .check = check,
	    .self = self,
	    .stages = STAGE_BIT(STAGE_EOM),
	    .facts = FACT_RESOLVER | FACT_HELO | FACT_QUEUE_ID | FACT_AUTH,
	};
	out->mode = p->mode == MODE_MONITOR ? MODE_MONITOR : (enum mode)settings->mode;
	out->rights |= rights_of(p->actions);
	out->facts |= criteria_facts(&p->except.base);
	for (const struct outcome_rule *u = first_rule(p); u != NULL; u = next_rule(u)) {
		out->rights |= rights_of(u->actions);
		out->facts |= criteria_facts(&u->criteria.base);
	}
	return true;
}

/* --- what is done --------------------------------------------------------------------- */

/* The text may hold what a stranger wrote, so it is not read as the configuration's replies are. */
static struct reply reply_of(const char *text)
{
	struct reply r = {.code = 550, .enhanced = "5.7.1"};
	struct strbuf b = {0};
	size_t len;

	if (text[0] == '4') {
		r.code = 451;
		r.enhanced[0] = '4';
	}
	if (strlen(text) > 4)
		text += 4;
	len = reply_enhanced_length(text);
	if (len > 0 && len < sizeof(r.enhanced)) {
		memcpy(r.enhanced, text, len);
		r.enhanced[len] = '\0';
		text += len + (text[len] == ' ');
	}
	escape_reply(&b, text, strlen(text), REPLY_TEXT_MAX - 40);
	snprintf(r.text, sizeof(r.text), "%s", strbuf_text(&b));
	strbuf_free(&b);
	return r;
}

static const char *tag_of(struct session *s, const struct verdict *v, const char *word)
{
	return arena_printf(&s->msg.arena, "tag; check=%s; result=%s%s%s; id=%s", v->check, word,
	    v->rule.name == NULL ? "" : "; rule=", v->rule.name == NULL ? "" : v->rule.name, s->id);
}

void outcome_apply(const struct outcome_policy *p, struct session *s, const struct evidence *e,
    const struct outcome *found, struct verdict *out)
{
	int action = p->actions[found->number];
	const struct conf_head *where = &p->head;

	session_trace(s, "%s: %s: %s", out->check, found->word, found->reason);
	if (p->except.given && origin_matches(&p->except, s, e)) {
		session_trace(s, "%s: excepted", out->check);
		return;
	}
	for (const struct outcome_rule *u = first_rule(p); u != NULL; u = next_rule(u)) {
		if (u->actions[found->number] == OUTCOME_NOT_GIVEN ||
		    !origin_matches(&u->criteria, s, e))
			continue;
		action = u->actions[found->number];
		where = &u->head;
		break;
	}
	out->kind = verdict_of(action);
	out->rule = (struct rule_ref){where->name, where->loc.file, where->loc.line};
	out->reason = found->reason;
	out->reply = p->reply.code != 0     ? p->reply
	             : found->reply != NULL ? reply_of(found->reply)
	                                    : (struct reply){0};
	if (out->kind == VERDICT_TAG)
		out->tag = tag_of(s, out, found->word);
}
