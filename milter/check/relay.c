#include "check/relay.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "conf/load.h"

/* --- the decision ---------------------------------------------------------- */

static const struct relay_rule *next_rule(const struct relay_rule *rule)
{
	return (const struct relay_rule *)(const void *)rule->head.next;
}

static const struct relay_rule *first_rule(const struct relay_settings *relay)
{
	return (const struct relay_rule *)(const void *)relay->rules;
}

static bool has_expired(const struct relay_rule *rule, usec_t now)
{
	return rule->expires != 0 && now >= rule->expires;
}

static void trace_rule(
    const struct session *s, const struct relay_rule *rule, const char *result, const char *why)
{
	session_trace(s, "rule %s (%s:%u%s%s%s%s): %s: %s", rule->head.name, rule->head.loc.file,
	    rule->head.loc.line, rule->owner == NULL ? "" : ", owner ",
	    rule->owner == NULL ? "" : rule->owner, rule->reason == NULL ? "" : ", ",
	    rule->reason == NULL ? "" : rule->reason, result, why);
}

/* Why a recipient is what it is, in the words of an event. NULL when there is no memory. */
static const char *reading_reason(struct session *s)
{
	char forms[128];

	if (s->rcpt.reading != READING_AMBIGUOUS || mailaddr_is_single(&s->rcpt.addr))
		return s->rcpt.reading_why;
	mailaddr_forms_text(s->rcpt.addr.forms & MAILADDR_AMBIGUOUS, forms, sizeof(forms));
	return arena_printf(&s->rcpt_arena, "the address has more than one reading: %s", forms);
}

static void apply(struct session *s, const struct relay_rule *rule, struct verdict *out)
{
	out->kind = (enum verdict_kind)rule->action;
	out->reply = rule->reply;
	out->reason = reading_reason(s);
}

/* Does the rule decide? */
static bool try_rule(
    struct session *s, const struct relay_rule *rule, usec_t now, struct verdict *out)
{
	const char *why = "";

	if (has_expired(rule, now)) {
		trace_rule(s, rule, "no", "it has expired");
		return false;
	}
	switch (criteria_match(&rule->criteria, s, &why)) {
	case MATCH_NO:
		trace_rule(s, rule, "no", why);
		return false;
	case MATCH_UNKNOWN:
		trace_rule(s, rule, "undecided", why);
		out->kind = VERDICT_UNDECIDED;
		out->reason = why;
		break;
	case MATCH_YES:
		trace_rule(s, rule, verdict_name((enum verdict_kind)rule->action), why);
		apply(s, rule, out);
		break;
	}
	out->rule = (struct rule_ref){rule->head.name, rule->head.loc.file, rule->head.loc.line};
	return true;
}

static void trace_reading(struct session *s)
{
	const char *name = reading_name(s->rcpt.reading), *reason;

	if (s->env->trace == NULL)
		return;
	reason = reading_reason(s);
	session_trace(
	    s, "reading: %s: %s", *name == '\0' ? "unknown" : name, reason == NULL ? "" : reason);
}

static void relay_run(
    const void *self, struct session *s, enum stage stage, usec_t now, struct verdict *out)
{
	const struct relay_settings *relay = self;

	if (stage != STAGE_RCPT)
		return;
	if (s->client.local && relay->local_submission == LOCAL_SUBMISSION_PERMIT) {
		out->kind = VERDICT_PERMIT;
		out->reason = "handed in on this host";
		session_trace(s, "relay: permit: handed in on this host (local-submission)");
		return;
	}
	trace_reading(s);
	for (const struct relay_rule *rule = first_rule(relay); rule != NULL;
	     rule = next_rule(rule))
		if (try_rule(s, rule, now, out))
			return;
	out->kind = VERDICT_UNDECIDED;
	out->reason = "no rule matches";
	session_trace(s, "relay: undecided: no rule matches");
}

const struct check check_relay = {"relay", relay_run};

/* --- what a rule may say --------------------------------------------------- */

static const struct conf_word action_words[] = {{"permit", VERDICT_PERMIT}, {"hold", VERDICT_HOLD},
    {"tag", VERDICT_TAG}, {"reject", VERDICT_REJECT}, {"defer", VERDICT_DEFER}, {NULL, 0}};

/* Do recipients of this rule get their mail, if only after a look or with a mark? */
static bool permits(const struct relay_rule *rule)
{
	return rule->action == VERDICT_PERMIT || rule->action == VERDICT_HOLD ||
	       rule->action == VERDICT_TAG;
}

static const struct conf_row rule_rows[] = {
    {.key = "", .include = criteria_rows, .offset = offsetof(struct relay_rule, criteria)},
    {.key = "action",
	.type = CONF_ENUM,
	.offset = offsetof(struct relay_rule, action),
	.words = action_words,
	.required = true,
	.doc = "What happens: permit; hold (permit, and the message is kept in the MTA's "
	       "quarantine); tag (permit, and the message gets a field X-Relay-Guard); reject "
	       "(5xx); defer (4xx)."},
    {.key = "reply",
	.type = CONF_TEXT,
	.offset = offsetof(struct relay_rule, reply_text),
	.doc =
	    "What the client hears, such as \"550 5.7.1 Relay access denied\"; for defer, a 4xx. "
	    "The session's id is appended in brackets."},
    {.key = "expires",
	.type = CONF_DATE,
	.offset = offsetof(struct relay_rule, expires),
	.doc = "The last day of the rule, in UTC. Afterwards it matches nothing. `relay-guard "
	       "check` warns 30 days before."},
    {.key = "owner",
	.type = CONF_TEXT,
	.offset = offsetof(struct relay_rule, owner),
	.doc = "Whom to ask about the rule. Shown by explain and in warnings."},
    {.key = "reason",
	.type = CONF_TEXT,
	.offset = offsetof(struct relay_rule, reason),
	.doc = "Why the rule is there. Shown by explain and in warnings."},
    {.key = "i-know",
	.type = CONF_BOOL,
	.offset = offsetof(struct relay_rule, i_know),
	.fallback = "no",
	.doc = "Says that what would be refused as an open relay, or as a list without an end, is "
	       "meant."},
    {.key = NULL},
};

/* Reads `reply`, or sets the default of the action. */
static bool make_reply(struct conf_reader *r, struct relay_rule *rule)
{
	unsigned class = rule->action == VERDICT_REJECT ? 5 : 4;
	const char *why = NULL;

	if (permits(rule)) {
		if (rule->reply_text != NULL)
			diag_add(r->diag, DIAG_WARNING, &rule->head.loc,
			    "rule `%s` permits: its reply is never given", rule->head.name);
		return true;
	}
	if (rule->reply_text == NULL) {
		rule->reply = class == 5 ? (struct reply){550, "5.7.1", "Relay access denied"}
		                         : (struct reply){450, "4.7.1", "Relay access deferred"};
		return true;
	}
	if (!reply_parse(rule->reply_text, &rule->reply, &why))
		return conf_error(r, &rule->head.loc,
		    "found the reply \"%.200s\" in rule `%s`; "
		    "expected %s",
		    rule->reply_text, rule->head.name, why);
	if (rule->reply.code / 100U != class)
		return conf_error(r, &rule->head.loc,
		    "found a %u reply in rule `%s`; expected a %uxx, as its action is %s",
		    rule->reply.code, rule->head.name, class,
		    verdict_name((enum verdict_kind)rule->action));
	return true;
}

static bool check_open(struct conf_reader *r, const struct relay_rule *rule)
{
	const struct criteria *c = &rule->criteria;
	char text[ADDR_TEXT_MAX];
	const char *tld = domset_bare_tld(c->to.domains);
	struct prefix wide;

	if (!permits(rule) || rule->i_know)
		return true;
	if (c->to.given && tld != NULL)
		return conf_error(r, &rule->head.loc,
		    "rule `%s` permits mail to all of `%s`; expected domains below it, or `i-know "
		    "= "
		    "yes` if this is meant",
		    rule->head.name, tld);
	if (criteria_prove_trust(c))
		return true;
	if (!c->client.given)
		return conf_error(r, &rule->head.loc,
		    "rule `%s` permits strangers: an open relay; expected at least one of client, "
		    "auth, login, mech, cert, local, to, or `i-know = yes` if this is meant",
		    rule->head.name);
	if (!netset_covers_world(c->client.set, &wide))
		return true;
	prefix_format(&wide, text);
	return conf_error(r, &rule->head.loc,
	    "rule `%s` permits all clients of %s: an open relay; expected smaller networks, one of "
	    "auth, login, mech, cert, to beside them, or `i-know = yes` if this is meant",
	    rule->head.name, text);
}

static void warn_of_verified(struct conf_reader *r, const struct relay_rule *rule)
{
	const struct texts_criterion *cert = &rule->criteria.cert;

	for (size_t i = 0; i < cert->texts.count; i++)
		if (permits(rule) && strcmp(cert->texts.items[i], "verified") == 0)
			diag_add(r->diag, DIAG_WARNING, &rule->head.loc,
			    "rule `%s` trusts every certificate that the MTA verifies: with public "
			    "authorities in its CA file, that is everybody; name fingerprints, or "
			    "subjects",
			    rule->head.name);
}

static void day_before(usec_t t, char out[16])
{
	time_t day = (time_t)(t / USEC_PER_SEC) - 1;
	struct tm tm;

	out[0] = '\0';
	if (gmtime_r(&day, &tm) != NULL)
		strftime(out, 16, "%Y-%m-%d", &tm);
}

static void warn_of_expiry(struct conf_reader *r, const struct relay_rule *rule)
{
	const usec_t month = USEC_PER_SEC * 86400 * 30;
	char day[16];

	if (rule->expires == 0 || rule->expires - month > r->now)
		return;
	day_before(rule->expires, day);
	diag_add(r->diag, DIAG_WARNING, &rule->head.loc, "rule `%s` %s %s%s%s%s%s", rule->head.name,
	    has_expired(rule, r->now) ? "matches nothing any more: its last day was"
				      : "expires soon: its last day is",
	    day, rule->owner == NULL ? "" : "; owner ", rule->owner == NULL ? "" : rule->owner,
	    rule->reason == NULL ? "" : "; ", rule->reason == NULL ? "" : rule->reason);
}

static bool rule_finish(struct conf_reader *r, void *section)
{
	struct relay_rule *rule = section;
	bool ok = make_reply(r, rule);

	if (rule->criteria.forwarded == CRITERION_YES && !rule->criteria.to.given)
		ok = conf_error(r, &rule->head.loc,
		    "found `forwarded` without `to` in rule `%s`; expected the recipients that are "
		    "sent on",
		    rule->head.name);
	warn_of_verified(r, rule);
	warn_of_expiry(r, rule);
	return check_open(r, rule) && ok;
}

static const struct conf_schema rule_schema = {
    .type = "rule",
    .doc = "One rule of a relay section. Every criterion that is given must match.",
    .named = true,
    .repeatable = true,
    .size = sizeof(struct relay_rule),
    .rows = rule_rows,
    .finish = rule_finish,
};

/* --- the section ----------------------------------------------------------- */

static const struct conf_word mode_words[] = {
    {"enforce", MODE_ENFORCE}, {"monitor", MODE_MONITOR}, {NULL, 0}};

static const struct conf_word submission_words[] = {
    {"permit", LOCAL_SUBMISSION_PERMIT}, {"rules", LOCAL_SUBMISSION_RULES}, {NULL, 0}};

static const struct conf_row relay_rows[] = {
    {.key = "mode",
	.type = CONF_ENUM,
	.offset = offsetof(struct relay_settings, mode),
	.fallback = "enforce",
	.words = mode_words,
	.doc =
	    "enforce, or monitor: record what would be refused, and refuse nothing. A file whose "
	    "own mode is monitor refuses nothing in any case."},
    {.key = "local-mailers",
	.type = CONF_TEXTS,
	.offset = offsetof(struct relay_settings, local_mailers),
	.fallback =
	    "{ local, virtual, discard, maildrop, mailman, dovecot, cyrus, cyrusv2, cyrusbb }",
	.doc =
	    "Names of the MTA's mailers (Postfix: transports) that deliver on this host, compared "
	    "without case. A recipient that goes to one of them is kept, under whatever address. "
	    "Only names that can mean nothing else belong here: local of both MTAs; Postfix's "
	    "virtual and discard; the delivery agents of Courier, Mailman, Dovecot and Cyrus under "
	    "their usual names. lmtp is not among them, as it can lead to another host; nor need "
	    "it "
	    "be, since what goes on under the same domain is kept in any case. Sendmail's prog, "
	    "*file* and *include* are not, as no recipient of a client can name them; procmail and "
	    "usenet are not, as they can pass mail on. smtp, esmtp, relay and the like, bsmtp and "
	    "uucp lead away and are refused here."},
    {.key = "local-submission",
	.type = CONF_ENUM,
	.offset = offsetof(struct relay_settings, local_submission),
	.fallback = "permit",
	.words = submission_words,
	.doc =
	    "Mail that was handed in on this host itself, by the sendmail command or on a unix "
	    "socket: permit it before the rules, or ask the rules, which can name it as "
	    "`local = yes`. Postfix shows it through non_smtpd_milters, whose answer must not be "
	    "a refusal. Strangers can't pass for it: its client has the name localhost and either "
	    "no address or 127.0.0.1 with port 0, which no TCP connection has; XCLIENT could "
	    "claim it, from hosts that are authorized to use it alone."},
    {.key = NULL},
};

/* Names under which mail leaves the host with both MTAs. */
static bool leads_away(const char *mailer)
{
	static const char *const names[] = {
	    "smtp", "esmtp", "smtp8", "dsmtp", "relay", "bsmtp", "error", "smtps"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(mailer, names[i]) == 0)
			return true;
	return strncasecmp(mailer, "uucp", 4) == 0;
}

static bool check_mailers(struct conf_reader *r, const struct relay_settings *relay)
{
	bool ok = true;

	for (size_t i = 0; i < relay->local_mailers.count; i++) {
		if (!leads_away(relay->local_mailers.items[i]))
			continue;
		ok = conf_error(r, &relay->head.loc,
		    "found `%s` in local-mailers; expected mailers that deliver on this host",
		    relay->local_mailers.items[i]);
	}
	return ok;
}

static bool is_catch_all(const struct relay_rule *rule)
{
	return rule->expires == 0 && criteria_is_empty(&rule->criteria);
}

static bool check_order(struct conf_reader *r, const struct relay_settings *relay)
{
	const struct relay_rule *end = NULL, *last = NULL;

	for (const struct relay_rule *u = first_rule(relay); u != NULL; u = next_rule(u)) {
		/* A criterion that could not be read is none. */
		if (end != NULL && diag_errors(r->diag) == 0)
			diag_add(r->diag, DIAG_WARNING, &u->head.loc,
			    "rule `%s` never matches: rule `%s` before it matches everything",
			    u->head.name, end->head.name);
		if (end == NULL && is_catch_all(u))
			end = u;
		last = u;
	}
	if (last == NULL)
		return conf_error(r, &relay->head.loc,
		    "found no rule in relay; expected at least one, such as `rule others { action "
		    "= "
		    "reject }`");
	if (end == NULL && !last->i_know)
		return conf_error(r, &last->head.loc,
		    "rule `%s`, the last one, does not match everything; expected one without "
		    "criteria at the end, such as `rule others { action = reject }`, or `i-know = "
		    "yes` here: what matches no rule is then deferred",
		    last->head.name);
	return true;
}

static bool relay_finish(struct conf_reader *r, void *section)
{
	const struct relay_settings *relay = section;
	bool ok = check_mailers(r, relay);

	if (conf_domains(r->doc, "ours") == NULL)
		diag_add(r->diag, DIAG_WARNING, &relay->head.loc,
		    "there is no list `domains ours`: no recipient is read as ours");
	return check_order(r, relay) && ok;
}

static const struct conf_child relay_children[] = {
    {&rule_schema, offsetof(struct relay_settings, rules)},
    {NULL, 0},
};

const struct conf_schema relay_schema = {
    .type = "relay",
    .required = true,
    .doc = "Who may send to whom through this server. The first rule that matches decides.",
    .size = sizeof(struct relay_settings),
    .rows = relay_rows,
    .children = relay_children,
    .finish = relay_finish,
    .finish_in_any_case = true,
};

bool relay_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out)
{
	const struct relay_settings *relay = (const struct relay_settings *)(const void *)section;

	(void)r;
	*out = (struct policy_entry){
	    .check = &check_relay,
	    .self = relay,
	    .stages = STAGE_BIT(STAGE_RCPT),
	    /* For the record, besides what the rules ask for. */
	    .facts = FACT_MTA_VIEW | FACT_REFUSED_RECIPIENTS | FACT_QUEUE_ID | FACT_AUTH |
	             FACT_CLIENT_NAME,
	    .mode = relay->mode == MODE_MONITOR ? MODE_MONITOR : (enum mode)settings->mode,
	};
	for (const struct relay_rule *u = first_rule(relay); u != NULL; u = next_rule(u)) {
		out->facts |= criteria_facts(&u->criteria);
		if (u->action == VERDICT_HOLD)
			out->rights |= RIGHT_QUARANTINE;
		if (u->action == VERDICT_TAG)
			out->rights |= RIGHT_ADD_FIELDS;
	}
	return true;
}

bool relay_trusts(const struct conf_head *section, const struct session *s, usec_t now)
{
	const struct relay_settings *relay = (const struct relay_settings *)(const void *)section;

	if (relay == NULL)
		return false;
	if (s->client.local && relay->local_submission == LOCAL_SUBMISSION_PERMIT)
		return true;
	for (const struct relay_rule *u = first_rule(relay); u != NULL; u = next_rule(u)) {
		const struct criteria *c = &u->criteria;

		if (has_expired(u, now) || c->to.given || c->reading != READING_IS_ANY ||
		    criteria_match(c, s, NULL) == MATCH_NO)
			continue;
		return permits(u) && criteria_match(c, s, NULL) == MATCH_YES &&
		       (c->client.given || criteria_prove_trust(c));
	}
	return false;
}

struct reading_rules relay_reading_rules(
    const struct conf_doc *doc, const struct conf_head *section)
{
	const struct relay_settings *relay = (const struct relay_settings *)(const void *)section;

	return (struct reading_rules){
	    .ours = conf_domains(doc, "ours"),
	    .local_mailers = {relay->local_mailers.count, relay->local_mailers.items},
	};
}
