#include "auth/cfws.h"

#include <stddef.h>

static const char *skip_comment(const char *at, const char *end)
{
	size_t depth = 0;

	for (; at < end; at++) {
		if (*at == '\\' && at + 1 < end)
			at++;
		else if (*at == '(')
			depth++;
		else if (*at == ')' && --depth == 0)
			return at + 1;
	}
	return end;
}

const char *cfws_skip(const char *at, const char *end)
{
	for (;;) {
		if (at < end && *at == '(')
			at = skip_comment(at, end);
		else if (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
			at++;
		else
			return at;
	}
}
