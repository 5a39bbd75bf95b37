#include "check/limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/message.h"
#include "limit/bans.h"
#include "limit/distinct.h"
#include "limit/gauge.h"
#include "limit/store.h"
#include "limit/top.h"

/*
 * What a session's limits keep. With the session: what the limits said at the stage at hand, each
 * for its own policy entry. With the message: what was charged, to be given back if the message
 * is refused or given up.
 */

enum { LEDGER_FIRST = 16, LEDGER_MAX = 4096, ITEMS_MAX = 256 };

/* What one limit says at the stage at hand. */
struct outcome {
	bool exceeded;
	struct limit_subject subject;
	uint64_t count, max;
	nsec_t wait;
};

struct charge {
	struct store_receipt receipt;
	struct gcra rate;
	struct gcra_credit credit;
	uint64_t pending; /* units of the stage at hand, of which nobody knows yet what becomes */
};

struct ledger {
	struct store *store;
	size_t count, room;
	struct charge *charges;
	uint64_t bytes; /* of the message so far */
};

/* Sessions that were entered, one for each limit that counts them and each of its keys. */
struct entered {
	struct store *store;
	size_t count;
	uint64_t tags[];
};

/* One stage on its way. */
struct counting {
	const struct limits *all;
	struct session *s;
	enum stage stage;
	struct store *store;
	struct arena *arena;
	nsec_t now;
	struct outcome *outcomes; /* by limit */
	size_t count;
	struct store_item *items;
	const struct limit_settings **item_limits;
	struct limit_subject *item_subjects;
	bool refused; /* by a check before: only what counts failures is looked at */
	bool passed;  /* nothing that refuses was exceeded */
	bool lost;    /* no memory */
};

static const char outcomes_key, ledger_key, entered_key;

/* --- what is given back --------------------------------------------------------------------- */

/* Of each charge what `take` says. What there is no memory for is not given back. */
static void give_back(struct ledger *l, nsec_t (*take)(struct charge *c, nsec_t now))
{
	nsec_t now = store_now(l->store);
	struct store_refund *refunds = malloc((l->count + 1) * sizeof(*refunds));

	for (size_t i = 0; refunds != NULL && i < l->count; i++)
		refunds[i] =
		    (struct store_refund){l->charges[i].receipt, take(&l->charges[i], now)};
	if (refunds != NULL)
		store_refund_all(l->store, refunds, l->count, now);
	free(refunds);
}

static nsec_t take_all(struct charge *c, nsec_t now)
{
	return gcra_credit_take_all(&c->credit, now);
}

static nsec_t take_pending(struct charge *c, nsec_t now)
{
	return c->pending == 0 ? 0 : gcra_credit_take(&c->credit, &c->rate, c->pending, now);
}

static void ledger_end(void *value, bool accepted)
{
	if (!accepted)
		give_back(value, take_all);
}

static struct ledger *ledger_of(struct session *s)
{
	struct ledger *l = message_attached(s, &ledger_key);

	if (l != NULL || !s->msg.open)
		return l;
	l = arena_alloc(&s->msg.arena, sizeof(*l));
	if (l == NULL || !message_attach(s, &ledger_key, l, ledger_end))
		return NULL;
	l->store = s->env->store;
	return l;
}

static struct charge *charge_of(struct session *s, const struct store_receipt *r)
{
	struct ledger *l = ledger_of(s);
	struct charge *larger;
	size_t room;

	if (l == NULL)
		return NULL;
	for (size_t i = 0; i < l->count; i++)
		if (l->charges[i].receipt.tag == r->tag &&
		    l->charges[i].receipt.shared == r->shared &&
		    l->charges[i].receipt.remote == r->remote)
			return &l->charges[i];
	if (l->count == l->room) {
		room = l->room == 0 ? LEDGER_FIRST : 2 * l->room;
		larger =
		    room > LEDGER_MAX ? NULL : arena_alloc(&s->msg.arena, room * sizeof(*larger));
		if (larger == NULL)
			return NULL;
		if (l->count > 0)
			memcpy(larger, l->charges, l->count * sizeof(*larger));
		l->charges = larger;
		l->room = room;
	}
	l->charges[l->count] = (struct charge){.receipt = *r};
	return &l->charges[l->count++];
}

/* What can't be remembered is not given back: stricter than it should be, never laxer. */
static void remember(struct session *s, const struct store_item *it, nsec_t now)
{
	struct charge *c = it->receipt.tag == 0 ? NULL : charge_of(s, &it->receipt);

	if (c == NULL)
		return;
	c->rate = it->rate;
	gcra_credit_add(&c->credit, &it->rate, it->units, now);
	c->pending += it->units;
}

static bool is_charged(const struct session *s, uint64_t tag)
{
	const struct ledger *l = message_attached(s, &ledger_key);

	for (size_t i = 0; l != NULL && i < l->count; i++)
		if (l->charges[i].receipt.tag == tag && l->charges[i].credit.amount > 0)
			return true;
	return false;
}

/* What was charged at this stage stays, or goes back when the stage was refused after all. */
static void settle_pending(struct session *s, bool refused)
{
	struct ledger *l = message_attached(s, &ledger_key);

	if (l == NULL)
		return;
	if (refused)
		give_back(l, take_pending);
	for (size_t i = 0; i < l->count; i++)
		l->charges[i].pending = 0;
}

/* --- what is counted ---------------------------------------------------------------------- */

static bool applies(const struct counting *c, const struct limit_settings *l)
{
	if (criteria_match(&l->applies, c->s, NULL) == MATCH_NO)
		return false;
	return !l->except_given || criteria_match(&l->except, c->s, NULL) != MATCH_YES;
}

const struct limit_override *limit_override_of(
    const struct limit_settings *l, const struct limit_subject *subject)
{
	size_t low = 0, high = l->override_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(subject->text, l->overrides[mid].key);

		if (order == 0)
			return &l->overrides[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static uint64_t units_of(const struct counting *c, const struct limit_settings *l)
{
	const struct ledger *ledger;

	switch (l->count.what) {
	case COUNT_BYTES:
		ledger = message_attached(c->s, &ledger_key);
		return ledger == NULL ? 0 : ledger->bytes;
	case COUNT_CONNECTIONS:
	case COUNT_MESSAGES:
	case COUNT_RECIPIENTS:
		return 1;
	case COUNT_SESSIONS:
	case COUNT_DISTINCT:
	case COUNT_REFUSED_RECIPIENTS:
	case COUNT_RELAY_REFUSALS:
	case COUNT_FAILED_CHECKS:
		break;
	}
	return 0;
}

static void add_item(struct counting *c, const struct limit_settings *l,
    const struct limit_window *w, const struct limit_subject *subject)
{
	struct store_item *it = &c->items[c->count];
	uint64_t tag;

	if (c->count == ITEMS_MAX) {
		c->lost = true;
		return;
	}
	tag = store_tag(c->store, w->id, subject->text, subject->len);
	/* A message to several recipients of one key is one message. */
	if (l->count.what == COUNT_MESSAGES && is_charged(c->s, tag))
		return;
	*it = (struct store_item){
	    .limit = w->id,
	    .rate = w->rates[subject->steps],
	    .key = subject->text,
	    .key_len = subject->len,
	    .units = units_of(c, l),
	    .soft = l->soft,
	};
	c->item_limits[c->count] = l;
	c->item_subjects[c->count] = *subject;
	c->count++;
}

static void exceed(struct counting *c, const struct limit_settings *l,
    const struct limit_subject *subject, uint64_t count, uint64_t max, nsec_t wait)
{
	struct outcome *o = &c->outcomes[l->number];

	/* Of several keys and windows, the one that takes longest is told. */
	if (o->exceeded && wait <= o->wait)
		return;
	*o = (struct outcome){
	    .exceeded = true, .subject = *subject, .count = count, .max = max, .wait = wait};
	c->passed = c->passed && l->soft;
}

static struct distinct distinct_of(const struct limit_window *w, unsigned steps)
{
	uint64_t max = gcra_burst(&w->rates[steps]);

	return (struct distinct){w->id, max, w->period};
}

static void count_distinct(struct counting *c, const struct limit_settings *l,
    const struct limit_window *w, const struct limit_subject *subject, bool keep)
{
	struct distinct d = distinct_of(w, subject->steps);
	const char *value = limit_part_value(l->count.distinct, c->s, c->arena, &c->lost);
	uint64_t count;

	if (value != NULL && !distinct_admits(c->store, &d, subject->text, subject->len, value,
				 strlen(value), keep, c->now, &count))
		exceed(c, l, subject, count, d.max, d.window);
}

static void count_limit(struct counting *c, const struct limit_settings *l, bool keep)
{
	struct limit_subject subjects[LIMIT_SUBJECTS];
	size_t n = limit_subjects(&l->key, c->s, c->arena, subjects, &c->lost);

	for (size_t i = 0; i < n; i++) {
		const struct limit_override *o = limit_override_of(l, &subjects[i]);
		const struct limit_window *w = o == NULL ? l->window : o->window;
		size_t windows = o == NULL ? l->windows : o->windows;

		for (size_t k = 0; k < windows; k++) {
			if (l->count.what == COUNT_DISTINCT)
				count_distinct(c, l, &w[k], &subjects[i], keep);
			else
				add_item(c, l, &w[k], &subjects[i]);
		}
	}
}

/* --- sessions at a time ----------------------------------------------------------------- */

static void entered_end(void *value, bool accepted)
{
	const struct entered *e = value;

	(void)accepted;
	for (size_t i = 0; i < e->count; i++)
		gauge_leave(store_gauges(e->store), e->tags[i]);
}

static struct entered *entered_of(const struct counting *c)
{
	struct entered *e = session_attached(c->s, &entered_key);

	if (e != NULL)
		return e;
	e = arena_alloc(
	    &c->s->arena, sizeof(*e) + c->all->count * LIMIT_SUBJECTS * sizeof(e->tags[0]));
	if (e == NULL || !session_attach(c->s, &entered_key, e, entered_end))
		return NULL;
	e->store = c->store;
	return e;
}

static void enter(struct counting *c, const struct limit_settings *l)
{
	struct limit_subject subjects[LIMIT_SUBJECTS];
	size_t n = limit_subjects(&l->key, c->s, c->arena, subjects, &c->lost);
	struct entered *e = entered_of(c);

	c->lost = c->lost || e == NULL;
	for (size_t i = 0; e != NULL && i < n; i++) {
		uint64_t id = store_limit_id(l->head.name, 0), max = l->max, count;
		uint64_t tag = store_tag(c->store, id, subjects[i].text, subjects[i].len);
		bool in;

		for (unsigned step = 0; step < subjects[i].steps; step++)
			max *= l->widen;
		in = gauge_enter(store_gauges(c->store), tag, max, &count);
		/* Without room to count, mail goes on. */
		if (!in && count == 0)
			continue;
		if (!in)
			exceed(c, l, &subjects[i], count, max, 1);
		/* What goes on all the same counts all the same. */
		if (!in && l->soft)
			in = gauge_enter(store_gauges(c->store), tag, UINT64_MAX, &count);
		if (in)
			e->tags[e->count++] = tag;
	}
}

/* --- all limits at a stage ------------------------------------------------------------------ */

bool limit_looks_at(const struct limit_settings *l, enum stage stage)
{
	if (!limit_counts_failures(l))
		return stage == l->stage;
	return stage >= l->stage &&
	       (stage == STAGE_CONNECT || stage == STAGE_MAIL || stage == STAGE_RCPT);
}

static bool begin(struct counting *c)
{
	size_t limits = c->all->count;

	c->outcomes = session_attached(c->s, &outcomes_key);
	if (c->outcomes == NULL) {
		c->outcomes = arena_alloc(&c->s->arena, limits * sizeof(*c->outcomes));
		if (c->outcomes == NULL || !session_attach(c->s, &outcomes_key, c->outcomes, NULL))
			return false;
	}
	memset(c->outcomes, 0, limits * sizeof(*c->outcomes));
	return true;
}

static void charge_items(struct counting *c)
{
	c->passed = store_charge(c->store, c->items, c->count, c->now) && c->passed;
	for (size_t i = 0; i < c->count; i++) {
		const struct store_item *it = &c->items[i];

		if (it->exceeded || it->receipt.tag != 0)
			top_note(c->store, it, c->now);
		if (it->exceeded)
			exceed(c, c->item_limits[i], &c->item_subjects[i], it->owed,
			    gcra_burst(&it->rate), it->wait);
		else
			remember(c->s, it, c->now);
	}
}

/* Limits that are asked for at this stage; those of `failures` or the others. */
static bool is_due(const struct counting *c, const struct limit_settings *l)
{
	return limit_looks_at(l, c->stage) && (!c->refused || limit_counts_failures(l)) &&
	       applies(c, l);
}

static void keep_distinct(struct counting *c)
{
	for (size_t i = 0; c->passed && i < c->all->count; i++) {
		const struct limit_settings *l = c->all->items[i];

		if (l->count.what == COUNT_DISTINCT && !c->outcomes[i].exceeded && is_due(c, l))
			count_limit(c, l, true);
	}
}

static void count_all(struct counting *c)
{
	c->passed = true;
	for (size_t i = 0; i < c->all->count; i++) {
		const struct limit_settings *l = c->all->items[i];

		if (!is_due(c, l))
			continue;
		if (l->count.what == COUNT_SESSIONS)
			enter(c, l);
		else
			count_limit(c, l, false);
	}
	if (c->lost)
		return;
	/* What a distinct count refuses is not charged anywhere. */
	if (c->passed)
		charge_items(c);
	keep_distinct(c);
}

static struct arena *arena_at(struct session *s, enum stage stage)
{
	return stage == STAGE_CONNECT || stage == STAGE_HELO ? &s->arena
	       : stage == STAGE_RCPT                         ? &s->rcpt_arena
	                                                     : &s->msg.arena;
}

/* Big for the stack of a thread, and needed only while limits are counted. */
struct desk {
	struct store_item items[ITEMS_MAX];
	const struct limit_settings *limits[ITEMS_MAX];
	struct limit_subject subjects[ITEMS_MAX];
};

static bool count_stage(const struct limits *all, struct session *s, enum stage stage)
{
	struct counting c = {
	    .all = all,
	    .s = s,
	    .stage = stage,
	    .store = s->env->store,
	    .arena = arena_at(s, stage),
	    .now = store_now(s->env->store),
	    .refused = s->so_far >= VERDICT_DEFER,
	};
	struct desk *desk = malloc(sizeof(*desk));

	if (desk == NULL || !begin(&c)) {
		free(desk);
		return false;
	}
	c.items = desk->items;
	c.item_limits = desk->limits;
	c.item_subjects = desk->subjects;
	count_all(&c);
	free(desk);
	return !c.lost;
}

/* --- what a limit says ----------------------------------------------------- */

static struct ban ban_of(const struct limit_settings *l, const struct limit_subject *subject)
{
	struct ban b = {.action = l->ban_reply == VERDICT_DEFER ? BAN_DEFER : BAN_REFUSE};

	if (subject->login != NULL)
		ban_key_of_login(subject->login, b.key);
	else
		ban_key_of_prefix(&subject->client, b.key);
	if (l->on_exceed.action == LIMIT_SUSPEND)
		b.action = l->suspended == VERDICT_DEFER ? BAN_DEFER : BAN_HOLD;
	snprintf(b.by, sizeof(b.by), "limit %.50s", l->head.name);
	return b;
}

enum banned { BANNED_NOW, BANNED_BEFORE, NEVER_BANNED };

/* What can't be set now, as another process holds the list, is at the next event. */
static enum banned set_ban(const struct limits *all, const struct limit_settings *l,
    const struct session *s, const struct outcome *o)
{
	struct ban b = ban_of(l, &o->subject);
	nsec_t now = store_now(s->env->store), lasting = l->on_exceed.lasting * NSEC_PER_USEC;
	/* Only bans grow. */
	nsec_t longest =
	    l->on_exceed.action == LIMIT_BAN ? l->ban_longest * NSEC_PER_USEC : lasting;

	if (lasting == 0)
		lasting = longest = GCRA_HORIZON;
	if (o->subject.login == NULL && !bans_may(all->never, &o->subject.client))
		return NEVER_BANNED;
	snprintf(b.reason, sizeof(b.reason), "%llu where %llu are allowed",
	    (unsigned long long)o->count, (unsigned long long)o->max);
	if (bans_set(s->env->store, &b, lasting, true, longest, now) != BAN_SET)
		return BANNED_BEFORE;
	log_notice("limit %s: %s is %s: %s", l->head.name, b.key,
	    b.action == BAN_HOLD ? "suspended" : "banned", b.reason);
	return BANNED_NOW;
}

static void ban(
    const struct limit_self *self, struct session *s, const struct outcome *o, struct verdict *out)
{
	switch (set_ban(self->all, self->limit, s, o)) {
	case BANNED_NOW:
		out->notify = true;
		break;
	case BANNED_BEFORE:
		/* The ban has said it. */
		if (s->so_far >= out->kind)
			out->kind = VERDICT_NONE;
		break;
	case NEVER_BANNED:
		out->kind = limit_counts_failures(self->limit) ? VERDICT_NOTE : VERDICT_DEFER;
		break;
	}
}

static enum verdict_kind kind_of(const struct limit_settings *l)
{
	static const enum verdict_kind kinds[] = {
	    [LIMIT_NOTE] = VERDICT_NOTE,
	    [LIMIT_TAG] = VERDICT_TAG,
	    [LIMIT_HOLD] = VERDICT_HOLD,
	    [LIMIT_DEFER] = VERDICT_DEFER,
	    [LIMIT_REJECT] = VERDICT_REJECT,
	};

	if (l->on_exceed.action == LIMIT_BAN)
		return (enum verdict_kind)l->ban_reply;
	if (l->on_exceed.action == LIMIT_SUSPEND)
		return (enum verdict_kind)l->suspended;
	return kinds[l->on_exceed.action];
}

static void say(const struct limit_self *self, struct session *s, enum stage stage,
    const struct outcome *o, struct verdict *out)
{
	const struct limit_settings *l = self->limit;
	/* A mark is told again at the end of the message. */
	struct arena *a = stage == STAGE_CONNECT || stage == STAGE_HELO ? &s->arena : &s->msg.arena;

	out->kind = kind_of(l);
	out->rule = (struct rule_ref){l->head.name, l->head.loc.file, l->head.loc.line};
	out->reply = l->reply;
	out->limit = l->head.name;
	out->limit_key = arena_strdup(a, o->subject.text);
	out->limit_count = o->count;
	out->reason = arena_printf(a, "%s: %llu where %llu are allowed",
	    out->limit_key == NULL ? "" : out->limit_key, (unsigned long long)o->count,
	    (unsigned long long)o->max);
	if (l->on_exceed.action >= LIMIT_BAN && s->running->mode == MODE_ENFORCE)
		ban(self, s, o, out);
	session_trace(s, "limit %s (%s:%u): %s: %s", l->head.name, l->head.loc.file,
	    l->head.loc.line, verdict_name(out->kind), out->reason == NULL ? "" : out->reason);
}

/* For explain, where nothing is counted. */
static void trace(const struct limit_self *self, struct session *s, enum stage stage)
{
	const struct limit_settings *l = self->limit;
	struct limit_subject subjects[LIMIT_SUBJECTS];
	struct counting c = {.s = s};
	bool lost = false;
	size_t n;

	if (s->env->trace == NULL || !limit_looks_at(l, stage))
		return;
	n = applies(&c, l) ? limit_subjects(&l->key, s, arena_at(s, stage), subjects, &lost) : 0;
	session_trace(s, "limit %s (%s:%u): %s%s", l->head.name, l->head.loc.file, l->head.loc.line,
	    n > 0 ? "would be counted for " : "does not apply", n > 0 ? subjects[0].text : "");
}

static void add_bytes(struct session *s, enum stage stage)
{
	struct ledger *l = ledger_of(s);
	const struct stage_args *args = s->args;

	if (l == NULL)
		return;
	if (stage == STAGE_BODY)
		l->bytes += args->body_len;
	else if (args->field_name != NULL && args->field_value != NULL)
		l->bytes += strlen(args->field_name) + strlen(args->field_value) + 3;
}

static void limit_run(
    const void *p, struct session *s, enum stage stage, usec_t now, struct verdict *out)
{
	const struct limit_self *self = p;
	const struct outcome *outcomes;

	(void)now;
	if (s->env->store == NULL) {
		trace(self, s, stage);
		return;
	}
	if (stage == STAGE_HEADER || stage == STAGE_BODY) {
		add_bytes(s, stage);
		return;
	}
	if (self->limit->number == 0 && !count_stage(self->all, s, stage)) {
		out->kind = VERDICT_UNDECIDED;
		out->reason = "no memory is left to count";
		return;
	}
	if (!limit_looks_at(self->limit, stage))
		return;
	outcomes = session_attached(s, &outcomes_key);
	if (outcomes != NULL && outcomes[self->limit->number].exceeded)
		say(self, s, stage, &outcomes[self->limit->number], out);
}

const struct check check_limit = {"limit", limit_run};

/* --- what went wrong ------------------------------------------------------- */

static bool is_refusal(const struct verdict *v)
{
	return v->kind == VERDICT_DEFER || v->kind == VERDICT_REJECT;
}

/* Of a limit and a ban it is not counted: they would prolong themselves. */
static bool is_own(const struct verdict *v)
{
	return v->check == NULL || strcmp(v->check, check_limit.name) == 0 ||
	       strcmp(v->check, "bans") == 0 || strcmp(v->check, "session") == 0;
}

static bool went_wrong(const struct limit_settings *l, const struct session *s, enum stage stage,
    const struct verdict *v)
{
	bool by_mta = stage == STAGE_RCPT && s->rcpt.refused_by_mta;
	bool by_check = is_refusal(v) && !is_own(v);
	bool by_relay = by_check && strcmp(v->check, "relay") == 0;

	switch (l->count.what) {
	case COUNT_REFUSED_RECIPIENTS:
		return stage == STAGE_RCPT && (by_mta || by_check);
	case COUNT_RELAY_REFUSALS:
		return stage == STAGE_RCPT &&
		       (by_relay || (by_mta && strcmp(s->rcpt.mta.host, "5.7.1") == 0));
	case COUNT_FAILED_CHECKS:
		return !is_own(v) && !by_relay &&
		       (by_check || v->kind == VERDICT_TAG || v->kind == VERDICT_HOLD);
	case COUNT_CONNECTIONS:
	case COUNT_SESSIONS:
	case COUNT_MESSAGES:
	case COUNT_RECIPIENTS:
	case COUNT_BYTES:
	case COUNT_DISTINCT:
		break;
	}
	return false;
}

/* Charged for what it is; what exceeds it is seen at the next look. */
static void count_failure(const struct limit_settings *l, struct session *s, enum stage stage)
{
	struct counting c = {.s = s,
	    .store = s->env->store,
	    .arena = arena_at(s, stage),
	    .now = store_now(s->env->store)};
	struct store_item items[LIMIT_SUBJECTS * LIMIT_WINDOWS];
	struct limit_subject subjects[LIMIT_SUBJECTS];
	size_t n;

	if (!applies(&c, l))
		return;
	n = limit_subjects(&l->key, s, c.arena, subjects, &c.lost);
	for (size_t i = 0; i < n; i++) {
		const struct limit_override *o = limit_override_of(l, &subjects[i]);
		const struct limit_window *w = o == NULL ? l->window : o->window;
		size_t windows = o == NULL ? l->windows : o->windows;

		for (size_t k = 0; k < windows; k++) {
			items[c.count++] = (struct store_item){
			    .limit = w[k].id,
			    .rate = w[k].rates[subjects[i].steps],
			    .key = subjects[i].text,
			    .key_len = subjects[i].len,
			    .units = 1,
			    .soft = true, /* each for itself */
			};
		}
	}
	store_charge(c.store, items, c.count, c.now);
	for (size_t i = 0; i < c.count; i++)
		top_note(c.store, &items[i], c.now);
}

void limit_settled(
    const void *p, struct session *s, enum stage stage, const struct verdict *v, usec_t now)
{
	const struct limit_self *self = p;

	(void)now;
	if (s->env->store == NULL)
		return;
	settle_pending(s, is_refusal(v) || (stage == STAGE_RCPT && s->rcpt.refused_by_mta));
	for (size_t i = 0; i < self->all->count; i++)
		if (limit_counts_failures(self->all->items[i]) &&
		    went_wrong(self->all->items[i], s, stage, v))
			count_failure(self->all->items[i], s, stage);
}
