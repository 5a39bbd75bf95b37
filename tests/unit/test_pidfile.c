#include "../lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/pidfile.h"

static char folder[64], path[100];

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test_pidfile.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/guard.pid", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static long content(void)
{
	FILE *f = fopen(path, "r");
	char text[40] = "";

	if (f == NULL)
		return -1;
	if (fgets(text, sizeof(text), f) == NULL)
		text[0] = '\0';
	fclose(f);
	return strtol(text, NULL, 10);
}

static void test_none(void **state)
{
	struct pidfile p;
	struct fault fault = {0};

	(void)state;
	assert_true(pidfile_take(&p, NULL, &fault));
	pidfile_forget(&p);
	pidfile_remove(&p);
}

static void test_comes_and_goes(void **state)
{
	struct pidfile p;
	struct fault fault = {0};

	(void)state;
	assert_true(pidfile_take(&p, path, &fault));
	assert_int_equal(content(), getpid());
	pidfile_remove(&p);
	assert_int_equal(content(), -1);
	/* The folder holds nothing else either. */
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
}

/* flock(2) is between open files, so even the same process is refused. */
static void test_held(void **state)
{
	struct pidfile p, second;
	struct fault fault = {0};

	(void)state;
	assert_true(pidfile_take(&p, path, &fault));
	assert_false(pidfile_take(&second, path, &fault));
	assert_int_equal(fault.code, EXIT_AGAIN);
	assert_non_null(strstr(fault.text, "another relay-guard"));
	pidfile_remove(&second);
	assert_int_equal(content(), getpid());
	pidfile_remove(&p);
}

static void test_killed(void **state)
{
	struct pidfile p;
	struct fault fault = {0};
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(pidfile_take(&p, path, &fault) ? 0 : 1);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(content(), child);
	assert_true(pidfile_take(&p, path, &fault));
	assert_int_equal(content(), getpid());
	pidfile_remove(&p);
}

/* A child that lives on does not hold its parent's file. */
static void test_forgotten(void **state)
{
	struct pidfile p, next;
	struct fault fault = {0};
	int ends[2], forgotten[2];
	pid_t child;
	char c;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pipe(forgotten), 0);
	assert_true(pidfile_take(&p, path, &fault));
	child = fork();
	if (child == 0) {
		close(ends[1]);
		pidfile_forget(&p);
		if (write(forgotten[1], "f", 1) != 1)
			_exit(1);
		_exit(read(ends[0], &c, 1) == 0 ? 0 : 1);
	}
	assert_int_equal(read(forgotten[0], &c, 1), 1);
	/* As when the parent is killed: closed, not removed. */
	pidfile_forget(&p);
	assert_true(pidfile_take(&next, path, &fault));
	pidfile_remove(&next);
	free(p.path);
	close(ends[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(ends[0]);
	close(forgotten[0]);
	close(forgotten[1]);
}

static void test_in_the_way(void **state)
{
	struct pidfile p;
	struct fault fault = {0};

	(void)state;
	assert_int_equal(symlink("/nowhere", path), 0);
	assert_false(pidfile_take(&p, path, &fault));
	assert_int_equal(fault.code, EXIT_CONFIG);
	pidfile_remove(&p);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	fault = (struct fault){0};
	assert_false(pidfile_take(&p, path, &fault));
	assert_int_equal(fault.code, EXIT_CONFIG);
	pidfile_remove(&p);
	assert_int_equal(rmdir(path), 0);
	fault = (struct fault){0};
	assert_false(pidfile_take(&p, "/nowhere/at/all.pid", &fault));
	assert_int_equal(fault.code, EXIT_CONFIG);
	pidfile_remove(&p);
}

/* Whoever it is, it is one: over a file that is there, and over none. */
static void test_race(void **state)
{
	enum { ROUNDS = 40, RACERS = 6 };

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		int start[2], done[2], end[2], winners = 0;
		char c;

		if (round % 2 == 0)
			unlink(path);
		assert_int_equal(pipe(start), 0);
		assert_int_equal(pipe(done), 0);
		assert_int_equal(pipe(end), 0);
		for (int i = 0; i < RACERS; i++) {
			struct pidfile p;
			struct fault fault = {0};

			if (fork() != 0)
				continue;
			close(start[1]);
			close(end[1]);
			if (read(start[0], &c, 1) == 0 && pidfile_take(&p, path, &fault) &&
			    write(done[1], "w", 1) == 1)
				/* Holds it until all have tried. */
				_exit(read(end[0], &c, 1) == 0 ? 0 : 1);
			_exit(write(done[1], "l", 1) == 1 ? 0 : 1);
		}
		close(start[0]);
		close(start[1]);
		for (int i = 0; i < RACERS; i++) {
			assert_int_equal(read(done[0], &c, 1), 1);
			winners += c == 'w';
		}
		close(end[0]);
		close(end[1]);
		for (int i = 0; i < RACERS; i++)
			wait(NULL);
		close(done[0]);
		close(done[1]);
		assert_int_equal(winners, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_none),
	    cmocka_unit_test(test_comes_and_goes),
	    cmocka_unit_test(test_held),
	    cmocka_unit_test(test_killed),
	    cmocka_unit_test(test_forgotten),
	    cmocka_unit_test(test_in_the_way),
	    cmocka_unit_test(test_race),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
