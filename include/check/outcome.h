/*
 * What is done about what a check of a message's origin has found: an action for each outcome,
 * other ones for some senders, and exceptions. The sections spf, dkim, arc, dmarc and sender have
 * all of it in common.
 */
#ifndef CHECK_OUTCOME_H
#define CHECK_OUTCOME_H

#include "check/criteria.h"
#include "check/evidence.h"
#include "conf/schema.h"
#include "core/policy.h"

enum { OUTCOMES_MAX = 8 };

enum outcome_action {
	OUTCOME_NOT_GIVEN,
	OUTCOME_NOTHING,
	OUTCOME_NOTE,
	OUTCOME_TAG,
	OUTCOME_HOLD,
	OUTCOME_DEFER,
	OUTCOME_REJECT,
};

/* For rows of CONF_ENUM: all words, and those for what may only be a mishap: no reject. */
extern const struct conf_word outcome_words[], outcome_mild_words[];

/* Whose mail. `to` and `reading` are not among them: no recipient is at hand. */
struct origin_criteria {
	bool given;
	struct criteria base;
	struct names_criterion from_domain; /* of the header's From */
};

/* rule NAME { criteria  OUTCOME = action ... } */
struct outcome_rule {
	struct conf_head head;
	struct origin_criteria criteria;
	int actions[OUTCOMES_MAX]; /* enum outcome_action, by outcome */
};

/* The first member of each section's struct. */
struct outcome_policy {
	struct conf_head head;
	int mode;
	int actions[OUTCOMES_MAX];
	struct origin_criteria except;
	const char *reply_text;
	struct reply reply; /* of it; code 0: none */
	const struct conf_head *rules;
};

/* mode, except, reply: a section's rows include them at offset 0. */
extern const struct conf_row outcome_common_rows[];
/* The criteria: a rule's rows include them at the offset of `criteria`. */
extern const struct conf_row origin_criteria_rows[];

/*
 * The row of one outcome's action: `base` is SECTION_ACTIONS, or RULE_ACTIONS, whose `action` is
 * NULL as it has no default.
 */
#define SECTION_ACTIONS offsetof(struct outcome_policy, actions)
#define RULE_ACTIONS offsetof(struct outcome_rule, actions)
#define OUTCOME_ROW(base, word, number, action, allowed, text)                                     \
	{                                                                                          \
		.key = (word), .type = CONF_ENUM, .offset = (base) + sizeof(int) * (number),       \
		.fallback = (action), .words = (allowed), .doc = (text)                            \
	}

/* The schema of a section's rules. */
#define OUTCOME_RULE_SCHEMA(rule_rows_)                                                            \
	{                                                                                          \
		.type = "rule",                                                                    \
		.doc = "Other actions for some mail. The first rule that matches and has an "      \
		       "action for the outcome decides.",                                          \
		.named = true, .repeatable = true, .size = sizeof(struct outcome_rule),            \
		.rows = (rule_rows_), .finish = outcome_rule_finish,                               \
	}

/* For `finish` of the section's schema and of its rule's. */
bool outcome_policy_finish(struct conf_reader *r, void *section);
bool outcome_rule_finish(struct conf_reader *r, void *rule);

/* What a policy entry holds. */
struct outcome_self {
	const struct outcome_policy *policy;
	const struct settings *settings;
};

/* The policy entry of a section that is judged at EOM. False: told. */
bool outcome_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, const struct check *check, struct policy_entry *out);

/* What was found, in words. */
struct outcome {
	unsigned number;    /* index of the actions */
	const char *word;   /* "fail" */
	const char *reason; /* static or in the message's arena */
	const char *reply;  /* "550 5.7.23 ...", where the section has no other; any bytes */
};

/* Leaves the action's verdict in *out, or NONE. */
void outcome_apply(const struct outcome_policy *p, struct session *s, const struct evidence *e,
    const struct outcome *found, struct verdict *out);

/* Do they match? What can't be told does not. */
bool origin_matches(
    const struct origin_criteria *c, const struct session *s, const struct evidence *e);

/* Reads a block of criteria, for rows of CONF_CUSTOM. */
bool origin_read(struct conf_reader *r, const struct conf_value *v, void *field);

#endif
