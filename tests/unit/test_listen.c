#include "../lib/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "daemon/listen.h"

static const struct listen_options mode_0600 = {0600, (uid_t)-1, (gid_t)-1};
static char folder[64];

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test_listen.XXXXXX");
	return mkdtemp(folder) == NULL;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(folder);
}

/* The sockets of `texts`, of which %s is the folder. */
struct wanted {
	struct arena arena;
	struct conf_sockets sockets;
	struct conf_socket items[4];
	char texts[4][200];
};

static void want(struct wanted *w, const char *const *texts)
{
	*w = (struct wanted){.sockets = {.items = w->items}};
	for (; *texts != NULL; texts++) {
		size_t n = w->sockets.count++;
		bool in_folder = strncmp(*texts, "unix:DIR", 8) == 0;

		snprintf(w->texts[n], sizeof(w->texts[n]), "%s%s%s", in_folder ? "unix:" : "",
		    in_folder ? folder : "", in_folder ? *texts + 8 : *texts);
		assert_null(conf_socket_parse(w->texts[n], &w->arena, &w->items[n]));
	}
}

static bool open_all(struct listeners *l, const char *const *texts, const struct listeners *have,
    struct fault *fault)
{
	struct wanted w;
	bool ok;

	want(&w, texts);
	*fault = (struct fault){0};
	ok = listeners_open(l, &w.sockets, have, &mode_0600, fault);
	arena_free(&w.arena);
	return ok;
}

/* -1 when nobody listens. */
static int connect_to(int listener)
{
	struct sockaddr_storage name = {0};
	socklen_t len = sizeof(name);
	int fd;

	assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &len), 0);
	fd = socket(name.ss_family, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	if (connect(fd, (struct sockaddr *)&name, len) == 0)
		return fd;
	close(fd);
	return -1;
}

static int accept_from(int listener)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};

	assert_int_equal(poll(&p, 1, 5000), 1);
	return accept(listener, NULL, NULL);
}

static void assert_serves(int listener)
{
	int client = connect_to(listener), server;

	assert_true(client >= 0);
	server = accept_from(listener);
	assert_true(server >= 0);
	close(client);
	close(server);
}

static void test_each_kind(void **state)
{
	const char *const texts[] = {"unix:DIR/a.sock", "inet:127.0.0.1:0", "inet6:[::1]:0", NULL};
	struct listeners l;
	struct fault fault;
	struct stat st;

	(void)state;
	if (!open_all(&l, texts, NULL, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(l.count, 3);
	for (size_t i = 0; i < l.count; i++) {
		assert_true((fcntl(l.items[i].fd, F_GETFL) & O_NONBLOCK) != 0);
		assert_true((fcntl(l.items[i].fd, F_GETFD) & FD_CLOEXEC) != 0);
		assert_serves(l.items[i].fd);
	}
	assert_non_null(l.items[0].path);
	assert_null(l.items[1].path);
	assert_int_equal(lstat(l.items[0].path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	listeners_close(&l, NULL);
	assert_int_equal(l.count, 0);
}

/* Small writes without an answer in between would wait for Nagle. */
static void test_no_delay_is_inherited(void **state)
{
	const char *const texts[] = {"inet:127.0.0.1:0", NULL};
	socklen_t len = sizeof(int);
	int client, server, value = 0;
	struct listeners l;
	struct fault fault;

	(void)state;
	assert_true(open_all(&l, texts, NULL, &fault));
	client = connect_to(l.items[0].fd);
	server = accept_from(l.items[0].fd);
	assert_int_equal(getsockopt(server, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
	assert_int_not_equal(value, 0);
	close(client);
	close(server);
	listeners_close(&l, NULL);
}

static void test_taken_over(void **state)
{
	const char *const before_texts[] = {"unix:DIR/a.sock", "unix:DIR/b.sock", NULL};
	const char *const after_texts[] = {"unix:DIR/c.sock", "unix:DIR/a.sock", NULL};
	struct listeners before, after;
	char kept[100], dropped[100];
	struct fault fault;

	(void)state;
	snprintf(kept, sizeof(kept), "%s/a.sock", folder);
	snprintf(dropped, sizeof(dropped), "%s/b.sock", folder);
	assert_true(open_all(&before, before_texts, NULL, &fault));
	assert_true(open_all(&after, after_texts, &before, &fault));
	assert_int_equal(after.items[1].fd, before.items[0].fd);
	listeners_close(&before, &after);
	assert_int_equal(access(kept, F_OK), 0);
	assert_int_not_equal(access(dropped, F_OK), 0);
	assert_serves(after.items[1].fd);
	listeners_close(&after, NULL);
	assert_int_not_equal(access(kept, F_OK), 0);
}

/* A configuration that can't be had leaves all as it was, and nothing of itself. */
static void test_failure_changes_nothing(void **state)
{
	const char *const before_texts[] = {"unix:DIR/a.sock", NULL};
	const char *const after_texts[] = {
	    "unix:DIR/a.sock", "unix:DIR/new.sock", "unix:DIR/none/b.sock", NULL};
	struct listeners before, after;
	struct fault fault;
	char made[100];

	(void)state;
	snprintf(made, sizeof(made), "%s/new.sock", folder);
	assert_true(open_all(&before, before_texts, NULL, &fault));
	assert_false(open_all(&after, after_texts, &before, &fault));
	assert_non_null(strstr(fault.text, "none/b.sock"));
	assert_int_equal(fault.entry, 2);
	assert_int_not_equal(access(made, F_OK), 0);
	assert_serves(before.items[0].fd);
	listeners_close(&before, NULL);
}

static int leave_socket_of(int type, const char *path, bool alive)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	if (type != SOCK_DGRAM)
		assert_int_equal(listen(fd, 5), 0);
	if (alive)
		return fd;
	close(fd);
	return -1;
}

static int leave_socket(const char *path, bool alive)
{
	return leave_socket_of(SOCK_STREAM, path, alive);
}

/* That of a log, say: nobody can connect to it, and it is in use all the same. */
static void test_other_kinds_stay(void **state)
{
	static const int types[] = {SOCK_DGRAM, SOCK_SEQPACKET};
	const char *const texts[] = {"unix:DIR/a.sock", NULL};
	struct listeners l;
	struct fault fault;
	struct stat before, after;
	char path[100];

	(void)state;
	snprintf(path, sizeof(path), "%s/a.sock", folder);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		int other = leave_socket_of(types[i], path, true);

		assert_int_equal(lstat(path, &before), 0);
		assert_false(open_all(&l, texts, NULL, &fault));
		assert_int_equal(fault.code, EXIT_CONFIG);
		assert_non_null(strstr(fault.text, "a socket of another kind"));
		assert_int_equal(lstat(path, &after), 0);
		assert_int_equal(after.st_ino, before.st_ino);
		close(other);
		unlink(path);
	}
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

/* A path that somebody has removed is there again with the next configuration. */
static void test_vanished_path(void **state)
{
	const char *const texts[] = {"unix:DIR/a.sock", "unix:DIR/b.sock", NULL};
	const struct listen_options mode_0660 = {0660, (uid_t)-1, (gid_t)-1};
	struct listeners before, after;
	struct fault fault;
	char gone[100], kept[100];
	int old;

	(void)state;
	snprintf(gone, sizeof(gone), "%s/a.sock", folder);
	snprintf(kept, sizeof(kept), "%s/b.sock", folder);
	assert_true(open_all(&before, texts, NULL, &fault));
	old = before.items[0].fd;
	assert_int_equal(unlink(gone), 0);
	assert_true(open_all(&after, texts, &before, &fault));
	assert_int_not_equal(after.items[0].fd, old);
	assert_int_equal(after.items[1].fd, before.items[1].fd);
	listeners_close(&before, &after);
	assert_int_equal(fcntl(old, F_GETFD), -1);
	assert_serves(after.items[0].fd);
	assert_serves(after.items[1].fd);
	assert_int_equal(mode_of(kept), 0600);
	listeners_set_rights(&after, &mode_0660);
	assert_int_equal(mode_of(kept), 0660);
	assert_int_equal(mode_of(gone), 0660);
	listeners_close(&after, NULL);
	assert_int_not_equal(access(gone, F_OK), 0);
}

static void test_stale_and_alive(void **state)
{
	const char *const texts[] = {"unix:DIR/a.sock", NULL};
	struct listeners l;
	struct fault fault;
	char path[100];
	int other;

	(void)state;
	snprintf(path, sizeof(path), "%s/a.sock", folder);
	leave_socket(path, false);
	assert_true(open_all(&l, texts, NULL, &fault));
	assert_serves(l.items[0].fd);
	listeners_close(&l, NULL);
	other = leave_socket(path, true);
	assert_false(open_all(&l, texts, NULL, &fault));
	assert_int_equal(fault.code, EXIT_AGAIN);
	assert_serves(other);
	close(other);
	unlink(path);
}

/* Somebody has replaced the path meanwhile: theirs stays. */
static void test_only_our_own_is_removed(void **state)
{
	const char *const texts[] = {"unix:DIR/a.sock", NULL};
	struct listeners l;
	struct fault fault;
	char path[100];
	int other;

	(void)state;
	snprintf(path, sizeof(path), "%s/a.sock", folder);
	assert_true(open_all(&l, texts, NULL, &fault));
	assert_int_equal(unlink(path), 0);
	other = leave_socket(path, true);
	listeners_close(&l, NULL);
	assert_int_equal(access(path, F_OK), 0);
	close(other);
	unlink(path);
}

static void test_faults(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *words;
	} cases[] = {
	    {"unix:DIR/none/a.sock", EXIT_CONFIG, "the folder must exist"},
	    {"unix:DIR/file", EXIT_CONFIG, "a file of another kind"},
	    {"inet:192.0.2.1:8894", EXIT_AGAIN, "does not have the address"},
	    {"inet6:[2001:db8::1]:8894", EXIT_AGAIN, "does not have the address"},
	    {"inet:no-such-host.invalid:8894", 0, "name an address of this host"},
	};
	char path[100];
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/file", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const texts[] = {cases[i].text, NULL};
		struct listeners l;
		struct fault fault;

		if (open_all(&l, texts, NULL, &fault))
			fail_msg("%s: opened", cases[i].text);
		/* What a name that is not there costs depends on the resolver. */
		if ((cases[i].code != 0 && fault.code != cases[i].code) ||
		    strstr(fault.text, cases[i].words) == NULL ||
		    strncmp(fault.text, texts[0], 5) != 0)
			fail_msg("%s: got %d \"%s\", want %d \"%s\"", cases[i].text, fault.code,
			    fault.text, cases[i].code, cases[i].words);
	}
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
}

static void test_port_taken(void **state)
{
	const char *const any[] = {"inet:127.0.0.1:0", NULL};
	struct listeners l, second;
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	struct fault fault;
	char text[64];
	const char *const same[] = {text, NULL};

	(void)state;
	assert_true(open_all(&l, any, NULL, &fault));
	assert_int_equal(getsockname(l.items[0].fd, (struct sockaddr *)&in, &len), 0);
	snprintf(text, sizeof(text), "inet:127.0.0.1:%u", (unsigned)ntohs(in.sin_port));
	assert_false(open_all(&second, same, NULL, &fault));
	assert_int_equal(fault.code, EXIT_AGAIN);
	assert_non_null(strstr(fault.text, "another program listens there"));
	assert_serves(l.items[0].fd);
	listeners_close(&l, NULL);
	assert_true(open_all(&second, same, NULL, &fault));
	listeners_close(&second, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_kind),
	    cmocka_unit_test(test_no_delay_is_inherited),
	    cmocka_unit_test(test_taken_over),
	    cmocka_unit_test(test_failure_changes_nothing),
	    cmocka_unit_test(test_stale_and_alive),
	    cmocka_unit_test(test_other_kinds_stay),
	    cmocka_unit_test(test_vanished_path),
	    cmocka_unit_test(test_only_our_own_is_removed),
	    cmocka_unit_test(test_faults),
	    cmocka_unit_test(test_port_taken),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
