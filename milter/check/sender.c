#include "check/sender.h"

#include <string.h>
#include <strings.h>

#include "base/names.h"
#include "check/evidence.h"
#include "check/relay.h"

static const char *const words[] = {
    [SENDER_ENVELOPE] = "envelope",
    [SENDER_HEADER] = "header",
    [SENDER_OUTSIDE] = "our-domains-from-outside",
    [SENDER_UNKNOWN] = "temperror",
};

static const struct sender_settings *settings_of(const struct outcome_self *self)
{
	return (const struct sender_settings *)(const void *)self->policy;
}

static void found(const struct outcome_self *self, struct session *s, const struct evidence *e,
    unsigned number, const char *reason, const char *reply, struct verdict *out)
{
	const struct outcome o = {
	    .number = number,
	    .word = words[number],
	    .reason = reason,
	    .reply = reply,
	};

	outcome_apply(self->policy, s, e, &o, out);
}

/* --- who has authenticated ------------------------------------------------------------ */

static bool is_ours(const struct session *s, const char *domain)
{
	return domset_contains(s->policy->reading.ours, domain);
}

/* The login is the address; or, without a realm, its local part in one of our domains. */
static bool is_own(const struct session *s, const char *local, const char *domain)
{
	const char *login = s->cred.login, *at = strrchr(login, '@');
	size_t len = at == NULL ? strlen(login) : (size_t)(at - login);
	char realm[NAME_SIZE];

	if (strlen(local) != len || strncasecmp(local, login, len) != 0)
		return false;
	if (at == NULL)
		return is_ours(s, domain);
	return name_canonical(at + 1, strlen(at + 1), realm) == NAME_OK &&
	       strcmp(realm, domain) == 0;
}

static bool may_use(const struct sender_settings *sender, const struct session *s,
    const char *local, const char *domain)
{
	if (logins_knows(sender->logins, s->cred.login))
		return logins_allows(sender->logins, s->cred.login, local, domain);
	return sender->others == SENDER_OTHERS_ANY || is_own(s, local, domain);
}

static void judge_envelope(
    const struct outcome_self *self, struct session *s, struct evidence *e, struct verdict *out)
{
	const struct sender_settings *sender = settings_of(self);
	const struct mailaddr *m = &s->msg.sender;

	/* Bounces and receipts have none; what they claim stands in From. */
	if ((m->forms & MAILADDR_NULL) != 0)
		return;
	if (mailaddr_is_single(m) && *m->domain != '\0' && may_use(sender, s, m->local, m->domain))
		return;
	found(self, s, e, SENDER_ENVELOPE, "the login may not use the envelope's sender",
	    arena_printf(&s->msg.arena, "550 5.7.1 %.80s may not send as %.150s", s->cred.login,
		s->msg.sender_raw),
	    out);
}

static void judge_header(
    const struct outcome_self *self, struct session *s, struct evidence *e, struct verdict *out)
{
	const struct sender_settings *sender = settings_of(self);
	const struct from_address *a = e->from.addresses;

	if (e->from.status == FROM_ABSENT)
		return;
	if (e->from.status == FROM_REPEATED || e->from.status == FROM_MALFORMED || a == NULL) {
		found(self, s, e, SENDER_HEADER, "From has not one reading",
		    "550 5.7.1 From must name one of your addresses", out);
		return;
	}
	for (; a != NULL; a = a->next) {
		if (*a->domain != '\0' && may_use(sender, s, a->local, a->domain))
			continue;
		found(self, s, e, SENDER_HEADER, "the login may not use the address in From",
		    arena_printf(&s->msg.arena, "550 5.7.1 %.80s may not write From: %.80s@%.100s",
			s->cred.login, a->local, a->domain),
		    out);
		return;
	}
}

/* --- who comes from outside --------------------------------------------------------------- */

/* Is `by` the domain, or another of ours above or below it? */
static bool vouches(const struct session *s, const char *by, const char *domain)
{
	if (strcmp(by, domain) == 0)
		return true;
	return is_ours(s, by) &&
	       (name_is_at_or_below(by, domain) || name_is_at_or_below(domain, by));
}

enum shown { SHOWN_NOT, SHOWN, SHOWN_UNKNOWN };

static enum shown shown_by_spf(
    const struct session *s, const struct spf_outcome *o, const char *domain)
{
	char by[NAME_SIZE];

	if (o == NULL || name_canonical(o->domain, strlen(o->domain), by) != NAME_OK ||
	    !vouches(s, by, domain))
		return SHOWN_NOT;
	if (o->result == SPF_PASS)
		return SHOWN;
	return o->result == SPF_TEMPERROR ? SHOWN_UNKNOWN : SHOWN_NOT;
}

static enum shown shown_by_dkim(
    const struct session *s, const struct dkim_outcome *o, const char *domain)
{
	enum shown best = SHOWN_NOT;

	for (size_t i = 0; o != NULL && i < o->count; i++) {
		const struct dkim_signature *d = &o->signatures[i];

		if (!vouches(s, d->domain, domain))
			continue;
		if (d->usable)
			return SHOWN;
		if (d->result == DKIM_TEMPERROR)
			best = SHOWN_UNKNOWN;
	}
	return best;
}

/* Looks at one domain that the message claims. True when there is something to say. */
static bool judge_claim(const struct outcome_self *self, struct session *s, struct evidence *e,
    const char *domain, const char *where, struct verdict *out)
{
	enum shown spf, dkim;
	unsigned number = SENDER_OUTSIDE;

	if (*domain == '\0' || !is_ours(s, domain))
		return false;
	spf = shown_by_spf(s, evidence_spf(s, e), domain);
	dkim = shown_by_dkim(s, evidence_dkim(s, e), domain);
	if (spf == SHOWN || dkim == SHOWN)
		return false;
	if (spf == SHOWN_UNKNOWN || dkim == SHOWN_UNKNOWN)
		number = SENDER_UNKNOWN;
	found(self, s, e, number,
	    arena_printf(
		&s->msg.arena, "%s claims %s, and neither SPF nor DKIM shows it", where, domain),
	    number == SENDER_UNKNOWN
		? "451 4.7.1 DNS does not say now whether the sender's domain may be used from "
		  "there"
		: arena_printf(&s->msg.arena,
		      "550 5.7.1 %.150s is a domain of this host; log in to use it", domain),
	    out);
	return true;
}

static void judge_outside(
    const struct outcome_self *self, struct session *s, struct evidence *e, struct verdict *out)
{
	if (!evidence_is_wanted(e))
		return;
	if (judge_claim(self, s, e, s->msg.sender.domain, "the envelope", out))
		return;
	for (const struct from_address *a = e->from.addresses; a != NULL; a = a->next)
		if (judge_claim(self, s, e, a->domain, "From", out))
			return;
}

/* --- the check -------------------------------------------------------------------------------- */

static void sender_run(
    const void *self, struct session *s, enum stage stage, usec_t now, struct verdict *out)
{
	const struct outcome_self *sender = self;
	struct evidence *e = evidence_of(s, sender->settings, now);
	bool logged_in = *s->cred.login != '\0';

	if (e == NULL)
		out->kind = VERDICT_UNDECIDED;
	else if (stage == STAGE_MAIL && logged_in)
		judge_envelope(sender, s, e, out);
	else if (stage == STAGE_EOM && logged_in)
		judge_header(sender, s, e, out);
	else if (stage == STAGE_EOM)
		judge_outside(sender, s, e, out);
}

const struct check check_sender = {"sender", sender_run};

/* --- the section ------------------------------------------------------------------------------ */

static const struct conf_word others_words[] = {
    {"own", SENDER_OTHERS_OWN}, {"any", SENDER_OTHERS_ANY}, {NULL, 0}};

/* Defaults of a section; NULL for those of a rule. */
#define RESULT_ROWS(base, bad, mild)                                                               \
	OUTCOME_ROW(base, "envelope", SENDER_ENVELOPE, bad, outcome_words,                         \
	    "A login sends as an address in MAIL that it may not use."),                           \
	    OUTCOME_ROW(base, "header", SENDER_HEADER, bad, outcome_words,                         \
		"A login has an address in From that it may not use."),                            \
	    OUTCOME_ROW(base, "our-domains-from-outside", SENDER_OUTSIDE, bad, outcome_words,      \
		"Mail of a client that may not relay claims one of @ours in MAIL or From, and "    \
		"neither SPF nor DKIM shows that it is by that domain."),                          \
	    OUTCOME_ROW(base, "temperror", SENDER_UNKNOWN, mild, outcome_mild_words,               \
		"The same, and DNS does not answer.")

static const struct conf_row rule_rows[] = {
    {.key = "", .include = origin_criteria_rows, .offset = offsetof(struct outcome_rule, criteria)},
    RESULT_ROWS(RULE_ACTIONS, NULL, NULL),
    {.key = NULL},
};

static const struct conf_row rows[] = {
    {.key = "", .include = outcome_common_rows, .offset = 0},
    {.key = "logins",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct sender_settings, logins),
	.read = logins_read,
	.doc =
	    "What each login may send as: file:PATH with one entry a line, a login and behind it "
	    "addresses and domains. `*` stands for any characters."},
    {.key = "other-logins",
	.type = CONF_ENUM,
	.offset = offsetof(struct sender_settings, others),
	.fallback = "own",
	.words = others_words,
	.doc =
	    "What a login without an entry may send as: own, the address that it is, or, without a "
	    "realm, that name in any of @ours; any."},
    RESULT_ROWS(SECTION_ACTIONS, "reject", "note"),
    {.key = NULL},
};

static const struct conf_schema rule_schema = OUTCOME_RULE_SCHEMA(rule_rows);

static const struct conf_child children[] = {
    {&rule_schema, offsetof(struct sender_settings, policy.rules)},
    {NULL, 0},
};

const struct conf_schema sender_schema = {
    .type = "sender",
    .doc = "Who may send as whom.",
    .size = sizeof(struct sender_settings),
    .rows = rows,
    .children = children,
    .finish = outcome_policy_finish,
};

bool sender_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out)
{
	if (!outcome_make(r, settings, section, &check_sender, out))
		return false;
	out->stages |= STAGE_BIT(STAGE_MAIL);
	return true;
}
