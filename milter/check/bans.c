#include "check/bans.h"

#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "conf/load.h"
#include "limit/bans.h"

/* --- who is never banned ------------------------------------------------------------ */

bool bans_may(const struct never_banned *never, const struct prefix *p)
{
	static const struct prefix loopback = {{{127}, ADDR_V4}, 8};

	if (p->addr.family == ADDR_NONE || netset_touches(never->list, p) ||
	    prefix_contains(p, &loopback.addr) || prefix_contains(&loopback, &p->addr) ||
	    prefix_contains(p, &(struct addr){{[15] = 1}, ADDR_V6}))
		return false;
	for (size_t i = 0; i < never->count; i++)
		if (prefix_contains(p, &never->own[i]))
			return false;
	return true;
}

/* This host's own addresses: what comes from them may be its own gateway or container. */
static bool find_own(struct conf_reader *r, struct never_banned *never)
{
	struct ifaddrs *all = NULL;
	struct addr *own, a;
	size_t count = 0;

	if (getifaddrs(&all) != 0)
		return true;
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
		count++;
	own = arena_alloc(r->arena, (count + 1) * sizeof(*own));
	for (const struct ifaddrs *i = all; own != NULL && i != NULL; i = i->ifa_next)
		if (addr_from_sockaddr(i->ifa_addr, &a, NULL))
			own[never->count++] = a;
	freeifaddrs(all);
	never->own = own;
	return own != NULL || conf_no_memory(r);
}

/* --- the decision --------------------------------------------------------------------- */

static void say(
    const struct bans_settings *bans, struct session *s, const struct ban *b, struct verdict *out)
{
	struct arena *a = s->msg.open ? &s->msg.arena : &s->arena;
	struct store *store = s->env->store;
	char until[CLOCK_TEXT_MAX];

	clock_format(store_wall(store, b->until), until);
	out->reason =
	    arena_printf(a, "%s is banned until %s: %s (%s)", b->key, until, b->reason, b->by);
	out->limit_key = arena_strdup(a, b->key);
	out->kind = b->action == BAN_HOLD    ? VERDICT_HOLD
	            : b->action == BAN_DEFER ? VERDICT_DEFER
	                                     : VERDICT_REJECT;
	out->reply = bans->reply;
	session_trace(s, "bans: %s: %s", verdict_name(out->kind),
	    out->reason == NULL ? "banned" : out->reason);
}

static bool client_is_banned(
    const struct bans_settings *bans, const struct session *s, nsec_t now, struct ban *out)
{
	struct prefix alone = prefix_of(&s->client.addr, 128);

	return !s->client.local && bans_find_client(s->env->store, &s->client.addr, now, out) &&
	       bans_may(&bans->never, &alone);
}

static void bans_run(
    const void *self, struct session *s, enum stage stage, usec_t now, struct verdict *out)
{
	const struct bans_settings *bans = self;
	char key[BAN_KEY_MAX];
	struct ban found;
	nsec_t t;

	(void)now;
	if (s->env->store == NULL)
		return;
	t = store_now(s->env->store);
	if (client_is_banned(bans, s, t, &found)) {
		/* Where no message can be held yet, it is when it comes. */
		if (stage != STAGE_CONNECT || found.action != BAN_HOLD)
			say(bans, s, &found, out);
		return;
	}
	if (stage == STAGE_CONNECT || *s->cred.login == '\0')
		return;
	ban_key_of_login(s->cred.login, key);
	if (bans_find(s->env->store, key, t, &found))
		say(bans, s, &found, out);
}

const struct check check_bans = {"bans", bans_run};

/* --- the section -------------------------------------------------------------------------- */

static const struct conf_word mode_words[] = {
    {"enforce", MODE_ENFORCE}, {"monitor", MODE_MONITOR}, {NULL, 0}};

static const struct conf_row rows[] = {
    {.key = "mode",
	.type = CONF_ENUM,
	.offset = offsetof(struct bans_settings, mode),
	.fallback = "enforce",
	.words = mode_words,
	.doc = "enforce, or monitor: record what bans would refuse, and refuse nothing."},
    {.key = "reply",
	.type = CONF_TEXT,
	.offset = offsetof(struct bans_settings, reply_text),
	.fallback = "\"550 5.7.1 Refused for now after too much of something\"",
	.doc = "What a banned client or login hears. The session's id is appended in brackets."},
    {.key = NULL},
};

static bool finish(struct conf_reader *r, void *section)
{
	struct bans_settings *bans = section;
	const char *why;

	bans->never.list = conf_networks(r->doc, "never-ban");
	if (!reply_parse(bans->reply_text, &bans->reply, &why))
		return conf_error(r, &bans->head.loc, "found the reply \"%.200s\"; expected %s",
		    bans->reply_text, why);
	return find_own(r, &bans->never);
}

const struct conf_schema bans_schema = {
    .type = "bans",
    .doc = "How bans are told. Never banned are the networks of the list `networks never-ban`, "
	   "this host's own addresses, and the loopback.",
    .implied = true,
    .size = sizeof(struct bans_settings),
    .rows = rows,
    .finish = finish,
};

bool bans_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out)
{
	const struct bans_settings *bans = (const struct bans_settings *)(const void *)section;

	(void)r;
	*out = (struct policy_entry){
	    .check = &check_bans,
	    .self = bans,
	    /* At MAIL nobody need wait for it: no recipient passes. */
	    .stages = STAGE_BIT(STAGE_CONNECT) | STAGE_BIT(STAGE_RCPT),
	    .facts = FACT_AUTH | FACT_QUEUE_ID,
	    .mode = bans->mode == MODE_MONITOR ? MODE_MONITOR : (enum mode)settings->mode,
	};
	return true;
}
