#include "check/arc.h"

#include "check/evidence.h"

/* --- the check ----------------------------------------------------------------------- */

static unsigned outcome_of(const struct arc_outcome *o)
{
	switch (o->result) {
	case ARC_NONE:
		return ARC_ON_NONE;
	case ARC_PASS:
		return ARC_ON_PASS;
	case ARC_FAIL:
		break;
	}
	return o->temporary ? ARC_ON_TEMPERROR : ARC_ON_FAIL;
}

static void arc_run(
    const void *self, struct session *s, enum stage stage, usec_t now, struct verdict *out)
{
	static const char *const words[] = {
	    [ARC_ON_NONE] = "none",
	    [ARC_ON_PASS] = "pass",
	    [ARC_ON_FAIL] = "fail",
	    [ARC_ON_TEMPERROR] = "temperror",
	};
	const struct outcome_self *arc = self;
	struct evidence *e = evidence_of(s, arc->settings, now);
	const struct arc_outcome *o = e == NULL ? NULL : evidence_arc(s, e);
	struct outcome found;

	(void)stage;
	if (e == NULL)
		out->kind = VERDICT_UNDECIDED;
	if (o == NULL)
		return;
	found.number = outcome_of(o);
	found.word = words[found.number];
	found.reason = o->reason == NULL ? "no chain" : o->reason;
	/* RFC 8617 has a code of its own. */
	found.reply = found.number == ARC_ON_TEMPERROR
	                  ? "451 4.7.29 ARC: a key of the chain can't be looked up now"
	                  : "550 5.7.29 ARC: the chain of the message is not right";
	outcome_apply(arc->policy, s, e, &found, out);
}

const struct check check_arc = {"arc", arc_run};

/* --- the section ----------------------------------------------------------------------- */

/* Defaults of a section; NULL for those of a rule. */
#define RESULT_ROWS(base, bad, fine)                                                               \
	OUTCOME_ROW(base, "fail", ARC_ON_FAIL, bad, outcome_words, "The chain is not right."),     \
	    OUTCOME_ROW(base, "none", ARC_ON_NONE, fine, outcome_words, "There is no chain."),     \
	    OUTCOME_ROW(base, "pass", ARC_ON_PASS, fine, outcome_words, "The chain is right."),    \
	    OUTCOME_ROW(base, "temperror", ARC_ON_TEMPERROR, bad, outcome_mild_words,              \
		"DNS did not answer.")

static const struct conf_row rule_rows[] = {
    {.key = "", .include = origin_criteria_rows, .offset = offsetof(struct outcome_rule, criteria)},
    RESULT_ROWS(RULE_ACTIONS, NULL, NULL),
    {.key = NULL},
};

static const struct conf_row rows[] = {
    {.key = "", .include = outcome_common_rows, .offset = 0},
    {.key = "trusted",
	.type = CONF_DOMAINS,
	.offset = offsetof(struct arc_settings, trusted),
	.doc =
	    "Domains of sealers that are believed: when DMARC fails here and one of them found it "
	    "to "
	    "pass, it is `vouched` in dmarc. Lists and forwarders of good name; each that sealed "
	    "later must be among them too."},
    RESULT_ROWS(SECTION_ACTIONS, "note", "nothing"),
    {.key = NULL},
};

static const struct conf_schema rule_schema = OUTCOME_RULE_SCHEMA(rule_rows);

static const struct conf_child children[] = {
    {&rule_schema, offsetof(struct arc_settings, policy.rules)},
    {NULL, 0},
};

const struct conf_schema arc_schema = {
    .type = "arc",
    .doc =
	"What those say who passed a message on (RFC 8617). Clients that may relay are not asked "
	"about.",
    .size = sizeof(struct arc_settings),
    .rows = rows,
    .children = children,
    .finish = outcome_policy_finish,
};

bool arc_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out)
{
	return outcome_make(r, settings, section, &check_arc, out);
}
