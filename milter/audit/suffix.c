#include "audit/suffix.h"

#include <libpsl.h>
#include <stddef.h>
#include <string.h>

enum { DOMAIN_MAX = 253 };

bool is_public_suffix(const char *domain)
{
	const psl_ctx_t *list = psl_builtin();
	char lower[DOMAIN_MAX + 1];
	size_t len = strlen(domain);

	if (list == NULL || len == 0 || len > DOMAIN_MAX)
		return false;
	for (size_t i = 0; i <= len; i++)
		lower[i] = (char)(domain[i] >= 'A' && domain[i] <= 'Z' ? domain[i] + 'a' - 'A'
								       : domain[i]);
	return psl_is_public_suffix2(list, lower, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) != 0;
}
