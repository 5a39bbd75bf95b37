#include "check/authentication.h"

#include <string.h>

#include "auth/authres.h"
#include "check/evidence.h"
#include "core/message.h"

struct authentication_self {
	const struct authentication_settings *section;
	const struct settings *settings;
};

static const char results_field[] = "Authentication-Results";

/* --- fields that claim to be ours ---------------------------------------------------------- */

static const char *authserv_id(const struct authentication_settings *a, const struct session *s)
{
	if (a->authserv_id != NULL)
		return a->authserv_id;
	return s->env->host == NULL || *s->env->host == '\0' ? "localhost" : s->env->host;
}

/* False when the field can't be removed: the message must not pass then. */
static bool look_at_field(
    const struct authentication_settings *a, struct session *s, struct evidence *e)
{
	const char *name = s->args->field_name, *value = s->args->field_value;

	if (!a->remove_forged || name == NULL || !authres_is_field(name))
		return true;
	e->results_fields++;
	if (value == NULL)
		value = "";
	return !authres_claims(value, strlen(value), authserv_id(a, s)) ||
	       message_delete_field(s, results_field, e->results_fields);
}

/* --- our own ---------------------------------------------------------------------------------- */

static void write_dkim(struct authres *w, const struct dkim_outcome *o)
{
	if (o->count == 0)
		authres_result(w, "dkim", dkim_result_name(o->result), NULL);
	for (size_t i = 0; i < o->count; i++) {
		const struct dkim_signature *d = &o->signatures[i];

		authres_dkim(w, &(struct authres_dkim){
				    .result = dkim_result_name(d->result),
				    .reason = d->result == DKIM_PASS ? NULL : d->reason,
				    .domain = d->domain,
				    .selector = d->selector,
				    .algorithm = d->algorithm,
				    .auid = d->identity,
				    .b = d->b,
				});
	}
}

static void write_dmarc(struct authres *w, const struct evidence *e, const struct dmarc_outcome *o)
{
	const struct authres_dmarc d = {
	    .result = dmarc_result_name(o->result),
	    .reason = e->vouched_by == NULL ? NULL : "outweighed by ARC",
	    .policy = o->record_domain == NULL ? NULL : dmarc_policy_name(o->policy),
	    .from = e->from.domain,
	};

	authres_dmarc(w, &d);
}

static void write_results(struct authres *w, struct session *s, struct evidence *e)
{
	const struct spf_outcome *spf = evidence_spf(s, e);
	const struct dkim_outcome *dkim = evidence_dkim(s, e);
	const struct dmarc_outcome *dmarc = evidence_dmarc(s, e);
	const struct arc_outcome *arc = evidence_arc(s, e);

	if (*s->cred.login != '\0')
		authres_auth(w, s->cred.mech, NULL);
	if (spf != NULL)
		authres_spf(w, &e->query, spf);
	if (dmarc != NULL)
		write_dmarc(w, e, dmarc);
	if (arc != NULL)
		authres_arc(w, &(struct authres_arc){
				   .result = arc_outcome_word(arc),
				   .reason = arc->result == ARC_FAIL ? arc->reason : NULL,
				   .oldest_pass = (int)arc->oldest_pass,
				   .client = &e->query.client,
			       });
	/* Last: there may be so many that the field is full. */
	if (dkim != NULL)
		write_dkim(w, dkim);
}

/* False without memory. */
static bool add_results(
    const struct authentication_settings *a, struct session *s, struct evidence *e)
{
	struct authres w;
	const char *value;
	bool added;

	if (!a->add_results || (!evidence_is_wanted(e) && *s->cred.login == '\0'))
		return true;
	authres_begin(&w, authserv_id(a, s), " ");
	write_results(&w, s, e);
	value = authres_end(&w);
	added = value != NULL && message_insert_field(s, 0, results_field, value);
	authres_free(&w);
	return added;
}

static bool add_received_spf(
    const struct authentication_settings *a, struct session *s, struct evidence *e)
{
	const struct spf_outcome *spf = a->received_spf ? evidence_spf(s, e) : NULL;
	struct strbuf b = {0};
	bool added;

	if (spf == NULL)
		return true;
	authres_received_spf(&b, &e->query, spf, " ");
	added = !b.failed && message_insert_field(s, 0, "Received-SPF", strbuf_text(&b));
	strbuf_free(&b);
	return added;
}

/* What was found, for the record, of a message that is accepted. */
static void note(struct session *s, const struct evidence *e, struct verdict *out)
{
	if (!s->env->permitted || s->so_far >= VERDICT_DEFER)
		return;
	out->kind = VERDICT_NOTE;
	out->reason = e->trusted;
}

static void authentication_run(
    const void *self, struct session *s, enum stage stage, usec_t now, struct verdict *out)
{
	const struct authentication_self *a = self;
	struct evidence *e = evidence_of(s, a->settings, now);
	bool ok = e != NULL, enough = false;

	if (ok && stage == STAGE_MAIL)
		evidence_prefetch(e);
	else if (ok && stage == STAGE_HEADER)
		ok = evidence_take_field(s, e) && look_at_field(a->section, s, e);
	else if (ok && stage == STAGE_EOH)
		evidence_take_end_of_header(e, &enough);
	else if (ok && stage == STAGE_BODY)
		evidence_take_body(s, e, &enough);
	else if (ok && stage == STAGE_EOM && s->so_far < VERDICT_DEFER)
		ok = add_received_spf(a->section, s, e) && add_results(a->section, s, e);
	if (enough)
		message_skip_body(s);
	if (ok && stage == STAGE_EOM)
		note(s, e, out);
	if (ok)
		return;
	out->kind = VERDICT_UNDECIDED;
	out->reason = "the fields of the message can't be changed as they must be";
}

const struct check check_authentication = {"authentication", authentication_run};

/* --- the section ----------------------------------------------------------- */

static const struct conf_row rows[] = {
    {.key = "authserv-id",
	.type = CONF_TEXT,
	.offset = offsetof(struct authentication_settings, authserv_id),
	.doc =
	    "The name under which results are written, and which nobody else may use. The name of "
	    "this host where it is not given."},
    {.key = "add-results",
	.type = CONF_BOOL,
	.offset = offsetof(struct authentication_settings, add_results),
	.fallback = "yes",
	.doc = "Whether Authentication-Results is added, at the top."},
    {.key = "received-spf",
	.type = CONF_BOOL,
	.offset = offsetof(struct authentication_settings, received_spf),
	.fallback = "no",
	.doc = "Whether Received-SPF is added too."},
    {.key = "remove-forged",
	.type = CONF_BOOL,
	.offset = offsetof(struct authentication_settings, remove_forged),
	.fallback = "yes",
	.doc = "Whether fields that came with the message and claim to be of this authserv-id are "
	       "removed, however it is spelled."},
    {.key = "except",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct authentication_settings, except),
	.read = origin_read,
	.doc = "Clients whose mail is not checked, besides those that have authenticated or may "
	       "relay: { client = @gateways }."},
    {.key = NULL},
};

static bool finish(struct conf_reader *r, void *section)
{
	const struct authentication_settings *a = section;

	if (a->except.from_domain.given)
		return conf_error(r, &a->head.loc,
		    "found `from-domain` in `except`; expected what is known before the message, "
		    "such "
		    "as `client`");
	for (const char *c = a->authserv_id == NULL ? "" : a->authserv_id; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || strchr("()<>@,;:\\\"/[]?=", *c) != NULL)
			return conf_error(r, &a->head.loc,
			    "found `%.80s` for `authserv-id`; expected a name, such as "
			    "mx.example.com",
			    a->authserv_id);
	return true;
}

const struct conf_schema authentication_schema = {
    .type = "authentication",
    .doc = "The record of what SPF and the other checks of a message's origin have found.",
    .implied = true,
    .size = sizeof(struct authentication_settings),
    .rows = rows,
    .finish = finish,
};

bool authentication_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out)
{
	struct authentication_self *self = arena_alloc(r->arena, sizeof(*self));
	const struct authentication_settings *a =
	    (const struct authentication_settings *)(const void *)section;

	if (self == NULL)
		return conf_no_memory(r);
	self->section = a;
	self->settings = settings;
	*out = (struct policy_entry){
	    .check = &check_authentication, .self = self, .mode = (enum mode)settings->mode};
	if (evidence_asked_for(settings) == 0)
		return true;
	out->stages = STAGE_BIT(STAGE_MAIL) | STAGE_BIT(STAGE_HEADER) | STAGE_BIT(STAGE_EOM);
	if ((evidence_asked_for(settings) & (EVIDENCE_DKIM | EVIDENCE_ARC)) != 0)
		out->stages |= STAGE_BIT(STAGE_EOH) | STAGE_BIT(STAGE_BODY);
	out->silent = STAGE_BIT(STAGE_MAIL) | STAGE_BIT(STAGE_HEADER) | STAGE_BIT(STAGE_EOH);
	out->facts =
	    FACT_RESOLVER | FACT_HELO | FACT_AUTH | FACT_QUEUE_ID | criteria_facts(&a->except.base);
	if (a->remove_forged)
		out->rights |= RIGHT_DELETE_FIELDS;
	if (a->add_results || a->received_spf)
		out->rights |= RIGHT_ADD_FIELDS;
	return true;
}
