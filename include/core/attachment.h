/* What a check keeps with a session or with a message, until that ends. */
#ifndef CORE_ATTACHMENT_H
#define CORE_ATTACHMENT_H

#include <stdbool.h>

#include "base/arena.h"

/*
 * Gives back what is not in the arena. `accepted`: the message ended with the guard's consent, at
 * its end of message; false on every other path, and for a session.
 */
typedef void attachment_end(void *value, bool accepted);

struct attachment;

struct attachments {
	struct attachment *first;
};

/* What was put under `key`; NULL: nothing. */
void *attachment_get(const struct attachments *list, const void *key);

/*
 * Puts `value` under `key`: any address that is the owner's own, such as its settings, or a static
 * of its file where several checks share it. What was there is ended first. `end` may
 * be NULL. False when memory is exhausted: then `end` is not called.
 */
bool attachment_put(
    struct attachments *list, struct arena *a, const void *key, void *value, attachment_end *end);

/* Ends all, the last one first. The list is then empty. */
void attachments_end(struct attachments *list, bool accepted);

#endif
