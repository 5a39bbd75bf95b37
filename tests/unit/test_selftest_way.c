/* The ways in, against servers that behave as none should: every wait has an end. */
#include "../lib/unit.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "selftest/run.h"
#include "selftest/way.h"

#define MARK "[0123456789abcdef012]"

/* --- what a reply says ------------------------------------------------------ */

static void knows_the_mark(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
	    {"", false},
	    {"Relay access denied", false},
	    {MARK, false},
	    {"x " MARK, true},
	    {"x " MARK " ", true},
	    {"x" MARK, false},
	    {"x " MARK ".", false},
	    {"first " MARK "\nsecond", true},
	    {"first\nsecond " MARK, true},
	    {"x [0123456789ABCDEF012]", false},
	    {"x [0123456789abcdef01]", false},
	    {"client [192.0.2.1]", false},
	};
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (way_has_mark(rows[i].text) == rows[i].want)
			continue;
		print_error("%s: got %d\n", rows[i].text, !rows[i].want);
		failed++;
	}
	assert_int_equal(failed, 0);
}

static void judges_replies(void **state)
{
	static const struct {
		unsigned code;
		const char *text;
		enum outcome outcome;
		enum refuser by;
		bool goes_on;
	} rows[] = {
	    {250, "ok", OUTCOME_ACCEPTED, BY_NOBODY, true},
	    {251, "will forward", OUTCOME_ACCEPTED, BY_NOBODY, true},
	    {354, "go on", OUTCOME_ERROR, BY_NOBODY, false},
	    {450, "greylisted", OUTCOME_DEFERRED, BY_MTA, true},
	    {451, "later " MARK, OUTCOME_DEFERRED, BY_GUARD, true},
	    {550, "no", OUTCOME_REFUSED, BY_MTA, true},
	    {550, "no " MARK, OUTCOME_REFUSED, BY_GUARD, true},
	    {421, "too many connections", OUTCOME_ERROR, BY_NOBODY, false},
	    {421, "no " MARK, OUTCOME_DEFERRED, BY_GUARD, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct result r = {0};

		way_judge(&r, rows[i].code, "5.7.1", STAGE_RCPT, rows[i].text);
		assert_int_equal(r.outcome, rows[i].outcome);
		assert_int_equal(r.by, rows[i].by);
		assert_int_equal(way_goes_on(&r), rows[i].goes_on);
	}
}

static void knows_refusals_that_prove_little(void **state)
{
	static const struct {
		unsigned code;
		const char *text;
		bool want, off_point;
	} rows[] = {
	    {450, "Recipient address rejected: Greylisted for 5 minutes", true, false},
	    {451, "4.7.1 Greylisting in action, please come back later", true, false},
	    {450, "Client host rejected: too many connections, slow down", true, false},
	    {450, "4.7.1 Error: too much mail from 192.0.2.1", true, false},
	    {421, "4.7.0 mx Error: too many connections from 192.0.2.1", true, false},
	    {421, "4.3.2 Connection rate limit exceeded.", true, false},
	    {451, "4.7.1 Temporarily deferred by policy", true, false},
	    {452, "4.3.1 Insufficient system storage", false, false},
	    {451, "4.3.0 <a@b>: Temporary lookup failure", false, false},
	    {451, "4.7.1 Service unavailable - try again later " MARK, false, false},
	    {550, "too many recipients", false, false},
	    {250, "greylisting is off", false, false},
	    {550, "5.7.23 Message rejected due to: SPF fail - not authorized", false, true},
	    {450, "4.1.8 <a@b>: Sender address rejected: Domain not found", false, true},
	    {556,
		"5.1.10 <a@b>: Recipient address rejected: Domain b does not accept mail (nullMX)",
		false, true},
	    {553, "5.1.8 <a@b>... Domain of sender address a@b does not exist", false, true},
	    {554, "5.7.1 <a@b>: Relay access denied", false, false},
	    {550, "5.7.1 <a@b>... Relaying denied. Proper authentication required.", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct result r = {0};

		way_judge(&r, rows[i].code, "", STAGE_RCPT, rows[i].text);
		if (way_is_for_now(&r) != rows[i].want)
			fail_msg("%u %s: got %d", rows[i].code, rows[i].text, !rows[i].want);
		assert_int_equal(way_is_off_point(&r), rows[i].off_point);
	}
}

static void knows_a_server_whose_filter_is_down(void **state)
{
	static const struct {
		unsigned code;
		enum stage stage;
		const char *text;
		bool down, for_now;
	} rows[] = {
	    {451, STAGE_MAIL, "Service unavailable - try again later", true, false},
	    {451, STAGE_MAIL, "Please try again later", true, false},
	    {451, STAGE_RCPT, "Please try again later", false, true},
	    {451, STAGE_MAIL, "Please try again later " MARK, false, false},
	    {551, STAGE_MAIL, "Please try again later", false, false},
	    {450, STAGE_MAIL, "Greylisted, try again later", false, true},
	    {450, STAGE_MAIL, "Error: too much mail from 192.0.2.1", false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct result r = {0};

		way_judge(&r, rows[i].code, "", rows[i].stage, rows[i].text);
		if (way_is_without_filter(&r) != rows[i].down ||
		    way_is_for_now(&r) != rows[i].for_now)
			fail_msg("%u %s", rows[i].code, rows[i].text);
	}
}

/* --- servers ---------------------------------------------------------------- */

/* What a server does with each connection. */
typedef void behave_fn(int fd, const atomic_bool *stop);

struct server {
	int listener;
	uint16_t port;
	behave_fn *behave;
	atomic_bool stop;
	atomic_uint connections;
	pthread_t thread;
};

static void *serve(void *arg)
{
	struct server *s = arg;

	while (!s->stop) {
		struct pollfd p = {.fd = s->listener, .events = POLLIN};
		int fd = poll(&p, 1, 20) > 0 ? accept(s->listener, NULL, NULL) : -1;

		if (fd < 0)
			continue;
		s->connections++;
		s->behave(fd, &s->stop);
		close(fd);
	}
	return NULL;
}

static void start(struct server *s, behave_fn *behave)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);

	s->behave = behave;
	s->stop = false;
	s->connections = 0;
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->listener >= 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(s->listener, 16), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&in, &len), 0);
	s->port = ntohs(in.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s)
{
	s->stop = true;
	pthread_join(s->thread, NULL);
	close(s->listener);
}

static bool say(int fd, const char *text)
{
	return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

/* A line of the client, cut to what fits. False at the end. */
static bool hear(int fd, char *line, size_t size, const atomic_bool *stopped)
{
	size_t len = 0;
	char c = '\0';

	while (c != '\n') {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (*stopped)
			return false;
		if (poll(&p, 1, 20) == 0)
			continue;
		if (recv(fd, &c, 1, 0) != 1)
			return false;
		if (len + 1 < size)
			line[len++] = c;
	}
	line[len] = '\0';
	return true;
}

/* A byte every 20 ms, for ever. */
static void drip(int fd, const atomic_bool *stopped)
{
	if (!say(fd, "220-"))
		return;
	while (!*stopped && say(fd, "x"))
		usleep(20000);
}

/* The same once the session has begun. */
static void drip_at_rcpt(int fd, const atomic_bool *stopped)
{
	char line[200];
	bool ok = say(fd, "220 mx.example.com ESMTP\r\n");

	while (ok && hear(fd, line, sizeof(line), stopped)) {
		if (strncmp(line, "RCPT", 4) != 0) {
			ok = say(fd, "250 ok\r\n");
			continue;
		}
		ok = say(fd, "550 ");
		while (ok && !*stopped && (ok = say(fd, "x")))
			usleep(20000);
	}
}

static void drip_frames(int fd, const atomic_bool *stopped)
{
	static const char length[4] = {0, 0, 0, 100};

	if (send(fd, length, 4, MSG_NOSIGNAL) != 4)
		return;
	for (unsigned i = 0; i < 90 && !*stopped && say(fd, "O"); i++)
		usleep(20000);
}

static void speak_nonsense(int fd, const atomic_bool *stopped)
{
	(void)stopped;
	(void)say(fd, "SSH-2.0-x\r\n");
}

static void hang_up(int fd, const atomic_bool *stopped)
{
	(void)fd;
	(void)stopped;
}

/* Refuses each recipient as the guard does that hangs up after it. */
static void refuse_and_close(int fd, const atomic_bool *stopped)
{
	char line[200];
	bool ok = say(fd, "220 mx.example.com ESMTP\r\n");

	while (ok && hear(fd, line, sizeof(line), stopped)) {
		if (strncmp(line, "RCPT", 4) == 0) {
			(void)say(fd, "421 4.7.1 Relay access denied " MARK "\r\n");
			return;
		}
		ok = say(fd, "250 ok\r\n");
	}
}

/* As Postfix does when there are too many errors. */
static void close_at_rcpt(int fd, const atomic_bool *stopped)
{
	char line[200];
	bool ok = say(fd, "220 mx.example.com ESMTP\r\n");

	while (ok && hear(fd, line, sizeof(line), stopped)) {
		if (strncmp(line, "RCPT", 4) == 0) {
			(void)say(fd, "421 4.7.0 too many errors\r\n");
			return;
		}
		ok = say(fd, "250 ok\r\n");
	}
}

/* As postscreen does after so many commands: EHLO and one message, here. */
static void close_after_five(int fd, const atomic_bool *stopped)
{
	char line[200];
	bool ok = say(fd, "220 mx.example.com ESMTP\r\n");

	for (unsigned n = 0; ok && hear(fd, line, sizeof(line), stopped); n++) {
		if (n == 5) {
			(void)say(
			    fd, "421 mx.example.com Service unavailable - try again later\r\n");
			return;
		}
		ok = say(fd, strncmp(line, "RCPT", 4) == 0 ? "554 5.7.1 no\r\n" : "250 ok\r\n");
	}
}

/* Refuses each recipient, and takes a message all the same. */
static void take_for_nobody(int fd, const atomic_bool *stopped)
{
	char line[200];
	bool ok = say(fd, "220 mx.example.com ESMTP\r\n");

	while (ok && hear(fd, line, sizeof(line), stopped)) {
		if (strncmp(line, "EHLO", 4) == 0)
			ok = say(fd, "250-mx.example.com\r\n250 CHUNKING\r\n");
		else if (strncmp(line, "RCPT", 4) == 0)
			ok = say(fd, "550 no\r\n");
		else if (strncmp(line, "DATA", 4) == 0)
			ok = say(fd, "354 go on\r\n");
		else if (strncmp(line, "BDAT 34 LAST", 12) == 0)
			ok = hear(fd, line, sizeof(line), stopped) &&
			     hear(fd, line, sizeof(line), stopped) && say(fd, "250 ok\r\n");
		else if (strncmp(line, "Subject", 7) != 0 && strcmp(line, "\r\n") != 0)
			ok = say(fd, "250 ok\r\n");
	}
}

/* --- sessions --------------------------------------------------------------- */

/* Generous to a busy machine, and far below what the drips last. */
enum { TIMEOUT = 200000, LIMIT = 1500000 };

static struct way smtp_way(const struct server *s)
{
	struct way w = {.timeout = TIMEOUT, .parallel = 2};
	struct endpoint to[ENDPOINTS_MAX];
	char error[CHANNEL_ERROR_SIZE];

	assert_int_equal(endpoint_resolve("127.0.0.1", s->port, ADDR_NONE, to, error), 1);
	w.to = to[0];
	return w;
}

static void smtp_opens_in_time(void **state)
{
	static const struct {
		behave_fn *behave;
		const char *says;
	} rows[] = {
	    {drip, "no answer within"},
	    {speak_nonsense, "does not speak SMTP"},
	    {hang_up, "closed"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char error[WAY_TEXT_SIZE] = "";
		usec_t began = clock_monotonic();
		struct server s;
		struct way w;

		start(&s, rows[i].behave);
		w = smtp_way(&s);
		assert_false(way_smtp_learn(&w, error));
		assert_true(clock_monotonic() - began < LIMIT);
		if (strstr(error, rows[i].says) == NULL)
			fail_msg("got \"%s\", want \"%s\"", error, rows[i].says);
		stop(&s);
	}
}

static void milter_opens_in_time(void **state)
{
	struct conf_socket socket = {.kind = CONF_SOCKET_INET, .host = "127.0.0.1", .text = "x"};
	char error[WAY_TEXT_SIZE] = "";
	usec_t began = clock_monotonic();
	struct server s;
	struct way w;

	(void)state;
	start(&s, drip_frames);
	socket.port = s.port;
	assert_false(way_milter_open(&w, &socket, TIMEOUT, error));
	assert_true(clock_monotonic() - began < LIMIT);
	assert_non_null(strstr(error, "no answer within"));
	stop(&s);
}

static const struct probe *probe_of(const char *name)
{
	for (size_t i = 0; i < probe_table_size; i++)
		if (strcmp(probe_table[i].name, name) == 0)
			return &probe_table[i];
	fail_msg("there is no probe %s", name);
	return NULL;
}

/* Runs a plan of two rows against the server. */
static void run_two(
    struct server *s, behave_fn *behave, const char *const probes[2], struct row rows[2])
{
	struct plan p = {.rows = rows, .row_count = 2};
	struct place place = {.name = "here"};
	struct actor actor = {.name = "stranger-v4", .helo = "[192.0.2.9]", .place = &place};
	char error[WAY_TEXT_SIZE] = "";
	struct way w;

	for (size_t i = 0; i < 2; i++)
		rows[i] = (struct row){.actor = &actor,
		    .probe = probe_of(probes[i]),
		    .from = "<a@example.org>",
		    .to = "<b@example.org>",
		    .helo = actor.helo,
		    .why = ""};
	start(s, behave);
	w = smtp_way(s);
	/* Who answers may take his time on a busy machine. */
	if (behave != drip_at_rcpt)
		w.timeout = 10 * USEC_PER_SEC;
	if (!way_smtp_learn(&w, error))
		fail_msg("%s", error);
	place.way = &w;
	assert_true(run_plan(&p, NULL, NULL));
}

static const char *const plain[] = {"plain", "plain"};

static void a_slow_reply_is_an_error(void **state)
{
	usec_t began = clock_monotonic();
	struct server s;
	struct row rows[2];

	(void)state;
	run_two(&s, drip_at_rcpt, plain, rows);
	stop(&s);
	assert_true(clock_monotonic() - began < 3 * (usec_t)LIMIT);
	assert_int_equal(rows[0].result.outcome, OUTCOME_ERROR);
	assert_non_null(strstr(rows[0].result.text, "no answer within"));
	assert_int_equal(rows[1].result.outcome, OUTCOME_ERROR);
}

static void goes_on_after_the_guard_hangs_up(void **state)
{
	struct server s;
	struct row rows[2];

	(void)state;
	run_two(&s, refuse_and_close, plain, rows);
	stop(&s);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(rows[i].result.outcome, OUTCOME_DEFERRED);
		assert_int_equal(rows[i].result.by, BY_GUARD);
	}
	/* The first look, and a session for each row. */
	assert_int_equal(s.connections, 3);
}

static void a_421_of_another_is_no_refusal(void **state)
{
	struct server s;
	struct row rows[2];

	(void)state;
	run_two(&s, close_at_rcpt, plain, rows);
	stop(&s);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(rows[i].result.outcome, OUTCOME_ERROR);
}

static void a_session_that_was_long_enough_is_followed_by_another(void **state)
{
	struct server s;
	struct row rows[2];

	(void)state;
	run_two(&s, close_after_five, plain, rows);
	stop(&s);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(rows[i].result.outcome, OUTCOME_REFUSED);
	assert_int_equal(s.connections, 3);
}

static void a_message_for_nobody_is_told(void **state)
{
	static const char *const probes[] = {"data-after-refusal", "bdat-after-refusal"};
	struct server s;
	struct row rows[2];

	(void)state;
	run_two(&s, take_for_nobody, probes, rows);
	stop(&s);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(rows[i].result.outcome, OUTCOME_ACCEPTED);
		assert_int_equal(rows[i].result.stage, STAGE_DATA);
	}
}

static void knows_refusals_of_the_client(void **state)
{
	static const struct {
		unsigned code;
		const char *text;
		bool want;
	} rows[] = {
	    {554, "Service unavailable; Client host [192.0.2.1] blocked using zen.example", true},
	    {550, "Service unavailable; client [192.0.2.1] blocked using zen.example", true},
	    {450, "Client host rejected: cannot find your hostname, [192.0.2.1]", true},
	    {554, "<a@b>: Relay access denied", false},
	    {554, "<x[192.0.2.1]>: Client host rejected: Access denied", false},
	    {554, "blocked using patience " MARK, false},
	    {250, "not blocked using anything", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct result r = {0};

		way_judge(&r, rows[i].code, "", STAGE_RCPT, rows[i].text);
		if (way_is_about_client(&r) != rows[i].want)
			fail_msg("%u %s", rows[i].code, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_the_mark),
	    cmocka_unit_test(judges_replies),
	    cmocka_unit_test(knows_refusals_that_prove_little),
	    cmocka_unit_test(knows_a_server_whose_filter_is_down),
	    cmocka_unit_test(smtp_opens_in_time),
	    cmocka_unit_test(milter_opens_in_time),
	    cmocka_unit_test(a_slow_reply_is_an_error),
	    cmocka_unit_test(goes_on_after_the_guard_hangs_up),
	    cmocka_unit_test(a_421_of_another_is_no_refusal),
	    cmocka_unit_test(a_message_for_nobody_is_told),
	    cmocka_unit_test(a_session_that_was_long_enough_is_followed_by_another),
	    cmocka_unit_test(knows_refusals_of_the_client),
	};

	return cmocka_run_group_tests_name("way", tests, NULL, NULL);
}
