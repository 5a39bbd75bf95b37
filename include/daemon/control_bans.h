/* What the control socket is asked of bans; as daemon/control_limits.h. */
#ifndef DAEMON_CONTROL_BANS_H
#define DAEMON_CONTROL_BANS_H

#include "base/strbuf.h"
#include "check/config.h"
#include "wire/control.h"

/* bans */
void control_bans(const struct config *c, const struct control_line *l, struct strbuf *reply);

/*
 * ban key=K for=MICROSECONDS [action=refuse|defer|hold] [reason=TEXT] [by=NAME]
 *
 * A line `twin` follows where a login was counted lately that differs by its realm alone.
 */
void control_ban(const struct config *c, const struct control_line *l, struct strbuf *reply);

/* release key=K: ends a ban, and forgives what led to it. */
void control_release(const struct config *c, const struct control_line *l, struct strbuf *reply);

#endif
