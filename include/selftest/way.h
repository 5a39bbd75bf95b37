/* The ways in: what speaks to the guard's socket, and what speaks SMTP to the MTA. */
#ifndef SELFTEST_WAY_H
#define SELFTEST_WAY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/secret.h"
#include "conf/schema.h"
#include "selftest/channel.h"
#include "selftest/plan.h"

#define WAY_TEXT_SIZE 256

/* When a session goes under TLS. */
enum way_tls { WAY_PLAIN, WAY_STARTTLS, WAY_TLS };

struct way {
	const char *kind; /* "milter" or "smtp" */
	char target[WAY_TEXT_SIZE];
	struct endpoint to;
	struct addr source; /* ADDR_NONE: the system's choice */
	usec_t timeout;
	usec_t pace;        /* between two probes of a session, and two sessions; 0: none */
	size_t parallel;    /* sessions at once */
	size_t per_session; /* probes that one session can take */
	bool transcripts;   /* to be kept of rows that are wrong */
	/*
	 * Runs rows of one actor in one session, as many as it can take, and fills in their
	 * results. How many those are, at least 1.
	 */
	size_t (*run_session)(const struct way *w, struct row *const *rows, size_t count);

	/* The guard's socket */
	char secret[SECRET_SIZE]; /* shows the guard that it is the self-test; "": not known */

	/* SMTP */
	char name[WAY_TEXT_SIZE]; /* the host as it was given; "": its address */
	enum way_tls tls;
	bool helo;                    /* HELO instead of EHLO */
	bool pipelined;               /* several commands at once */
	const char *login, *password; /* NULL: none */
	const char *cert, *key;       /* files; NULL: none */
	unsigned proxy;               /* the PROXY protocol that it expects, 1 or 2; 0: none */

	/* What a first session, before all others, found. */
	struct addr own, peer;
	char host[WAY_TEXT_SIZE]; /* what the server calls itself; "" when it is no name */
	char banner[WAY_TEXT_SIZE];
	bool turned_away; /* at the door, by a reply: nothing else is known */
	bool xclient, xclient_login, xclient_name;
	bool starttls, pipelining, utf8, chunking;
	bool tls_put_off;  /* STARTTLS is offered and refused for now (RFC 3207 4: 454) */
	bool auth;         /* by one of `logins`, once the session is as the way has it */
	unsigned logins;   /* LOGIN_BIT of those that are offered */
	bool auth_offered; /* by any mechanism */
	bool anonymous;    /* AUTH ANONYMOUS among them */
};

/*
 * Opens a session, learns what there is, and closes it. False, and `error` in words: there is
 * nothing that can be tested.
 */
bool way_milter_open(
    struct way *w, const struct conf_socket *socket, usec_t timeout, char error[WAY_TEXT_SIZE]);

/* Of *w are set: to, source, timeout, tls, helo, pipelined, and what else is not the default. */
bool way_smtp_learn(struct way *w, char error[WAY_TEXT_SIZE]);

/*
 * Runs rows of one actor in as many sessions as they need. Gives up after two that fail: what is
 * left is untried.
 */
void way_run(const struct way *w, struct row *const *rows, size_t count);

/* Waits as long as its pace asks for. */
void way_wait(const struct way *w);

/* The mark of the guard at the end of a line of a reply's text: its session's id in brackets. */
bool way_has_mark(const char *text);

/* Fills in a result; `text` is cut where it is too long. */
void way_set(struct result *r, enum outcome outcome, enum stage stage, const char *text);

/*
 * Fills in what a reply says of the recipient. 421 ends the session: with the guard's mark it is a
 * refusal that wants it so, from anybody else it judges nothing, and is an error.
 */
void way_judge(
    struct result *r, unsigned code, const char *enhanced, enum stage stage, const char *text);

/* Was there no answer, or none that says anything, or too many for the server's liking? */
bool way_has_failed(const struct result *r);

/* Does this result leave a session that can go on? */
bool way_goes_on(const struct result *r);

/*
 * Is this a refusal for the sake of the outside domain: as a sender it is not believed, or does not
 * exist; as a recipient it takes no mail? It says nothing of relaying.
 */
bool way_is_off_point(const struct result *r);

/* Is this a refusal of what the client calls itself? It says nothing of relaying either. */
bool way_is_about_greeting(const struct result *r);

/* Is this a refusal of the client's address, by a block list or as it has no name? */
bool way_is_about_client(const struct result *r);

/* Is this the reply of a server that has had enough for now? */
bool way_is_rate_limit(const struct result *r);

/* The same, or that of one that greylists. */
bool way_is_for_now(const struct result *r);

/* Is this what a mail server says before any recipient while its filter does not answer? */
bool way_is_without_filter(const struct result *r);

#endif
