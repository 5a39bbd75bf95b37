/* Patterns in which `*` stands for any characters. */
#ifndef BASE_GLOB_H
#define BASE_GLOB_H

#include <stdbool.h>

enum glob_case { GLOB_WITH_CASE, GLOB_WITHOUT_CASE };

/*
 * Does all of `text` match? `*` is the only special character, and case is that of ASCII. Takes
 * strlen(pattern) * strlen(text) steps at most.
 */
bool glob_match(const char *pattern, const char *text, enum glob_case how);

#endif
