/* How far the MTA's log was read: one short line in a file of its own. */
#ifndef SINK_MAILLOG_STATE_H
#define SINK_MAILLOG_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer is no position file. */
#define MAILLOG_STATE_MAX 8192

struct maillog_state {
	uint64_t inode;
	uint64_t offset; /* of the first line that was not yet handed over */
	uint64_t
	    before; /* maillog_hash() of the bytes before it: the same inode may be another file */
	char path[4096];
};

/* Of up to this many bytes. */
enum { MAILLOG_HASHED = 256 };

/* FNV-1a, 64 bits. */
uint64_t maillog_hash(const char *bytes, size_t len);

/* False when it is no position as maillog_state_save() writes it. */
bool maillog_state_parse(const char *text, size_t len, struct maillog_state *out);

/* False when there is none (errno is ENOENT), or none that can be read (EINVAL for nonsense). */
bool maillog_state_load(const char *file, struct maillog_state *out);

/*
 * Writes beside the file, syncs, renames: after a crash or a power cut there is the
 * old or the new one. False with errno.
 */
bool maillog_state_save(const char *file, const struct maillog_state *s);

#endif
