/* A schema that has a row of every type: for tests of the configuration layer. */
#ifndef TESTS_RICH_SCHEMA_H
#define TESTS_RICH_SCHEMA_H

#include "conf/load.h"
#include "conf/schema.h"

struct rich_common {
	const struct netset *client;
	const struct domset *helo;
};

struct rich_rule {
	struct conf_head head;
	struct rich_common common;
	struct conf_texts to;
	int action;
	usec_t expires;
	const struct rich_common *except;
};

struct rich_options {
	struct conf_head head;
	bool loud;
};

struct rich_policy {
	struct conf_head head;
	const struct conf_head *rules;
	bool finished;
};

struct rich {
	struct conf_head head;
	bool flag;
	int mode;
	uint64_t count, size;
	usec_t wait, until;
	struct conf_rates rates;
	const char *text;
	struct conf_texts texts;
	struct conf_socket control;
	struct conf_sockets listen;
	const struct conf_value *words;
	const struct conf_head *policy, *options;
};

static bool rich_read_except(struct conf_reader *r, const struct conf_value *v, void *field);

static bool rich_read_words(struct conf_reader *r, const struct conf_value *v, void *field)
{
	char found[CONF_FOUND_MAX];

	for (const struct conf_value *w = v; w != NULL; w = w->next)
		if (w->kind != CONF_WORD)
			return conf_error(
			    r, &w->loc, "found %s; expected words", conf_found(w, found));
	*(const struct conf_value **)field = v;
	return true;
}

static const struct conf_row rich_common_rows[] = {
    {.key = "client", .type = CONF_NETWORKS, .offset = offsetof(struct rich_common, client)},
    {.key = "helo", .type = CONF_DOMAINS, .offset = offsetof(struct rich_common, helo)},
    {.key = NULL},
};

static const struct conf_word rich_actions[] = {{"permit", 1}, {"reject", 2}, {NULL, 0}};
static const struct conf_word rich_modes[] = {{"enforce", 0}, {"monitor", 1}, {NULL, 0}};

static const struct conf_row rich_rule_rows[] = {
    {.key = "", .include = rich_common_rows, .offset = offsetof(struct rich_rule, common)},
    {.key = "to", .type = CONF_TEXTS, .offset = offsetof(struct rich_rule, to)},
    {.key = "action",
	.type = CONF_ENUM,
	.offset = offsetof(struct rich_rule, action),
	.words = rich_actions,
	.required = true},
    {.key = "expires", .type = CONF_DATE, .offset = offsetof(struct rich_rule, expires)},
    {.key = "except",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct rich_rule, except),
	.read = rich_read_except},
    {.key = NULL},
};

static const struct conf_schema rich_rule_schema = {.type = "rule",
    .named = true,
    .repeatable = true,
    .size = sizeof(struct rich_rule),
    .rows = rich_rule_rows};

static const struct conf_child rich_policy_children[] = {
    {&rich_rule_schema, offsetof(struct rich_policy, rules)}, {NULL, 0}};

static const struct conf_row rich_no_rows[] = {{.key = NULL}};

static bool rich_finish(struct conf_reader *r, void *section)
{
	struct rich_policy *p = section;

	p->finished = true;
	return p->rules != NULL ||
	       conf_error(r, &p->head.loc, "found no rule; expected at least one");
}

static const struct conf_schema rich_policy_schema = {.type = "policy",
    .size = sizeof(struct rich_policy),
    .rows = rich_no_rows,
    .children = rich_policy_children,
    .finish = rich_finish};

static const struct conf_row rich_options_rows[] = {
    {.key = "loud",
	.type = CONF_BOOL,
	.offset = offsetof(struct rich_options, loud),
	.fallback = "yes"},
    {.key = NULL},
};

static const struct conf_schema rich_options_schema = {.type = "options",
    .implied = true,
    .size = sizeof(struct rich_options),
    .rows = rich_options_rows};

static const struct conf_child rich_children[] = {
    {&rich_policy_schema, offsetof(struct rich, policy)},
    {&rich_options_schema, offsetof(struct rich, options)}, {NULL, 0}};

static const struct conf_row rich_rows[] = {
    {.key = "flag", .type = CONF_BOOL, .offset = offsetof(struct rich, flag), .fallback = "no"},
    {.key = "mode",
	.type = CONF_ENUM,
	.offset = offsetof(struct rich, mode),
	.fallback = "enforce",
	.words = rich_modes},
    {.key = "count",
	.type = CONF_COUNT,
	.offset = offsetof(struct rich, count),
	.fallback = "20",
	.min = 1,
	.max = 1000000},
    {.key = "size", .type = CONF_SIZE, .offset = offsetof(struct rich, size), .fallback = "64k"},
    {.key = "wait",
	.type = CONF_DURATION,
	.offset = offsetof(struct rich, wait),
	.fallback = "5s",
	.min = 1000000,
	.max = 3600000000},
    {.key = "until", .type = CONF_DATE, .offset = offsetof(struct rich, until)},
    {.key = "rates",
	.type = CONF_RATES,
	.offset = offsetof(struct rich, rates),
	.fallback = "{ 100/1h, 500/1d }"},
    {.key = "text", .type = CONF_TEXT, .offset = offsetof(struct rich, text)},
    {.key = "texts",
	.type = CONF_TEXTS,
	.offset = offsetof(struct rich, texts),
	.fallback = "{ one, two, three, four, five, six, seven, eight }"},
    {.key = "control", .type = CONF_SOCKET, .offset = offsetof(struct rich, control)},
    {.key = "listen",
	.type = CONF_SOCKETS,
	.offset = offsetof(struct rich, listen),
	.fallback = "\"unix:/run/x.sock\""},
    {.key = "words",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct rich, words),
	.fallback = "distinct client-net",
	.read = rich_read_words},
    {.key = NULL},
};

static const struct conf_schema rich_schema = {
    .type = NULL, .size = sizeof(struct rich), .rows = rich_rows, .children = rich_children};

static bool rich_read_except(struct conf_reader *r, const struct conf_value *v, void *field)
{
	struct rich_common *out = arena_alloc(r->arena, sizeof(*out));

	if (out == NULL)
		return conf_error(r, &v->loc, "out of memory");
	*(struct rich_common **)field = out;
	return conf_read_block(r, v, rich_common_rows, out);
}

#endif
