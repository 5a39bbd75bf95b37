#include "selftest/decide.h"

#include "core/event.h"
#include "core/session.h"

struct hearing {
	struct arena *arena;
	const char *rule, *where;
};

static void on_event(void *arg, const struct event *e)
{
	struct hearing *h = arg;

	if (e->rule == NULL)
		return;
	h->rule = arena_strdup(h->arena, e->rule);
	h->where = e->where == NULL ? NULL : arena_strdup(h->arena, e->where);
}

static bool feed(struct session *s, const struct stage_args *args, usec_t now)
{
	struct decision d;

	session_event(s, args, now, &d);
	return d.verdict.kind != VERDICT_DEFER && d.verdict.kind != VERDICT_REJECT;
}

bool decide_row(const struct config *c, usec_t now, const struct row *r, struct arena *arena,
    const char **rule, const char **where)
{
	struct hearing h = {arena, NULL, NULL};
	struct session_env env = {.host = "", .emit = on_event, .arg = &h, .permitted = true};
	struct stage_args helo = {.stage = STAGE_HELO, .helo = r->helo}, mail = r->actor->mail;
	struct stage_args rcpt = {.stage = STAGE_RCPT,
	    .address = r->to,
	    .mta = {r->view.mailer, r->view.host, r->view.addr}};
	struct session s;
	bool ok;

	mail.address = r->from;
	session_open(&s, &c->policy, &env, 0, now);
	ok = feed(&s, &r->actor->connect, now) && feed(&s, &helo, now) && feed(&s, &mail, now) &&
	     feed(&s, &rcpt, now);
	session_close(&s);
	*rule = h.rule;
	*where = h.where;
	return ok;
}
