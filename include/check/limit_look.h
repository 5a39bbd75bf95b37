/* What limits have counted of a key: for people who ask, and to forget it. */
#ifndef CHECK_LIMIT_LOOK_H
#define CHECK_LIMIT_LOOK_H

#include "base/arena.h"
#include "check/limit.h"
#include "limit/store.h"

/* One limit, one of its windows, one key. */
struct limit_view {
	const struct limit_settings *limit;
	const struct limit_window *window; /* NULL: sessions, which have none */
	const char *key;                   /* limit_subject.text */
	uint64_t count;                    /* owed, seated, or there at the moment */
	uint64_t max;
	nsec_t wait; /* until one more is admitted; 0: now, or it is not known */
};

/* "recipients", "distinct client-net" */
#define LIMIT_COUNT_NAME_MAX 40
void limit_count_name(const struct limit_settings *l, char out[LIMIT_COUNT_NAME_MAX]);

/* "defer", "ban" */
const char *limit_action_name(const struct limit_settings *l);

/* All limits of a configuration; NULL: it has none. */
const struct limits *limits_of(const struct settings *s);

/*
 * What limits have counted of `text`: a key as an event has it ("login:alice", "login:alice
 * client:192.0.2.1"), an address or prefix, or any value, which is then looked for under each kind
 * of key. An address is looked for with all the prefixes that cover it. Returns false when no limit
 * counts by it. Nothing is charged.
 */
bool limits_look(const struct limits *all, struct store *s, const char *text, nsec_t now,
    void (*each)(void *arg, const struct limit_view *v), void *arg);

/* One that top_each() has told; false when no limit of the configuration has it now. */
bool limits_look_at(const struct limits *all, struct store *s, uint64_t window, const char *key,
    nsec_t now, struct limit_view *out);

/*
 * Of each limit that bans or suspends: what it counted of a key is forgiven, so that who
 * is released is not caught by the next message. Returns how many had counted something.
 */
size_t limits_forgive(const struct limits *all, struct store *s, const char *text, nsec_t now);

#endif
