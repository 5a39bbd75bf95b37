/* What a plan of the self-test is made from: configurations, names, places. Include after unit.h.
 */
#ifndef TESTS_LIB_PLAN_CONFIG_H
#define TESTS_LIB_PLAN_CONFIG_H

#include <stdio.h>
#include <string.h>

#include "check/config.h"
#include "selftest/plan.h"

/* 2026-11-24 */
static const usec_t now = (usec_t)1795478400 * USEC_PER_SEC;

static const struct probe_names names = {
    .ours = "example.com", .outside = "example.org", .host = "mx.example.com", .ip = "192.0.2.1"};

/* The guard's own socket. */
static const struct place any = {.name = "",
    .full = true,
    .means = {.any_client = true, .any_login = true, .everything = true, .tls = true}};

#define OURS "domains ours { members = { localhost, example.com, a.example } }\n"
#define INBOUND "rule inbound { to = @ours action = permit }\n"
#define OTHERS "rule others { action = reject }\n"

/* `rules` stand between INBOUND and OTHERS. */
static inline struct config *load_with(const char *lists, const char *rules)
{
	struct diag *diag = diag_new();
	struct config *c;
	char text[4096];

	snprintf(text, sizeof(text), "%s\nrelay {\n" INBOUND "%s\n" OTHERS "}\n", lists, rules);
	c = config_load_text("test.conf", text, strlen(text), now, diag);
	for (size_t i = 0; c == NULL && i < diag_errors(diag); i++)
		print_error("%s\n", diag_text(diag, i));
	diag_free(&diag);
	return c;
}

static inline struct config *load(const char *rules)
{
	return load_with(OURS, rules);
}

static inline struct addr address(const char *text)
{
	struct addr a;

	if (!addr_parse(text, strlen(text), &a))
		fail_msg("%s is no address", text);
	return a;
}

#endif
