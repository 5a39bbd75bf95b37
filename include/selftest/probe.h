/* The cases of the self-test: what is tried, and what must come out. */
#ifndef SELFTEST_PROBE_H
#define SELFTEST_PROBE_H

#include <stdbool.h>
#include <stddef.h>

enum probe_kind {
	PROBE_RELAY,   /* from a stranger it must be refused */
	PROBE_CONTROL, /* our own domain: it must be accepted from everyone */
};

/*
 * Templates: {ours} a domain of ours, {outside} one that is not, {host} the server's name,
 * {ip} its address. `to` is sent as it stands: brackets belong to it.
 */
struct probe {
	const char *name;
	enum probe_kind kind;
	const char *from, *to;
	const char *says; /* the form in plain words */
};

/* The first one is the plain case, and the one that friends are tried with. */
extern const struct probe probe_table[];
extern const size_t probe_count;

/* What the templates stand for. */
struct probe_names {
	const char *ours, *outside, *host, *ip;
};

/* Writes the expanded template, cut to `size`. */
void probe_expand(const char *template, const struct probe_names *n, char *out, size_t size);

#define PROBE_ADDRESS_MAX 600

#endif
