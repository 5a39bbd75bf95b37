#include "check/evidence.h"

#include <string.h>
#include <strings.h>

#include "check/arc.h"
#include "check/authentication.h"
#include "check/dkim.h"
#include "check/dns.h"
#include "check/outcome.h"
#include "check/relay.h"
#include "core/message.h"

/* Its address is the key that the evidence is attached under. */
static const char key;

/* --- begin and end ------------------------------------------------------------------- */

static const struct dns_settings *dns_of(const struct settings *settings)
{
	return (const struct dns_settings *)(const void *)settings->resolver;
}

static const struct authentication_settings *authentication_of(const struct settings *settings)
{
	return (const struct authentication_settings *)(const void *)settings->authentication;
}

/* The path without its angle brackets, or what else stands there. NULL without memory. */
static const char *sender_of(struct session *s)
{
	const char *raw = s->msg.sender_raw, *open = strchr(raw, '<'), *close = strrchr(raw, '>');

	if (open == NULL || close == NULL || close < open)
		return raw;
	return arena_strndup(&s->msg.arena, open + 1, (size_t)(close - open - 1));
}

static void decide_trust(struct session *s, struct evidence *e, usec_t now)
{
	const struct authentication_settings *a = authentication_of(e->settings);

	if (*s->cred.login != '\0')
		e->trusted = "the client has authenticated";
	else if (relay_trusts(e->settings->relay, s, now))
		e->trusted = "the client may relay";
	else if (a->except.given && origin_matches(&a->except, s, e))
		e->trusted = "the client is excepted";
}

unsigned evidence_asked_for(const struct settings *settings)
{
	unsigned asked = 0;

	if (settings->spf != NULL)
		asked |= EVIDENCE_SPF;
	if (settings->dkim != NULL)
		asked |= EVIDENCE_DKIM;
	if (settings->sender != NULL)
		asked |= EVIDENCE_SPF | EVIDENCE_DKIM;
	if (settings->arc != NULL)
		asked |= EVIDENCE_ARC;
	if (settings->dmarc != NULL)
		asked |= EVIDENCE_SPF | EVIDENCE_DKIM | EVIDENCE_DMARC;
	return asked;
}

static bool asks_for(const struct evidence *e, unsigned what)
{
	return evidence_is_wanted(e) && (evidence_asked_for(e->settings) & what) != 0;
}

/* Tells whether DNS answers, of a message that waited for it. */
static void report(const struct evidence *e)
{
	bool spf = (e->known & EVIDENCE_SPF) != 0, dkim = (e->known & EVIDENCE_DKIM) != 0;
	bool dmarc = (e->known & EVIDENCE_DMARC) != 0;
	bool owing = (spf && e->spf.result == SPF_TEMPERROR) ||
	             (dkim && e->dkim.result == DKIM_TEMPERROR) ||
	             (dmarc && e->dmarc.result == DMARC_TEMPERROR);

	if (e->budget.lookups == dns_of(e->settings)->lookups)
		return;
	/* What is none may have been so without a question. */
	if ((spf && e->spf.result != SPF_TEMPERROR && e->spf.result != SPF_NONE) ||
	    (dkim && (e->dkim.result == DKIM_PASS || e->dkim.result == DKIM_FAIL)) ||
	    (dmarc && e->dmarc.record_domain != NULL) || !owing)
		dns_report(true);
	else
		dns_report(false);
}

static void end(void *value, bool accepted)
{
	struct evidence *e = value;

	(void)accepted;
	report(e);
	dkim_check_free(&e->check);
	arc_check_free(&e->chain);
	dmarc_abandon(&e->walk);
}

struct evidence *evidence_of(struct session *s, const struct settings *settings, usec_t now)
{
	struct evidence *e = message_attached(s, &key);
	const char *sender;

	if (e != NULL)
		return e;
	sender = sender_of(s);
	e = sender == NULL ? NULL : arena_alloc(&s->msg.arena, sizeof(*e));
	if (e == NULL || !message_attach(s, &key, e, end))
		return NULL;
	e->settings = settings;
	e->resolver = s->env->resolver;
	e->budget = dns_budget_of(dns_of(settings));
	e->patience = e->budget.deadline - clock_monotonic();
	e->query = (struct spf_query){
	    .client = s->client.addr,
	    .helo = s->helo,
	    .sender = sender,
	    .receiver = s->env->host,
	    .now = now,
	};
	decide_trust(s, e, now);
	return e;
}

bool evidence_is_wanted(const struct evidence *e)
{
	return e->trusted == NULL && e->resolver != NULL;
}

/*
 * What was started before has had its time; what is asked for now has the whole of its own. Minutes
 * may have passed since MAIL.
 */
static bool begin_anew(const struct session *s, struct evidence *e)
{
	unsigned stage = STAGE_BIT(s->args->stage);

	if (e->asks_at == stage)
		return false;
	e->asks_at = stage;
	e->budget.deadline = clock_monotonic() + e->patience;
	return true;
}

/* Where all is in the cache nobody waits, and the MTA need not be told so. */
static void begin_to_wait(struct session *s, struct evidence *e)
{
	if (begin_anew(s, e) && s->args->stage == STAGE_EOM &&
	    resolver_counters(e->resolver).in_flight > 0)
		session_progress(s);
}

void evidence_prefetch(struct evidence *e)
{
	const char *sender = e->query.sender, *at = strrchr(sender, '@');

	if (asks_for(e, EVIDENCE_SPF))
		spf_prefetch(e->resolver, &e->budget, &e->query, SPF_MAILFROM);
	if (asks_for(e, EVIDENCE_DMARC) && at != NULL)
		dmarc_prefetch(e->resolver, &e->budget, at + 1);
}

/* --- SPF ------------------------------------------------------------------------------- */

const struct spf_outcome *evidence_spf(struct session *s, struct evidence *e)
{
	if (!asks_for(e, EVIDENCE_SPF))
		return NULL;
	if ((e->known & EVIDENCE_SPF) != 0)
		return &e->spf;
	begin_to_wait(s, e);
	spf_check(e->resolver, &e->budget, &e->query, SPF_MAILFROM, &s->msg.arena, &e->spf);
	e->known |= EVIDENCE_SPF;
	s->msg.results.spf = spf_result_name(e->spf.result);
	s->msg.results.spf_domain = e->spf.domain;
	return &e->spf;
}

/* --- the header and the body ------------------------------------------------------------- */

const char *evidence_from_domain(const struct evidence *e)
{
	return e->from.domain;
}

static void take_for_dkim(struct session *s, struct evidence *e)
{
	const char *name = s->args->field_name, *value = s->args->field_value;

	if (!asks_for(e, EVIDENCE_DKIM))
		return;
	if (!e->dkim_begun) {
		struct dkim_limits limits = dkim_limits_of(e->settings->dkim);

		e->check = dkim_check_open(e->resolver, &e->budget, &limits, e->query.now);
	}
	e->dkim_begun = true;
	dkim_check_header(e->check, name, strlen(name), value, strlen(value));
}

static void take_for_arc(struct session *s, struct evidence *e)
{
	const char *name = s->args->field_name, *value = s->args->field_value;

	if (!asks_for(e, EVIDENCE_ARC))
		return;
	if (!e->arc_begun)
		e->chain = arc_check_open(e->resolver, &e->budget, e->query.now);
	e->arc_begun = true;
	arc_check_header(e->chain, name, strlen(name), value, strlen(value));
}

bool evidence_take_field(struct session *s, struct evidence *e)
{
	const char *name = s->args->field_name, *value = s->args->field_value;
	bool ok;

	if (name == NULL || value == NULL)
		return true;
	begin_anew(s, e);
	take_for_dkim(s, e);
	take_for_arc(s, e);
	if (strcasecmp(name, "From") != 0)
		return true;
	ok = from_add(&e->from, &s->msg.arena, value, strlen(value));
	s->msg.results.from_domain = e->from.domain;
	return ok;
}

void evidence_take_end_of_header(struct evidence *e, bool *enough)
{
	bool dkim = e->dkim_begun && dkim_check_end_of_header(e->check);
	bool arc = e->arc_begun && arc_check_end_of_header(e->chain);

	*enough = !dkim && !arc;
	if (asks_for(e, EVIDENCE_DMARC) && e->from.status == FROM_ONE)
		e->walk = dmarc_start(e->resolver, &e->budget, e->from.domain);
}

void evidence_take_body(struct session *s, struct evidence *e, bool *enough)
{
	*enough = !e->dkim_begun && !e->arc_begun;
	if (e->arc_begun)
		arc_check_body(e->chain, s->args->body, s->args->body_len);
	if (e->dkim_begun)
		dkim_check_body(e->check, s->args->body, s->args->body_len);
}

/* --- DKIM ------------------------------------------------------------------------------------ */

/* Of the signature that decided: the first that has the result of all. */
static const char *deciding_domain(const struct dkim_outcome *o)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->signatures[i].result == o->result)
			return o->signatures[i].domain;
	return NULL;
}

const struct dkim_outcome *evidence_dkim(struct session *s, struct evidence *e)
{
	if (!asks_for(e, EVIDENCE_DKIM))
		return NULL;
	if ((e->known & EVIDENCE_DKIM) != 0)
		return &e->dkim;
	e->known |= EVIDENCE_DKIM;
	if (e->dkim_begun) {
		begin_to_wait(s, e);
		dkim_check_finish(e->check, &s->msg.arena, &e->dkim);
		dkim_check_free(&e->check);
	}
	s->msg.results.dkim = dkim_result_name(e->dkim.result);
	s->msg.results.dkim_domain = deciding_domain(&e->dkim);
	return &e->dkim;
}

/* --- ARC ------------------------------------------------------------------------------------ */

const struct arc_outcome *evidence_arc(struct session *s, struct evidence *e)
{
	if (!asks_for(e, EVIDENCE_ARC))
		return NULL;
	if ((e->known & EVIDENCE_ARC) != 0)
		return &e->arc;
	e->known |= EVIDENCE_ARC;
	if (e->arc_begun) {
		begin_to_wait(s, e);
		arc_check_finish(e->chain, &s->msg.arena, &e->arc);
		arc_check_free(&e->chain);
	}
	return &e->arc;
}

/* --- DMARC ----------------------------------------------------------------------------------- */

static enum dmarc_auth auth_of_spf(enum spf_result r)
{
	if (r == SPF_PASS)
		return DMARC_AUTH_PASSED;
	return r == SPF_TEMPERROR ? DMARC_AUTH_TEMPERROR : DMARC_AUTH_FAILED;
}

static enum dmarc_auth auth_of_signature(const struct dkim_signature *d)
{
	if (d->usable)
		return DMARC_AUTH_PASSED;
	return d->result == DKIM_TEMPERROR ? DMARC_AUTH_TEMPERROR : DMARC_AUTH_FAILED;
}

static bool is_trusted_sealer(void *arg, const char *domain)
{
	const struct evidence *e = arg;
	const struct arc_settings *arc =
	    (const struct arc_settings *)(const void *)e->settings->arc;

	return domset_contains(arc->trusted, domain);
}

static void look_for_voucher(struct session *s, struct evidence *e)
{
	const struct arc_outcome *arc = evidence_arc(s, e);
	const struct arc_set *set = NULL;

	if (arc != NULL && e->dmarc.result == DMARC_FAIL)
		set = arc_vouched(arc, e->from.domain, is_trusted_sealer, e);
	if (set != NULL)
		e->vouched_by = set->domain;
}

/* False without memory. */
static bool make_query(struct session *s, struct evidence *e, struct dmarc_query *q)
{
	const struct spf_outcome *spf = evidence_spf(s, e);
	const struct dkim_outcome *dkim = evidence_dkim(s, e);
	struct dmarc_identifier *ids = arena_alloc(&s->msg.arena, (dkim->count + 1) * sizeof(*ids));

	if (ids == NULL)
		return false;
	for (size_t i = 0; i < dkim->count; i++)
		ids[i] = (struct dmarc_identifier){
		    dkim->signatures[i].domain, auth_of_signature(&dkim->signatures[i])};
	*q = (struct dmarc_query){{spf->domain, auth_of_spf(spf->result)}, ids, dkim->count};
	return true;
}

const struct dmarc_outcome *evidence_dmarc(struct session *s, struct evidence *e)
{
	struct dmarc_outcome *o = &e->dmarc;
	struct dmarc_query q;

	if (!asks_for(e, EVIDENCE_DMARC))
		return NULL;
	if ((e->known & EVIDENCE_DMARC) != 0)
		return o;
	e->known |= EVIDENCE_DMARC;
	begin_to_wait(s, e);
	if (!make_query(s, e, &q))
		*o = (struct dmarc_outcome){.result = DMARC_TEMPERROR, .reason = "no memory"};
	else if (e->from.status == FROM_ONE)
		dmarc_finish(&e->walk, &e->budget, &q, &s->msg.arena, o);
	else
		dmarc_check(e->resolver, &e->budget, &e->from, &q, &s->msg.arena, o);
	look_for_voucher(s, e);
	s->msg.results.dmarc = dmarc_result_name(o->result);
	if (o->record_domain != NULL)
		s->msg.results.dmarc_policy = dmarc_policy_name(o->policy);
	return o;
}
