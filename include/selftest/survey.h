/* Looks at all servers that are tested, and at the domain, for what is found on the way. */
#ifndef SELFTEST_SURVEY_H
#define SELFTEST_SURVEY_H

#include "auth/resolver.h"
#include "selftest/options.h"
#include "selftest/places.h"
#include "selftest/probe.h"
#include "selftest/side.h"

struct survey {
	const struct selftest_options *options;
	const struct config *config; /* NULL: none */
	const struct places *places;
	const struct probe_names *names;
	struct sink *sink;         /* NULL: none */
	struct resolver *resolver; /* NULL: DNS is not looked at */
	usec_t now;
};

/* f->failed when memory is exhausted. */
void survey_run(const struct survey *s, struct side_findings *f);

#endif
