#include "../lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"

static char captured[1 << 20];

/* What `say` writes to standard error. */
static const char *capture(void (*say)(void))
{
	FILE *to = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t len;

	assert_non_null(to);
	assert_true(saved >= 0);
	assert_true(dup2(fileno(to), STDERR_FILENO) >= 0);
	say();
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	rewind(to);
	len = fread(captured, 1, sizeof(captured) - 1, to);
	captured[len] = '\0';
	fclose(to);
	return captured;
}

static void say_each(void)
{
	log_error("no %s", "file");
	log_warning("%d left", 3);
	log_notice("ready");
	log_info("session");
	log_debug("byte");
}

/* In `text`, @ stands for what each line has in front. */
static void expect(const char *got, const char *text)
{
	struct strbuf want = {0};

	for (; *text != '\0'; text++)
		if (*text == '@')
			strbuf_printf(&want, "relay-guard[%d]: ", (int)getpid());
		else
			strbuf_putc(&want, *text);
	assert_string_equal(got, strbuf_text(&want));
	strbuf_free(&want);
}

static void test_levels(void **state)
{
	(void)state;
	expect(capture(say_each), "@error: no file\n@warning: 3 left\n"
				  "@ready\n");
	log_set_level(LOG_LEVEL_ERROR);
	expect(capture(say_each), "@error: no file\n");
	log_set_level(LOG_LEVEL_DEBUG);
	assert_non_null(strstr(capture(say_each), "session"));
	assert_non_null(strstr(captured, "debug: byte\n"));
	log_set_level(LOG_LEVEL_NOTICE);
}

static void test_role_and_journal(void **state)
{
	(void)state;
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_set_role("worker 2");
	log_set_level(LOG_LEVEL_WARNING);
	expect(capture(say_each), "<3>@worker 2: error: no file\n"
				  "<4>@worker 2: warning: 3 left\n");
	log_set_level(LOG_LEVEL_NOTICE);
	log_set_role(NULL);
	unsetenv("JOURNAL_STREAM");
}

static void say_outside(void)
{
	log_error("helo %s", "a\nb\033[2J%s\\\xff\xe2\x80\xae");
}

static void test_escapes(void **state)
{
	(void)state;
	expect(capture(say_outside), "@error: helo a\\x0ab\\x1b[2J%s\\\\\\xff\\xe2\\x80\\xae\n");
}

static void say_long(void)
{
	char text[5000];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
	memset(text, '\n', sizeof(text) - 1);
	log_error("%s", text);
}

static void test_cut(void **state)
{
	char *second;

	(void)state;
	second = strchr(capture(say_long), '\n');
	assert_non_null(second);
	assert_in_range(second - captured, 2000, 2048 + 32);
	assert_in_range(strlen(second + 1), 2000, 2048 + 32);
	assert_int_equal(second[strlen(second) - 1], '\n');
}

static void test_errno(void **state)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), saved = dup(STDERR_FILENO);

	(void)state;
	assert_true(full >= 0 && saved >= 0);
	assert_true(dup2(full, STDERR_FILENO) >= 0);
	errno = ENOENT;
	log_error("nobody reads this");
	assert_int_equal(errno, ENOENT);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(full);
	close(saved);
}

enum { LINES = 200, THREADS = 4 };

static void *say_often(void *arg)
{
	for (unsigned i = 0; i < LINES; i++) {
		log_notice("a line that must stay whole");
		log_set_level(LOG_LEVEL_NOTICE);
	}
	return arg;
}

static void say_together(void)
{
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, say_often, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void test_threads(void **state)
{
	char want[128];
	size_t lines = 0;

	(void)state;
	snprintf(
	    want, sizeof(want), "relay-guard[%d]: a line that must stay whole\n", (int)getpid());
	for (const char *p = capture(say_together); *p != '\0'; p += strlen(want)) {
		assert_memory_equal(p, want, strlen(want));
		lines++;
	}
	assert_int_equal(lines, LINES * THREADS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_levels),
	    cmocka_unit_test(test_role_and_journal),
	    cmocka_unit_test(test_escapes),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_errno),
	    cmocka_unit_test(test_threads),
	};

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
