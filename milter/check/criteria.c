/* How criteria match. How they are read: criteria_rows.c. */
#include "check/criteria.h"

#include <string.h>
#include <strings.h>

#include "base/glob.h"
#include "base/names.h"
#include "core/policy.h"

static enum match match_if(bool yes)
{
	return yes ? MATCH_YES : MATCH_NO;
}

static enum match match_switch(int wanted, bool is)
{
	return match_if(wanted == CRITERION_ANY || (wanted == CRITERION_YES) == is);
}

/* --- the client ------------------------------------------------------------ */

static enum match match_client(const struct criteria *c, const struct session *s)
{
	if (!c->client.given)
		return MATCH_YES;
	if (s->client.addr.family == ADDR_NONE && !s->client.local)
		return MATCH_UNKNOWN;
	return match_if(netset_contains(c->client.set, &s->client.addr));
}

static enum match match_local(const struct criteria *c, const struct session *s)
{
	return match_switch(c->local, s->client.local);
}

static enum match match_auth(const struct criteria *c, const struct session *s)
{
	return match_switch(c->auth, *s->cred.login != '\0');
}

static enum match match_login(const struct criteria *c, const struct session *s)
{
	enum glob_case how = c->any_case ? GLOB_WITHOUT_CASE : GLOB_WITH_CASE;

	if (!c->login.given)
		return MATCH_YES;
	/* `*` is whoever authenticated, not whoever did not. */
	for (size_t i = 0; *s->cred.login != '\0' && i < c->login.texts.count; i++)
		if (glob_match(c->login.texts.items[i], s->cred.login, how))
			return MATCH_YES;
	return MATCH_NO;
}

static enum match match_mech(const struct criteria *c, const struct session *s)
{
	if (!c->mech.given)
		return MATCH_YES;
	for (size_t i = 0; *s->cred.mech != '\0' && i < c->mech.texts.count; i++)
		if (strcasecmp(c->mech.texts.items[i], s->cred.mech) == 0)
			return MATCH_YES;
	return MATCH_NO;
}

/* The N of "TLSv1.N"; -1 for SSL and whatever else there is. */
static int tls_minor(const char *version)
{
	if (strcmp(version, "TLSv1") == 0)
		return 0;
	if (strncmp(version, "TLSv1.", 6) != 0 || version[6] < '0' || version[6] > '9' ||
	    version[7] != '\0')
		return -1;
	return version[6] - '0';
}

static enum match match_tls(const struct criteria *c, const struct session *s)
{
	if (c->tls < TLS_AT_LEAST)
		return match_switch(c->tls, *s->cred.tls_version != '\0');
	return match_if(tls_minor(s->cred.tls_version) >= c->tls - TLS_AT_LEAST);
}

/* A fingerprint proves the key by itself; names are worth what the MTA's verification is. */
static bool cert_is(const char *wanted, const struct credentials *cred)
{
	if (strcmp(wanted, "verified") == 0)
		return cred->cert_verified;
	if (strncmp(wanted, "subject:", 8) == 0)
		return cred->cert_verified && strcmp(wanted + 8, cred->cert_subject) == 0;
	if (strncmp(wanted, "issuer:", 7) == 0)
		return cred->cert_verified && strcmp(wanted + 7, cred->cert_issuer) == 0;
	return strcmp(wanted, cred->cert_fingerprint) == 0;
}

static enum match match_cert(const struct criteria *c, const struct session *s)
{
	if (!c->cert.given)
		return MATCH_YES;
	for (size_t i = 0; i < c->cert.texts.count; i++)
		if (cert_is(c->cert.texts.items[i], &s->cred))
			return MATCH_YES;
	return MATCH_NO;
}

static enum match match_one_listener(const char *wanted, const struct listener *l)
{
	if (wanted[strspn(wanted, "0123456789")] == '\0')
		return *l->port == '\0' ? MATCH_UNKNOWN : match_if(strcmp(wanted, l->port) == 0);
	if (strchr(wanted, ':') != NULL)
		return *l->port == '\0' || *l->addr == '\0'
		           ? MATCH_UNKNOWN
		           : match_if(strcasecmp(wanted, l->text) == 0);
	return *l->name == '\0' ? MATCH_UNKNOWN : match_if(strcasecmp(wanted, l->name) == 0);
}

static enum match match_listener(const struct criteria *c, const struct session *s)
{
	enum match m = c->listener.given ? MATCH_NO : MATCH_YES;

	/* What was handed in on the host came through no listener. */
	if (c->listener.given && s->client.local && *s->listener.text == '\0')
		return MATCH_NO;
	for (size_t i = 0; m != MATCH_YES && i < c->listener.texts.count; i++) {
		enum match one = match_one_listener(c->listener.texts.items[i], &s->listener);

		m = one == MATCH_NO ? m : one;
	}
	return m;
}

static enum match match_helo(const struct criteria *c, const struct session *s)
{
	size_t len = strlen(s->helo);
	char name[NAME_SIZE];
	struct addr literal;

	if (!c->helo.given)
		return MATCH_YES;
	if (len > 2 && s->helo[0] == '[' && s->helo[len - 1] == ']')
		return match_if(addr_parse(s->helo + 1, len - 2, &literal) &&
				domset_contains_literal(c->helo.set, &literal));
	return match_if(
	    name_canonical(s->helo, len, name) == NAME_OK && domset_contains(c->helo.set, name));
}

/* --- addresses ------------------------------------------------------------- */

/* Local parts without case: no two people at one domain differ in it alone. */
static bool same_address(const struct mailaddr *a, const struct mailaddr *b)
{
	if (strcasecmp(a->local, b->local) != 0)
		return false;
	if (a->literal.family != ADDR_NONE)
		return addr_equal(&a->literal, &b->literal);
	return b->literal.family == ADDR_NONE && strcmp(a->domain, b->domain) == 0;
}

static bool addresses_contain(const struct addresses_criterion *c, const struct mailaddr *m)
{
	if (!mailaddr_is_single(m))
		return false;
	if ((m->forms & MAILADDR_NULL) != 0)
		return c->null;
	if (m->literal.family != ADDR_NONE && domset_contains_literal(c->domains, &m->literal))
		return true;
	if (*m->domain != '\0' && domset_contains(c->domains, m->domain))
		return true;
	for (size_t i = 0; i < c->count; i++)
		if (same_address(&c->addresses[i], m))
			return true;
	return false;
}

static enum match match_from(const struct criteria *c, const struct session *s)
{
	return match_if(
	    !c->from.given || (s->msg.open && addresses_contain(&c->from, &s->msg.sender)));
}

static enum match match_kept(enum keeping kept)
{
	return kept == KEEPING_UNKNOWN ? MATCH_UNKNOWN : match_if(kept == KEEPING_KEPT);
}

/* The bare postmaster has no domain to look up: he is in `@ours` when he is read as ours. */
static enum match match_to_postmaster(const struct criteria *c, const struct recipient *r)
{
	if (!c->to.ours)
		return MATCH_NO;
	return r->reading == READING_UNKNOWN ? MATCH_UNKNOWN : match_if(r->reading == READING_OURS);
}

static enum match match_to(const struct criteria *c, const struct session *s)
{
	const struct recipient *r = &s->rcpt;

	if (!c->to.given)
		return MATCH_YES;
	if (r->raw == NULL || !mailaddr_is_single(&r->addr))
		return MATCH_NO;
	if ((r->addr.forms & MAILADDR_POSTMASTER) != 0)
		return match_to_postmaster(c, r);
	if (!addresses_contain(&c->to, &r->addr))
		return MATCH_NO;
	/* Who names it has said that the MTA's tables may send it elsewhere: no sender can choose.
	 */
	if (c->forwarded == CRITERION_YES && r->kept == KEEPING_AWAY)
		return MATCH_YES;
	return match_kept(r->kept);
}

static enum match match_reading(const struct criteria *c, const struct session *s)
{
	static const enum reading wanted[] = {
	    [READING_IS_OURS] = READING_OURS,
	    [READING_IS_RELAY] = READING_RELAY,
	    [READING_IS_AMBIGUOUS] = READING_AMBIGUOUS,
	};

	if (c->reading == READING_IS_ANY)
		return MATCH_YES;
	if (s->rcpt.raw == NULL)
		return MATCH_NO;
	if (s->rcpt.reading == READING_UNKNOWN)
		return c->reading == READING_IS_AMBIGUOUS ? MATCH_NO : MATCH_UNKNOWN;
	return match_if(s->rcpt.reading == wanted[c->reading]);
}

/* --- all of them ----------------------------------------------------------- */

static const struct {
	enum match (*match)(const struct criteria *c, const struct session *s);
	const char *no, *unknown;
} tests[] = {
    {match_client, "`client` does not hold the client's address",
	"the MTA did not say whence it comes"},
    {match_local, "`local` does not match", ""},
    {match_auth, "`auth` does not match", ""},
    {match_login, "`login` does not match", ""},
    {match_mech, "`mech` does not match", ""},
    {match_tls, "`tls` does not match", ""},
    {match_cert, "`cert` does not match", ""},
    {match_listener, "`listener` does not match", "the MTA did not say on which listener"},
    {match_helo, "`helo` does not match", ""},
    {match_from, "`from` does not match", ""},
    {match_to, "`to` does not match", "the MTA did not say what it would do with the recipient"},
    {match_reading, "`reading` does not match",
	"the MTA did not say what it would do with the recipient"},
};

static const char *why_not_to(const struct criteria *c, const struct session *s)
{
	const struct recipient *r = &s->rcpt;

	if (r->raw == NULL)
		return "`to` needs a recipient";
	if (!mailaddr_is_single(&r->addr))
		return "`to` matches no address with more than one reading";
	if (r->kept == KEEPING_AWAY && addresses_contain(&c->to, &r->addr))
		return "`to` matches only what the MTA keeps, or passes on under the same domain";
	return "`to` does not hold the recipient";
}

enum match criteria_match(const struct criteria *c, const struct session *s, const char **why)
{
	const char *unknown = NULL, *ignored;

	if (why == NULL)
		why = &ignored;
	*why = "everything that it asks for is so";
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		enum match m = tests[i].match(c, s);

		if (m == MATCH_NO) {
			*why = tests[i].match == match_to ? why_not_to(c, s) : tests[i].no;
			return MATCH_NO;
		}
		if (m == MATCH_UNKNOWN && unknown == NULL)
			unknown = tests[i].unknown;
	}
	if (unknown == NULL)
		return MATCH_YES;
	*why = unknown;
	return MATCH_UNKNOWN;
}

bool criteria_is_empty(const struct criteria *c)
{
	return !c->client.given && c->local == CRITERION_ANY && c->auth == CRITERION_ANY &&
	       !c->login.given && !c->mech.given && c->tls == CRITERION_ANY && !c->cert.given &&
	       !c->listener.given && !c->helo.given && !c->from.given && !c->to.given &&
	       c->reading == READING_IS_ANY;
}

/* HELO, sender, listener and TLS are what anybody may choose: they prove nothing. */
bool criteria_prove_trust(const struct criteria *c)
{
	return c->local == CRITERION_YES || c->auth == CRITERION_YES || c->login.given ||
	       c->mech.given || c->cert.given || c->to.given || c->reading == READING_IS_OURS;
}

unsigned criteria_facts(const struct criteria *c)
{
	unsigned facts = 0;

	if (c->local != CRITERION_ANY)
		facts |= FACT_CLIENT_NAME;
	if (c->auth != CRITERION_ANY || c->login.given || c->mech.given)
		facts |= FACT_AUTH;
	if (c->tls != CRITERION_ANY)
		facts |= FACT_TLS;
	if (c->cert.given)
		facts |= FACT_CERT;
	if (c->listener.given)
		facts |= FACT_LISTENER;
	if (c->helo.given)
		facts |= FACT_HELO;
	if (c->to.given || c->reading != READING_IS_ANY)
		facts |= FACT_MTA_VIEW;
	return facts;
}
