/*
 * How much the keys of accepted mail have had per hour and per day, and limits one could start
 * with. No input or output here.
 */
#ifndef TOOL_SUGGEST_H
#define TOOL_SUGGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "tool/event_line.h"

struct suggest;

/* NULL: no memory. */
struct suggest *suggest_new(void);
void suggest_free(struct suggest **s);

/*
 * Counts an event, if it is that of an accepted recipient. False: memory is exhausted, or there are
 * more than SUGGEST_MAX different keys and hours.
 */
#define SUGGEST_MAX ((size_t)8 << 20)
bool suggest_add(struct suggest *s, const struct event_line *e);

/* So many recipients were counted. */
uint64_t suggest_recipients(const struct suggest *s);

/* Statistics as comments, and sections that `relay-guard check` accepts. */
void suggest_text(struct suggest *s, struct strbuf *b);

/* The same as one JSON object. */
void suggest_json(struct suggest *s, struct strbuf *b);

#endif
