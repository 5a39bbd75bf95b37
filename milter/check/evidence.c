#include "check/evidence.h"

#include <string.h>
#include <strings.h>

#include "check/authentication.h"
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

	e->trusted = true;
	if (*s->cred.login != '\0')
		e->trusted_why = "the client has authenticated";
	else if (relay_trusts(e->settings->relay, s, now))
		e->trusted_why = "the client may relay";
	else if (a->except.given && origin_matches(&a->except, s, e))
		e->trusted_why = "the client is excepted";
	else
		e->trusted = false;
}

struct evidence *evidence_of(struct session *s, const struct settings *settings, usec_t now)
{
	struct evidence *e = message_attached(s, &key);
	const char *sender;

	if (e != NULL)
		return e;
	sender = sender_of(s);
	e = sender == NULL ? NULL : arena_alloc(&s->msg.arena, sizeof(*e));
	if (e == NULL || !message_attach(s, &key, e, NULL))
		return NULL;
	e->settings = settings;
	e->resolver = s->env->resolver;
	e->budget = dns_budget_of(dns_of(settings));
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
	return !e->trusted && e->resolver != NULL;
}

/* What was started before has had its time; what is waited for now has the whole of its own. */
static void begin_to_wait(struct session *s, struct evidence *e)
{
	enum stage stage = s->args->stage;

	if (e->waits && e->waits_at == stage)
		return;
	e->waits = true;
	e->waits_at = stage;
	e->budget.deadline = dns_budget_of(dns_of(e->settings)).deadline;
	if (stage == STAGE_EOM)
		session_progress(s);
}

void evidence_prefetch(struct evidence *e)
{
	if (evidence_is_wanted(e))
		spf_prefetch(e->resolver, &e->budget, &e->query, SPF_MAILFROM);
}

/* --- SPF ------------------------------------------------------------------------------- */

const struct spf_outcome *evidence_spf(struct session *s, struct evidence *e)
{
	if (!evidence_is_wanted(e))
		return NULL;
	if (e->spf_known)
		return &e->spf;
	begin_to_wait(s, e);
	spf_check(e->resolver, &e->budget, &e->query, SPF_MAILFROM, &s->msg.arena, &e->spf);
	e->spf_known = true;
	s->msg.findings.spf = spf_result_name(e->spf.result);
	s->msg.findings.spf_domain = e->spf.domain;
	return &e->spf;
}

/* --- the author ------------------------------------------------------------------------- */

bool evidence_take_field(struct session *s, struct evidence *e)
{
	const char *name = s->args->field_name, *value = s->args->field_value;
	bool ok;

	if (name == NULL || value == NULL || strcasecmp(name, "From") != 0)
		return true;
	ok = from_add(&e->from, &s->msg.arena, value, strlen(value));
	s->msg.findings.from_domain = e->from.domain;
	return ok;
}

const char *evidence_from_domain(const struct evidence *e)
{
	return e->from.domain;
}
