#include "../lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "sink/eventlog.h"

static char dir[] = "/tmp/test_eventlog.XXXXXX";
static char file[64], other[64];

static const struct event refusal = {
    .time = 1,
    .stage = "rcpt",
    .client = "203.0.113.9",
    .recipient = "<\"a\nb\\\"\xff\"@y.example>",
    .verdict = "reject",
    .by = "guard",
    .code = 550,
};

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	assert_non_null(f);
	if (getdelim(&text, &size, '\0', f) < 0) {
		free(text);
		text = strdup("");
	}
	assert_non_null(text);
	fclose(f);
	return text;
}

/*
 * Is it one flat JSON object of strings and numbers (RFC 8259)? Enough for what an event
 * is, and stricter: no blanks.
 */
static const char *json_string(const char *s)
{
	if (*s++ != '"')
		return NULL;
	for (; *s != '"'; s++) {
		if ((unsigned char)*s < 0x20)
			return NULL;
		if (*s != '\\')
			continue;
		s++;
		if (*s == 'u') {
			if (strspn(s + 1, "0123456789abcdefABCDEF") < 4)
				return NULL;
			s += 4;
		} else if (*s == '\0' || strchr("\"\\/bfnrt", *s) == NULL) {
			return NULL;
		}
	}
	return s + 1;
}

static bool is_json_object(const char *s)
{
	if (*s++ != '{')
		return false;
	for (;; s++) {
		s = json_string(s);
		if (s == NULL || *s++ != ':')
			return false;
		if (*s == '"')
			s = json_string(s);
		else if (strspn(s, "0123456789") > 0)
			s += strspn(s, "0123456789");
		else
			return false;
		if (s == NULL)
			return false;
		if (*s != ',')
			return s[0] == '}' && s[1] == '\0';
	}
}

/* How many lines of the file are events; -1 when one is not. Empty lines are let through. */
static int count_events(const char *path)
{
	char *text = slurp(path), *rest = text, *line;
	int n = 0;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (*line == '\0')
			continue;
		if (!is_json_object(line)) {
			print_message("not an event: %s\n", line);
			n = -1;
			break;
		}
		n++;
	}
	free(text);
	return n;
}

static struct eventlog *open_log(const char *path, size_t queue)
{
	const struct eventlog_options o = {.path = path, .queue = queue};
	const char *error = NULL;
	struct eventlog *l = eventlog_open(&o, -1, &error);

	if (l == NULL)
		print_message("%s: %s\n", path, error);
	assert_non_null(l);
	assert_null(error);
	return l;
}

static void lines_are_json(void **state)
{
	struct eventlog *l = open_log(file, 0);
	struct stat st;

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_true(eventlog_write(l, &refusal, 1000));
	assert_true(eventlog_flush(l, 5000));
	assert_int_equal(eventlog_written(l), 100);
	assert_int_equal(eventlog_dropped(l), 0);
	assert_int_equal(count_events(file), 100);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	eventlog_close(&l);
	assert_null(l);
	eventlog_close(&l);
}

static void closing_writes_what_is_queued(void **state)
{
	struct eventlog *l = open_log(file, 0);

	(void)state;
	for (int i = 0; i < 500; i++)
		eventlog_write(l, &refusal, 1000);
	eventlog_close(&l);
	assert_int_equal(count_events(file), 500);
}

enum { THREADS = 8, EACH = 500 };

static void *write_many(void *arg)
{
	for (int i = 0; i < EACH; i++)
		eventlog_write(arg, &refusal, 10000);
	return NULL;
}

/* Two logs on one file, as two workers have them. */
static void threads_and_processes_share_a_file(void **state)
{
	struct eventlog *l[2] = {open_log(file, 16), open_log(file, 16)};
	pthread_t t[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, write_many, l[i % 2]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_true(eventlog_flush(l[0], 5000));
	assert_true(eventlog_flush(l[1], 5000));
	assert_int_equal(eventlog_written(l[0]) + eventlog_written(l[1]), THREADS * EACH);
	eventlog_close(&l[0]);
	eventlog_close(&l[1]);
	assert_int_equal(count_events(file), THREADS * EACH);
}

/* A terminal that nobody reads takes a few kilobytes, then no more. */
static int blocked_device(char *path, size_t size)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);

	assert_true(fd >= 0);
	assert_int_equal(grantpt(fd), 0);
	assert_int_equal(unlockpt(fd), 0);
	assert_int_equal(ptsname_r(fd, path, size), 0);
	return fd;
}

static void full_queue_drops_and_counts(void **state)
{
	char tty[64];
	int master = blocked_device(tty, sizeof(tty));
	struct eventlog *l = open_log(tty, 8);
	unsigned queued = 0;
	usec_t start;

	(void)state;
	do {
		start = clock_monotonic();
	} while (eventlog_write(l, &refusal, 200) && ++queued < 10000);
	assert_in_range(queued, 8, 9999);
	assert_in_range(clock_monotonic() - start, 190 * USEC_PER_MSEC, 5 * USEC_PER_SEC);
	assert_false(eventlog_write(l, &refusal, 0));
	assert_int_equal(eventlog_dropped(l), 2);
	start = clock_monotonic();
	assert_false(eventlog_flush(l, 100));
	assert_in_range(clock_monotonic() - start, 90 * USEC_PER_MSEC, 5 * USEC_PER_SEC);
	start = clock_monotonic();
	eventlog_close(&l);
	assert_in_range(clock_monotonic() - start, 0, 9 * USEC_PER_SEC);
	close(master);
}

static void full_disk_is_counted(void **state)
{
	struct eventlog *l = open_log("/dev/full", 0);

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_true(eventlog_write(l, &refusal, 1000));
	assert_true(eventlog_flush(l, 5000));
	assert_int_equal(eventlog_written(l), 0);
	assert_int_equal(eventlog_dropped(l), 20);
	eventlog_close(&l);
}

static void limit_file_size(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Adds to *good the lines that are events, to *bad the others; each has its end. */
static void count_lines(int *good, int *bad)
{
	char *text = slurp(file), *rest = text, *line;

	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		*good += is_json_object(line);
		*bad += !is_json_object(line);
	}
	assert_null(rest);
	free(text);
}

/* The kernel takes 300 bytes, so the third event is torn; the next begins on a line of its own. */
static void half_a_line_stays_alone(void **state)
{
	struct eventlog *l = open_log(file, 0);
	int good = 0, bad = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	limit_file_size(300);
	for (int i = 0; i < 4; i++)
		eventlog_write(l, &refusal, 1000);
	assert_true(eventlog_flush(l, 5000));
	limit_file_size(RLIM_INFINITY);
	for (int i = 0; i < 3; i++)
		eventlog_write(l, &refusal, 1000);
	assert_true(eventlog_flush(l, 5000));
	count_lines(&good, &bad);
	assert_int_equal(bad, 1);
	assert_int_equal(good, eventlog_written(l));
	assert_int_equal(eventlog_written(l) + eventlog_dropped(l), 7);
	eventlog_close(&l);
}

/* Of another process, which died or gave up, whether before we opened the file or since. */
static void half_a_line_of_another_stays_alone(void **state)
{
	static const char half[] = "{\"time\":";
	struct eventlog *l;
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT, 0644);
	int good = 0, bad = 0;

	(void)state;
	assert_int_equal(write(fd, half, strlen(half)), strlen(half));
	l = open_log(file, 0);
	eventlog_write(l, &refusal, 1000);
	eventlog_write(l, &refusal, 1000);
	assert_true(eventlog_flush(l, 5000));
	assert_int_equal(write(fd, half, strlen(half)), strlen(half));
	close(fd);
	eventlog_write(l, &refusal, 1000);
	eventlog_close(&l);
	count_lines(&good, &bad);
	assert_int_equal(good, 3);
	assert_int_equal(bad, 2);
}

static void *finish_slowly(void *arg)
{
	const int *fd = arg;
	const struct timespec pause = {.tv_nsec = 40 * 1000000L};

	nanosleep(&pause, NULL);
	if (write(*fd, ":1", 2) != 2)
		return NULL;
	nanosleep(&pause, NULL);
	return write(*fd, "}\n", 2) == 2 ? arg : NULL;
}

/* A long line does not become longer in one step. */
static void a_line_that_is_being_written_is_no_half(void **state)
{
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT, 0644);
	struct eventlog *l = open_log(file, 0);
	char *text, *line, *rest;
	pthread_t slow;
	void *ok = NULL;
	int good = 0;

	(void)state;
	assert_int_equal(write(fd, "{\"time\"", 7), 7);
	assert_int_equal(pthread_create(&slow, NULL, finish_slowly, &fd), 0);
	eventlog_write(l, &refusal, 1000);
	assert_true(eventlog_flush(l, 5000));
	pthread_join(slow, &ok);
	assert_non_null(ok);
	eventlog_close(&l);
	close(fd);
	rest = text = slurp(file);
	while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
		assert_true(is_json_object(line));
		good++;
	}
	assert_int_equal(good, 2);
	free(text);
}

/* Whoever may only write to the file loses nothing by it. */
static void write_only(void **state)
{
	struct eventlog *l;
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT, 0644);
	const struct eventlog_options o = {.path = file};
	const char *error = "";
	char *text;

	(void)state;
	l = eventlog_open(&o, fd, &error);
	assert_non_null(l);
	eventlog_write(l, &refusal, 1000);
	eventlog_close(&l);
	text = slurp(file);
	assert_int_equal(text[0], '{');
	assert_true(strlen(text) > 2 && text[strlen(text) - 1] == '\n');
	free(text);
}

/* Room comes back while the rest of the line is tried again: nothing is lost. */
static void rest_of_a_line_is_tried_again(void **state)
{
	struct eventlog *l = open_log(file, 0);
	const struct timespec moment = {.tv_nsec = 120000000};

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	limit_file_size(300);
	for (int i = 0; i < 3; i++)
		eventlog_write(l, &refusal, 1000);
	nanosleep(&moment, NULL);
	limit_file_size(RLIM_INFINITY);
	assert_true(eventlog_flush(l, 5000));
	assert_int_equal(eventlog_dropped(l), 0);
	assert_int_equal(count_events(file), 3);
	eventlog_close(&l);
}

static void reopens_a_renamed_file(void **state)
{
	struct eventlog *l = open_log(file, 0);

	(void)state;
	eventlog_write(l, &refusal, 1000);
	assert_true(eventlog_flush(l, 5000));
	assert_int_equal(rename(file, other), 0);
	eventlog_write(l, &refusal, 1000);
	assert_true(eventlog_flush(l, 5000));
	eventlog_reopen(l);
	eventlog_write(l, &refusal, 1000);
	eventlog_close(&l);
	assert_int_equal(count_events(other), 2);
	assert_int_equal(count_events(file), 1);
}

static void takes_an_open_descriptor(void **state)
{
	const struct eventlog_options o = {.queue = 4};
	const char *error = NULL;
	int fd = open(file, O_WRONLY | O_CREAT, 0600);
	struct eventlog *l = eventlog_open(&o, fd, &error);

	(void)state;
	assert_non_null(l);
	eventlog_write(l, &refusal, 1000);
	eventlog_reopen(l); /* no path: nothing to reopen */
	eventlog_write(l, &refusal, 1000);
	eventlog_close(&l);
	assert_int_equal(count_events(file), 2);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void refuses_with_a_reason(void **state)
{
	char fifo[80], missing[80], below[80];
	const struct {
		const char *path, *want;
	} cases[] = {
	    {dir, "directory"},
	    {fifo, "regular file"},
	    {missing, "directory does not exist"},
	    {below, "directory does not exist"},
	};
	int bad = 0;

	(void)state;
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	snprintf(missing, sizeof(missing), "%s/none/events.jsonl", dir);
	snprintf(below, sizeof(below), "%s/events.jsonl", file);
	fclose(fopen(file, "w"));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (int reader = -1, i = 0; i < 5; i++) {
		const char *path = i == 4 ? fifo : cases[i].path;
		const char *want = i == 4 ? "regular file" : cases[i].want, *error = NULL;
		const struct eventlog_options o = {.path = path};

		/* A FIFO with a reader can be opened, and is refused all the same. */
		if (i == 4)
			reader = open(fifo, O_RDONLY | O_NONBLOCK);
		if (eventlog_open(&o, -1, &error) != NULL || strstr(error, want) == NULL) {
			print_message("%s: got \"%s\", want \"%s\"\n", path, error, want);
			bad++;
		}
		if (reader >= 0)
			close(reader);
	}
	unlink(fifo);
	assert_int_equal(bad, 0);
}

/* No file and no syslog: events pass, nothing is kept. */
static void without_a_file(void **state)
{
	const struct eventlog_options o = {.path = NULL};
	const char *error = NULL;
	struct eventlog *l = eventlog_open(&o, -1, &error);

	(void)state;
	assert_non_null(l);
	assert_true(eventlog_write(l, &refusal, 0));
	assert_true(eventlog_flush(l, 1000));
	assert_int_equal(eventlog_written(l), 1);
	eventlog_close(&l);
}

static int forget_files(void **state)
{
	(void)state;
	unlink(file);
	unlink(other);
	return 0;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, forget_files)
	const struct CMUnitTest tests[] = {
	    TEST(lines_are_json),
	    TEST(closing_writes_what_is_queued),
	    TEST(threads_and_processes_share_a_file),
	    TEST(full_queue_drops_and_counts),
	    TEST(full_disk_is_counted),
	    TEST(half_a_line_stays_alone),
	    TEST(half_a_line_of_another_stays_alone),
	    TEST(a_line_that_is_being_written_is_no_half),
	    TEST(write_only),
	    TEST(rest_of_a_line_is_tried_again),
	    TEST(reopens_a_renamed_file),
	    TEST(takes_an_open_descriptor),
	    TEST(refuses_with_a_reason),
	    TEST(without_a_file),
	};
#undef TEST
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	umask(022);
	snprintf(file, sizeof(file), "%s/events.jsonl", dir);
	snprintf(other, sizeof(other), "%s/events.jsonl.1", dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	forget_files(NULL);
	rmdir(dir);
	return failed;
}
