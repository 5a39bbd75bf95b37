/* Macros: what the checks accept is expanded, within its bounds. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/spf_macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *validated(void *arg, const char *domain)
{
	(void)arg;
	return domain;
}

/* The text, and behind the first NUL the sender. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1), name[DNS_NAME_SIZE];
	struct strbuf out = {.max = 2000};
	struct spf_macro_env env = {
	    .sender_domain = "sender.example",
	    .domain = "record.example",
	    .helo = "helo.example",
	    .receiver = "here.example",
	    .client = {.family = size % 2 == 0 ? ADDR_V4 : ADDR_V6, .bytes = {192, 0, 2, 1}},
	    .validated = validated,
	};
	size_t len;

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	copy[size] = '\0';
	len = strlen(copy);
	env.sender = env.local = len < size ? copy + len + 1 : "x";
	if (spf_macro_check_domain(copy, len)) {
		if (!spf_macro_check(copy, len, SPF_MACRO_DOMAIN) ||
		    !spf_macro_check(copy, len, SPF_MACRO_MODIFIER) ||
		    !spf_macro_domain(copy, len, &env, name) || strlen(name) > 253)
			abort();
	}
	if (spf_macro_check(copy, len, SPF_MACRO_EXPLAIN) &&
	    !spf_macro_expand(copy, len, &env, &out) && !out.failed)
		abort();
	strbuf_free(&out);
	free(copy);
	return 0;
}
