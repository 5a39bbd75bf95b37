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
 * Has a message come out with `word` in its envelope or its content? Waits for it until `deadline`
 * (monotonic).
 */
bool sink_has(struct sink *s, const char *word, usec_t deadline);

/* The same of a message whose content begins with `word`, or has it in its envelope. */
bool sink_has_first(struct sink *s, const char *word, usec_t deadline);

/* *s becomes NULL. */
void sink_close(struct sink **s);

#endif
