/* What the self-test tells: the same rows in four forms. */
#ifndef SELFTEST_REPORT_H
#define SELFTEST_REPORT_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "selftest/plan.h"
#include "selftest/record.h"
#include "selftest/side.h"
#include "selftest/way.h"

enum report_format { REPORT_TEXT, REPORT_JSON, REPORT_TAP, REPORT_JUNIT };

struct report {
	const struct plan *plan;
	const struct side_findings *findings;
	const struct record *record; /* NULL: none is asked for */
	const char *config;          /* path; NULL: none was used */
	bool colour, quiet, verbose;
	bool confirming; /* suspects were followed */
};

struct tally {
	size_t rows, right, wrong;
	size_t errors;  /* of the wrong ones */
	size_t high;    /* findings */
	size_t limited; /* of the right ones: a limit or a ban stood before them */
	size_t suspect, confirmed;
	size_t deferred;  /* refused with 4xx */
	size_t off_point; /* refused, but not for relaying */
	size_t for_now;   /* of these, by greylisting or a rate limit */
};

struct tally report_tally(const struct report *r);

/* Appends the whole report. */
void report_text(const struct report *r, struct strbuf *b);
void report_json(const struct report *r, struct strbuf *b);
void report_tap(const struct report *r, struct strbuf *b);
void report_junit(const struct report *r, struct strbuf *b);

/* What is wrong and what to change, in plain words; nothing when all is right. */
void report_advice(const struct report *r, struct strbuf *b);

/* "550 5.7.1 Relay access denied": the reply or the error of a row, safe for a terminal. */
void report_reply(const struct result *r, struct strbuf *b);

/* The probes without results, for --list. */
void report_list_text(const struct plan *p, struct strbuf *b);
void report_list_json(const struct plan *p, struct strbuf *b);

#endif
