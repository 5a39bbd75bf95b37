#include "../lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sink/notices.h"

static char dir[] = "/tmp/test_notices.XXXXXX";

static const struct event notice = {.time = 1,
    .stage = "rcpt",
    .verdict = "hold",
    .by = "guard",
    .limit = "account",
    .notify = true};
static const struct event other = {.time = 1, .stage = "rcpt", .verdict = "hold", .by = "guard"};

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static int reader(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct timeval second = {1, 0};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)), 0);
	return fd;
}

static void expect(int fd, const char *words)
{
	char text[2000] = "";
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	assert_true(n > 0);
	assert_non_null(strstr(text, words));
	assert_int_equal(text[n - 1], '\n');
	assert_ptr_equal(strchr(text, '\n'), text + n - 1);
}

static void file(void **state)
{
	struct notices *n;
	char path[64], line[2000] = "";
	const char *error;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/notices", dir);
	n = notices_open(path, 0640, &error);
	assert_non_null(n);
	notices_write(n, &other);
	notices_write(n, &notice);
	notices_write(n, &other);
	assert_true(notices_flush(n, 3000));
	notices_close(&n);
	assert_null(n);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_non_null(strstr(line, "\"limit\":\"account\""));
	assert_null(fgets(line, sizeof(line), f));
	fclose(f);
	unlink(path);
}

/* The reader comes late, goes, and comes again. */
static void socket_that_comes_and_goes(void **state)
{
	char path[64], target[80];
	struct notices *n;
	const char *error;

	(void)state;
	snprintf(path, sizeof(path), "%s/reader", dir);
	snprintf(target, sizeof(target), "unix:%s", path);
	n = notices_open(target, 0640, &error);
	assert_non_null(n);
	notices_write(n, &notice);
	for (int i = 0; i < 2; i++) {
		int fd = reader(path);

		notices_write(n, &other);
		notices_write(n, &notice);
		expect(fd, "\"notify\":true");
		close(fd);
		unlink(path);
		notices_write(n, &notice);
	}
	notices_close(&n);
}

/* A reader that does not read holds nobody up. */
static void deaf_reader(void **state)
{
	char path[64], target[80];
	struct notices *n;
	const char *error;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/deaf", dir);
	snprintf(target, sizeof(target), "unix:%s", path);
	fd = reader(path);
	n = notices_open(target, 0640, &error);
	assert_non_null(n);
	for (int i = 0; i < 100000; i++)
		notices_write(n, &notice);
	expect(fd, "\"notify\":true");
	notices_close(&n);
	close(fd);
	unlink(path);
}

static void what_can_not_be(void **state)
{
	char target[300] = "unix:/";
	const char *error = NULL;

	(void)state;
	memset(target + 6, 'x', 200);
	target[206] = '\0';
	assert_null(notices_open(target, 0640, &error));
	assert_string_equal(error, "is no path that a socket can have");
	assert_null(notices_open("unix:", 0640, &error));
	assert_null(notices_open("/nowhere/at/all", 0640, &error));
	assert_non_null(strstr(error, "its directory does not exist"));
	notices_write(NULL, &notice);
	assert_true(notices_flush(NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(file),
	    cmocka_unit_test(socket_that_comes_and_goes),
	    cmocka_unit_test(deaf_reader),
	    cmocka_unit_test(what_can_not_be),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
