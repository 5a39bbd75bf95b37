/* What the command line of `relay-guard selftest` asks for. */
#ifndef SELFTEST_OPTIONS_H
#define SELFTEST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "selftest/places.h"
#include "selftest/report.h"

#define SELFTEST_TARGETS_MAX 16
#define SELFTEST_DNSBL_MAX 8
#define SELFTEST_MAILBOX_SIZE 65
#define SELFTEST_PASSWORD_SIZE 512

struct selftest_options {
	const char *config;                          /* NULL: the default, if it is there */
	const char *milter;                          /* as written; NULL: not given */
	struct target targets[SELFTEST_TARGETS_MAX]; /* of --smtp */
	size_t target_count;
	const char *domain, *outside; /* NULL: not given */
	struct addr source;           /* ADDR_NONE: not given */
	const char *login;
	const char *cert, *key; /* files of a client certificate; NULL: not given */
	unsigned proxy;         /* version of the PROXY protocol; 0: not given */
	char password[SELFTEST_PASSWORD_SIZE];
	const char *confirm; /* NULL: not given; `outside` is then its domain */
	char confirm_mailbox[SELFTEST_MAILBOX_SIZE];
	struct target sink;                        /* host "": not given */
	usec_t timeout, pace;                      /* pace 0: not given */
	usec_t wait;                               /* for messages to come out */
	bool failover;                             /* test while the guard is down */
	bool alert;                                /* an event of a failed run */
	bool null_client;                          /* the server takes no mail */
	bool mx;                                   /* the servers of `domain` are targets too */
	bool dns;                                  /* look at DNS and block lists */
	const char *dnsbl[SELFTEST_DNSBL_MAX + 1]; /* NULL-terminated; none: the usual */
	size_t dnsbl_count;
	const char *resolver;     /* NULL: the system's */
	const char *metrics;      /* a file; NULL: not given */
	const char *report;       /* a file; NULL: not given */
	const char *smuggling_to; /* an address of the user's own; NULL: our postmaster */
	bool list, quiet, verbose, transcript, smuggling;
	bool agree; /* the server is compared with the configuration */
	enum report_format format;
};

/* Is a mail server asked, not the guard's own socket? */
bool selftest_speaks_smtp(const struct selftest_options *o);

/* False: *code is the exit code, and what is wrong was told. */
bool selftest_read_options(int argc, char **argv, struct selftest_options *o, int *code);

/*
 * Do they go together, and is there a password? Once it is known whether a mail server is asked.
 * The exit code; what is wrong was told.
 */
int selftest_check_options(struct selftest_options *o);

#endif
