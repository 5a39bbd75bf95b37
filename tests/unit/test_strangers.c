#include "../lib/unit.h"

#include <stdio.h>

#include "audit/strangers.h"
#include "audit/suffix.h"

static void domains(void **state)
{
	static const struct {
		const char *domain;
		bool want;
	} cases[] = {
	    {"com", true},
	    {".com", true},
	    {"CO.uk", true},
	    {"xn--p1ai", true},
	    {"github.io", true},
	    {"example.com", false},
	    {"arpa", false},
	    /* A host's short name, which is no top-level domain. */
	    {"debian", false},
	    {"localhost", false},
	    {"node['fqdn']", false},
	    {"", false},
	    {".", false},
	};
	char long_one[300];
	size_t failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strangers_below(cases[i].domain) == cases[i].want)
			continue;
		print_error("%s: want %d\n", cases[i].domain, cases[i].want);
		failed++;
	}
	assert_int_equal(failed, 0);
	snprintf(long_one, sizeof(long_one), "%0253d.com", 0);
	assert_false(is_public_suffix(long_one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(domains)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
