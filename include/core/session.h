/*
 * The way of one connection. The daemon, explain, replay and the tests all
 * feed stages into session_event() and act on the decision; so what is tested
 * is what runs.
 *
 * Two lifetimes: the session (one connection) and the message (one mail
 * transaction), each with an arena. A session is used by one thread at a
 * time; it may move between threads from one call to the next.
 */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/clock.h"
#include "core/attachment.h"
#include "core/change.h"
#include "core/fingerprint.h"
#include "core/mailaddr.h"
#include "core/reading.h"
#include "core/stage.h"
#include "core/verdict.h"

struct event;
struct policy;
struct policy_entry;
struct resolver; /* auth/resolver.h */
struct store;    /* limit/store.h */

struct client {
	struct addr addr; /* ADDR_NONE when the MTA gave none */
	uint16_t port;    /* 0 when unknown */
	const char *name; /* as the MTA has it; "" when none, or the [address] form */
	bool local;       /* submitted on the host itself, not by SMTP: client_is_local() */
};

struct listener {
	const char *name; /* {daemon_name}; "" when the MTA did not say */
	const char *addr; /* {daemon_addr} */
	const char *port; /* {daemon_port} */
	const char *text; /* for events: address:port, or what of it there is, or the name */
};

/*
 * What the client has proven. "" and false where it has not. Set anew at each MAIL, and empty
 * between messages: what one message was allowed is never left over for the next.
 *
 * `cert_verified` is Sendmail's {verify} = OK. Postfix has no such macro: there it is that
 * it shows a subject at all, which it does for trusted certificates only. Sendmail shows subjects
 * of all, but in the form /CN=...: such a one, without {verify}, is not believed.
 */
struct credentials {
	const char *login; /* {auth_authen}; "" unless it authenticated and not as ANONYMOUS */
	const char *mech;  /* {auth_type}; "" where login is */
	const char *tls_version; /* {tls_version}; "" without TLS */
	const char *cert_subject;
	const char *cert_issuer;
	const char *cert_fingerprint; /* as fingerprint_canonical() makes it */
	bool cert_verified;
};

/* Its memory lasts until the next recipient, or the end of the message. */
struct recipient {
	const char *raw; /* as the client wrote it; NULL while there is none */
	struct mailaddr addr;
	struct mta_view mta;
	enum keeping kept;
	const char *kept_why; /* static words */
	enum reading reading;
	const char *reading_why; /* static words */
	bool refused_by_mta;
};

/*
 * The results of authentication (RFC 8601) so far, for events. NULL: none. In the message's arena,
 * or static.
 */
struct message_results {
	const char *spf, *spf_domain, *dkim, *dkim_domain, *dmarc, *dmarc_policy, *from_domain;
};

struct message {
	struct arena arena;
	bool open;              /* between MAIL and its end */
	const char *queue_id;   /* "" until the MTA has one */
	const char *sender_raw; /* as the client wrote it */
	struct mailaddr sender;
	unsigned accepted; /* recipients so far */
	unsigned refused;
	struct message_results results;
	/* The rest is for core/message.c. */
	struct changes changes;
	struct attachments attachments;
	struct verdict marked;      /* the strictest TAG or HOLD so far */
	struct verdict refused_for; /* what was refused between DATA and the end */
	uint64_t enough_body;       /* a bit for each policy entry */
};

/* Who listens to events and, for explain, to each step. */
struct session_env {
	const char *host; /* name of this host, for events */
	void (*emit)(void *arg, const struct event *e);
	/* NULL in the daemon: formatting it costs. A step is one line of plain words. */
	void (*trace)(void *arg, const char *step);
	void *arg;
	bool permitted; /* emit events for accepted recipients too */
	bool probe;     /* the self-test plays this session: its events say so */
	/* For checks that ask DNS. NULL: there is none, and what needs it is not checked. */
	struct resolver *resolver;
	/* For what counts. NULL: nothing is counted, as in explain. */
	struct store *store;
	/* Monotonic, for took_us. NULL: not measured, so that a replay gives the same events. */
	usec_t (*stopwatch)(void);
};

/*
 * How the self-test tells the guard that it plays a session at the guard's own socket: this macro
 * at CONNECT, with the secret (base/secret.h) of that name in the state directory. The guard never
 * asks an MTA for the macro, and none has it.
 */
#define PROBE_MACRO "{relay_guard_probe}"
#define PROBE_SECRET_NAME "selftest.key"

#define SESSION_ID_SIZE 20
#define SESSION_HELO_SIZE 512
/* What one message, one recipient and one session may keep; beyond it the answer is DEFER. */
#define MESSAGE_ARENA_MAX ((size_t)1 << 20)
#define RECIPIENT_ARENA_MAX ((size_t)1 << 17)
#define SESSION_ARENA_MAX ((size_t)1 << 16)

struct session {
	const struct policy *policy;
	const struct session_env *env;
	struct arena arena;
	char id[SESSION_ID_SIZE]; /* unique on this host; stands in events and in refusals */
	bool connected;
	struct client client;
	struct listener listener;
	char helo[SESSION_HELO_SIZE]; /* "" before HELO; cut when longer */
	struct credentials cred;
	struct message msg;
	struct recipient rcpt; /* the one at hand */
	struct arena rcpt_arena;
	const struct stage_args *args; /* of the stage at hand, while session_event() runs */

	/* RIGHT_ bits that the MTA gave; session_open() sets all. */
	unsigned rights;
	/* Tells the MTA at EOM that an answer will come. NULL: nobody waits. */
	void (*progress)(void *arg);
	void *progress_arg;

	/* While checks run: the strictest that an enforced check before has said at this stage. */
	enum verdict_kind so_far;

	/* The rest is for core/message.c. */
	struct attachments attachments;
	struct verdict marked[2];           /* TAG or HOLD, said at CONNECT and at HELO */
	const struct policy_entry *running; /* the check at hand */
};

/*
 * Was it handed in on this host, and not by SMTP over the network? The name is `localhost`, and
 * either there is no address (sendmail -bs, a unix socket) or it is 127.0.0.1 with port 0
 * (what Postfix plays to non_smtpd_milters). No TCP client has port 0; a client that is
 * gone before Postfix could ask for its address has the name `unknown`.
 */
bool client_is_local(const struct stage_args *connect);

/*
 * What the caller shall do. A monitored verdict is told in events only: `verdict` is then PERMIT.
 * So it is for a recipient that the MTA refused itself: its answer stands already. A refusal's text
 * ends in the session's id, " [0123...]". Valid until the session's next stage.
 */
struct decision {
	struct verdict verdict; /* final: resolved, the strictest of all checks, never NONE */
	/* At EOM of a message that is not refused; in the order to be carried out. */
	const struct change *changes;
	const char *hold; /* the reason for its quarantine; NULL: none */
	bool enough_body; /* at BODY: no check needs more of it */
};

/*
 * `policy` and `env` must outlive the session. `number` makes the id unique (a
 * counter of the caller's); the process id and the time are mixed in.
 */
void session_open(struct session *s, const struct policy *policy, const struct session_env *env,
    uint64_t number, usec_t now);

/*
 * One stage. Strings in `args` are copied. Events are emitted before it returns. A stage
 * out of order (RCPT before MAIL) is DEFER, never PERMIT. Memory exhausted: DEFER.
 *
 * A message ends at EOM, ABORT, HELO, a refused MAIL and the next MAIL. (EHLO inside of a
 * transaction comes as HELO and ABORT from Postfix, as ABORT and HELO from Sendmail.)
 *
 * A refusal between DATA and the end is given again at EOM, should the message come so far: the
 * MTA may not have waited for the first answer. What the MTA must do to the message and does not
 * let itself be asked for (`rights`) is DEFER at EOM.
 */
void session_event(
    struct session *s, const struct stage_args *args, usec_t now, struct decision *out);

/*
 * The same where the checks are not asked: the answer is DEFER with this reply, a 4xx. What the
 * MTA refuses by itself stays its refusal. `reason`: static words for the event.
 */
void session_turn_away(struct session *s, const struct stage_args *args, usec_t now,
    const struct reply *reply, const char *reason, struct decision *out);

/* Frees everything. The session may be opened again. */
void session_close(struct session *s);

/* Adds a step for explain; does nothing when nobody listens. */
void session_trace(const struct session *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
