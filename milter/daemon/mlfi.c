#include "daemon/mlfi.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/strbuf.h"
#include "core/change.h"
#include "daemon/gate.h"

enum {
	/* Longer than any MTA waits between two commands (RFC 5321 4.5.3.2 has minutes). */
	PEER_TIMEOUT_SEC = 3600,
	REPLY_MAX = 2 * REPLY_TEXT_MAX + 1,
	/* Postfix sends a header field whole: 100 KiB by default, and the limit can be raised. */
	FRAME_MAX = 1024 * 1024,
};

struct connection {
	struct session session;
	unsigned long no_reply; /* SMFIP_NR_ bits that hold */
	bool chosen;            /* the MTA sends our macros, where we asked for them */
	bool lead_space;        /* header values come, and are given, with their first blank */
	bool may_skip;          /* SMFIS_SKIP is understood */
};

static struct mlfi_options options;
static struct gate gate;
static atomic_uint_fast64_t counter;
static atomic_bool hanging_up;

/* --- what is asked of the MTA ---------------------------------------------- */

static unsigned long unwanted_steps(const struct policy *p)
{
	unsigned long steps = SMFIP_NOUNKNOWN;

	if ((p->stages & STAGE_BIT(STAGE_HELO)) == 0 && (p->facts & FACT_HELO) == 0)
		steps |= SMFIP_NOHELO;
	if ((p->stages & STAGE_BIT(STAGE_DATA)) == 0)
		steps |= SMFIP_NODATA;
	if ((p->stages & STAGE_BIT(STAGE_HEADER)) == 0)
		steps |= SMFIP_NOHDRS;
	if ((p->stages & STAGE_BIT(STAGE_EOH)) == 0)
		steps |= SMFIP_NOEOH;
	if ((p->stages & STAGE_BIT(STAGE_BODY)) == 0)
		steps |= SMFIP_NOBODY;
	return steps;
}

/* Where no check answers, nobody waits for an answer. */
static unsigned long unneeded_replies(const struct policy *p)
{
	static const struct {
		enum stage stage;
		unsigned long flag;
	} all[] = {
	    {STAGE_CONNECT, SMFIP_NR_CONN},
	    {STAGE_HELO, SMFIP_NR_HELO},
	    {STAGE_MAIL, SMFIP_NR_MAIL},
	    {STAGE_DATA, SMFIP_NR_DATA},
	    {STAGE_HEADER, SMFIP_NR_HDR},
	    {STAGE_EOH, SMFIP_NR_EOH},
	    {STAGE_BODY, SMFIP_NR_BODY},
	};
	unsigned long replies = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if ((p->answers & STAGE_BIT(all[i].stage)) == 0)
			replies |= all[i].flag;
	return replies;
}

/* What there is to be had of what the checks want: header values as they are, an end to the body.
 */
static unsigned long useful_steps(const struct policy *p)
{
	unsigned long steps = 0;

	if ((p->facts & FACT_REFUSED_RECIPIENTS) != 0)
		steps |= SMFIP_RCPT_REJ;
	if ((p->stages & STAGE_BIT(STAGE_HEADER)) != 0)
		steps |= SMFIP_HDR_LEADSPC;
	if ((p->answers & STAGE_BIT(STAGE_BODY)) != 0)
		steps |= SMFIP_SKIP;
	return steps;
}

static const struct {
	unsigned right;
	unsigned long action;
	const char *what;
} rights[] = {
    {RIGHT_ADD_FIELDS, SMFIF_ADDHDRS, "header fields to be added (SMFIF_ADDHDRS)"},
    {RIGHT_DELETE_FIELDS, SMFIF_CHGHDRS, "header fields to be deleted (SMFIF_CHGHDRS)"},
    {RIGHT_QUARANTINE, SMFIF_QUARANTINE, "messages to be held (SMFIF_QUARANTINE)"},
};

/* Which actions the checks need and the MTA offers. What is missing is told once. */
static unsigned long agree_on_rights(struct session *s, unsigned long offered)
{
	static atomic_bool told;
	unsigned long actions = 0;

	s->rights = 0;
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		if ((s->policy->rights & rights[i].right) == 0)
			continue;
		if ((offered & rights[i].action) != 0) {
			actions |= rights[i].action;
			s->rights |= rights[i].right;
		} else if (!atomic_exchange(&told, true)) {
			log_warning("the MTA does not allow %s; messages that need it are deferred",
			    rights[i].what);
		}
	}
	return actions;
}

/* libmilter takes strings that it does not change as changeable ones. */
static char *changeable(const char *s)
{
	return (char *)(uintptr_t)s;
}

static const struct {
	int stage; /* SMFIM_ */
	unsigned fact;
	const char *names;
} macros[] = {
    {SMFIM_CONNECT, FACT_LISTENER, "{daemon_name} {daemon_addr} {daemon_port}"},
    {SMFIM_ENVFROM, FACT_QUEUE_ID, "i"},
    {SMFIM_ENVFROM, FACT_AUTH, "{auth_authen} {auth_type}"},
    {SMFIM_ENVFROM, FACT_TLS, "{tls_version}"},
    {SMFIM_ENVFROM, FACT_CERT, "{verify} {cert_subject} {cert_issuer} {cert_fp} {cert_md5}"},
    {SMFIM_ENVRCPT, FACT_QUEUE_ID, "i"},
    {SMFIM_ENVRCPT, FACT_MTA_VIEW, "{rcpt_mailer} {rcpt_host} {rcpt_addr}"},
};

/* Where memory is exhausted the MTA sends its default macros. */
static void ask_macros_of(SMFICTX *ctx, int stage, unsigned facts)
{
	struct strbuf names = {0};

	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++)
		if (macros[i].stage == stage && (macros[i].fact & facts) != 0)
			strbuf_printf(&names, "%s%s", names.len == 0 ? "" : " ", macros[i].names);
	if (!names.failed)
		smfi_setsymlist(ctx, stage, changeable(strbuf_text(&names)));
	strbuf_free(&names);
}

static void ask_macros(SMFICTX *ctx, const struct policy *p, unsigned long actions)
{
	static const int stages[] = {
	    SMFIM_CONNECT, SMFIM_HELO, SMFIM_ENVFROM, SMFIM_ENVRCPT, SMFIM_EOM};

	/* An MTA that does not let itself be told sends its default macros. */
	if ((actions & SMFIF_SETSYMLIST) == 0)
		return;
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		ask_macros_of(ctx, stages[i], p->facts);
}

static void tell_progress(void *ctx)
{
	smfi_progress(ctx);
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
    unsigned long reserved1, unsigned long reserved2, unsigned long *want_actions,
    unsigned long *want_steps, unsigned long *want1, unsigned long *want2)
{
	const struct policy *p = options.policy;
	struct connection *c = calloc(1, sizeof(*c));

	(void)reserved1;
	(void)reserved2;
	if (c == NULL)
		return SMFIS_REJECT;
	session_open(&c->session, p, options.env, counter++, clock_now());
	c->session.progress = tell_progress;
	c->session.progress_arg = ctx;
	c->no_reply = steps & unneeded_replies(p);
	c->lead_space = (steps & useful_steps(p) & SMFIP_HDR_LEADSPC) != 0;
	c->may_skip = (steps & useful_steps(p) & SMFIP_SKIP) != 0;
	smfi_setpriv(ctx, c);
	gate_enter(&gate);
	ask_macros(ctx, p, actions);
	c->chosen = (actions & SMFIF_SETSYMLIST) != 0;
	*want_actions = (actions & SMFIF_SETSYMLIST) | agree_on_rights(&c->session, actions);
	*want_steps = (steps & (unwanted_steps(p) | useful_steps(p))) | c->no_reply;
	*want1 = 0;
	*want2 = 0;
	return SMFIS_CONTINUE;
}

/* --- what is said to the MTA ------------------------------------------------- */

/* Sendmail takes the text for a format string, and Postfix makes one '%' of two. */
static void double_percent(const char *text, char out[REPLY_MAX])
{
	size_t n = 0;

	for (; *text != '\0' && n + 2 < REPLY_MAX; text++) {
		char c = (char)(*text >= ' ' && *text <= '~' ? *text : '?');

		out[n++] = c;
		if (c == '%')
			out[n++] = c;
	}
	out[n] = '\0';
}

/* If the text can't be set the recipient is refused all the same. */
static sfsistat refuse(SMFICTX *ctx, const struct reply *r, sfsistat status)
{
	char code[8], enhanced[sizeof(r->enhanced)], text[REPLY_MAX];

	snprintf(code, sizeof(code), "%u", (unsigned)r->code);
	snprintf(enhanced, sizeof(enhanced), "%s", r->enhanced);
	double_percent(r->text, text);
	if (smfi_setreply(ctx, code, enhanced[0] == '\0' ? NULL : enhanced, text) != MI_SUCCESS)
		log_warning("libmilter refused the reply \"%s %s %s\"", code, enhanced, text);
	return status;
}

/*
 * Never SMFIS_ACCEPT: the MTA would not ask again on this connection, and a second
 * message would escape every check.
 */
static sfsistat answer(
    SMFICTX *ctx, const struct connection *c, const struct decision *d, unsigned long no_reply)
{
	sfsistat pass = (c->no_reply & no_reply) != 0 ? SMFIS_NOREPLY : SMFIS_CONTINUE;

	switch (d->verdict.kind) {
	case VERDICT_NONE:
	case VERDICT_NOTE:
	case VERDICT_PERMIT:
	case VERDICT_TAG:
	case VERDICT_HOLD:
		return pass;
	case VERDICT_REJECT:
		return pass == SMFIS_NOREPLY ? pass : refuse(ctx, &d->verdict.reply, SMFIS_REJECT);
	case VERDICT_UNDECIDED:
	case VERDICT_DEFER:
		break;
	}
	return pass == SMFIS_NOREPLY ? pass : refuse(ctx, &d->verdict.reply, SMFIS_TEMPFAIL);
}

static bool make_change(SMFICTX *ctx, const struct connection *c, const struct change *change)
{
	struct strbuf value = {0};
	char *name = changeable(change->name);
	int done = MI_FAILURE;

	if (change->kind == CHANGE_DELETE)
		return smfi_chgheader(ctx, name, (int)change->index, NULL) == MI_SUCCESS;
	if (c->lead_space)
		strbuf_putc(&value, ' ');
	change_fold(&value, change);
	if (!value.failed && change->kind == CHANGE_INSERT)
		done =
		    smfi_insheader(ctx, (int)change->index, name, changeable(strbuf_text(&value)));
	else if (!value.failed)
		done = smfi_addheader(ctx, name, changeable(strbuf_text(&value)));
	strbuf_free(&value);
	return done == MI_SUCCESS;
}

/* What can't be done whole is not done: the message is deferred. */
static bool carry_out(SMFICTX *ctx, const struct connection *c, const struct decision *d)
{
	for (const struct change *change = d->changes; change != NULL; change = change->next)
		if (!make_change(ctx, c, change))
			return false;
	return d->hold == NULL || smfi_quarantine(ctx, changeable(d->hold)) == MI_SUCCESS;
}

/* Not within a message: what was accepted of it is worth its end. */
static bool may_hang_up(const struct connection *c, enum stage stage, unsigned long no_reply)
{
	return (c->no_reply & no_reply) == 0 &&
	       (stage == STAGE_HELO || stage == STAGE_MAIL || stage == STAGE_RCPT);
}

static sfsistat dispatch(SMFICTX *ctx, const struct stage_args *args, unsigned long no_reply)
{
	static const struct reply later = {421, "4.3.2", "The service restarts; try again later"};
	struct connection *c = smfi_getpriv(ctx);
	struct decision d;

	if (c == NULL)
		return SMFIS_TEMPFAIL;
	if (hanging_up && may_hang_up(c, args->stage, no_reply))
		session_turn_away(&c->session, args, clock_now(), &later,
		    "the session outlasts `drain-time`", &d);
	else
		session_event(&c->session, args, clock_now(), &d);
	if (d.enough_body && c->may_skip)
		return SMFIS_SKIP;
	if (!carry_out(ctx, c, &d)) {
		static const struct reply again = {
		    451, "4.3.0", "The message can't be marked or held now"};

		log_error("libmilter refused a change of a message; it is deferred");
		return refuse(ctx, &again, SMFIS_TEMPFAIL);
	}
	return answer(ctx, c, &d, no_reply);
}

/* --- the callbacks ------------------------------------------------------------ */

static const char *macro(SMFICTX *ctx, const char *name)
{
	char copy[32];

	snprintf(copy, sizeof(copy), "%s", name);
	return smfi_getsymval(ctx, copy);
}

/*
 * libmilter keeps what the MTA said of an earlier recipient or message until something new is said
 * at the same stage. What a decision rests on must have been said for it: it is wiped once it was
 * used.
 */
static void spend(SMFICTX *ctx, const char *const *names)
{
	for (; *names != NULL; names++) {
		char copy[32], *value;

		snprintf(copy, sizeof(copy), "%s", *names);
		value = smfi_getsymval(ctx, copy);
		if (value != NULL)
			*value = '\0';
	}
}

/* Before anything is counted or told of the session. What decides stays the same. */
static void recognise_probe(SMFICTX *ctx)
{
	struct connection *c = smfi_getpriv(ctx);

	if (c != NULL && secret_equal(macro(ctx, PROBE_MACRO), options.probe_secret))
		c->session.env = options.probe_env;
}

static sfsistat on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *sa)
{
	struct stage_args args = {
	    .stage = STAGE_CONNECT,
	    .client_name = name,
	    .daemon_name = macro(ctx, "{daemon_name}"),
	    .daemon_addr = macro(ctx, "{daemon_addr}"),
	    .daemon_port = macro(ctx, "{daemon_port}"),
	};

	recognise_probe(ctx);
	args.client_by_socket = addr_from_sockaddr(sa, &args.client_addr, &args.client_port);
	return dispatch(ctx, &args, SMFIP_NR_CONN);
}

static sfsistat on_helo(SMFICTX *ctx, char *helo)
{
	struct stage_args args = {.stage = STAGE_HELO, .helo = helo};

	return dispatch(ctx, &args, SMFIP_NR_HELO);
}

/* Sendmail has the hash that CertFingerprintAlgorithm names in {cert_fp}, an MD5 one in {cert_md5}.
 */
static const char *fingerprint(SMFICTX *ctx)
{
	const char *fp = macro(ctx, "{cert_fp}");

	return fp != NULL && fp[0] != '\0' ? fp : macro(ctx, "{cert_md5}");
}

static const char *const *parameters_of(char **argv)
{
	return argv[0] == NULL ? NULL : (const char *const *)(argv + 1);
}

static sfsistat on_mail(SMFICTX *ctx, char **argv)
{
	static const char *const proven[] = {"{auth_authen}", "{auth_type}", "{tls_version}",
	    "{cert_subject}", "{cert_issuer}", "{cert_fp}", "{cert_md5}", "{verify}", NULL};
	const struct connection *c = smfi_getpriv(ctx);
	sfsistat status;
	struct stage_args args = {
	    .stage = STAGE_MAIL,
	    .address = argv[0],
	    .parameters = parameters_of(argv),
	    .auth_login = macro(ctx, "{auth_authen}"),
	    .auth_mech = macro(ctx, "{auth_type}"),
	    .tls_version = macro(ctx, "{tls_version}"),
	    .cert_subject = macro(ctx, "{cert_subject}"),
	    .cert_issuer = macro(ctx, "{cert_issuer}"),
	    .cert_fingerprint = fingerprint(ctx),
	    .verify = macro(ctx, "{verify}"),
	    .queue_id = macro(ctx, "i"),
	};

	status = dispatch(ctx, &args, SMFIP_NR_MAIL);
	/* An MTA that chooses by itself may say them once a session, at HELO. */
	if (c != NULL && c->chosen)
		spend(ctx, proven);
	return status;
}

static sfsistat on_rcpt(SMFICTX *ctx, char **argv)
{
	static const char *const view[] = {"{rcpt_mailer}", "{rcpt_host}", "{rcpt_addr}", NULL};
	sfsistat status;
	struct stage_args args = {
	    .stage = STAGE_RCPT,
	    .address = argv[0],
	    .parameters = parameters_of(argv),
	    .mta = {macro(ctx, "{rcpt_mailer}"), macro(ctx, "{rcpt_host}"),
		macro(ctx, "{rcpt_addr}")},
	    .queue_id = macro(ctx, "i"),
	};

	status = dispatch(ctx, &args, 0);
	spend(ctx, view);
	return status;
}

static sfsistat on_data(SMFICTX *ctx)
{
	struct stage_args args = {.stage = STAGE_DATA, .queue_id = macro(ctx, "i")};

	return dispatch(ctx, &args, SMFIP_NR_DATA);
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	const struct connection *c = smfi_getpriv(ctx);
	struct stage_args args = {.stage = STAGE_HEADER, .field_name = name, .field_value = value};
	struct strbuf whole = {0};
	sfsistat status;

	/* An MTA that can't say whether there was a blank: there is one in nearly all mail. */
	if (c != NULL && !c->lead_space) {
		strbuf_printf(&whole, " %s", value);
		args.field_value = whole.failed ? value : whole.data;
	}
	status = dispatch(ctx, &args, SMFIP_NR_HDR);
	strbuf_free(&whole);
	return status;
}

static sfsistat on_eoh(SMFICTX *ctx)
{
	struct stage_args args = {.stage = STAGE_EOH, .queue_id = macro(ctx, "i")};

	return dispatch(ctx, &args, SMFIP_NR_EOH);
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *bytes, size_t len)
{
	struct stage_args args = {.stage = STAGE_BODY, .body = bytes, .body_len = len};

	return dispatch(ctx, &args, SMFIP_NR_BODY);
}

static sfsistat on_eom(SMFICTX *ctx)
{
	struct stage_args args = {.stage = STAGE_EOM, .queue_id = macro(ctx, "i")};

	return dispatch(ctx, &args, 0);
}

static sfsistat on_abort(SMFICTX *ctx)
{
	struct connection *c = smfi_getpriv(ctx);
	struct stage_args args = {.stage = STAGE_ABORT};
	struct decision d;

	if (c != NULL)
		session_event(&c->session, &args, clock_now(), &d);
	return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *ctx)
{
	struct connection *c = smfi_getpriv(ctx);

	if (c == NULL)
		return SMFIS_CONTINUE;
	smfi_setpriv(ctx, NULL);
	session_close(&c->session);
	free(c);
	gate_leave(&gate);
	return SMFIS_CONTINUE;
}

/* --- libmilter's own socket ------------------------------------------------------ */

/* libmilter's listening descriptor: the one that is not ours. */
static int find_listener(int ours)
{
	for (int fd = 3; fd < 1024; fd++) {
		socklen_t one = sizeof(int);
		int listens = 0;

		if (fd != ours && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &one) == 0 &&
		    listens)
			return fd;
	}
	return -1;
}

/* libmilter takes connections only of the family that it opened its own socket with. */
static void scratch_name(const struct mlfi_options *o, char *out, size_t size)
{
	struct sockaddr_storage name = {0};
	socklen_t len = sizeof(name);

	getsockname(o->listener, (struct sockaddr *)&name, &len);
	if (name.ss_family == AF_INET)
		snprintf(out, size, "inet:0@127.0.0.1");
	else if (name.ss_family == AF_INET6)
		snprintf(out, size, "inet6:0@::1");
	else
		snprintf(out, size, "unix:%s", o->scratch);
}

bool mlfi_open(const struct mlfi_options *o)
{
	static char name[] = "relay-guard";
	struct smfiDesc desc = {
	    .xxfi_name = name,
	    .xxfi_version = SMFI_VERSION,
	    .xxfi_connect = on_connect,
	    .xxfi_helo = on_helo,
	    .xxfi_envfrom = on_mail,
	    .xxfi_envrcpt = on_rcpt,
	    .xxfi_header = on_header,
	    .xxfi_eoh = on_eoh,
	    .xxfi_body = on_body,
	    .xxfi_eom = on_eom,
	    .xxfi_abort = on_abort,
	    .xxfi_close = on_close,
	    .xxfi_data = on_data,
	    .xxfi_negotiate = on_negotiate,
	};
	char where[sizeof(struct sockaddr_un) + 8];
	int fd;

	options = *o;
	smfi_setmaxdatasize(FRAME_MAX);
	scratch_name(o, where, sizeof(where));
	if (smfi_setconn(where) != MI_SUCCESS || smfi_register(desc) != MI_SUCCESS ||
	    smfi_settimeout(PEER_TIMEOUT_SEC) != MI_SUCCESS || smfi_opensocket(1) != MI_SUCCESS) {
		log_error("libmilter can't open a socket at %s", where);
		return false;
	}
	fd = find_listener(o->listener);
	unlink(o->scratch);
	if (fd < 0) {
		log_error("libmilter's socket at %s is not to be found", where);
		return false;
	}
	if (gate_open(&gate, fd, o->listener, o->scratch, o->sessions))
		return true;
	log_error("%s: %s", o->scratch, strerror(errno));
	return false;
}

void mlfi_run(void)
{
	if (smfi_main() != MI_SUCCESS)
		log_error("libmilter stopped");
}

void mlfi_stop_accepting(void)
{
	gate_close(&gate);
}

void mlfi_hang_up(void)
{
	hanging_up = true;
}

enum probe mlfi_probe(int cancel, int timeout_ms)
{
	return probe_run(&gate, options.scratch, cancel, timeout_ms);
}

unsigned mlfi_connections(void)
{
	return gate_connections(&gate);
}
