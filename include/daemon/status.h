/* What `relay-guard status` is told. */
#ifndef DAEMON_STATUS_H
#define DAEMON_STATUS_H

#include "base/clock.h"
#include "base/strbuf.h"
#include "daemon/fault.h"
#include "daemon/generation.h"

/* What became of the last reload. */
struct reload_outcome {
	usec_t at; /* wall clock; 0: there was none */
	int code;
	char text[FAULT_TEXT_MAX];
};

struct daemon_view {
	const char *path; /* of the configuration */
	usec_t started, loaded;
	const struct generation *current, *incoming, *leaving, *proving; /* each may be NULL */
	const struct reload_outcome *reload;
	uint64_t deaths; /* of children that were not told to end */
	bool stopping;
};

/* As lines of the control protocol, without the last. */
void status_write(struct strbuf *b, const struct daemon_view *v);

#endif
