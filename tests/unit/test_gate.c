#include "../lib/unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/gate.h"
#include "daemon/probe.h"

/*
 * In libmilter's place: a thread that waits five seconds at a time for a descriptor that it does
 * not know to change, and takes what comes. It answers each first frame with `answer`.
 */
static struct acceptor {
	struct gate gate;
	pthread_t thread;
	int fd, listener;
	char scratch[100];
	unsigned cap;
	const char *answer; /* NULL: nothing is said */
	atomic_int ready, ending;
	atomic_uint accepted;
	int taken[64];
} acceptor;

static char folder[64];

static void accept_one(struct acceptor *a)
{
	int fd = accept(a->fd, NULL, NULL);

	if (fd < 0)
		return;
	a->taken[a->accepted++ % 64] = fd;
	if (a->answer != NULL)
		(void)!write(fd, a->answer, 5);
}

static void *accept_all(void *arg)
{
	struct acceptor *a = arg;

	a->ready = gate_open(&a->gate, a->fd, a->listener, a->scratch, a->cap) ? 1 : -1;
	while (!a->ending) {
		struct pollfd p = {.fd = a->fd, .events = POLLIN};

		if (poll(&p, 1, 5000) > 0)
			accept_one(a);
	}
	return NULL;
}

static int listening_socket(int family, const char *path)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr *name = (struct sockaddr *)&un;
	socklen_t len = sizeof(un);
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (family == AF_INET) {
		name = (struct sockaddr *)&in;
		len = sizeof(in);
	} else if (family == AF_INET6) {
		name = (struct sockaddr *)&in6;
		len = sizeof(in6);
	} else {
		snprintf(un.sun_path, sizeof(un.sun_path), "%s/%s", folder, path);
		unlink(un.sun_path);
	}
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, name, len), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static void wait_ms(int ms)
{
	poll(NULL, 0, ms);
}

static void begin(int family, unsigned cap, const char *answer)
{
	acceptor = (struct acceptor){.cap = cap, .answer = answer};
	snprintf(acceptor.scratch, sizeof(acceptor.scratch), "%s/scratch", folder);
	acceptor.listener = listening_socket(family, "listener");
	acceptor.fd = listening_socket(AF_UNIX, "throw-away");
	assert_int_equal(pthread_create(&acceptor.thread, NULL, accept_all, &acceptor), 0);
	while (acceptor.ready == 0)
		wait_ms(1);
	assert_int_equal(acceptor.ready, 1);
	/* It sleeps in poll(2) now, which is what makes it hard. */
	wait_ms(20);
}

static void finish(void)
{
	acceptor.ending = 1;
	pthread_kill(acceptor.thread, SIGUSR1);
	pthread_join(acceptor.thread, NULL);
	for (unsigned i = 0; i < acceptor.accepted; i++)
		close(acceptor.taken[i]);
	if (acceptor.gate.listener >= 0)
		close(acceptor.gate.listener);
	close(acceptor.gate.blind);
	close(acceptor.fd);
	pthread_mutex_destroy(&acceptor.gate.lock);
}

static int connect_as(const struct sockaddr_storage *name, socklen_t len)
{
	int fd = socket(name->ss_family, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	if (connect(fd, (const struct sockaddr *)name, len) == 0)
		return fd;
	close(fd);
	return -1;
}

static int client(void)
{
	return connect_as(&acceptor.gate.name, acceptor.gate.name_len);
}

static int client_of(int listener)
{
	struct sockaddr_storage name = {0};
	socklen_t len = sizeof(name);

	assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &len), 0);
	return connect_as(&name, len);
}

/* Within a second, which is much sooner than poll(2) looks by itself. */
static bool gets_accepted(unsigned count)
{
	for (int i = 0; i < 1000 && acceptor.accepted < count; i++)
		wait_ms(1);
	return acceptor.accepted == count;
}

static bool stays_accepted(unsigned count)
{
	wait_ms(100);
	return acceptor.accepted == count;
}

static void test_opens(void **state)
{
	int a, b;

	(void)state;
	begin(AF_UNIX, 10, NULL);
	a = client();
	assert_true(gets_accepted(1));
	b = client();
	assert_true(gets_accepted(2));
	assert_int_equal(gate_connections(&acceptor.gate), 2);
	close(a);
	close(b);
	finish();
}

static void test_cap(void **state)
{
	int fds[6];

	(void)state;
	begin(AF_UNIX, 4, NULL);
	for (unsigned i = 0; i < 4; i++) {
		fds[i] = client();
		assert_true(gets_accepted(i + 1));
		gate_enter(&acceptor.gate);
	}
	for (unsigned i = 4; i < 6; i++)
		fds[i] = client();
	assert_true(stays_accepted(4));
	gate_leave(&acceptor.gate);
	assert_true(gets_accepted(6));
	for (unsigned i = 0; i < 6; i++)
		close(fds[i]);
	finish();
}

static void test_shows_another(void **state)
{
	int other, to_other, to_listener;

	(void)state;
	begin(AF_UNIX, 1, NULL);
	other = listening_socket(AF_UNIX, "other");
	to_other = client_of(other);
	assert_true(stays_accepted(0));
	assert_true(gate_show(&acceptor.gate, other));
	assert_true(gets_accepted(1));
	/* What comes over it does not shut the gate, though the cap is one. */
	gate_enter(&acceptor.gate);
	to_listener = client();
	assert_true(stays_accepted(1));
	gate_hide(&acceptor.gate);
	assert_true(gets_accepted(2));
	gate_leave(&acceptor.gate);
	close(to_listener);
	close(to_other);
	close(other);
	finish();
}

static void test_shows_another_while_shut(void **state)
{
	int other, to_other, first, second;

	(void)state;
	begin(AF_UNIX, 1, NULL);
	first = client();
	assert_true(gets_accepted(1));
	gate_enter(&acceptor.gate);
	second = client();
	assert_true(stays_accepted(1));
	other = listening_socket(AF_UNIX, "other");
	to_other = client_of(other);
	assert_true(gate_show(&acceptor.gate, other));
	assert_true(gets_accepted(2));
	gate_hide(&acceptor.gate);
	assert_true(stays_accepted(2));
	gate_leave(&acceptor.gate);
	assert_true(gets_accepted(3));
	close(first);
	close(second);
	close(to_other);
	close(other);
	finish();
}

/* A socket that is closed everywhere refuses at once: nothing sleeps on it any more. */
static void test_closes(void **state)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6};

	(void)state;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		usec_t began;
		int fd, other;

		begin(families[i], 10, NULL);
		fd = client();
		assert_true(gets_accepted(1));
		began = clock_monotonic();
		gate_close(&acceptor.gate);
		while ((other = client()) >= 0 && clock_monotonic() - began < 5 * USEC_PER_SEC) {
			close(other);
			wait_ms(1);
		}
		assert_int_equal(other, -1);
		assert_true(clock_monotonic() - began < USEC_PER_SEC);
		/* Idempotent, and for good. */
		gate_close(&acceptor.gate);
		assert_false(gate_show(&acceptor.gate, acceptor.fd));
		/* The session is still counted, by the name that the listener had. */
		assert_true(gate_connections(&acceptor.gate) >= 1);
		close(fd);
		finish();
	}
}

static void test_probe(void **state)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6};

	(void)state;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		int cancel[2], fd;
		char path[200];

		assert_int_equal(pipe(cancel), 0);
		begin(families[i], 1, "\0\0\0\x0dO");
		for (unsigned n = 1; n <= 5; n++) {
			enum probe got =
			    probe_run(&acceptor.gate, acceptor.scratch, cancel[0], 3000);

			if (got != PROBE_ANSWERED)
				fail_msg("family %d, probe %u: got %d", families[i], n, got);
			assert_int_equal(acceptor.accepted, n);
		}
		/* What it needed is gone, and the listener is back. */
		snprintf(path, sizeof(path), "%s/scratch", folder);
		assert_int_not_equal(access(path, F_OK), 0);
		fd = client();
		assert_true(gets_accepted(6));
		close(fd);
		gate_close(&acceptor.gate);
		assert_int_equal(
		    probe_run(&acceptor.gate, acceptor.scratch, cancel[0], 3000), PROBE_NOT_TRIED);
		finish();
		close(cancel[0]);
		close(cancel[1]);
	}
}

static void test_probe_of_the_silent(void **state)
{
	static const char *const answers[] = {NULL, "\0\0\0\x01r"};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		usec_t began;
		int cancel[2];

		assert_int_equal(pipe(cancel), 0);
		begin(AF_UNIX, 10, answers[i]);
		began = clock_monotonic();
		assert_int_equal(
		    probe_run(&acceptor.gate, acceptor.scratch, cancel[0], 200), PROBE_SILENT);
		assert_true(clock_monotonic() - began < 2 * USEC_PER_SEC);
		finish();
		close(cancel[0]);
		close(cancel[1]);
	}
}

static void test_probe_is_called_off(void **state)
{
	usec_t began;
	int cancel[2];

	(void)state;
	assert_int_equal(pipe(cancel), 0);
	begin(AF_UNIX, 10, NULL);
	assert_int_equal(write(cancel[1], "D", 1), 1);
	began = clock_monotonic();
	assert_int_equal(
	    probe_run(&acceptor.gate, acceptor.scratch, cancel[0], 10000), PROBE_NOT_TRIED);
	assert_true(clock_monotonic() - began < 2 * USEC_PER_SEC);
	finish();
	close(cancel[0]);
	close(cancel[1]);
}

static void test_probe_where_no_socket_can_be_made(void **state)
{
	(void)state;
	begin(AF_UNIX, 10, NULL);
	assert_int_equal(probe_run(&acceptor.gate, "/nowhere/at/all", -1, 10000), PROBE_NOT_TRIED);
	finish();
}

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test_gate.XXXXXX");
	return mkdtemp(folder) == NULL;
}

static int teardown(void **state)
{
	static const char *const names[] = {"listener", "throw-away", "other"};
	char path[200];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_opens),
	    cmocka_unit_test(test_cap),
	    cmocka_unit_test(test_shows_another),
	    cmocka_unit_test(test_shows_another_while_shut),
	    cmocka_unit_test(test_closes),
	    cmocka_unit_test(test_probe),
	    cmocka_unit_test(test_probe_of_the_silent),
	    cmocka_unit_test(test_probe_is_called_off),
	    cmocka_unit_test(test_probe_where_no_socket_can_be_made),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
