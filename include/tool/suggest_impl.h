/* What suggest.c counts, for suggest_print.c. Nobody else includes this. */
#ifndef TOOL_SUGGEST_IMPL_H
#define TOOL_SUGGEST_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "tool/suggest.h"

enum key_kind {
	KEY_LOGIN,
	KEY_CLIENT,
	KEY_CLIENT_NET,
	KEY_SENDER,
	KEY_SENDER_DOMAIN,
	KEY_RECIPIENT,
	KEY_RECIPIENT_DOMAIN,
	KEY_KINDS,
};

enum measure { RECIPIENTS, MESSAGES, NETWORKS, MEASURES };
enum period { HOUR, DAY, PERIODS };

enum { KEY_MAX = 400 };

/* A key within an hour or a day. */
struct bucket {
	uint64_t hash;    /* 0: free */
	uint64_t message; /* the last that was counted */
	uint32_t counts[MEASURES];
	uint8_t kind; /* KEY_KINDS: no key, only a mark that something was there */
	uint8_t period;
};

struct busiest {
	uint32_t count;
	int64_t at; /* seconds */
	char key[KEY_MAX];
};

struct suggest {
	size_t count, room; /* a power of two */
	struct bucket *buckets;
	uint64_t recipients;
	usec_t first, last;
	struct busiest busiest[KEY_KINDS][MEASURES][PERIODS];
};

/* What is counted of a kind, a measure and a period. */
struct summary {
	size_t buckets;
	uint32_t p50, p95, p99;
	const struct busiest *busiest;
};

/*
 * Over the hours or days in which keys of this kind had any. False: memory is exhausted.
 * O(buckets log buckets).
 */
bool suggest_summarize(
    const struct suggest *s, unsigned kind, unsigned measure, unsigned period, struct summary *out);

#endif
