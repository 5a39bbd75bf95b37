#include "../lib/unit.h"

#include <string.h>

#include "base/siphash.h"

/*
 * SipHash-1-3 of the bytes 00, 00 01, ... under the key 00 01 ... 0f, as Rust's and OpenBSD's
 * implementations have it.
 */
static const uint64_t want[] = {
    UINT64_C(0xabac0158050fc4dc),
    UINT64_C(0xc9f49bf37d57ca93),
    UINT64_C(0x82cb9b024dc7d44d),
    UINT64_C(0x8bf80ab8e7ddf7fb),
    UINT64_C(0xcf75576088d38328),
    UINT64_C(0xdef9d52f49533b67),
    UINT64_C(0xc50d2b50c59f22a7),
    UINT64_C(0xd3927d989bb11140),
    UINT64_C(0x369095118d299a8e),
    UINT64_C(0x25a48eb36c063de4),
};

static void vectors(void **state)
{
	struct siphash_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
	unsigned char bytes[sizeof(want) / sizeof(want[0])];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		uint64_t got = siphash(&key, bytes, i);

		bytes[i] = (unsigned char)i;
		if (got != want[i])
			fail_msg("%zu bytes: got %016llx, want %016llx", i, (unsigned long long)got,
			    (unsigned long long)want[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(vectors)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
