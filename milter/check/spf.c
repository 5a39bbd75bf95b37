#include "check/spf.h"

#include <stdio.h>

#include "check/evidence.h"

/* --- the check ----------------------------------------------------------------------- */

/* RFC 7372: 7.23 is a failed validation, 7.24 an error in it. */
static const char *reply_of(struct session *s, const struct evidence *e)
{
	const struct spf_outcome *o = &e->spf;
	char client[ADDR_TEXT_MAX];

	addr_format(&e->query.client, client);
	switch (o->result) {
	case SPF_TEMPERROR:
		return "451 4.7.24 SPF: the sender's domain can't be looked up now";
	case SPF_PERMERROR:
		return arena_printf(&s->msg.arena,
		    "550 5.7.24 SPF: the record of %s can't be evaluated", o->domain);
	case SPF_NONE:
	case SPF_NEUTRAL:
	case SPF_PASS:
	case SPF_FAIL:
	case SPF_SOFTFAIL:
		break;
	}
	return arena_printf(&s->msg.arena, "550 5.7.23 SPF %s: %s may not send for %s%s%.200s",
	    spf_result_name(o->result), client, o->domain, o->explanation == NULL ? "" : ": ",
	    o->explanation == NULL ? "" : o->explanation);
}

static void spf_run(
    const void *self, struct session *s, enum stage stage, usec_t now, struct verdict *out)
{
	const struct outcome_self *spf = self;
	struct evidence *e;
	struct outcome found;

	(void)stage;
	/* A recipient that is refused already needs no look-up. */
	if (s->so_far >= VERDICT_DEFER)
		return;
	e = evidence_of(s, spf->settings, now);
	if (e == NULL) {
		out->kind = VERDICT_UNDECIDED;
		return;
	}
	if (evidence_spf(s, e) == NULL) {
		session_trace(s, "spf: not asked: %s",
		    e->trusted != NULL ? e->trusted : "there is no resolver");
		return;
	}
	found = (struct outcome){
	    .number = e->spf.result,
	    .word = spf_result_name(e->spf.result),
	    .reason = e->spf.reason,
	    .reply = reply_of(s, e),
	};
	outcome_apply(spf->policy, s, e, &found, out);
}

const struct check check_spf = {"spf", spf_run};

/* --- the section ----------------------------------------------------------------------- */

static const struct conf_word at_words[] = {{"eom", SPF_AT_EOM}, {"rcpt", SPF_AT_RCPT}, {NULL, 0}};

/* Defaults of a section; NULL for those of a rule. */
#define RESULT_ROWS(base, bad, fine)                                                               \
	OUTCOME_ROW(base, "fail", SPF_FAIL, bad, outcome_words,                                    \
	    "The domain says that the client may not send for it."),                               \
	    OUTCOME_ROW(base, "softfail", SPF_SOFTFAIL, bad, outcome_words,                        \
		"The domain says that the client probably may not send for it."),                  \
	    OUTCOME_ROW(base, "neutral", SPF_NEUTRAL, fine, outcome_words,                         \
		"The domain says nothing about the client."),                                      \
	    OUTCOME_ROW(                                                                           \
		base, "none", SPF_NONE, fine, outcome_words, "There is no record, or no domain."), \
	    OUTCOME_ROW(base, "pass", SPF_PASS, fine, outcome_words,                               \
		"The client may send for the domain."),                                            \
	    OUTCOME_ROW(                                                                           \
		base, "temperror", SPF_TEMPERROR, bad, outcome_mild_words, "DNS did not answer."), \
	    OUTCOME_ROW(                                                                           \
		base, "permerror", SPF_PERMERROR, bad, outcome_words, "The record is wrong.")

static const struct conf_row rule_rows[] = {
    {.key = "", .include = origin_criteria_rows, .offset = offsetof(struct outcome_rule, criteria)},
    RESULT_ROWS(RULE_ACTIONS, NULL, NULL),
    {.key = NULL},
};

static const struct conf_row rows[] = {
    {.key = "", .include = outcome_common_rows, .offset = 0},
    {.key = "at",
	.type = CONF_ENUM,
	.offset = offsetof(struct spf_settings, at),
	.fallback = "eom",
	.words = at_words,
	.doc =
	    "When it is judged: at the end of the message, where waiting costs nothing; or at the "
	    "first recipient that is not refused, which then waits for DNS."},
    RESULT_ROWS(SECTION_ACTIONS, "note", "nothing"),
    {.key = NULL},
};

static const struct conf_schema rule_schema = OUTCOME_RULE_SCHEMA(rule_rows);

static const struct conf_child children[] = {
    {&rule_schema, offsetof(struct spf_settings, policy.rules)},
    {NULL, 0},
};

const struct conf_schema spf_schema = {
    .type = "spf",
    .doc = "What is done about the result of SPF (RFC 7208). Clients that may relay are not asked "
	   "about.",
    .size = sizeof(struct spf_settings),
    .rows = rows,
    .children = children,
    .finish = outcome_policy_finish,
};

bool spf_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out)
{
	const struct spf_settings *spf = (const struct spf_settings *)(const void *)section;

	if (!outcome_make(r, settings, section, &check_spf, out))
		return false;
	if (spf->at == SPF_AT_RCPT)
		out->stages = STAGE_BIT(STAGE_RCPT);
	return true;
}
