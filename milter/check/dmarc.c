#include "check/dmarc.h"

#include "check/evidence.h"
#include "check/outcome.h"

/* --- the check ----------------------------------------------------------------------- */

static unsigned outcome_of(const struct evidence *e, const struct dmarc_outcome *o)
{
	if (e->from.status != FROM_ONE)
		return DMARC_ON_NO_AUTHOR;
	switch (o->result) {
	case DMARC_PASS:
		return DMARC_ON_PASS;
	case DMARC_NONE:
		return DMARC_ON_NO_RECORD;
	case DMARC_TEMPERROR:
		return DMARC_ON_TEMPERROR;
	case DMARC_FAIL:
		break;
	}
	if (e->vouched_by != NULL)
		return DMARC_ON_VOUCHED;
	switch (o->policy) {
	case DMARC_POLICY_REJECT:
		return DMARC_ON_REJECT;
	case DMARC_POLICY_QUARANTINE:
		return DMARC_ON_QUARANTINE;
	case DMARC_POLICY_NONE:
		break;
	}
	return DMARC_ON_NONE;
}

static const char *reply_of(struct session *s, const struct evidence *e, unsigned number)
{
	if (number == DMARC_ON_TEMPERROR)
		return "451 4.7.1 DMARC: the records of the author's domain can't be looked up now";
	if (number == DMARC_ON_NO_AUTHOR)
		return arena_printf(&s->msg.arena,
		    "550 5.7.1 DMARC: the message has not one author's domain (From: %s)",
		    from_status_name(e->from.status));
	return arena_printf(&s->msg.arena,
	    "550 5.7.1 DMARC: the mail is not by %.150s, whose policy asks for this",
	    e->from.domain);
}

static void dmarc_run(
    const void *self, struct session *s, enum stage stage, usec_t now, struct verdict *out)
{
	static const char *const words[] = {
	    [DMARC_ON_PASS] = "pass",
	    [DMARC_ON_NO_RECORD] = "no-record",
	    [DMARC_ON_NONE] = "none",
	    [DMARC_ON_QUARANTINE] = "quarantine",
	    [DMARC_ON_REJECT] = "reject",
	    [DMARC_ON_TEMPERROR] = "temperror",
	    [DMARC_ON_NO_AUTHOR] = "no-author",
	    [DMARC_ON_VOUCHED] = "vouched",
	};
	const struct outcome_self *dmarc = self;
	struct evidence *e = evidence_of(s, dmarc->settings, now);
	const struct dmarc_outcome *o = e == NULL ? NULL : evidence_dmarc(s, e);
	struct outcome found;

	(void)stage;
	if (e == NULL)
		out->kind = VERDICT_UNDECIDED;
	if (o == NULL)
		return;
	found.number = outcome_of(e, o);
	found.word = words[found.number];
	found.reason = o->reason;
	if (found.number == DMARC_ON_VOUCHED)
		found.reason = arena_printf(&s->msg.arena,
		    "it fails here, but %s found it to pass and sealed that (ARC); %s",
		    e->vouched_by, o->reason);
	found.reply = reply_of(s, e, found.number);
	outcome_apply(dmarc->policy, s, e, &found, out);
}

const struct check check_dmarc = {"dmarc", dmarc_run};

/* --- the section ----------------------------------------------------------------------- */

/* Defaults of a section; NULL for those of a rule. */
#define RESULT_ROWS(base, severe, grave, bad, fine)                                                \
	OUTCOME_ROW(base, "reject", DMARC_ON_REJECT, severe, outcome_words,                        \
	    "It fails, and the domain asks to reject such mail."),                                 \
	    OUTCOME_ROW(base, "quarantine", DMARC_ON_QUARANTINE, grave, outcome_words,             \
		"It fails, and the domain asks to treat such mail as suspicious."),                \
	    OUTCOME_ROW(base, "none", DMARC_ON_NONE, bad, outcome_words,                           \
		"It fails, and the domain asks for nothing."),                                     \
	    OUTCOME_ROW(base, "no-record", DMARC_ON_NO_RECORD, fine, outcome_words,                \
		"The domain has no record."),                                                      \
	    OUTCOME_ROW(base, "no-author", DMARC_ON_NO_AUTHOR, bad, outcome_words,                 \
		"There is no From, more than one, or it has several domains or can't be read."),   \
	    OUTCOME_ROW(base, "vouched", DMARC_ON_VOUCHED, bad, outcome_words,                     \
		"It fails, and one of those that `arc { trusted }` names found it to pass."),      \
	    OUTCOME_ROW(base, "pass", DMARC_ON_PASS, fine, outcome_words,                          \
		"SPF or DKIM shows that the mail is by the domain of From."),                      \
	    OUTCOME_ROW(base, "temperror", DMARC_ON_TEMPERROR, bad, outcome_mild_words,            \
		"DNS did not answer.")

static const struct conf_row rule_rows[] = {
    {.key = "", .include = origin_criteria_rows, .offset = offsetof(struct outcome_rule, criteria)},
    RESULT_ROWS(RULE_ACTIONS, NULL, NULL, NULL, NULL),
    {.key = NULL},
};

static const struct conf_row rows[] = {
    {.key = "", .include = outcome_common_rows, .offset = 0},
    RESULT_ROWS(SECTION_ACTIONS, "reject", "hold", "note", "nothing"),
    {.key = NULL},
};

static const struct conf_schema rule_schema = OUTCOME_RULE_SCHEMA(rule_rows);

static const struct conf_child children[] = {
    {&rule_schema, offsetof(struct outcome_policy, rules)},
    {NULL, 0},
};

const struct conf_schema dmarc_schema = {
    .type = "dmarc",
    .doc =
	"What is done about what the author's domain asks for (RFC 9989) when neither SPF nor DKIM "
	"shows that the mail is by it. Clients that may relay are not asked about.",
    .size = sizeof(struct outcome_policy),
    .rows = rows,
    .children = children,
    .finish = outcome_policy_finish,
};

bool dmarc_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out)
{
	return outcome_make(r, settings, section, &check_dmarc, out);
}
