/* A file that its readers see as it was or as it is, and never half written. */
#ifndef BASE_REPLACE_H
#define BASE_REPLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Writes `text` to `path` with these permissions, whole or not at all, in place of what was there;
 * its folder must be writable. What is there and is no file, such as a device or a pipe, stays as
 * it is (ENOTSUP). False: errno says why.
 */
bool replace_file(const char *path, mode_t mode, const char *text, size_t len);

/* The same, and it is the group's before the group may read it; (gid_t)-1: as the folder has it. */
bool replace_file_for(const char *path, mode_t mode, gid_t group, const char *text, size_t len);

#endif
