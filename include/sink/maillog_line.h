/*
 * One line of an MTA's log, as Sendmail 8.12 to 8.17 writes it through syslog:
 *
 *   Nov 24 03:00:00 mx sm-mta[123]: 6AO5F03j012118: ruleset=check_rcpt, arg1=<x@y.example>,
 *     relay=name [203.0.113.9] (may be forged), reject=550 5.7.1 <x@y.example>... Relaying denied
 *
 * Pure functions: what they need beside the line is an argument. The address in arg1 is
 * the client's own text, so everything here is written for hostile input.
 */
#ifndef SINK_MAILLOG_LINE_H
#define SINK_MAILLOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"

/* A longer line is no mail log's: syslog daemons cut at 8 KiB at the latest. */
#define MAILLOG_LINE_MAX 8192

/* Date and time as they stand in the line. */
struct maillog_time {
	int year; /* 0: the line has none */
	int month, day, hour, minute, second;
	int usec;
	bool has_zone;
	int zone; /* seconds east of UTC */
};

/* The parts of a line; slices point into it. */
struct maillog_line {
	struct maillog_time time;
	const char *host; /* len 0: the line has none */
	size_t host_len;
	const char *id; /* queue id */
	size_t id_len;
	unsigned piece; /* Sendmail splits what is long into ID[1], ID[2] ...; 0: not split */
	bool more;      /* a piece that another one follows */
	const char *body;
	size_t body_len;
};

/* What was refused. Strings are "" where the line has none. */
struct maillog_refusal {
	char client[ADDR_TEXT_MAX]; /* RFC 5952 */
	char client_name[256];
	char sender[1024];    /* as the client wrote it, brackets included; of another line */
	char recipient[1024]; /* likewise */
	uint16_t code;
	char enhanced[12];
	char reply[400]; /* without the address that Sendmail puts before it */
};

enum maillog_kind {
	MAILLOG_OTHER,
	MAILLOG_REFUSAL,   /* of check_rcpt: all but `sender` is filled */
	MAILLOG_SENDER,    /* the line at the end of a message: `sender` is filled */
	MAILLOG_UNREADABLE /* a refusal of check_rcpt that is not as expected */
};

/*
 * Takes the line (without '\n') apart. False when it is none of Sendmail's with a queue id;
 * Postfix's lines are none. Understands `Nov 24 03:00:00[.usec]` and RFC 3339, with or without
 * `<PRI>` before it and a host after it.
 */
bool maillog_line_split(const char *text, size_t len, struct maillog_line *out);

/*
 * Microseconds since 1970. A time without zone is local; one without year is the last such
 * date that is at most a day after `now`. `now` when the date is impossible.
 */
usec_t maillog_line_time(const struct maillog_time *t, usec_t now);

/* Reads what follows the queue id, pieces put together again. */
enum maillog_kind maillog_body_read(const char *body, size_t len, struct maillog_refusal *out);

#endif
