/* How limits are read from the configuration. Their rates: limit_rates.c; how they count: limit.c.
 */
#include <stdio.h>
#include <string.h>

#include "check/limit.h"
#include "check/limit_look.h"
#include "check/limit_rates.h"
#include "conf/load.h"
#include "conf/units.h"

/* --- words ------------------------------------------------------------------------------ */

enum { WORDS_MAX = 120 };

/*
 * The words of a value with `between` between them: "refused recipients" and "refused-recipients"
 * are the same. Items of a list and `+` count as words. False: a value of another kind, or too
 * long.
 */
static bool join_words(const struct conf_value *v, char between, char out[WORDS_MAX])
{
	size_t len = 0;

	if (v->kind == CONF_LIST)
		v = v->first;
	out[0] = '\0';
	for (; v != NULL; v = v->next) {
		if (v->kind != CONF_WORD && v->kind != CONF_STRING)
			return false;
		for (const char *p = v->text; *p != '\0'; p++) {
			bool blank = *p == ' ' || *p == '+';

			if (len + 2 >= WORDS_MAX)
				return false;
			if (!blank)
				out[len++] = *p;
			else if (len > 0 && out[len - 1] != between)
				out[len++] = between;
		}
		if (len > 0 && out[len - 1] != between)
			out[len++] = between;
	}
	if (len > 0)
		len--;
	out[len] = '\0';
	return len > 0;
}

static const struct {
	const char *word;
	enum limit_count what;
} counts[] = {
    {"connections", COUNT_CONNECTIONS},
    {"sessions", COUNT_SESSIONS},
    {"messages", COUNT_MESSAGES},
    {"recipients", COUNT_RECIPIENTS},
    {"bytes", COUNT_BYTES},
    {"refused-recipients", COUNT_REFUSED_RECIPIENTS},
    {"relay-refusals", COUNT_RELAY_REFUSALS},
    {"failed-checks", COUNT_FAILED_CHECKS},
};

void limit_count_name(const struct limit_settings *l, char out[LIMIT_COUNT_NAME_MAX])
{
	const char *name = "distinct";

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (counts[i].what == l->count.what)
			name = counts[i].word;
	snprintf(out, LIMIT_COUNT_NAME_MAX, "%s%s%s", name,
	    l->count.what == COUNT_DISTINCT ? " " : "",
	    l->count.what == COUNT_DISTINCT ? limit_part_name(l->count.distinct) : "");
}

static bool read_count(struct conf_reader *r, const struct conf_value *v, void *field)
{
	struct limit_settings *l =
	    (struct limit_settings *)(void *)((char *)field -
					      offsetof(struct limit_settings, count));
	char words[WORDS_MAX] = "", found[CONF_FOUND_MAX];
	static const char distinct[] = "distinct-";

	join_words(v, '-', words);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		l->count.what = counts[i].what;
		if (strcmp(words, counts[i].word) == 0)
			return true;
	}
	l->count.what = COUNT_DISTINCT;
	if (strncmp(words, distinct, strlen(distinct)) == 0 &&
	    limit_part_find(words + strlen(distinct), &l->count.distinct))
		return true;
	return conf_error(r, &v->loc,
	    "found %s for `count`; expected connections, sessions, messages, recipients, bytes, "
	    "refused recipients, relay refusals, failed checks, or distinct and a key",
	    conf_found(v, found));
}

static bool read_key(struct conf_reader *r, const struct conf_value *v, void *field)
{
	const char *known[LIMIT_PARTS];
	struct limit_key *k = field;
	char words[WORDS_MAX] = "", *next, *word = words;

	for (unsigned i = 0; i < LIMIT_PARTS; i++)
		known[i] = limit_part_name((enum limit_part)i);
	join_words(v, ' ', words);
	k->count = 0;
	do {
		next = strchr(word, ' ');
		if (next != NULL)
			*next++ = '\0';
		if (k->count == LIMIT_KEY_PARTS)
			return conf_error(r, &v->loc,
			    "found more than %d parts of `key`; expected at most as many",
			    LIMIT_KEY_PARTS);
		if (!limit_part_find(word, &k->parts[k->count])) {
			conf_unknown(r, &v->loc, "part of a key", word, known, LIMIT_PARTS);
			return false;
		}
		k->count++;
		word = next;
	} while (next != NULL);
	return true;
}

static const struct {
	const char *word;
	enum limit_action action;
} actions[] = {
    {"note", LIMIT_NOTE},
    {"tag", LIMIT_TAG},
    {"hold", LIMIT_HOLD},
    {"defer", LIMIT_DEFER},
    {"reject", LIMIT_REJECT},
    {"ban", LIMIT_BAN},
    {"suspend", LIMIT_SUSPEND},
};

const char *limit_action_name(const struct limit_settings *l)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (actions[i].action == l->on_exceed.action)
			return actions[i].word;
	return "";
}

static bool read_on_exceed(struct conf_reader *r, const struct conf_value *v, void *field)
{
	struct limit_settings *l =
	    (struct limit_settings *)(void *)((char *)field -
					      offsetof(struct limit_settings, on_exceed));
	char words[WORDS_MAX] = "", found[CONF_FOUND_MAX], *lasting;

	join_words(v, ' ', words);
	lasting = strchr(words, ' ');
	if (lasting != NULL) {
		*lasting++ = '\0';
		/* "ban for 1h" */
		if (strncmp(lasting, "for ", 4) == 0)
			lasting += 4;
	}
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		enum limit_action a = actions[i].action;
		bool fits =
		    a == LIMIT_BAN ? lasting != NULL : lasting == NULL || a == LIMIT_SUSPEND;

		if (strcmp(words, actions[i].word) != 0 || !fits)
			continue;
		l->on_exceed.action = a;
		l->on_exceed.lasting = 0;
		if (lasting == NULL || (unit_duration(lasting, &l->on_exceed.lasting) == NULL &&
					   l->on_exceed.lasting > 0))
			return true;
	}
	return conf_error(r, &v->loc,
	    "found %s for `on-exceed`; expected note, tag, hold, defer, reject, \"ban 1h\", "
	    "suspend or \"suspend 8h\"",
	    conf_found(v, found));
}

static bool read_except(struct conf_reader *r, const struct conf_value *v, void *field)
{
	struct limit_settings *l =
	    (struct limit_settings *)(void *)((char *)field -
					      offsetof(struct limit_settings, except));

	l->except_given = true;
	return conf_read_block(r, v, criteria_rows, &l->except);
}

static bool read_for(struct conf_reader *r, const struct conf_value *v, void *field)
{
	struct criteria *c = field;

	/* Whoever could vary the case of a login would not be limited. */
	c->any_case = true;
	return conf_read_block(r, v, criteria_rows, c);
}

/* --- what fits together ---------------------------------------------------- */

static bool wrong(
    struct conf_reader *r, const struct limit_settings *l, const char *found, const char *expected)
{
	return conf_error(
	    r, &l->head.loc, "found %s in limit `%s`; expected %s", found, l->head.name, expected);
}

static enum stage later(enum stage a, enum stage b)
{
	return a > b ? a : b;
}

static bool find_stage(struct conf_reader *r, struct limit_settings *l)
{
	enum stage known = limit_key_stage(&l->key);

	switch (l->count.what) {
	case COUNT_CONNECTIONS:
	case COUNT_SESSIONS:
		l->stage = STAGE_CONNECT;
		if (known > STAGE_CONNECT)
			return wrong(r, l, "a key that is not known when a client connects",
			    "client, client-prefix, client-net or listener");
		return true;
	case COUNT_MESSAGES:
		l->stage = later(STAGE_MAIL, known);
		return true;
	case COUNT_RECIPIENTS:
		l->stage = STAGE_RCPT;
		return true;
	case COUNT_BYTES:
		l->stage = STAGE_EOM;
		if (known == STAGE_RCPT)
			return wrong(r, l, "a key of recipients",
			    "another, as bytes are counted once a message");
		return true;
	case COUNT_DISTINCT:
		l->stage = later(later(STAGE_MAIL, known), limit_part_stage(l->count.distinct));
		if (l->count.distinct == PART_CLIENT_PREFIX)
			return wrong(
			    r, l, "`distinct client-prefix`", "distinct client or client-net");
		return true;
	case COUNT_REFUSED_RECIPIENTS:
	case COUNT_RELAY_REFUSALS:
	case COUNT_FAILED_CHECKS:
		l->stage = known;
		return true;
	}
	return true;
}

static bool check_rate(struct conf_reader *r, const struct limit_settings *l)
{
	if (l->count.what == COUNT_SESSIONS) {
		if (l->max == 0)
			return wrong(r, l, "no `max`", "how many sessions at a time");
		return l->rates.count == 0 ||
		       wrong(r, l, "`rate`", "`max`, as sessions are counted at a time");
	}
	if (l->max != 0)
		return wrong(r, l, "`max`", "`rate`");
	if (l->burst != 0 && l->count.what == COUNT_DISTINCT)
		return wrong(r, l, "`burst`", "none where distinct values are counted");
	return l->rates.count > 0 || wrong(r, l, "no `rate`", "one, such as 100/1h");
}

static bool check_criteria(struct conf_reader *r, const struct limit_settings *l)
{
	bool of_recipients = l->applies.to.given || l->except.to.given ||
	                     l->applies.reading != READING_IS_ANY ||
	                     l->except.reading != READING_IS_ANY;

	return !of_recipients || l->stage == STAGE_RCPT ||
	       wrong(r, l, "a criterion of recipients (`to`, `reading`)",
		   "none where no recipient is counted");
}

static bool check_action(struct conf_reader *r, const struct limit_settings *l)
{
	enum limit_part p = l->key.parts[0];

	if (l->on_exceed.action == LIMIT_SUSPEND)
		return (l->key.count == 1 && p == PART_LOGIN) ||
		       wrong(r, l, "`suspend`", "`key = login`: accounts are suspended");
	if (l->on_exceed.action == LIMIT_BAN)
		return (l->key.count == 1 && (p == PART_LOGIN || p <= PART_CLIENT_NET)) ||
		       wrong(r, l, "a ban",
			   "the key client, client-prefix, client-net or login alone");
	if (l->stage != STAGE_CONNECT || l->on_exceed.action == LIMIT_NOTE)
		return true;
	return l->on_exceed.action >= LIMIT_DEFER || wrong(r, l, "a message to hold or tag",
							 "note, defer, reject or a ban, as there "
							 "is none when a client connects");
}

static enum verdict_kind kind_of(const struct limit_settings *l)
{
	switch (l->on_exceed.action) {
	case LIMIT_REJECT:
		return VERDICT_REJECT;
	case LIMIT_DEFER:
		return VERDICT_DEFER;
	case LIMIT_BAN:
		return (enum verdict_kind)l->ban_reply;
	case LIMIT_SUSPEND:
		return (enum verdict_kind)l->suspended;
	case LIMIT_NOTE:
	case LIMIT_TAG:
	case LIMIT_HOLD:
		break;
	}
	return VERDICT_NOTE;
}

static bool make_reply(struct conf_reader *r, struct limit_settings *l)
{
	enum verdict_kind kind = kind_of(l);
	unsigned class = kind == VERDICT_REJECT ? 5 : 4;
	const char *why;

	l->soft = kind < VERDICT_DEFER;
	if (l->reply_text == NULL) {
		l->reply = class == 5
		               ? (struct reply){550, "5.7.1", "Too much of it"}
		               : (struct reply){450, "4.7.1", "Too much at a time; try later"};
		return true;
	}
	if (!reply_parse(l->reply_text, &l->reply, &why))
		return conf_error(r, &l->head.loc,
		    "found the reply \"%.200s\" in limit `%s`; expected %s", l->reply_text,
		    l->head.name, why);
	if (kind >= VERDICT_DEFER && l->reply.code / 100U != class)
		return conf_error(r, &l->head.loc,
		    "found a %u reply in limit `%s`; expected a %uxx, as it says %s", l->reply.code,
		    l->head.name, class, verdict_name(kind));
	return true;
}

static bool finish(struct conf_reader *r, void *section)
{
	struct limit_settings *l = section;

	l->all = arena_alloc(r->arena, sizeof(*l->all));
	if (l->all == NULL)
		return conf_no_memory(r);
	return find_stage(r, l) && check_rate(r, l) && check_criteria(r, l) && check_action(r, l) &&
	       make_reply(r, l) && limit_make_rates(r, l);
}

/* --- the section ----------------------------------------------------------- */

static const struct conf_word mode_words[] = {
    {"enforce", MODE_ENFORCE}, {"monitor", MODE_MONITOR}, {NULL, 0}};
static const struct conf_word ban_words[] = {
    {"reject", VERDICT_REJECT}, {"defer", VERDICT_DEFER}, {NULL, 0}};
static const struct conf_word suspended_words[] = {
    {"hold", VERDICT_HOLD}, {"defer", VERDICT_DEFER}, {NULL, 0}};

static const struct conf_row rows[] = {
    {.key = "key",
	.type = CONF_CUSTOM,
	.required = true,
	.offset = offsetof(struct limit_settings, key),
	.read = read_key,
	.doc =
	    "What is counted apart from each other: client (the address), client-prefix (IPv4 /32 "
	    "and /24, IPv6 /128, /64, /56 and /48, all at once), client-net (IPv4 /24, IPv6 /48), "
	    "login, sender, sender-domain, recipient, recipient-domain, helo, listener, or "
	    "several with `+`: \"login + client\". A login counts whatever the sender is; where "
	    "there is none, a limit by login does not apply. Letter case makes no other key."},
    {.key = "count",
	.type = CONF_CUSTOM,
	.required = true,
	.offset = offsetof(struct limit_settings, count),
	.read = read_count,
	.doc =
	    "What is counted: connections; sessions (at a time, see `max`); messages; recipients "
	    "(accepted ones); bytes; refused recipients; relay refusals; failed checks (what other "
	    "checks refuse, hold or tag); distinct and a part of a key (how many different ones "
	    "the key has had within the time of the rate). What a later stage refuses, or the "
	    "client gives up, is given back."},
    {.key = "rate",
	.type = CONF_RATES,
	.offset = offsetof(struct limit_settings, rates),
	.doc = "How much of it, such as 100/1h, or up to four: { 100/1h, 500/1d }. It refills "
	       "steadily: in any interval t at most burst + rate x t are admitted."},
    {.key = "burst",
	.type = CONF_COUNT,
	.offset = offsetof(struct limit_settings, burst),
	.min = 1,
	.max = UINT64_MAX,
	.doc = "How much may come at once, by the first rate; its count where it is not given."},
    {.key = "max",
	.type = CONF_COUNT,
	.offset = offsetof(struct limit_settings, max),
	.doc = "How many sessions at a time, for `count = sessions`."},
    {.key = "widen",
	.type = CONF_COUNT,
	.offset = offsetof(struct limit_settings, widen),
	.fallback = "4",
	.min = 1,
	.max = 256,
	.doc =
	    "Of a client-prefix, each step wider has this many times the rate and burst: with 4, "
	    "an IPv6 /64 has 4 times, a /56 16 times, a /48 64 times, and an IPv4 /24, two steps, "
	    "16 times."},
    {.key = "for",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct limit_settings, applies),
	.read = read_for,
	.doc = "Whom it is for: a block of the criteria of relay rules, but a login matches in "
	       "any case. All, where it is not given."},
    {.key = "except",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct limit_settings, except),
	.read = read_except,
	.doc = "Whom it is not for: a block of the same criteria."},
    {.key = "overrides",
	.type = CONF_TEXTS,
	.offset = offsetof(struct limit_settings, override_texts),
	.doc =
	    "Other rates for single keys: entries, or file:PATH with one a line, such as \"alice "
	    "1000/1h 5000/1d\" or \"alice none\". They hold as written."},
    {.key = "on-exceed",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct limit_settings, on_exceed),
	.fallback = "defer",
	.read = read_on_exceed,
	.doc = "What happens to what exceeds it: note (only recorded), tag, hold, defer, reject, "
	       "\"ban 1h\" (the client prefix or login is refused for that time, and twice as long "
	       "each time that follows within a week), suspend or \"suspend 8h\" (all mail of the "
	       "login is held until it is released, or for that time). What is refused is charged "
	       "to no limit."},
    {.key = "ban-reply",
	.type = CONF_ENUM,
	.offset = offsetof(struct limit_settings, ban_reply),
	.fallback = "reject",
	.words = ban_words,
	.doc = "Whether a ban says reject or defer."},
    {.key = "ban-longest",
	.type = CONF_DURATION,
	.offset = offsetof(struct limit_settings, ban_longest),
	.fallback = "1w",
	.doc = "How long a ban may grow."},
    {.key = "suspended",
	.type = CONF_ENUM,
	.offset = offsetof(struct limit_settings, suspended),
	.fallback = "hold",
	.words = suspended_words,
	.doc = "What happens to mail of a login that is suspended: hold or defer. A program that "
	       "sends for a thief tries a deferred message again; one that is held, it takes for "
	       "sent."},
    {.key = "reply",
	.type = CONF_TEXT,
	.offset = offsetof(struct limit_settings, reply_text),
	.doc =
	    "What the client hears, such as \"450 4.7.1 Too many messages\". The session's id is "
	    "appended in brackets."},
    {.key = "mode",
	.type = CONF_ENUM,
	.offset = offsetof(struct limit_settings, mode),
	.fallback = "enforce",
	.words = mode_words,
	.doc = "enforce, or monitor: count and record, and refuse nothing."},
    {.key = NULL},
};

const struct conf_schema limit_schema = {
    .type = "limit",
    .doc = "How much of something a key may do.",
    .named = true,
    .repeatable = true,
    .size = sizeof(struct limit_settings),
    .rows = rows,
    .finish = finish,
};

/* --- the policy entry ------------------------------------------------------ */

static const struct limit_settings *limit_of(const struct conf_head *h)
{
	return (const struct limit_settings *)(const void *)h;
}

/* The first limit counts for all: it gathers them. */
static struct limits *gather(
    struct conf_reader *r, const struct settings *settings, const struct limit_settings *first)
{
	struct limits *all = first->all;
	size_t count = 0;

	for (const struct conf_head *h = settings->limit; h != NULL; h = h->next)
		count++;
	all->items = arena_alloc(r->arena, count * sizeof(*all->items));
	for (const struct conf_head *h = settings->limit; all->items != NULL && h != NULL;
	     h = h->next) {
		/* What only the whole configuration says. Nobody else has it yet. */
		struct limit_settings *l = (struct limit_settings *)(uintptr_t)h;

		l->number = (unsigned)all->count;
		l->soft = l->soft || l->mode == MODE_MONITOR || settings->mode == MODE_MONITOR;
		all->items[all->count++] = l;
	}
	all->never = &((const struct bans_settings *)(const void *)settings->bans)->never;
	return all->items == NULL ? NULL : all;
}

static unsigned stages_of(const struct limit_settings *l)
{
	unsigned stages = 0;

	for (enum stage s = STAGE_CONNECT; s <= STAGE_EOM; s++)
		if (limit_looks_at(l, s))
			stages |= STAGE_BIT(s);
	return stages;
}

static unsigned facts_of(const struct limit_settings *l)
{
	unsigned facts = criteria_facts(&l->applies) | criteria_facts(&l->except) |
	                 FACT_END_OF_MESSAGE | FACT_QUEUE_ID;

	for (unsigned i = 0; i < l->key.count; i++)
		facts |= limit_part_facts(l->key.parts[i]);
	if (l->count.what == COUNT_DISTINCT)
		facts |= limit_part_facts(l->count.distinct);
	if (limit_counts_failures(l))
		facts |= FACT_REFUSED_RECIPIENTS;
	return facts;
}

bool limit_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out)
{
	const struct limit_settings *l = limit_of(section), *first = limit_of(settings->limit);
	struct limit_self *self = arena_alloc(r->arena, sizeof(*self));
	unsigned silent = STAGE_BIT(STAGE_HEADER) | STAGE_BIT(STAGE_BODY);

	if (self == NULL || (l == first && gather(r, settings, first) == NULL))
		return conf_no_memory(r);
	*self = (struct limit_self){first->all, l};
	*out = (struct policy_entry){
	    .check = &check_limit,
	    .self = self,
	    .stages = stages_of(l),
	    .facts = facts_of(l),
	    .mode = l->mode == MODE_MONITOR ? MODE_MONITOR : (enum mode)settings->mode,
	};
	if (l->on_exceed.action == LIMIT_HOLD || l->on_exceed.action == LIMIT_SUSPEND)
		out->rights = RIGHT_QUARANTINE;
	if (l->on_exceed.action == LIMIT_TAG)
		out->rights = RIGHT_ADD_FIELDS;
	if (l != first)
		return true;
	for (size_t i = 0; i < first->all->count; i++) {
		out->stages |= stages_of(first->all->items[i]);
		if (first->all->items[i]->count.what == COUNT_BYTES) {
			out->stages |= silent;
			out->silent |= silent;
		}
	}
	out->settled = limit_settled;
	return true;
}
