#include "daemon/control_bans.h"

#include <stdio.h>
#include <string.h>

#include "base/exit.h"
#include "base/log.h"
#include "check/bans.h"
#include "check/limit_look.h"
#include "daemon/control_list.h"
#include "limit/bans.h"
#include "limit/top.h"

static const char *const action_names[] = {
    [BAN_REFUSE] = "refuse", [BAN_DEFER] = "defer", [BAN_HOLD] = "hold"};

static void write_ban(void *arg, const struct ban *ban)
{
	struct control_list *list = arg;
	struct strbuf *b = list->reply;

	if (!control_list_has_room(list))
		return;
	control_begin(b, "ban");
	control_text(b, "key", ban->key);
	control_text(b, "action", action_names[ban->action]);
	control_time(b, "since", store_wall(list->store, ban->since));
	control_time(b, "until", store_wall(list->store, ban->until));
	control_text(b, "by", ban->by);
	control_text(b, "reason", ban->reason);
	control_count(b, "strikes", ban->strikes);
	control_end(b);
}

void control_bans(const struct config *c, const struct control_line *l, struct strbuf *reply)
{
	struct control_list list;

	(void)l;
	if (!control_list_begin(&list, c, reply))
		return;
	bans_each(list.store, list.now, write_ban, &list);
	control_list_end(&list, "bans");
}

/* False: told. */
static bool read_key(const struct control_line *l, char key[BAN_KEY_MAX], struct strbuf *reply)
{
	const char *text = control_value(l, "key");
	const char *expected = ban_key_parse(text == NULL ? "" : text, key);

	if (expected != NULL)
		control_last(reply, EXIT_USAGE, "found the key \"%s\"; expected %s",
		    text == NULL ? "" : text, expected);
	return expected == NULL;
}

static bool read_action(const struct control_line *l, struct ban *b, struct strbuf *reply)
{
	const char *text = control_value(l, "action");

	for (unsigned i = 0; i <= BAN_HOLD; i++) {
		b->action = (enum ban_action)i;
		if (strcmp(text == NULL ? "refuse" : text, action_names[i]) == 0)
			return true;
	}
	control_last(
	    reply, EXIT_USAGE, "found the action \"%s\"; expected refuse, defer or hold", text);
	return false;
}

static bool may_ban(const struct config *c, const char *key, struct strbuf *reply)
{
	const struct bans_settings *s =
	    (const struct bans_settings *)(const void *)c->settings->bans;
	struct prefix p;

	if (!ban_key_prefix(key, &p) || bans_may(&s->never, &p))
		return true;
	control_last(reply, EXIT_FINDING,
	    "%s is never banned: it touches this host's own addresses, the loopback, or the list "
	    "`never-ban`",
	    key);
	return false;
}

/* --- a login with and without its realm ------------------------------------------------------ */

struct twin {
	const char *key;
	char found[BAN_KEY_MAX]; /* "" none */
};

/* What people call alice is alice@example.com where the mail server's SASL has realms. */
static void note_twin(struct twin *t, const char *key, size_t len)
{
	size_t own = strlen(t->key), shorter = own < len ? own : len;
	const char *longer = own < len ? key : t->key;

	if (t->found[0] == '\0' && own != len && len < sizeof(t->found) &&
	    strncmp(t->key, key, shorter) == 0 && longer[shorter] == '@' &&
	    memchr(t->key, '@', shorter) == NULL)
		memcpy(t->found, key, len);
}

static void note_ban(void *arg, const struct ban *b)
{
	note_twin(arg, b->key, strlen(b->key));
}

/* The first part of a key alone: "login:alice client:192.0.2.7". */
static void note_seen(void *arg, uint64_t limit, const char *key, nsec_t until)
{
	(void)limit;
	(void)until;
	note_twin(arg, key, strcspn(key, " "));
}

void control_ban(const struct config *c, const struct control_line *l, struct strbuf *reply)
{
	const char *reason = control_value(l, "reason"), *by = control_value(l, "by");
	uint64_t lasting = control_number(l, "for", 0);
	struct ban b = {.key = ""};
	struct twin twin = {.key = b.key};
	struct control_list list;

	if (!control_list_begin(&list, c, reply) || !read_key(l, b.key, reply) ||
	    !read_action(l, &b, reply) || !may_ban(c, b.key, reply))
		return;
	if (lasting == 0 || lasting > (uint64_t)(GCRA_HORIZON / NSEC_PER_USEC)) {
		control_last(reply, EXIT_USAGE, "expected a time of at most ten years");
		return;
	}
	snprintf(b.reason, sizeof(b.reason), "%s", reason == NULL ? "" : reason);
	snprintf(b.by, sizeof(b.by), "%s", by == NULL ? "" : by);
	if (bans_set(list.store, &b, (nsec_t)lasting * NSEC_PER_USEC, false, 0, list.now) !=
	    BAN_SET) {
		control_last(reply, EXIT_AGAIN, "the list of bans is held by another process");
		return;
	}
	log_notice("%s is banned by %s (%s): %s", b.key, b.by, action_names[b.action], b.reason);
	write_ban(&list, &b);
	top_each(list.store, list.now, note_seen, &twin);
	if (twin.found[0] != '\0') {
		control_begin(reply, "twin");
		control_text(reply, "key", twin.found);
		control_end(reply);
	}
	control_last(reply, EXIT_OK, "%s is banned", b.key);
}

void control_release(const struct config *c, const struct control_line *l, struct strbuf *reply)
{
	char key[BAN_KEY_MAX];
	struct twin twin = {.key = key};
	struct control_list list;
	size_t forgiven;
	bool held;

	if (!control_list_begin(&list, c, reply) || !read_key(l, key, reply))
		return;
	held = bans_find(list.store, key, list.now, NULL);
	if (held && !bans_release(list.store, key, list.now)) {
		control_last(reply, EXIT_AGAIN, "the list of bans is held by another process");
		return;
	}
	forgiven = held ? limits_forgive(limits_of(c->settings), list.store, key, list.now) : 0;
	if (!held) {
		bans_each(list.store, list.now, note_ban, &twin);
		control_last(reply, EXIT_FINDING, "%s is not banned%s%s%s", key,
		    twin.found[0] == '\0' ? "" : "; ", twin.found,
		    twin.found[0] == '\0' ? "" : " is");
		return;
	}
	log_notice("%s is released; %zu limits begin anew for it", key, forgiven);
	control_begin(reply, "released");
	control_text(reply, "key", key);
	control_count(reply, "limits", forgiven);
	control_end(reply);
	control_last(reply, EXIT_OK, "%s is released", key);
}
