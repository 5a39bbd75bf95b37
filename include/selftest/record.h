/* What an auditor wants to know of a run: when, where, and with which configuration. */
#ifndef SELFTEST_RECORD_H
#define SELFTEST_RECORD_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/clock.h"
#include "check/config.h"

/* "sha256:" and 64 digits. */
#define RECORD_HASH_SIZE 72

struct record_file {
	const char *path;
	char hash[RECORD_HASH_SIZE]; /* "" when it can't be read any more */
};

struct record {
	char time[CLOCK_TEXT_MAX];
	char host[256];
	const struct record_file *files; /* the configuration's, includes and lists too */
	size_t file_count;
};

/* `config` may be NULL. False: no memory. */
bool record_make(struct record *r, struct arena *a, const struct config *config, usec_t now);

#endif
