/* Public suffixes: what anybody can register a name below (publicsuffix.org). */
#ifndef AUDIT_SUFFIX_H
#define AUDIT_SUFFIX_H

#include <stdbool.h>

/*
 * Is it a top-level domain, or another suffix of the list: com, co.uk, github.io? Compared without
 * case, as A-labels or UTF-8, without dots at either end. A label that is on no list is none.
 */
bool is_public_suffix(const char *domain);

#endif
