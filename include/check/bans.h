/* bans { ... }: refuses, or holds, what is banned. The first check of all. */
#ifndef CHECK_BANS_H
#define CHECK_BANS_H

#include "base/netset.h"
#include "check/config.h"
#include "conf/schema.h"
#include "core/policy.h"

/* The list `never-ban`, this host's addresses, loopback. */
struct never_banned {
	const struct netset *list; /* NULL: none */
	size_t count;
	const struct addr *own;
};

struct bans_settings {
	struct conf_head head;
	int mode;
	const char *reply_text;
	struct reply reply;
	struct never_banned never;
};

extern const struct check check_bans;
extern const struct conf_schema bans_schema;

bool bans_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out);

/* May a client prefix be banned? Not when it touches what is never banned. */
bool bans_may(const struct never_banned *never, const struct prefix *p);

#endif
