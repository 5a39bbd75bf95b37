#include "daemon/control_list.h"

#include "base/exit.h"
#include "daemon/counters.h"
#include "wire/control.h"

bool control_list_begin(struct control_list *l, const struct config *c, struct strbuf *reply)
{
	*l = (struct control_list){.reply = reply, .store = counters()};
	if (c != NULL && l->store != NULL) {
		l->now = store_now(l->store);
		return true;
	}
	control_last(reply, EXIT_AGAIN,
	    c == NULL ? "the daemon is starting; try again" : "limits and bans are not kept");
	return false;
}

bool control_list_has_room(struct control_list *l)
{
	if (l->reply->len + 2 * (size_t)CONTROL_LINE_MAX <= CONTROL_REPLY_MAX) {
		l->count++;
		return true;
	}
	l->left_out++;
	return false;
}

void control_list_end(const struct control_list *l, const char *what)
{
	if (l->left_out == 0)
		control_last(l->reply, EXIT_OK, "%zu %s", l->count, what);
	else
		control_last(l->reply, EXIT_OK, "%zu %s, and %zu that are left out", l->count, what,
		    l->left_out);
}
