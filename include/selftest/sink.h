/* Where the messages of --confirm come out: a server that takes all, in a thread of its own. */
#ifndef SELFTEST_SINK_H
#define SELFTEST_SINK_H

#include <stdbool.h>

#include "base/clock.h"
#include "selftest/channel.h"

struct sink;

/* NULL, and `error` in words, when the address can't be had. */
struct sink *sink_open(const struct endpoint *at, char error[CHANNEL_ERROR_SIZE]);

/*
 * Has a message been relayed: did one come out with `word` in it, for a recipient that is not of
 * the domain `ours`? One that tells its sender of a message that was not delivered has the null
 * sender, and the word behind its own header: that is none. Waits for it until `deadline`
 * (monotonic).
 */
bool sink_has_relayed(struct sink *s, const char *word, const char *ours, usec_t deadline);

/* Has a message come out whose content begins with `word`, or with it in its envelope? Waits too.
 */
bool sink_has_first(struct sink *s, const char *word, usec_t deadline);

/* Is there one that tells its sender of a message with `word`? Does not wait. */
bool sink_has_return(struct sink *s, const char *word);

/* *s becomes NULL. */
void sink_close(struct sink **s);

#endif
