/* The guard's own socket: an MTA that takes everything, played with any client. */
#include <stdio.h>
#include <string.h>

#include "core/session.h"
#include "selftest/run.h"
#include "selftest/way.h"
#include "wire/milter.h"

/* One connection to the milter. */
struct dialogue {
	struct channel channel;
	struct strbuf out;
	uint32_t protocol;
	struct strbuf macros; /* as the milter asked for them; none: it did not */
	bool passed;          /* it accepts the rest unseen */
	char helo[512];       /* as last sent */
};

/* --- frames ---------------------------------------------------------------- */

static bool flush(struct dialogue *d)
{
	bool ok = !d->out.failed && channel_send(&d->channel, d->out.data, d->out.len);

	strbuf_reset(&d->out);
	return ok;
}

/* Waits for a frame. It stays valid until `used` bytes are taken from the channel. */
static bool receive(struct dialogue *d, struct milter_frame *f, size_t *used, usec_t deadline)
{
	struct channel *c = &d->channel;

	for (;;) {
		switch (milter_frame_read(strbuf_text(&c->in), c->in.len, f, used)) {
		case MILTER_READ_FRAME:
			return true;
		case MILTER_READ_BAD:
			snprintf(c->error, sizeof(c->error),
			    "what answers does not speak the milter protocol");
			return false;
		case MILTER_READ_MORE:
			break;
		}
		if (!channel_read(c, deadline))
			return false;
	}
}

static bool receive_reply(struct dialogue *d, struct milter_reply *r)
{
	usec_t deadline = channel_deadline(&d->channel);
	struct milter_frame f;
	size_t used = 0;

	do {
		if (!receive(d, &f, &used, deadline))
			return false;
		if (!milter_read_reply(&f, r)) {
			snprintf(d->channel.error, sizeof(d->channel.error),
			    "the milter sent a malformed answer");
			return false;
		}
		channel_take(&d->channel, used);
	} while (!milter_reply_is_final(r->command));
	return true;
}

/* Macros of one stage, those that the milter asked for where it did. */
struct macros {
	const char *pairs[2 * 12 + 1];
	size_t count;
};

static void add_macro(
    struct macros *m, const struct dialogue *d, char command, const char *name, const char *value)
{
	const char *list;
	size_t len;

	if (value == NULL || *value == '\0' ||
	    m->count + 2 >= sizeof(m->pairs) / sizeof(m->pairs[0]))
		return;
	if (milter_macros_wanted(strbuf_text(&d->macros), d->macros.len, command, &list, &len) &&
	    !milter_macro_in(list, len, name))
		return;
	m->pairs[m->count++] = name;
	m->pairs[m->count++] = value;
	m->pairs[m->count] = NULL;
}

static void write_macros(struct dialogue *d, char command, const struct macros *m)
{
	if (m->count > 0)
		milter_write_macros(&d->out, command, m->pairs);
}

/*
 * Sends what was written and waits for the answer to `command`, if there is to be one. ACCEPTED:
 * go on. Anything else is in *r.
 */
static enum outcome ask(struct dialogue *d, char command, enum stage stage, struct result *r)
{
	struct milter_reply reply = {.command = MILTER_CONTINUE};

	if (!flush(d) || (milter_answers(d->protocol, command) && !receive_reply(d, &reply))) {
		way_set(r, OUTCOME_ERROR, stage,
		    *d->channel.error == '\0' ? "out of memory" : d->channel.error);
		return OUTCOME_ERROR;
	}
	r->by = BY_GUARD;
	switch (reply.command) {
	case MILTER_ACCEPT:
	case MILTER_CONTINUE:
	case MILTER_SKIP:
		d->passed = reply.command == MILTER_ACCEPT && stage != STAGE_RCPT;
		r->by = BY_NOBODY;
		way_set(r, OUTCOME_ACCEPTED, stage, "");
		break;
	case MILTER_REJECT:
		way_set(r, OUTCOME_REFUSED, stage, "Command rejected");
		break;
	case MILTER_DISCARD:
		way_set(r, OUTCOME_REFUSED, stage, "the message would be thrown away");
		break;
	case MILTER_TEMPFAIL:
		way_set(r, OUTCOME_DEFERRED, stage, "Service unavailable - try again later");
		break;
	case MILTER_REPLY_CODE:
		way_judge(r, reply.code, reply.enhanced, stage, reply.text);
		r->by = BY_GUARD; /* whatever its text */
		break;
	default:
		way_set(r, OUTCOME_ERROR, stage, "the milter ends the session");
		break;
	}
	return r->outcome;
}

/* --- a session ------------------------------------------------------------- */

static bool negotiate(struct dialogue *d)
{
	static const struct milter_options offer = {
	    MILTER_VERSION, MILTER_ALL_ACTIONS, MILTER_ALL_PROTOCOL};
	struct milter_options chosen;
	struct milter_frame f;
	const char *macros = "";
	size_t used = 0, len = 0;

	milter_write_negotiate(&d->out, &offer);
	if (!flush(d) || !receive(d, &f, &used, channel_deadline(&d->channel)))
		return false;
	if (!milter_read_negotiate(&f, &chosen, &macros, &len)) {
		snprintf(d->channel.error, sizeof(d->channel.error),
		    "what answers does not negotiate as a milter does");
		return false;
	}
	d->protocol = chosen.protocol;
	strbuf_add(&d->macros, macros, len);
	channel_take(&d->channel, used);
	return !d->macros.failed;
}

static bool open_dialogue(struct dialogue *d, const struct way *w)
{
	*d = (struct dialogue){.protocol = 0};
	return channel_open(&d->channel, &w->to, &w->source, w->timeout) && negotiate(d);
}

static void close_dialogue(struct dialogue *d)
{
	if (d->channel.fd >= 0) {
		strbuf_reset(&d->out);
		milter_frame_write(&d->out, MILTER_QUIT, NULL, 0);
		(void)flush(d);
	}
	channel_close(&d->channel);
	strbuf_free(&d->out);
	strbuf_free(&d->macros);
}

static enum outcome say_helo(struct dialogue *d, const char *helo, struct result *r)
{
	if (!milter_wants(d->protocol, MILTER_HELO) || d->passed || strcmp(d->helo, helo) == 0)
		return OUTCOME_ACCEPTED;
	milter_write_helo(&d->out, helo);
	if (ask(d, MILTER_HELO, STAGE_HELO, r) == OUTCOME_ACCEPTED)
		snprintf(d->helo, sizeof(d->helo), "%s", helo);
	return r->outcome;
}

static enum outcome say_connect(
    struct dialogue *d, const struct way *w, const struct actor *a, struct result *r)
{
	const struct stage_args *s = &a->connect;
	struct macros m = {.count = 0};
	char client[ADDR_TEXT_MAX];

	addr_format(&s->client_addr, client);
	add_macro(&m, d, MILTER_CONNECT, "j", "mail.example");
	add_macro(&m, d, MILTER_CONNECT, "{daemon_name}", s->daemon_name);
	add_macro(&m, d, MILTER_CONNECT, "{daemon_addr}", s->daemon_addr);
	add_macro(&m, d, MILTER_CONNECT, "{daemon_port}", s->daemon_port);
	add_macro(&m, d, MILTER_CONNECT, "{client_addr}", client);
	/* The guard does not ask for it, so that no MTA can come to send it. */
	if (*w->secret != '\0') {
		m.pairs[m.count++] = PROBE_MACRO;
		m.pairs[m.count++] = w->secret;
		m.pairs[m.count] = NULL;
	}
	write_macros(d, MILTER_CONNECT, &m);
	if (!milter_wants(d->protocol, MILTER_CONNECT))
		return OUTCOME_ACCEPTED;
	milter_write_connect(&d->out, s->client_name, &s->client_addr, s->client_port);
	return ask(d, MILTER_CONNECT, STAGE_CONNECT, r);
}

static enum outcome say_mail(struct dialogue *d, const struct row *row, struct result *r)
{
	const struct stage_args *s = &row->actor->mail;
	const char *parameters[] = {row->parameters, NULL};
	struct macros m = {.count = 0};

	add_macro(&m, d, MILTER_MAIL, "{auth_authen}", s->auth_login);
	add_macro(&m, d, MILTER_MAIL, "{auth_type}", s->auth_mech);
	add_macro(&m, d, MILTER_MAIL, "{tls_version}", s->tls_version);
	add_macro(&m, d, MILTER_MAIL, "{cert_subject}", s->cert_subject);
	add_macro(&m, d, MILTER_MAIL, "{cert_issuer}", s->cert_issuer);
	add_macro(&m, d, MILTER_MAIL, "{cert_fp}", s->cert_fingerprint);
	add_macro(&m, d, MILTER_MAIL, "{verify}", s->verify);
	write_macros(d, MILTER_MAIL, &m);
	if (!milter_wants(d->protocol, MILTER_MAIL))
		return OUTCOME_ACCEPTED;
	milter_write_envelope(&d->out, MILTER_MAIL, row->from, parameters);
	return ask(d, MILTER_MAIL, STAGE_MAIL, r);
}

static enum outcome say_rcpt(struct dialogue *d, const char *to, const char *mailer,
    const char *host, const char *addr, struct result *r)
{
	struct macros m = {.count = 0};

	add_macro(&m, d, MILTER_RCPT, "{rcpt_mailer}", mailer);
	add_macro(&m, d, MILTER_RCPT, "{rcpt_host}", host);
	add_macro(&m, d, MILTER_RCPT, "{rcpt_addr}", addr);
	write_macros(d, MILTER_RCPT, &m);
	if (!milter_wants(d->protocol, MILTER_RCPT))
		return OUTCOME_ACCEPTED;
	milter_write_envelope(&d->out, MILTER_RCPT, to, NULL);
	return ask(d, MILTER_RCPT, STAGE_RCPT, r);
}

static void say_first(struct dialogue *d, const struct row *row)
{
	struct result ignored = {0};
	char bare[512];
	size_t len = strlen(row->first);

	if (len < 2 || len >= sizeof(bare))
		return;
	snprintf(bare, sizeof(bare), "%.*s", (int)len - 2, row->first + 1);
	(void)say_rcpt(d, row->first, "local", strchr(bare, '@') + 1, bare, &ignored);
}

/* One message, ended before it has a text. */
static void try_row(struct dialogue *d, struct row *row)
{
	struct result *r = &row->result;
	bool ok;

	way_set(r, OUTCOME_ACCEPTED, STAGE_RCPT,
	    d->passed ? "the guard let the whole session pass" : "");
	ok = say_helo(d, row->helo, r) == OUTCOME_ACCEPTED && !d->passed &&
	     say_mail(d, row, r) == OUTCOME_ACCEPTED && !d->passed;
	if (ok && row->first != NULL)
		say_first(d, row);
	if (ok)
		(void)say_rcpt(d, row->to, row->view.mailer, row->view.host, row->view.addr, r);
	if (r->outcome != OUTCOME_ERROR)
		milter_frame_write(&d->out, MILTER_ABORT, NULL, 0);
}

/* The first rows of one session, as many as it can take. How many were tried: at least one. */
static size_t run_session(const struct way *w, struct row *const *rows, size_t count)
{
	struct result opening = {0};
	struct dialogue d;
	size_t i = 0;

	if (!open_dialogue(&d, w)) {
		way_set(&rows[0]->result, OUTCOME_ERROR, STAGE_CONNECT, d.channel.error);
		close_dialogue(&d);
		return 1;
	}
	if (say_connect(&d, w, rows[0]->actor, &opening) != OUTCOME_ACCEPTED) {
		for (; i < count; i++)
			rows[i]->result = opening;
	}
	while (i < count) {
		usec_t start = clock_monotonic();

		try_row(&d, rows[i]);
		rows[i]->result.took = clock_monotonic() - start;
		if (!way_goes_on(&rows[i++]->result))
			break;
	}
	close_dialogue(&d);
	return i;
}

bool way_milter_open(
    struct way *w, const struct conf_socket *socket, usec_t timeout, char error[WAY_TEXT_SIZE])
{
	struct endpoint all[ENDPOINTS_MAX];
	char reason[CHANNEL_ERROR_SIZE] = "";
	struct dialogue d;
	size_t count = 1;
	bool ok = false;

	*w = (struct way){.kind = "milter",
	    .timeout = timeout,
	    .parallel = RUN_PARALLEL,
	    .per_session = 16,
	    .run_session = run_session};
	snprintf(w->target, sizeof(w->target), "%s", socket->text);
	if (socket->kind == CONF_SOCKET_UNIX)
		count = endpoint_unix(socket->path, &all[0], reason);
	else
		count = endpoint_resolve(socket->host, socket->port,
		    socket->kind == CONF_SOCKET_INET6 ? ADDR_V6 : ADDR_V4, all, reason);
	for (size_t i = 0; i < count && !ok; i++) {
		w->to = all[i];
		ok = open_dialogue(&d, w);
		snprintf(reason, sizeof(reason), "%s", d.channel.error);
		close_dialogue(&d);
	}
	if (!ok)
		snprintf(error, WAY_TEXT_SIZE, "%s", reason);
	return ok;
}
