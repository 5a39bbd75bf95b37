/*
 * Any bytes as an address. An address is ambiguous, and then shows nothing; or it has one
 * reading, and then reading what it shows gives the same again.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../lib/require.h"
#include "base/names.h"
#include "core/mailaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_domain(const struct mailaddr *m)
{
	char again[NAME_SIZE];

	if (*m->domain == '\0')
		return;
	require(m->literal.family == ADDR_NONE, "a domain or a literal");
	require(
	    name_canonical(m->domain, strlen(m->domain), again) == NAME_OK, "a domain is a name");
	require(strcmp(again, m->domain) == 0, "a domain is canonical");
}

static void check_again(const struct mailaddr *m, struct arena *a)
{
	char literal[ADDR_TEXT_MAX], *text;
	struct mailaddr again;

	addr_format(&m->literal, literal);
	if (m->literal.family != ADDR_NONE)
		text = arena_printf(a, "<%s@[%s%s]>", m->local,
		    m->literal.family == ADDR_V6 ? "IPv6:" : "", literal);
	else
		text = arena_printf(a, "<%s%s%s>", m->local, *m->domain ? "@" : "", m->domain);
	require(text != NULL, "memory");
	require(mailaddr_parse(text, strlen(text), a, &again), "memory");
	/* An A-label can be longer than what was written. */
	if ((again.forms & MAILADDR_TOO_LONG) != 0)
		return;
	require(mailaddr_is_single(&again), "what has one reading keeps one");
	require(strcmp(again.local, m->local) == 0, "the local part stays");
	require(strcmp(again.domain, m->domain) == 0, "the domain stays");
	require(addr_equal(&again.literal, &m->literal), "the literal stays");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = {0};
	struct mailaddr m;
	char forms[16];

	require(mailaddr_parse((const char *)data, size, &a, &m), "memory");
	mailaddr_forms_text(m.forms, forms, sizeof(forms));
	if (mailaddr_is_single(&m)) {
		require(strpbrk(m.local, "@%!\"\\()<>[]:;, \r\n\t") == NULL, "no odd local part");
		check_domain(&m);
		check_again(&m, &a);
	} else {
		require(*m.local == '\0' && *m.domain == '\0', "nothing is shown");
		require(m.literal.family == ADDR_NONE, "no literal is shown");
	}
	arena_free(&a);
	return 0;
}
