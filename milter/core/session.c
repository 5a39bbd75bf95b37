#include "core/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/event.h"
#include "core/message.h"
#include "core/policy.h"

static const struct credentials no_credentials = {
    .login = "",
    .mech = "",
    .tls_version = "",
    .cert_subject = "",
    .cert_issuer = "",
    .cert_fingerprint = "",
};

/* --- lifetimes ------------------------------------------------------------- */

void session_open(struct session *s, const struct policy *policy, const struct session_env *env,
    uint64_t number, usec_t now)
{
	*s = (struct session){
	    .policy = policy,
	    .env = env,
	    .arena = {.limit = SESSION_ARENA_MAX},
	    .msg = {.arena = {.limit = MESSAGE_ARENA_MAX}, .queue_id = "", .sender_raw = ""},
	    .rcpt_arena = {.limit = RECIPIENT_ARENA_MAX},
	    .client = {.name = ""},
	    .listener = {"", "", "", ""},
	    .cred = no_credentials,
	    .rights = RIGHT_ALL,
	};
	/* Unique as long as one process opens fewer than a million sessions in a second. */
	snprintf(s->id, sizeof(s->id), "%08x%06x%05x", (unsigned)(now / USEC_PER_SEC) & 0xffffffffU,
	    (unsigned)getpid() & 0xffffffU, (unsigned)(number & 0xfffffU));
}

void session_close(struct session *s)
{
	attachments_end(&s->msg.attachments, false);
	attachments_end(&s->attachments, false);
	arena_free(&s->arena);
	arena_free(&s->msg.arena);
	arena_free(&s->rcpt_arena);
	s->connected = false;
	s->msg.open = false;
}

/* The memory stays until the next message begins: the decision at hand may point into it. */
static void message_end(struct session *s, bool accepted)
{
	attachments_end(&s->msg.attachments, accepted);
	s->msg.open = false;
	s->cred = no_credentials;
	s->rcpt = (struct recipient){.raw = NULL};
}

static void message_begin(struct session *s)
{
	message_end(s, false);
	arena_reset(&s->rcpt_arena);
	arena_reset(&s->msg.arena);
	s->msg = (struct message){.arena = s->msg.arena, .queue_id = "", .sender_raw = ""};
}

/* --- what the MTA tells ---------------------------------------------------- */

/* A copy of a string that may be NULL; *ok becomes false when there is no memory. */
static const char *copy(struct arena *a, const char *s, bool *ok)
{
	const char *c;

	if (s == NULL || *s == '\0')
		return "";
	c = arena_strdup(a, s);
	if (c != NULL)
		return c;
	*ok = false;
	return "";
}

static bool is_empty(const char *s)
{
	return s == NULL || *s == '\0';
}

bool client_is_local(const struct stage_args *connect)
{
	static const struct addr loopback = {{127, 0, 0, 1}, ADDR_V4};

	if (connect->client_name == NULL || strcasecmp(connect->client_name, "localhost") != 0)
		return false;
	if (!connect->client_by_socket)
		return connect->client_addr.family == ADDR_NONE;
	return connect->client_port == 0 && addr_equal(&connect->client_addr, &loopback);
}

static const char *listener_text(struct arena *a, const struct listener *l, bool *ok)
{
	const char *text;

	if (*l->port == '\0')
		return l->name;
	if (*l->addr == '\0')
		return l->port;
	text =
	    arena_printf(a, strchr(l->addr, ':') == NULL ? "%s:%s" : "[%s]:%s", l->addr, l->port);
	*ok = *ok && text != NULL;
	return text == NULL ? "" : text;
}

static bool on_connect(struct session *s, const struct stage_args *args)
{
	bool ok = true;

	s->client.addr = args->client_addr;
	s->client.port = args->client_port;
	s->client.local = client_is_local(args);
	if (args->client_name != NULL && args->client_name[0] != '[')
		s->client.name = copy(&s->arena, args->client_name, &ok);
	s->listener.name = copy(&s->arena, args->daemon_name, &ok);
	s->listener.addr = copy(&s->arena, args->daemon_addr, &ok);
	s->listener.port = copy(&s->arena, args->daemon_port, &ok);
	s->listener.text = listener_text(&s->arena, &s->listener, &ok);
	s->connected = ok;
	return ok;
}

static bool on_helo(struct session *s, const struct stage_args *args)
{
	message_end(s, false);
	s->marked[STAGE_HELO] = (struct verdict){.kind = VERDICT_NONE};
	snprintf(s->helo, sizeof(s->helo), "%s", args->helo == NULL ? "" : args->helo);
	return true;
}

static bool is_anonymous(const char *login, const char *mech)
{
	if (is_empty(mech))
		return strcasecmp(login, "anonymous") == 0;
	return strcasecmp(mech, "ANONYMOUS") == 0;
}

static bool is_verified(const struct stage_args *args)
{
	if (args->verify != NULL)
		return strcmp(args->verify, "OK") == 0;
	return !is_empty(args->cert_subject) && args->cert_subject[0] != '/';
}

static bool read_credentials(struct session *s, const struct stage_args *args)
{
	struct credentials c = no_credentials;
	char fingerprint[FINGERPRINT_SIZE];
	struct arena *a = &s->msg.arena;
	bool ok = true;

	if (!is_empty(args->auth_login) && !is_anonymous(args->auth_login, args->auth_mech)) {
		c.login = copy(a, args->auth_login, &ok);
		c.mech = copy(a, args->auth_mech, &ok);
	}
	c.tls_version = copy(a, args->tls_version, &ok);
	c.cert_subject = copy(a, args->cert_subject, &ok);
	c.cert_issuer = copy(a, args->cert_issuer, &ok);
	c.cert_verified = is_verified(args);
	if (args->cert_fingerprint != NULL &&
	    fingerprint_canonical(args->cert_fingerprint, fingerprint))
		c.cert_fingerprint = copy(a, fingerprint, &ok);
	if (ok)
		s->cred = c;
	return ok;
}

static bool on_mail(struct session *s, const struct stage_args *args)
{
	bool ok = true;

	message_begin(s);
	s->msg.sender_raw = copy(&s->msg.arena, args->address, &ok);
	ok = ok && mailaddr_parse(
		       s->msg.sender_raw, strlen(s->msg.sender_raw), &s->msg.arena, &s->msg.sender);
	s->msg.open = ok && read_credentials(s, args);
	return s->msg.open;
}

static bool on_rcpt(struct session *s, const struct stage_args *args)
{
	const struct reading_rules *rules = &s->policy->reading;
	struct recipient *r = &s->rcpt;
	struct arena *a = &s->rcpt_arena;
	bool ok = true;

	arena_reset(a);
	*r = (struct recipient){.reading = READING_AMBIGUOUS, .kept = KEEPING_UNKNOWN};
	r->raw = copy(a, args->address, &ok);
	r->mta.mailer = copy(a, args->mta.mailer, &ok);
	r->mta.host = copy(a, args->mta.host, &ok);
	r->mta.addr = copy(a, args->mta.addr, &ok);
	if (!ok || !mailaddr_parse(r->raw, strlen(r->raw), a, &r->addr))
		return false;
	r->refused_by_mta = mta_view_is_refusal(&r->mta);
	if (r->refused_by_mta)
		r->kept_why = "the MTA refuses it";
	else
		r->kept = mta_keeps(rules, &r->addr, &r->mta, a, &r->kept_why);
	r->reading_why = r->kept_why;
	r->reading = reading_of(rules, &r->addr, &r->mta, r->kept, a, &r->reading_why);
	return true;
}

/* --- the order of stages --------------------------------------------------- */

/* Static words that say what is out of order; NULL: nothing. */
static const char *out_of_order(const struct session *s, enum stage stage)
{
	switch (stage) {
	case STAGE_CONNECT:
		return s->connected ? "a second connect on one connection" : NULL;
	case STAGE_ABORT:
		return NULL;
	case STAGE_HELO:
	case STAGE_MAIL:
		return s->connected ? NULL : "a command before the connection is known";
	case STAGE_RCPT:
	case STAGE_DATA:
	case STAGE_HEADER:
	case STAGE_EOH:
	case STAGE_BODY:
	case STAGE_EOM:
		return s->msg.open ? NULL : "a command outside of a message";
	}
	return "an unknown stage";
}

static bool take_in(struct session *s, const struct stage_args *args)
{
	bool ok = true;

	switch (args->stage) {
	case STAGE_CONNECT:
		ok = on_connect(s, args);
		break;
	case STAGE_HELO:
		ok = on_helo(s, args);
		break;
	case STAGE_MAIL:
		ok = on_mail(s, args);
		break;
	case STAGE_RCPT:
		ok = on_rcpt(s, args);
		break;
	case STAGE_ABORT:
		message_begin(s);
		break;
	case STAGE_DATA:
	case STAGE_HEADER:
	case STAGE_EOH:
	case STAGE_BODY:
	case STAGE_EOM:
		break;
	}
	if (s->msg.open && !is_empty(args->queue_id) &&
	    strcmp(args->queue_id, s->msg.queue_id) != 0)
		s->msg.queue_id = copy(&s->msg.arena, args->queue_id, &ok);
	return ok;
}

/* --- events ---------------------------------------------------------------- */

/* One stage on its way. */
struct passage {
	struct session *s;
	const struct stage_args *args;
	enum stage stage;
	usec_t now;
	usec_t started; /* of env->stopwatch */
	bool told;      /* an event was emitted that the stage's outcome needs no second for */
	bool lost;      /* a mark that could not be kept */
	const struct verdict *instead; /* of what the checks would say; NULL: they are asked */
	struct verdict permit;         /* the first that permitted, monitored ones too */
	enum mode permit_mode;
};

static bool is_refusal(enum verdict_kind k)
{
	return k == VERDICT_DEFER || k == VERDICT_REJECT;
}

static uint64_t took(const struct passage *p)
{
	usec_t elapsed;

	if (p->s->env->stopwatch == NULL)
		return 0;
	elapsed = p->s->env->stopwatch() - p->started;
	/* Most decisions take less than a microsecond; zero would say that none was measured. */
	return elapsed > 0 ? (uint64_t)elapsed : 1;
}

static struct event event_of(const struct passage *p)
{
	const struct session *s = p->s;
	struct event e = {
	    .time = p->now,
	    .host = s->env->host,
	    .session = s->id,
	    .message = s->msg.queue_id,
	    .stage = stage_name(p->stage),
	    .client_port = s->client.port,
	    .client_name = s->client.name,
	    .helo = s->helo,
	    .auth = s->cred.login,
	    .auth_mech = s->cred.mech,
	    .tls = s->cred.tls_version,
	    .cert_subject = s->cred.cert_subject,
	    .cert_fingerprint = s->cred.cert_fingerprint,
	    .listener = s->listener.text,
	    .sender = s->msg.sender_raw,
	    .probe = s->env->probe,
	    .took_us = took(p),
	};

	e.spf = s->msg.results.spf;
	e.spf_domain = s->msg.results.spf_domain;
	e.dkim = s->msg.results.dkim;
	e.dkim_domain = s->msg.results.dkim_domain;
	e.dmarc = s->msg.results.dmarc;
	e.dmarc_policy = s->msg.results.dmarc_policy;
	e.from_domain = s->msg.results.from_domain;
	if (p->stage == STAGE_RCPT)
		e.recipient = p->args->address;
	if (p->stage == STAGE_RCPT && s->rcpt.raw != NULL) {
		e.reading = reading_name(s->rcpt.reading);
		e.mta_mailer = s->rcpt.mta.mailer;
		e.mta_host = s->rcpt.mta.host;
		e.mta_addr = s->rcpt.mta.addr;
	}
	return e;
}

static void tell(struct passage *p, const struct verdict *v, enum mode mode)
{
	char client[ADDR_TEXT_MAX], where[1024] = "";
	struct event e = event_of(p);

	if (p->s->env->emit == NULL)
		return;
	addr_format(&p->s->client.addr, client);
	if (v->rule.file != NULL)
		snprintf(where, sizeof(where), "%s:%u", v->rule.file, v->rule.line);
	e.client = client;
	e.check = v->check;
	e.rule = v->rule.name;
	e.where = where;
	e.verdict = verdict_name(v->kind);
	e.by = "guard";
	e.mode = mode == MODE_ENFORCE ? "enforce" : "monitor";
	e.reason = v->reason;
	e.limit = v->limit;
	e.limit_key = v->limit_key;
	e.limit_count = v->limit_count;
	e.notify = v->notify;
	if (is_refusal(v->kind)) {
		e.code = v->reply.code;
		e.enhanced = v->reply.enhanced;
		e.reply = v->reply.text;
	}
	p->s->env->emit(p->s->env->arg, &e);
}

/* The MTA gives the enhanced code and the text of its reply, not the reply code. */
static void tell_mta_refusal(struct passage *p)
{
	const struct recipient *r = &p->s->rcpt;
	char client[ADDR_TEXT_MAX];
	struct event e = event_of(p);

	if (p->s->env->emit == NULL)
		return;
	addr_format(&p->s->client.addr, client);
	e.client = client;
	e.verdict = verdict_name(r->mta.host[0] == '4' ? VERDICT_DEFER : VERDICT_REJECT);
	e.by = "mta";
	e.enhanced = r->mta.host;
	e.reply = r->mta.addr;
	e.mode = "enforce";
	p->s->env->emit(p->s->env->arg, &e);
}

/* --- one stage ------------------------------------------------------------- */

/*
 * Sendmail (8.17.1) puts a recipient on its list before it asks the milter, and strikes out a
 * refused one by reading its text anew, as a list this time. With a comma in it the two readings
 * may differ: then it answers 550, and delivers to it with the rest of the message. 421 makes it
 * hang up and forget the message. Postfix does not show such recipients.
 */
static bool outlives_refusal(const struct recipient *r)
{
	return r->raw != NULL && strchr(r->raw, ',') != NULL;
}

/* The id lets a postmaster find the event, and the self-test tell our refusals from others. */
static void mark(const struct session *s, struct verdict *v)
{
	size_t len;

	if (!is_refusal(v->kind))
		return;
	if (outlives_refusal(&s->rcpt)) {
		v->kind = VERDICT_DEFER;
		v->reply = reply_as_class(&v->reply, 4);
		v->reply.code = 421;
	}
	len = strlen(v->reply.text);
	snprintf(v->reply.text + len, sizeof(v->reply.text) - len, " [%s]", s->id);
}

static void on_verdict(void *arg, const struct verdict *v, enum mode mode)
{
	struct passage *p = arg;
	struct verdict marked = *v;

	if (v->kind == VERDICT_PERMIT) {
		if (p->permit.kind == VERDICT_NONE) {
			p->permit = *v;
			p->permit_mode = mode;
		}
		return;
	}
	if (mode == MODE_ENFORCE) {
		mark(p->s, &marked);
		p->told = p->told || v->kind != VERDICT_NOTE;
		if (v->kind == VERDICT_TAG || v->kind == VERDICT_HOLD)
			p->lost = !message_mark(p->s, p->stage, v) || p->lost;
	}
	tell(p, &marked, mode);
}

/* Of the session itself: `v` has its kind, reason and, perhaps, reply. */
static void refuse(struct passage *p, struct verdict v, struct verdict *out)
{
	*out = v;
	out->check = "session";
	verdict_resolve(out);
	session_trace(p->s, "session: %s", v.reason);
	on_verdict(p, out, MODE_ENFORCE);
	mark(p->s, out);
}

static struct verdict undecided(const char *reason)
{
	return (struct verdict){.kind = VERDICT_UNDECIDED, .reason = reason};
}

static const char no_memory[] = "no memory is left for this session";

static void decide(struct passage *p, struct verdict *out)
{
	struct session *s = p->s;
	struct changes before = s->msg.changes;
	struct verdict marked = s->msg.marked;

	policy_run(s->policy, s, p->stage, p->now, on_verdict, p, out);
	if (p->lost && !is_refusal(out->kind))
		refuse(p, undecided(no_memory), out);
	else
		mark(s, out);
	if (is_refusal(out->kind)) {
		/* What is refused leaves no mark on the rest of the message. */
		changes_go_back(&s->msg.changes, &before);
		s->msg.marked = marked;
	}
	if (out->kind < VERDICT_PERMIT)
		out->kind = VERDICT_PERMIT;
	if (p->stage == STAGE_RCPT && s->env->permitted && !p->told) {
		p->permit.kind = VERDICT_PERMIT;
		tell(p, &p->permit, p->permit_mode);
	}
}

/* The message is over and nobody refused it at EOM. */
static void finish(struct passage *p, struct decision *out)
{
	static const struct verdict powerless = {
	    .kind = VERDICT_DEFER,
	    .reply = {451, "4.3.5",
		"The mail server does not let relay-guard hold or mark this message"},
	    .reason = "the MTA does not offer what is to be done to the message (SMFIF_)",
	};
	struct session *s = p->s;

	if (s->msg.refused_for.kind != VERDICT_NONE)
		out->verdict = s->msg.refused_for;
	else if (!message_finish(s, out))
		refuse(p, undecided(no_memory), &out->verdict);
	else if ((changes_rights(&s->msg.changes) & ~s->rights) != 0)
		refuse(p, powerless, &out->verdict);
	if (is_refusal(out->verdict.kind)) {
		out->changes = NULL;
		out->hold = NULL;
	} else if (s->msg.marked.kind != VERDICT_NONE && !p->told) {
		/* Said at an earlier stage, where the MTA may have had no queue id yet. */
		tell(p, &out->verdict, MODE_ENFORCE);
	}
}

/* What a stage's outcome does to the session. */
static void settle(struct session *s, enum stage stage, const struct verdict *v)
{
	bool refused = is_refusal(v->kind) || (stage == STAGE_RCPT && s->rcpt.refused_by_mta);

	if (stage == STAGE_RCPT && s->msg.open) {
		s->msg.refused += refused;
		s->msg.accepted += !refused;
	}
	if (refused && stage >= STAGE_DATA && stage < STAGE_EOM)
		s->msg.refused_for = *verdict_strictest(&s->msg.refused_for, v);
	if (stage == STAGE_EOM || (stage == STAGE_MAIL && refused))
		message_end(s, !refused);
	if (stage == STAGE_CONNECT && refused)
		s->connected = false;
}

/* A stage that is in order. */
static void pass(struct passage *p, struct decision *out)
{
	struct session *s = p->s;
	enum stage stage = p->stage;

	if (!take_in(s, p->args)) {
		refuse(p, undecided(no_memory), &out->verdict);
	} else if (stage == STAGE_RCPT && s->rcpt.refused_by_mta) {
		session_trace(s, "the MTA refuses it itself: %s", s->rcpt.mta.addr);
		tell_mta_refusal(p);
	} else if (p->instead != NULL) {
		refuse(p, *p->instead, &out->verdict);
	} else if (stage != STAGE_ABORT) {
		decide(p, &out->verdict);
	}
	if (stage == STAGE_EOM && !is_refusal(out->verdict.kind))
		finish(p, out);
	if (stage == STAGE_BODY && !is_refusal(out->verdict.kind))
		out->enough_body = policy_has_enough_body(s->policy, s);
	/* What no check has seen is charged to nobody. */
	if (p->instead == NULL || !is_refusal(out->verdict.kind))
		policy_settled(s->policy, s, stage, p->now, &out->verdict);
	settle(s, stage, &out->verdict);
}

static void go_through(struct passage *p, struct decision *out)
{
	struct session *s = p->s;
	const char *wrong = out_of_order(s, p->stage);

	if (s->env->stopwatch != NULL)
		p->started = s->env->stopwatch();
	*out = (struct decision){.verdict = {.kind = VERDICT_PERMIT}};
	s->args = p->args;
	if (wrong != NULL)
		refuse(p, undecided(wrong), &out->verdict);
	else
		pass(p, out);
	s->args = NULL;
}

void session_event(
    struct session *s, const struct stage_args *args, usec_t now, struct decision *out)
{
	struct passage p = {.s = s, .args = args, .stage = args->stage, .now = now};

	go_through(&p, out);
}

void session_turn_away(struct session *s, const struct stage_args *args, usec_t now,
    const struct reply *reply, const char *reason, struct decision *out)
{
	const struct verdict v = {.kind = VERDICT_DEFER, .reply = *reply, .reason = reason};
	struct passage p = {.s = s, .args = args, .stage = args->stage, .now = now, .instead = &v};

	go_through(&p, out);
}

void session_trace(const struct session *s, const char *format, ...)
{
	char line[1024];
	va_list args;

	if (s->env->trace == NULL)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	s->env->trace(s->env->arg, line);
}
