#include "../lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "sink/maillog.h"
#include "sink/maillog_line.h"
#include "sink/maillog_queue.h"
#include "sink/maillog_state.h"

static char dir[] = "/tmp/test_maillog.XXXXXX";
static char logfile[64], rotated[64], state_file[64], events_file[64], lock_file[80], new_file[80];

/* Far apart, so that no refusal waits for its sender from one poll to the next. */
static usec_t now = INT64_C(1795500000) * USEC_PER_SEC;

/* --- what the MTA does ------------------------------------------------------------ */

static void append(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void append(const char *format, ...)
{
	struct strbuf b = {0};
	va_list args;
	char text[1024];
	int fd = open(logfile, O_WRONLY | O_APPEND | O_CREAT, 0600);

	assert_true(fd >= 0);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	strbuf_puts(&b, text);
	assert_int_equal(write(fd, b.data, b.len), b.len);
	strbuf_free(&b);
	close(fd);
}

#define STAMP "Nov 24 05:15:00 mx sm-mta[12]: "
#define REFUSAL                                                                                    \
	STAMP "Q%d: ruleset=check_rcpt, arg1=<%d@y.example>, relay=c.example [203.0.113.9], "      \
	      "reject=550 5.7.1 <%d@y.example>... Relaying denied"

static void refuse(int first, int last)
{
	for (int i = first; i <= last; i++)
		append(REFUSAL "\n", i, i, i);
}

static void rotate(void)
{
	assert_int_equal(rename(logfile, rotated), 0);
}

/* --- what the guard hears ----------------------------------------------------------- */

static struct strbuf heard;  /* "1 2 3 ": the numbers of the recipients */
static int accept_only = -1; /* events; -1: all */
static bool flushed = true;

static bool on_event(void *arg, const struct event *e)
{
	(void)arg;
	if (accept_only == 0)
		return false;
	if (accept_only > 0)
		accept_only--;
	strbuf_printf(&heard, "%d ", atoi(e->recipient + 1));
	return true;
}

static bool on_flush(void *arg)
{
	(void)arg;
	return flushed;
}

static const struct maillog_sink sink = {.emit = on_event, .flush = on_flush};

static struct maillog *follow(void)
{
	const char *error = NULL;
	struct maillog *m = maillog_open(logfile, state_file, &error);

	if (m == NULL)
		print_message("%s\n", error);
	assert_non_null(m);
	return m;
}

/* Follows from the present end on. */
static struct maillog *follow_from_here(void)
{
	struct maillog *m = follow();

	maillog_poll(m, now, &sink);
	return m;
}

/* Polls until nothing more comes, and compares what was heard. */
static void expect_at(struct maillog *m, const char *want, int line)
{
	strbuf_reset(&heard);
	for (int i = 0; i < 3; i++) {
		now += 10 * USEC_PER_SEC;
		maillog_poll(m, now, &sink);
	}
	if (strcmp(strbuf_text(&heard), want) != 0) {
		print_message(
		    "line %d: got \"%s\", want \"%s\"\n", line, strbuf_text(&heard), want);
		fail();
	}
}
#define expect(m, want) expect_at(m, want, __LINE__)

static int clean(void **state)
{
	(void)state;
	unlink(logfile);
	unlink(rotated);
	unlink(state_file);
	unlink(events_file);
	unlink(lock_file);
	unlink(new_file);
	accept_only = -1;
	flushed = true;
	return 0;
}

/* --- beginning ------------------------------------------------------------------------ */

static void begins_at_the_end(void **state)
{
	struct maillog *m;

	(void)state;
	refuse(1, 3);
	m = follow();
	expect(m, "");
	refuse(4, 5);
	expect(m, "4 5 ");
	expect(m, "");
	maillog_close(&m);
	assert_null(m);
	maillog_close(&m);
}

static void begins_in_the_middle_of_a_line(void **state)
{
	struct maillog *m;

	(void)state;
	append("half of ");
	m = follow();
	expect(m, "");
	append(REFUSAL "\n" REFUSAL "\n", 1, 1, 1, 2, 2, 2);
	expect(m, "2 ");
	maillog_close(&m);
}

static void a_log_that_comes_later_is_read_from_its_start(void **state)
{
	struct maillog *m = follow();

	(void)state;
	assert_int_equal(maillog_poll(m, now, &sink), -1);
	refuse(1, 2);
	expect(m, "1 2 ");
	maillog_close(&m);
}

static void only_one_process_follows(void **state)
{
	struct maillog *m = follow();
	const char *error = NULL;

	(void)state;
	errno = 0;
	assert_null(maillog_open(logfile, state_file, &error));
	assert_int_equal(errno, EWOULDBLOCK);
	assert_non_null(error);
	maillog_close(&m);
	m = follow();
	maillog_close(&m);
}

static void no_regular_file(void **state)
{
	struct maillog *m;
	const char *error = NULL;

	(void)state;
	assert_int_equal(mkfifo(logfile, 0600), 0);
	m = follow();
	assert_int_equal(maillog_poll(m, now, &sink), -1);
	maillog_close(&m);
	assert_null(maillog_open(logfile, "/nonexistent/state", &error));
	assert_non_null(error);
}

/* --- lines ------------------------------------------------------------------------------ */

static bool whole_event(void *arg, const struct event *e)
{
	(void)arg;
	event_text(e, &heard);
	strbuf_putc(&heard, '\n');
	return true;
}

static void all_of_an_event(void **state)
{
	const struct maillog_sink whole = {.emit = whole_event};
	struct maillog *m = follow_from_here();
	struct stat st;
	char want[512];

	(void)state;
	append("Nov 24 05:14:59 mx other[1]: first line\n");
	append(STAMP "Q1: ruleset=check_rcpt, arg1=<x@y.example>, relay=c.example [203.0.113.9], "
		     "reject=450 4.7.1 <x@y.example>... Later\n");
	append(STAMP "Q1: from=<s@x.example>, size=0, class=0, nrcpts=0\n");
	strbuf_reset(&heard);
	assert_int_equal(maillog_poll(m, now, &whole), 1);
	assert_int_equal(stat(logfile, &st), 0);
	snprintf(want, sizeof(want),
	    "session=log-%jx-%x message=Q1 stage=rcpt client=203.0.113.9 client_name=c.example "
	    "sender=<s@x.example> recipient=<x@y.example> verdict=defer by=mta code=450 "
	    "enhanced=4.7.1 reply=Later mode=enforce\n",
	    (uintmax_t)st.st_ino, 40U);
	assert_string_equal(strbuf_text(&heard), want);
	maillog_close(&m);
}

static void a_refusal_waits_for_its_sender_but_not_long(void **state)
{
	struct maillog *m = follow_from_here();

	(void)state;
	strbuf_reset(&heard);
	refuse(1, 2);
	assert_int_equal(maillog_poll(m, now, &sink), 0);
	assert_int_equal(maillog_poll(m, now + MAILLOG_WAIT - 1, &sink), 0);
	assert_int_equal(maillog_poll(m, now + MAILLOG_WAIT, &sink), 2);
	/* In the log's order, also when the second is ready first. */
	refuse(3, 4);
	append(STAMP "Q4: from=<s@x.example>, size=0\n");
	assert_int_equal(maillog_poll(m, now, &sink), 0);
	append(STAMP "Q3: from=<s@x.example>, size=0\n");
	assert_int_equal(maillog_poll(m, now, &sink), 2);
	assert_string_equal(strbuf_text(&heard), "1 2 3 4 ");
	maillog_close(&m);
}

static void a_partial_line_waits(void **state)
{
	struct maillog *m = follow_from_here();

	(void)state;
	append(REFUSAL, 1, 1, 1);
	expect(m, "");
	append(" indeed");
	expect(m, "");
	append("\n");
	expect(m, "1 ");
	maillog_close(&m);
}

static void pieces_are_joined(void **state)
{
	struct maillog *m = follow_from_here();

	(void)state;
	append(STAMP "A[1]: ruleset=check_rcpt,  ...\n");
	append(STAMP "B[1]: ruleset=check_rcpt, arg1=<2@y>, relay=[192.0.2.1], reject=550 5.7.1  "
		     "...\n");
	append(STAMP "A[2]: arg1=<1\\30 ...\n");
	append(STAMP "B[2]: <2@y>... No\n");
	append(STAMP "A[3]: 3@y>, relay=[192.0.2.1], reject=550 5.7.1 <1C@y>... No\n");
	/* The end of this one never comes; it does not hold up the next for ever. */
	append(STAMP "C[1]: ruleset=check_rcpt, arg1=<3 ...\n");
	refuse(4, 4);
	append(STAMP "C[3]: @y>, relay=[192.0.2.1], reject=550 5.7.1 <3@y>... No\n");
	expect(m, "1 2 4 ");
	assert_int_equal(maillog_counts(m).unreadable, 1);
	maillog_close(&m);
}

static void long_lines_are_skipped(void **state)
{
	struct maillog *m = follow_from_here();
	char filler[1001];

	(void)state;
	memset(filler, 'x', 1000);
	filler[1000] = '\0';
	refuse(1, 1);
	for (int i = 0; i < 100; i++)
		append("%s", filler);
	expect(m, "1 ");
	append("\n");
	refuse(2, 2);
	for (int i = 0; i < 9; i++)
		append("%s", filler);
	append("\n");
	refuse(3, 3);
	expect(m, "2 3 ");
	assert_int_equal(maillog_counts(m).too_long, 2);
	maillog_close(&m);
}

/* More refusals at once than may wait. */
static void a_flood_comes_in_order(void **state)
{
	struct maillog *m = follow_from_here();
	struct strbuf want = {0};

	(void)state;
	refuse(1, 2000);
	for (int i = 1; i <= 2000; i++)
		strbuf_printf(&want, "%d ", i);
	expect(m, strbuf_text(&want));
	strbuf_free(&want);
	assert_int_equal(maillog_counts(m).unreadable, 0);
	maillog_close(&m);
}

/* --- rotation ----------------------------------------------------------------------------- */

static void a_renamed_file_is_read_to_its_end(void **state)
{
	struct maillog *m = follow_from_here();
	int old;

	(void)state;
	refuse(1, 1);
	expect(m, "1 ");
	refuse(2, 2);
	old = open(logfile, O_WRONLY | O_APPEND);
	rotate();
	expect(m, "2 ");
	/* The new one is there but empty: who writes has not yet let go of the old one. */
	append("%s", "");
	expect(m, "");
	dprintf(old, REFUSAL "\n", 3, 3, 3);
	expect(m, "3 ");
	dprintf(old, REFUSAL, 4, 4, 4); /* the writer died */
	refuse(5, 5);
	expect(m, "4 5 ");
	close(old);
	maillog_close(&m);
	m = follow();
	refuse(6, 6);
	expect(m, "6 ");
	maillog_close(&m);
}

static void rotated_while_nobody_followed(void **state)
{
	struct maillog *m = follow_from_here();

	(void)state;
	refuse(1, 1);
	expect(m, "1 ");
	maillog_close(&m);
	refuse(2, 2);
	rotate();
	m = follow();
	expect(m, "2 ");
	maillog_close(&m);
	refuse(3, 3);
	m = follow();
	expect(m, "3 ");
	maillog_close(&m);
	/* Gone, as after compression: the new one from its start. */
	unlink(rotated);
	rotate();
	unlink(rotated);
	refuse(4, 4);
	m = follow();
	expect(m, "4 ");
	maillog_close(&m);
}

static void truncated(void **state)
{
	struct maillog *m = follow_from_here();

	(void)state;
	refuse(1, 3);
	expect(m, "1 2 3 ");
	assert_int_equal(truncate(logfile, 0), 0);
	expect(m, "");
	refuse(4, 4);
	expect(m, "4 ");
	/* Truncated and grown beyond where we were, between two looks. */
	assert_int_equal(truncate(logfile, 0), 0);
	refuse(5, 9);
	expect(m, "5 6 7 8 9 ");
	maillog_close(&m);
	/* The same while nobody followed. */
	assert_int_equal(truncate(logfile, 0), 0);
	refuse(10, 19);
	m = follow();
	expect(m, "10 11 12 13 14 15 16 17 18 19 ");
	maillog_close(&m);
}

static void copy_log(const char *to)
{
	char bytes[1 << 16];
	int in = open(logfile, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n = read(in, bytes, sizeof(bytes));

	assert_true(n > 0 && n < (ssize_t)sizeof(bytes));
	assert_int_equal(write(out, bytes, (size_t)n), n);
	close(in);
	close(out);
}

/* What was not read yet is in the copy. */
static void copied_and_truncated(void **state)
{
	struct maillog *m = follow_from_here();
	char older[sizeof(rotated) + 4];

	(void)state;
	snprintf(older, sizeof(older), "%s.bak", rotated);
	refuse(1, 3);
	expect(m, "1 2 3 ");
	copy_log(older);
	refuse(4, 6);
	copy_log(rotated);
	assert_int_equal(truncate(logfile, 0), 0);
	refuse(7, 7);
	expect(m, "4 5 6 7 ");
	/* Nothing came meanwhile, and then more than before. */
	refuse(8, 9);
	copy_log(rotated);
	assert_int_equal(truncate(logfile, 0), 0);
	expect(m, "8 9 ");
	refuse(10, 19);
	expect(m, "10 11 12 13 14 15 16 17 18 19 ");
	maillog_close(&m);
	/* The same while nobody followed. */
	refuse(20, 21);
	copy_log(rotated);
	assert_int_equal(truncate(logfile, 0), 0);
	refuse(22, 22);
	m = follow();
	expect(m, "20 21 22 ");
	/* A copy of another log is none. */
	refuse(23, 23);
	expect(m, "23 ");
	unlink(rotated);
	assert_int_equal(truncate(logfile, 0), 0);
	refuse(24, 24);
	expect(m, "24 ");
	maillog_close(&m);
	unlink(older);
}

static void another_file_with_the_same_inode(void **state)
{
	struct maillog *m = follow_from_here();
	struct maillog_state s;
	struct stat st;

	(void)state;
	refuse(1, 1);
	expect(m, "1 ");
	maillog_close(&m);
	unlink(logfile);
	refuse(11, 14);
	/* File systems reuse inodes, but not on demand: the position is made to say so. */
	assert_int_equal(stat(logfile, &st), 0);
	assert_true(maillog_state_load(state_file, &s));
	s.inode = st.st_ino;
	assert_true(maillog_state_save(state_file, &s));
	m = follow();
	expect(m, "11 12 13 14 ");
	maillog_close(&m);
}

/* --- restart ------------------------------------------------------------------------------- */

static void what_was_not_taken_comes_again(void **state)
{
	struct maillog *m = follow_from_here();

	(void)state;
	refuse(1, 5);
	accept_only = 2;
	expect(m, "1 2 ");
	maillog_close(&m);
	m = follow();
	expect(m, "");
	accept_only = -1;
	expect(m, "3 4 5 ");
	/* Not even a rotation or a truncation loses it. */
	refuse(6, 7);
	accept_only = 0;
	expect(m, "");
	rotate();
	refuse(8, 8);
	expect(m, "");
	accept_only = -1;
	expect(m, "6 7 8 ");
	refuse(9, 9);
	accept_only = 0;
	expect(m, "");
	assert_int_equal(truncate(logfile, 0), 0);
	expect(m, "");
	accept_only = -1;
	expect(m, "9 ");
	maillog_close(&m);
}

/* A flood that nobody takes stays in the file. */
static void a_flood_that_is_not_taken(void **state)
{
	struct maillog *m = follow_from_here();
	struct strbuf want = {0};

	(void)state;
	refuse(1, 1000);
	accept_only = 0;
	expect(m, "");
	accept_only = -1;
	for (int i = 1; i <= 1000; i++)
		strbuf_printf(&want, "%d ", i);
	expect(m, strbuf_text(&want));
	strbuf_free(&want);
	maillog_close(&m);
}

static void what_was_not_flushed_comes_again(void **state)
{
	struct maillog *m = follow_from_here();

	(void)state;
	refuse(1, 2);
	flushed = false;
	expect(m, "1 2 ");
	maillog_close(&m);
	flushed = true;
	m = follow();
	expect(m, "1 2 ");
	maillog_close(&m);
	m = follow();
	expect(m, "");
	maillog_close(&m);
}

static void a_spoilt_position_is_no_position(void **state)
{
	struct maillog *m;
	FILE *f = fopen(state_file, "w");

	(void)state;
	assert_non_null(f);
	fputs("relay-guard-maillog 1 12 zz\n", f);
	fclose(f);
	refuse(1, 1);
	m = follow();
	expect(m, "");
	refuse(2, 2);
	expect(m, "2 ");
	maillog_close(&m);
}

/* --- killed at any moment ---------------------------------------------------------------- */

static bool record(void *arg, const struct event *e)
{
	char line[256];
	int len = snprintf(line, sizeof(line), "%d %s\n", atoi(e->recipient + 1), e->session);

	return write(*(int *)arg, line, (size_t)len) == len;
}

_Noreturn static void follow_until_killed(void)
{
	int fd = open(events_file, O_WRONLY | O_APPEND | O_CREAT, 0600);
	const struct maillog_sink file = {.emit = record, .arg = &fd};
	const char *error;
	struct maillog *m = maillog_open(logfile, state_file, &error);

	while (m != NULL && fd >= 0) {
		now += 10 * USEC_PER_SEC;
		maillog_poll(m, now, &file);
	}
	_exit(1);
}

static pid_t start_follower(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		follow_until_killed();
	return pid;
}

static void pause_us(long us)
{
	const struct timespec t = {.tv_nsec = us * 1000};

	nanosleep(&t, NULL);
}

enum { KILLS = 50, PER_KILL = 40, EVENTS_MAX = KILLS * PER_KILL };

/* Every number once or more; the same number always with the same session. Returns the repeats. */
static int check_record(int last)
{
	static char sessions[EVENTS_MAX + 1][64];
	static int counts[EVENTS_MAX + 1];
	FILE *f = fopen(events_file, "r");
	char session[64], line[256];
	int n, repeats = 0, missing = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		assert_int_equal(sscanf(line, "%d %63s", &n, session), 2);
		assert_in_range(n, 1, last);
		repeats += counts[n] > 0;
		if (counts[n]++ > 0)
			assert_string_equal(session, sessions[n]);
		memcpy(sessions[n], session, sizeof(session));
	}
	fclose(f);
	for (n = 1; n <= last; n++)
		missing += counts[n] == 0;
	if (missing > 0)
		print_message("%d of %d events are missing\n", missing, last);
	assert_int_equal(missing, 0);
	return repeats;
}

static bool is_recorded(int last)
{
	char want[16], line[256];
	FILE *f = fopen(events_file, "r");
	int len = snprintf(want, sizeof(want), "%d ", last);
	bool found = false;

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = strncmp(line, want, (size_t)len) == 0;
	if (f != NULL)
		fclose(f);
	return found;
}

static void killed_fifty_times(void **state)
{
	struct maillog *m;
	int n = 0, repeats;
	pid_t pid;

	(void)state;
	append("first line\n");
	m = follow_from_here();
	maillog_close(&m);
	for (int i = 0; i < KILLS; i++) {
		pid = start_follower();
		for (int k = 0; k < PER_KILL; k++) {
			/* A file is rotated away only after the one before it was left. */
			if (k == 15 && i % 5 == 3 && is_recorded(n - PER_KILL))
				rotate();
			n++;
			refuse(n, n);
			pause_us(i % 7 == 0 ? 0 : 50);
		}
		pause_us(i * 137 % 3000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	pid = start_follower();
	for (int wait = 0; wait < 1000 && !is_recorded(n); wait++)
		pause_us(10000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	repeats = check_record(n);
	print_message("%d events, %d repeated\n", n, repeats);
	assert_in_range(repeats, 0, KILLS * MAILLOG_BATCH);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, clean)
	const struct CMUnitTest tests[] = {
	    TEST(begins_at_the_end),
	    TEST(begins_in_the_middle_of_a_line),
	    TEST(a_log_that_comes_later_is_read_from_its_start),
	    TEST(only_one_process_follows),
	    TEST(no_regular_file),
	    TEST(all_of_an_event),
	    TEST(a_refusal_waits_for_its_sender_but_not_long),
	    TEST(a_partial_line_waits),
	    TEST(pieces_are_joined),
	    TEST(long_lines_are_skipped),
	    TEST(a_flood_comes_in_order),
	    TEST(a_renamed_file_is_read_to_its_end),
	    TEST(rotated_while_nobody_followed),
	    TEST(truncated),
	    TEST(copied_and_truncated),
	    TEST(another_file_with_the_same_inode),
	    TEST(what_was_not_taken_comes_again),
	    TEST(a_flood_that_is_not_taken),
	    TEST(what_was_not_flushed_comes_again),
	    TEST(a_spoilt_position_is_no_position),
	    TEST(killed_fifty_times),
	};
#undef TEST
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	/* What it says of missing and truncated files is not the test's. */
	log_set_level(LOG_LEVEL_ERROR);
	snprintf(logfile, sizeof(logfile), "%s/mail.log", dir);
	snprintf(rotated, sizeof(rotated), "%s/mail.log.1", dir);
	snprintf(state_file, sizeof(state_file), "%s/position", dir);
	snprintf(events_file, sizeof(events_file), "%s/events", dir);
	snprintf(lock_file, sizeof(lock_file), "%s.lock", state_file);
	snprintf(new_file, sizeof(new_file), "%s.new", state_file);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	clean(NULL);
	rmdir(dir);
	strbuf_free(&heard);
	return failed;
}
