#include "base/glob.h"

#include <stddef.h>

static char fold(char c, enum glob_case how)
{
	return (char)(how == GLOB_WITHOUT_CASE && c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Every way to split the text is tried from the last `*` on, so the work is bounded. */
bool glob_match(const char *pattern, const char *text, enum glob_case how)
{
	const char *star = NULL, *retry = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			retry = text;
		} else if (fold(*pattern, how) == fold(*text, how)) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star + 1;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
