/* A secret in a folder: written whole, read as it was, and nothing else taken for one. */
#include "../lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"

static char folder[] = "/tmp/relay-guard-test-XXXXXX";
static char path[64];

static int make(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/key", folder);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

static void is_read_as_it_was_made(void **state)
{
	char a[SECRET_SIZE], b[SECRET_SIZE], got[SECRET_SIZE];
	struct stat st;

	(void)state;
	assert_true(secret_make(folder, "key", (gid_t)-1, a));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(secret_read(folder, "key", got));
	assert_true(secret_equal(a, got));
	assert_true(secret_make(folder, "key", getgid(), b));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_true(secret_read(folder, "key", got));
	assert_true(secret_equal(b, got));
	assert_false(secret_equal(a, b));
}

static void nothing_else_is_one(void **state)
{
	static const char digits[] =
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const struct {
		const char *text;
		bool is_one;
	} cases[] = {
	    {"", false},
	    {"\n", false},
	    {"0123\n", false},
	    {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", false},
	    {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeX\n", false},
	    {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0\n", false},
	    {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n\n", false},
	    {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", true},
	};
	char got[SECRET_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		fputs(cases[i].text, f);
		fclose(f);
		if (secret_read(folder, "key", got) != cases[i].is_one)
			fail_msg("case %zu: want %d", i, cases[i].is_one);
		assert_string_equal(got, cases[i].is_one ? digits : "");
	}
	assert_false(secret_read("/nonexistent", "key", got));
	assert_int_equal(errno, ENOENT);
	assert_false(secret_make("/nonexistent", "key", (gid_t)-1, got));
	assert_string_equal(got, "");
}

static void links_are_not_followed(void **state)
{
	char got[SECRET_SIZE], other[80];
	struct stat st;

	(void)state;
	snprintf(other, sizeof(other), "%s/other", folder);
	assert_true(secret_make(folder, "other", (gid_t)-1, got));
	(void)unlink(path);
	assert_int_equal(symlink(other, path), 0);
	assert_false(secret_read(folder, "key", got));
	assert_true(secret_make(folder, "key", (gid_t)-1, got));
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	(void)unlink(other);
}

static void none_is_equal_to_none(void **state)
{
	char a[SECRET_SIZE], b[SECRET_SIZE];

	(void)state;
	memset(a, 'a', sizeof(a) - 1);
	a[sizeof(a) - 1] = '\0';
	memcpy(b, a, sizeof(a));
	assert_true(secret_equal(a, b));
	b[SECRET_SIZE - 2] = 'b';
	assert_false(secret_equal(a, b));
	assert_false(secret_equal("", ""));
	assert_false(secret_equal(NULL, NULL));
	assert_false(secret_equal(a, NULL));
	assert_false(secret_equal("a", a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_read_as_it_was_made),
	    cmocka_unit_test(nothing_else_is_one),
	    cmocka_unit_test(links_are_not_followed),
	    cmocka_unit_test(none_is_equal_to_none),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
