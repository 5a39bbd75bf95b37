/* A word that only those can know who may read a folder: who shows it may do what they may. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <sys/types.h>

/* 256 bits in hexadecimal digits, and the NUL. */
#define SECRET_SIZE 65

/*
 * Makes a new one and writes it to `name` in the folder `dir`, whole or not at all, in the place of
 * an older one; for its owner and, unless it is (gid_t)-1, the group `group` to read. Links are not
 * followed. False with errno, and `out` is "", when it fails.
 */
bool secret_make(const char *dir, const char *name, gid_t group, char out[SECRET_SIZE]);

/* False with errno, and `out` is "": it can't be read, or is none (EINVAL). */
bool secret_read(const char *dir, const char *name, char out[SECRET_SIZE]);

/* Are they equal? In a time that does not tell where they differ. No secret is "" or NULL. */
bool secret_equal(const char *a, const char *b);

#endif
