/*
 * A reply that is a list: as many lines as have room, and how many have not. Only files of
 * daemon/control_*.c include this.
 */
#ifndef DAEMON_CONTROL_LIST_H
#define DAEMON_CONTROL_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"
#include "check/config.h"
#include "limit/store.h"

struct control_list {
	struct strbuf *reply;
	struct store *store;
	nsec_t now; /* the store's */
	size_t count, left_out;
};

/* False: there is no configuration (`c` is NULL) or no store, which the reply tells. */
bool control_list_begin(struct control_list *l, const struct config *c, struct strbuf *reply);

/* Counts one line, which is to be written if true; else there is no room for it and the last. */
bool control_list_has_room(struct control_list *l);

/* The last line: how many of `what` there are. */
void control_list_end(const struct control_list *l, const char *what);

#endif
