/* One run of `relay-guard selftest`: what its parts know of it. */
#ifndef SELFTEST_SELFTEST_H
#define SELFTEST_SELFTEST_H

#include "auth/resolver.h"
#include "base/arena.h"
#include "check/config.h"
#include "selftest/certificate.h"
#include "selftest/options.h"
#include "selftest/places.h"
#include "selftest/plan.h"
#include "selftest/record.h"
#include "selftest/side.h"
#include "selftest/sink.h"

struct selftest {
	struct selftest_options o;
	struct arena arena;
	struct config *config; /* NULL: none */
	const char *config_path;
	struct probe_names names;
	struct places places;
	struct certificate cert;   /* of --cert; file NULL: none */
	struct sink *sink;         /* NULL: none */
	struct resolver *resolver; /* NULL: DNS is not asked */
	struct plan plan;
	struct side_findings findings;
	struct record record;
	usec_t now;
};

/* All that return a number return an exit code, and have told what is wrong. */

/* Tells it, `detail` (may be "") made safe, and returns `code`. */
int selftest_fail(int code, const char *what, const char *detail);

/* The configuration; none where the default one is not there, or says nothing of the domain. */
int selftest_load(struct selftest *t);

/* Whose domain is ours, and which is nobody's here. */
int selftest_choose_domains(struct selftest *t);

/* What the server is called, as far as a first session told it. */
int selftest_choose_server(struct selftest *t);

/* The ways in. */
int selftest_open_milter(struct selftest *t);
int selftest_open_smtp(struct selftest *t);

/* Prints *b, and frees it. */
int selftest_print(struct strbuf *b);

/* Prints the result, and writes the report; the code is what the result says. */
int selftest_report(const struct selftest *t);

/* Writes an event of a run that came to `code`. */
void selftest_alert(const struct selftest *t, int code);

/* Writes the numbers of a run that came to `code`. */
void selftest_write_metrics(const struct selftest *t, int code);

#endif
