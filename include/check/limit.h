/*
 * limit NAME { ... }: how much of something a key may do. All limits are counted together, by the
 * first of them; each says its own verdict.
 */
#ifndef CHECK_LIMIT_H
#define CHECK_LIMIT_H

#include "check/bans.h"
#include "check/config.h"
#include "check/criteria.h"
#include "check/limit_key.h"
#include "conf/schema.h"
#include "core/policy.h"
#include "limit/gcra.h"

enum limit_count {
	COUNT_CONNECTIONS,
	COUNT_SESSIONS, /* at a time */
	COUNT_MESSAGES,
	COUNT_RECIPIENTS, /* accepted */
	COUNT_BYTES,
	COUNT_DISTINCT,
	/* What went wrong: counted when it is known, looked at before the next. */
	COUNT_REFUSED_RECIPIENTS,
	COUNT_RELAY_REFUSALS,
	COUNT_FAILED_CHECKS,
};

enum limit_action {
	LIMIT_NOTE,
	LIMIT_TAG,
	LIMIT_HOLD,
	LIMIT_DEFER,
	LIMIT_REJECT,
	LIMIT_BAN,     /* refuse the key for a time */
	LIMIT_SUSPEND, /* hold or defer all of the key for a time, or until it is released */
};

enum { LIMIT_WINDOWS = 4 };

/* One rate of a limit, for one width of a client prefix. */
struct limit_window {
	uint64_t id;    /* store_limit_id() */
	uint64_t count; /* of its rate */
	nsec_t period;
	struct gcra rates[LIMIT_SUBJECTS]; /* by limit_subject.steps */
};

/* Another rate for one key. */
struct limit_override {
	const char *key; /* limit_subject.text */
	size_t number;   /* in the order in which they are written */
	size_t windows;  /* 0: no limit */
	struct limit_window window[LIMIT_WINDOWS];
};

struct limit_settings {
	struct conf_head head;
	struct {
		enum limit_count what;
		enum limit_part distinct;
	} count;
	struct limit_key key;
	struct conf_rates rates;
	uint64_t burst; /* 0: the count of the first rate */
	uint64_t max;   /* of sessions */
	uint64_t widen; /* each wider client prefix has this many times the rate */
	struct criteria applies, except;
	bool except_given;
	struct conf_texts override_texts;
	struct {
		enum limit_action action;
		usec_t lasting; /* 0: until it is released */
	} on_exceed;
	int ban_reply; /* of a ban and of a suspension: enum verdict_kind */
	int suspended;
	usec_t ban_longest;
	const char *reply_text;
	struct reply reply;
	int mode;

	/* Made of it. */
	enum stage stage; /* where it is charged or looked at first */
	bool soft;        /* what exceeds it goes on */
	size_t windows;
	struct limit_window window[LIMIT_WINDOWS];
	size_t override_count;
	struct limit_override *overrides; /* sorted */
	struct limits *all;               /* of the first limit: the set */
	unsigned number;                  /* among all limits */
};

/* All limits of a configuration. */
struct limits {
	size_t count;
	const struct limit_settings **items;
	const struct never_banned *never;
};

extern const struct check check_limit;
extern const struct conf_schema limit_schema;

/* `section` is a struct limit_settings. */
bool limit_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out);

/* Called after every stage: gives back, or counts what went wrong. For the policy entry. */
void limit_settled(
    const void *self, struct session *s, enum stage stage, const struct verdict *v, usec_t now);

/* What a policy entry of a limit holds. */
struct limit_self {
	const struct limits *all;
	const struct limit_settings *limit;
};

/* The override for a key; NULL: none. */
const struct limit_override *limit_override_of(
    const struct limit_settings *l, const struct limit_subject *subject);

/* Does the limit look at this stage? */
bool limit_looks_at(const struct limit_settings *l, enum stage stage);

static inline bool limit_counts_failures(const struct limit_settings *l)
{
	return l->count.what >= COUNT_REFUSED_RECIPIENTS;
}

#endif
