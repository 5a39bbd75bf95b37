/*
 * What a check does with the message at hand, and its session: keeps something with it, asks for
 * changes, needs no more of its body. Carried out at its end.
 */
#ifndef CORE_MESSAGE_H
#define CORE_MESSAGE_H

#include <stdbool.h>

#include "core/session.h"
#include "core/verdict.h"

/*
 * What a check keeps, until the message (the session) ends: core/attachment.h. A message's ends on
 * every path: at EOM, ABORT, HELO, a refused MAIL, the next MAIL, and with the session. `end` must
 * not use the session.
 */
void *message_attached(const struct session *s, const void *key);
bool message_attach(struct session *s, const void *key, void *value, attachment_end *end);
void *session_attached(const struct session *s, const void *key);
bool session_attach(struct session *s, const void *key, void *value, attachment_end *end);

/*
 * Asks for a change, which is carried out at the end of a message that is accepted: core/change.h.
 * The policy entry must have the right in `rights`. Of a monitored check nothing is kept, and true
 * is returned.
 */
bool message_add_field(struct session *s, const char *name, const char *value);
bool message_insert_field(struct session *s, unsigned index, const char *name, const char *value);
bool message_delete_field(struct session *s, const char *name, unsigned nth);

/* The check that runs needs no more of this message's body. */
void message_skip_body(struct session *s);

/* To be called at EOM before and while something takes seconds. */
void session_progress(const struct session *s);

/* --- for the session itself ---------------------------------------------------- */

/*
 * Keeps a TAG or HOLD: with the message, or for the session's messages when there is none yet.
 * False without memory.
 */
bool message_mark(struct session *s, enum stage stage, const struct verdict *v);

/*
 * At EOM: adds the marks of CONNECT and HELO, and puts what is to be done into *out; out->verdict
 * becomes the strictest mark where that is stricter. False without memory.
 */
bool message_finish(struct session *s, struct decision *out);

#endif
