/* `relay-guard top`: the keys that are nearest to their limits. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf/units.h"
#include "tool/daemon.h"
#include "tool/daemon_print.h"
#include "tool/limit_lines.h"

#define EVERY_DEFAULT (2 * USEC_PER_SEC)

static int show(struct daemon_call *d, const struct strbuf *request)
{
	static const char *const lists[] = {"limit", NULL};
	struct daemon_json j = {.once = NULL};
	bool begun = false;
	int code;

	if (d->json) {
		code = daemon_ask(d, request, DAEMON_TIMEOUT, daemon_json_line, &j);
		if (code == EXIT_OK)
			code = daemon_json_end(&j, lists, code);
		strbuf_free(&j.b);
	} else {
		code = daemon_ask(d, request, DAEMON_TIMEOUT, limit_lines_print, &begun);
		if (code == EXIT_OK && !begun)
			puts("no key has been counted lately");
	}
	return daemon_flush(d, code);
}

/* Until it is interrupted, or there is no answer. */
static int refresh(struct daemon_call *d, const struct strbuf *request, usec_t every)
{
	const struct timespec pause = {every / USEC_PER_SEC, every % USEC_PER_SEC * 1000};
	char now[CLOCK_TEXT_MAX];
	int code = EXIT_OK;

	while (code == EXIT_OK) {
		clock_format(clock_now(), now);
		/* Home, and clear what was there. */
		printf("\033[H\033[2Jrelay-guard top, %s\n\n", now);
		code = show(d, request);
		nanosleep(&pause, NULL);
	}
	return code;
}

static int run(int argc, char **argv)
{
	const char *every_text = NULL, *count_text = NULL, *expected = NULL;
	bool once = false;
	const struct daemon_option own[] = {{"every", &every_text, NULL},
	    {"count", &count_text, NULL}, {"once", NULL, &once}, {NULL, NULL, NULL}};
	struct daemon_call d = {.command = &command_top};
	struct strbuf request = {0};
	usec_t every = EVERY_DEFAULT;
	uint64_t count = 10;
	int code;

	if (!daemon_options(&d, argc, argv, own, 0, &code))
		return code;
	if (every_text != NULL && (expected = unit_duration(every_text, &every)) != NULL)
		return command_usage(
		    d.command, "found --every %s; expected %s", every_text, expected);
	if (count_text != NULL && (expected = unit_count(count_text, &count)) != NULL)
		return command_usage(
		    d.command, "found --count %s; expected %s", count_text, expected);
	control_begin(&request, "top");
	control_count(&request, "count", count);
	control_end(&request);
	if (once || d.json || !isatty(STDOUT_FILENO))
		code = show(&d, &request);
	else
		code = refresh(&d, &request, every < USEC_PER_SEC / 10 ? USEC_PER_SEC / 10 : every);
	strbuf_free(&request);
	return code;
}

const struct command command_top = {
    .name = "top",
    .arguments = "[--count N] [--every TIME] [--once] " DAEMON_ARGUMENTS,
    .summary = "shows the keys that are nearest to their limits",
    .details = "  --count N           so many of each limit and window, 10 by default\n"
	       "  --every TIME        how often a terminal is refreshed, 2s by default\n"
	       "  --once              once, on a terminal too\n" DAEMON_DETAILS,
    .run = run,
};
