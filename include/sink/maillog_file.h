/* Which file is the log that was followed: it may have been renamed, or copied and truncated. */
#ifndef SINK_MAILLOG_FILE_H
#define SINK_MAILLOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* A place in a file, and how the file is known. */
struct maillog_mark {
	uint64_t inode; /* 0: any file, for a copy has another */
	uint64_t offset;
	uint64_t before; /* maillog_file_hash() of what stands before it */
};

/* For reading. -1 with errno; EINVAL: it is no regular file. */
int maillog_file_open(const char *path, struct stat *st);

/* Of the up to MAILLOG_HASHED bytes before `offset`. */
uint64_t maillog_file_hash(int fd, uint64_t offset);

/* Was it read, or the file that it is a copy of, up to the mark? */
bool maillog_file_has(int fd, const struct stat *st, const struct maillog_mark *mark);

/*
 * Opens the file that has the mark among those whose path begins with `path` (PATH.1,
 * PATH-20261124 ...), the longest if there are several, but never one of inode `but` (0: any).
 * -1: there is none.
 */
int maillog_file_find(
    const char *path, const struct maillog_mark *mark, uint64_t but, struct stat *st);

#endif
