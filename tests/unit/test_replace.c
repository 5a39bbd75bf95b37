#include "../lib/unit.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/replace.h"

static char folder[] = "/tmp/relay-guard-test-XXXXXX";

static void writes_whole_or_not(void **state)
{
	char path[64], pattern[64];
	struct stat st;
	glob_t left;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/report", folder);
	snprintf(pattern, sizeof(pattern), "%s/*", folder);
	assert_true(replace_file(path, 0640, "one", 3));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_true(replace_file(path, 0644, "three", 5));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 5);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(unlink(path), 0);
	/* A folder is not replaced, and nothing is left beside it. */
	assert_int_equal(mkdir(path, 0700), 0);
	assert_false(replace_file(path, 0644, "x", 1));
	assert_int_equal(errno, EISDIR);
	assert_int_equal(glob(pattern, 0, NULL, &left), 0);
	assert_int_equal(left.gl_pathc, 1);
	globfree(&left);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_false(replace_file("/nonexistent/report", 0644, "x", 1));
	assert_int_equal(errno, ENOENT);
}

/* Everybody's. */
static void leaves_devices_alone(void **state)
{
	char path[64], real[64];
	struct stat st;

	(void)state;
	strcpy(folder, "/tmp/relay-guard-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/report", folder);
	snprintf(real, sizeof(real), "%s/real", folder);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_false(replace_file(path, 0644, "x", 1));
	assert_int_equal(errno, ENOTSUP);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(replace_file(path, 0644, "x", 1));
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(unlink(path), 0);
	/* A link is replaced, and what it leads to is not written to. */
	assert_true(replace_file(real, 0644, "old", 3));
	assert_int_equal(symlink(real, path), 0);
	assert_true(replace_file(path, 0644, "newer", 5));
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(stat(real, &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(real), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_whole_or_not),
	    cmocka_unit_test(leaves_devices_alone),
	};

	return cmocka_run_group_tests_name("replace", tests, NULL, NULL);
}
