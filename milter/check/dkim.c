#include "check/dkim.h"

#include "auth/crypto.h"
#include "check/evidence.h"

/* --- the check ----------------------------------------------------------------------- */

static const struct dkim_signature *deciding(const struct dkim_outcome *o)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->signatures[i].result == o->result)
			return &o->signatures[i];
	return NULL;
}

/* RFC 7372: 7.20 is no signature that passes, 7.21 one that is not acceptable. */
static const char *reply_of(struct session *s, const struct dkim_outcome *o)
{
	const struct dkim_signature *d = deciding(o);

	if (o->result == DKIM_TEMPERROR)
		return "451 4.7.20 DKIM: the key of the signature can't be looked up now";
	if (d == NULL)
		return "550 5.7.20 DKIM: the message has no signature";
	return arena_printf(&s->msg.arena, "550 5.7.%s DKIM %s: the signature of %.100s: %.150s",
	    o->result == DKIM_POLICY ? "21" : "20", dkim_result_name(o->result), d->domain,
	    d->reason);
}

static void dkim_run(
    const void *self, struct session *s, enum stage stage, usec_t now, struct verdict *out)
{
	const struct outcome_self *dkim = self;
	struct evidence *e = evidence_of(s, dkim->settings, now);
	const struct dkim_outcome *o = e == NULL ? NULL : evidence_dkim(s, e);
	const struct dkim_signature *d = o == NULL ? NULL : deciding(o);
	struct outcome found;

	(void)stage;
	if (e == NULL)
		out->kind = VERDICT_UNDECIDED;
	if (o == NULL)
		return;
	found = (struct outcome){
	    .number = o->result,
	    .word = dkim_result_name(o->result),
	    .reason = d == NULL ? "no signature" : d->reason,
	    .reply = reply_of(s, o),
	};
	outcome_apply(dkim->policy, s, e, &found, out);
}

const struct check check_dkim = {"dkim", dkim_run};

/* --- the section ----------------------------------------------------------------------- */

/* Defaults of a section; NULL for those of a rule. */
#define RESULT_ROWS(base, bad, fine)                                                               \
	OUTCOME_ROW(base, "none", DKIM_NONE, fine, outcome_words, "There is no signature."),       \
	    OUTCOME_ROW(base, "pass", DKIM_PASS, fine, outcome_words, "A signature is right."),    \
	    OUTCOME_ROW(base, "neutral", DKIM_NEUTRAL, fine, outcome_words,                        \
		"There are too many signatures, and none of those that were looked at is right."), \
	    OUTCOME_ROW(base, "fail", DKIM_FAIL, bad, outcome_words,                               \
		"The message is not what was signed. Mailing lists do that: RFC 6376 6.1 asks "    \
		"to treat it as no signature."),                                                   \
	    OUTCOME_ROW(base, "policy", DKIM_POLICY, bad, outcome_words,                           \
		"The signature is not acceptable: a short key, an old algorithm."),                \
	    OUTCOME_ROW(base, "temperror", DKIM_TEMPERROR, bad, outcome_mild_words,                \
		"DNS did not answer."),                                                            \
	    OUTCOME_ROW(base, "permerror", DKIM_PERMERROR, bad, outcome_words,                     \
		"The signature, or its key, can't be used.")

static const struct conf_row rule_rows[] = {
    {.key = "", .include = origin_criteria_rows, .offset = offsetof(struct outcome_rule, criteria)},
    RESULT_ROWS(RULE_ACTIONS, NULL, NULL),
    {.key = NULL},
};

enum { HEADER_LEAST = 1 << 16, HEADER_MOST = 1 << 26 };

static const struct conf_row rows[] = {
    {.key = "", .include = outcome_common_rows, .offset = 0},
    {.key = "signatures",
	.type = CONF_COUNT,
	.offset = offsetof(struct dkim_settings, signatures),
	.fallback = "10",
	.min = 1,
	.max = 100,
	.doc = "How many signatures of a message are verified, from the top; those beyond are "
	       "`neutral`."},
    {.key = "min-key-bits",
	.type = CONF_COUNT,
	.offset = offsetof(struct dkim_settings, key_bits),
	.fallback = "1024",
	.min = RSA_BITS_MIN,
	.max = 4096,
	.doc = "The fewest bits of an RSA key; signatures of a shorter one are `policy`. RFC 8301 "
	       "allows no less, and every signer has to be able to do with 2048."},
    {.key = "max-fields",
	.type = CONF_COUNT,
	.offset = offsetof(struct dkim_settings, fields),
	.fallback = "10000",
	.min = 100,
	.max = 1000000,
	.doc = "The most header fields of a message whose signatures are looked at; those of a "
	       "larger one are `policy`."},
    {.key = "max-header",
	.type = CONF_SIZE,
	.offset = offsetof(struct dkim_settings, header),
	.fallback = "4M",
	.min = HEADER_LEAST,
	.max = HEADER_MOST,
	.doc = "The most bytes of these fields, as above: they are kept until the message ends."},
    RESULT_ROWS(SECTION_ACTIONS, "note", "nothing"),
    {.key = NULL},
};

static const struct conf_schema rule_schema = OUTCOME_RULE_SCHEMA(rule_rows);

static const struct conf_child children[] = {
    {&rule_schema, offsetof(struct dkim_settings, policy.rules)},
    {NULL, 0},
};

const struct conf_schema dkim_schema = {
    .type = "dkim",
    .doc = "What is done about the signatures of a message (RFC 6376): one that is right outweighs "
	   "all others. Clients that may relay are not asked about.",
    .size = sizeof(struct dkim_settings),
    .rows = rows,
    .children = children,
    .finish = outcome_policy_finish,
};

struct dkim_limits dkim_limits_of(const struct conf_head *dkim)
{
	const struct dkim_settings *s = (const struct dkim_settings *)(const void *)dkim;

	if (s == NULL)
		return (struct dkim_limits){.signatures = 0};
	return (struct dkim_limits){.signatures = (unsigned)s->signatures,
	    .key_bits = (unsigned)s->key_bits,
	    .fields = (unsigned)s->fields,
	    .header = (size_t)s->header};
}

bool dkim_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out)
{
	return outcome_make(r, settings, section, &check_dkim, out);
}
