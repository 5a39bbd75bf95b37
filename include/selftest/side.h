/* What is found on the way, besides who can relay. */
#ifndef SELFTEST_SIDE_H
#define SELFTEST_SIDE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/severity.h"

/* One that is SEVERITY_HIGH is as wrong as a wrong row. */
struct side_finding {
	enum severity severity;
	const char *where; /* address and port, or a domain */
	const char *name;  /* static: one word, as for a machine */
	const char *text;  /* what it is, and what to do, in one or two sentences; raw */
};

#define SIDE_FINDINGS_MAX 256

struct side_findings {
	struct arena arena;
	size_t count;
	struct side_finding items[SIDE_FINDINGS_MAX];
	bool failed; /* no memory */
};

/* What is more than SIDE_FINDINGS_MAX is dropped. */
void side_add(struct side_findings *f, enum severity severity, const char *where, const char *name,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

size_t side_count(const struct side_findings *f, enum severity s);

void side_free(struct side_findings *f);

#endif
