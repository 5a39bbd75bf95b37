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
#include "daemon/gate.h"

enum {
	/* Longer than any MTA waits between two commands (RFC 5321 4.5.3.2 has minutes). */
	PEER_TIMEOUT_SEC = 3600,
	REPLY_MAX = 2 * REPLY_TEXT_MAX + 1,
};

struct connection {
	struct session session;
	unsigned long no_reply; /* SMFIP_NR_ bits that hold */
	bool chosen;            /* the MTA sends our macros, where we asked for them */
};

static struct mlfi_options options;
static struct gate gate;
static atomic_uint_fast64_t counter;

/* --- what is asked of the MTA ---------------------------------------------- */

static unsigned long unwanted_steps(const struct policy *p)
{
	unsigned long steps = SMFIP_NOBODY | SMFIP_NOHDRS | SMFIP_NOUNKNOWN;

	if ((p->stages & STAGE_BIT(STAGE_HELO)) == 0 && (p->facts & FACT_HELO) == 0)
		steps |= SMFIP_NOHELO;
	if ((p->stages & STAGE_BIT(STAGE_DATA)) == 0)
		steps |= SMFIP_NODATA;
	if ((p->stages & STAGE_BIT(STAGE_EOH)) == 0)
		steps |= SMFIP_NOEOH;
	return steps;
}

/* Where no check acts, nobody waits for an answer. */
static unsigned long unneeded_replies(const struct policy *p)
{
	unsigned long replies = 0;

	if ((p->stages & STAGE_BIT(STAGE_CONNECT)) == 0)
		replies |= SMFIP_NR_CONN;
	if ((p->stages & STAGE_BIT(STAGE_HELO)) == 0)
		replies |= SMFIP_NR_HELO;
	if ((p->stages & STAGE_BIT(STAGE_MAIL)) == 0)
		replies |= SMFIP_NR_MAIL;
	return replies;
}

static void ask_macros(SMFICTX *ctx, const struct policy *p, unsigned long actions)
{
	char connect[] = "{daemon_name} {daemon_addr} {daemon_port}";
	char none[] = "";
	char mail[] =
	    "i {auth_authen} {auth_type} {tls_version} {verify} {cert_subject} {cert_issuer} "
	    "{cert_fp} {cert_md5}";
	char rcpt[] = "i {rcpt_mailer} {rcpt_host} {rcpt_addr}";

	/* An MTA that does not let itself be told sends its default macros. */
	if ((actions & SMFIF_SETSYMLIST) == 0)
		return;
	smfi_setsymlist(ctx, SMFIM_CONNECT, (p->facts & FACT_LISTENER) != 0 ? connect : none);
	smfi_setsymlist(ctx, SMFIM_HELO, none);
	smfi_setsymlist(ctx, SMFIM_ENVFROM, mail);
	smfi_setsymlist(ctx, SMFIM_ENVRCPT, rcpt);
	smfi_setsymlist(ctx, SMFIM_EOM, none);
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
	c->no_reply = steps & unneeded_replies(p);
	smfi_setpriv(ctx, c);
	gate_enter(&gate);
	ask_macros(ctx, p, actions);
	c->chosen = (actions & SMFIF_SETSYMLIST) != 0;
	*want_actions = actions & SMFIF_SETSYMLIST;
	*want_steps = (steps & unwanted_steps(p)) | c->no_reply;
	if ((p->facts & FACT_REFUSED_RECIPIENTS) != 0)
		*want_steps |= steps & SMFIP_RCPT_REJ;
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

static sfsistat dispatch(SMFICTX *ctx, const struct stage_args *args, unsigned long no_reply)
{
	struct connection *c = smfi_getpriv(ctx);
	struct decision d;

	if (c == NULL)
		return SMFIS_TEMPFAIL;
	session_event(&c->session, args, clock_now(), &d);
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

static sfsistat on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *sa)
{
	struct stage_args args = {
	    .stage = STAGE_CONNECT,
	    .client_name = name,
	    .daemon_name = macro(ctx, "{daemon_name}"),
	    .daemon_addr = macro(ctx, "{daemon_addr}"),
	    .daemon_port = macro(ctx, "{daemon_port}"),
	};

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

	return dispatch(ctx, &args, 0);
}

static sfsistat on_eoh(SMFICTX *ctx)
{
	struct stage_args args = {.stage = STAGE_EOH, .queue_id = macro(ctx, "i")};

	return dispatch(ctx, &args, 0);
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
	    .xxfi_eoh = on_eoh,
	    .xxfi_eom = on_eom,
	    .xxfi_abort = on_abort,
	    .xxfi_close = on_close,
	    .xxfi_data = on_data,
	    .xxfi_negotiate = on_negotiate,
	};
	char where[sizeof(struct sockaddr_un) + 8];
	int fd;

	options = *o;
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

unsigned mlfi_connections(void)
{
	return gate_connections(&gate);
}
