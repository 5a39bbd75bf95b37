/* What a Debian host's own files tell of a package: the version that is there, and the newest. */
#ifndef AUDIT_PACKAGES_H
#define AUDIT_PACKAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/finding.h"

#define PACKAGE_VERSION_MAX 128

/*
 * The order of versions, [epoch:]upstream[-revision] (deb-version(7), Debian policy 5.6.12):
 * below, equal to or above 0.
 */
int package_version_order(const char *a, const char *b);

/*
 * The highest version of the package `name` in a list of paragraphs, as in dpkg's status file or
 * apt's lists; of the first, only what is installed. `text` need not end with NUL. False: there is
 * none.
 */
bool package_version_in(const char *text, size_t len, const char *name, bool installed,
    char version[PACKAGE_VERSION_MAX]);

/* The version that is installed below `root`, "" for this host. False: none is. */
bool package_installed(const char *root, const char *name, char version[PACKAGE_VERSION_MAX]);

/*
 * Adds version-old, of severity low, where apt's lists below `root` ("" is this host) have a newer
 * version than the one that is installed; a note where lists can't be read. Nothing where the
 * package is not installed.
 */
void package_audit(struct findings *l, const char *root, const char *name);

#endif
