/* Sockets that are moved aside come back. */
#include "../lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/addr.h"
#include "selftest/failover.h"

static char folder[] = "/tmp/relay-guard-test-XXXXXX";
static char one[64], two[64], aside[80];

static void make_socket(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	close(fd);
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static int make(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(one, sizeof(one), "%s/one", folder);
	snprintf(two, sizeof(two), "%s/two", folder);
	snprintf(aside, sizeof(aside), "%s.selftest", one);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	unlink(one);
	unlink(two);
	unlink(aside);
	return rmdir(folder);
}

static void come_back(void **state)
{
	const struct conf_socket sockets[] = {
	    {.kind = CONF_SOCKET_UNIX, .path = one, .text = "unix:one"},
	    {.kind = CONF_SOCKET_UNIX, .path = two, .text = "unix:two"},
	    {.kind = CONF_SOCKET_INET, .host = "127.0.0.1", .port = 1, .text = "inet:127.0.0.1:1"},
	};
	const struct conf_sockets all = {3, sockets};
	char error[FAILOVER_ERROR_SIZE] = "";
	struct failover f;

	(void)state;
	make_socket(one);
	/* `two` is not there: its guard is down already. */
	assert_true(failover_begin(&f, &all, error));
	assert_true(!is_there(one) && is_there(aside) && !is_there(two));
	assert_true(failover_end(&f, error));
	assert_true(is_there(one) && !is_there(aside));
}

static void all_or_none(void **state)
{
	const struct conf_socket sockets[] = {
	    {.kind = CONF_SOCKET_UNIX, .path = one, .text = "unix:one"},
	    {.kind = CONF_SOCKET_UNIX, .path = two, .text = "unix:two"},
	};
	const struct conf_sockets all = {2, sockets};
	char error[FAILOVER_ERROR_SIZE] = "";
	struct failover f;
	FILE *file = fopen(two, "w");

	(void)state;
	assert_non_null(file);
	fclose(file);
	assert_false(failover_begin(&f, &all, error));
	assert_non_null(strstr(error, "/two can't be moved aside"));
	assert_true(is_there(one) && !is_there(aside) && is_there(two));
}

static void a_guard_that_came_back_itself_is_left(void **state)
{
	const struct conf_socket sockets[] = {
	    {.kind = CONF_SOCKET_UNIX, .path = one, .text = "unix:one"}};
	const struct conf_sockets all = {1, sockets};
	char error[FAILOVER_ERROR_SIZE] = "";
	struct failover f;

	(void)state;
	assert_true(failover_begin(&f, &all, error));
	make_socket(one);
	assert_true(failover_end(&f, error));
	assert_true(is_there(one) && !is_there(aside));
}

static void one_that_was_left_aside_comes_back(void **state)
{
	const struct conf_socket sockets[] = {
	    {.kind = CONF_SOCKET_UNIX, .path = one, .text = "unix:one"}};
	const struct conf_sockets all = {1, sockets};
	char error[FAILOVER_ERROR_SIZE] = "";
	struct failover f;

	(void)state;
	assert_int_equal(rename(one, aside), 0);
	assert_true(failover_begin(&f, &all, error));
	assert_true(!is_there(one) && is_there(aside));
	assert_true(failover_end(&f, error));
	assert_true(is_there(one) && !is_there(aside));
}

static void a_guard_that_answers_elsewhere_must_be_stopped(void **state)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	struct conf_socket s = {
	    .kind = CONF_SOCKET_INET, .host = "127.0.0.1", .text = "inet:127.0.0.1:x"};
	const struct conf_sockets all = {1, &s};
	char error[FAILOVER_ERROR_SIZE] = "";
	struct failover f;
	struct addr ignored;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	assert_true(addr_from_sockaddr((const struct sockaddr *)&at, &ignored, &s.port));
	assert_false(failover_begin(&f, &all, error));
	assert_non_null(strstr(error, "stop it first"));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(come_back),
	    cmocka_unit_test(all_or_none),
	    cmocka_unit_test(a_guard_that_came_back_itself_is_left),
	    cmocka_unit_test(one_that_was_left_aside_comes_back),
	    cmocka_unit_test(a_guard_that_answers_elsewhere_must_be_stopped),
	};

	return cmocka_run_group_tests_name("failover", tests, make, drop);
}
