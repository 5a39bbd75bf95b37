/* `relay-guard bans`, `ban` and `release`: who is refused for a time, and by whom. */
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/units.h"
#include "tool/daemon.h"
#include "tool/daemon_print.h"

static void print_ban(void *arg, const struct control_line *l)
{
	char text[DAEMON_FIELD_MAX], when[CLOCK_TEXT_MAX];

	(void)arg;
	if (strcmp(l->word, "twin") == 0)
		fprintf(stderr, "relay-guard ban: %s was seen lately, and is another key\n",
		    daemon_field(l, "key", text));
	if (strcmp(l->word, "ban") != 0)
		return;
	printf("%-32s ", daemon_field(l, "key", text));
	printf("%-6s until ", daemon_field(l, "action", text));
	printf("%s  ", daemon_time(l, "until", when));
	printf("by %s", daemon_field(l, "by", text));
	if (*daemon_field(l, "reason", text) != '\0')
		printf(": %s", text);
	putchar('\n');
}

static void print_released(void *arg, const struct control_line *l)
{
	char text[DAEMON_FIELD_MAX];
	uint64_t limits = control_number(l, "limits", 0);

	(void)arg;
	printf("%s is released", daemon_field(l, "key", text));
	if (limits > 0)
		printf("; %" PRIu64 " limit%s begin%s anew for it", limits, limits == 1 ? "" : "s",
		    limits == 1 ? "s" : "");
	putchar('\n');
}

static int ask(struct daemon_call *d, struct strbuf *request, const char *const *once,
    const char *const *lists, void (*print)(void *arg, const struct control_line *l))
{
	struct daemon_json j = {.once = once};
	int code;

	control_end(request);
	code = daemon_ask(d, request, DAEMON_TIMEOUT, d->json ? daemon_json_line : print, &j);
	if (code == EXIT_OK && d->json)
		code = daemon_json_end(&j, lists, code);
	strbuf_free(&j.b);
	strbuf_free(request);
	return daemon_flush(d, code);
}

static int run_bans(int argc, char **argv)
{
	static const char *const lists[] = {"ban", NULL};
	struct daemon_call d = {.command = &command_bans};
	struct strbuf request = {0};
	int code;

	if (!daemon_options(&d, argc, argv, NULL, 0, &code))
		return code;
	control_begin(&request, "bans");
	return ask(&d, &request, NULL, lists, print_ban);
}

/* Who is at the keyboard, where that can be told. */
static const char *whoever(void)
{
	const char *sudo = getenv("SUDO_USER"); // NOLINT(concurrency-mt-unsafe)
	const struct passwd *p;

	if (sudo != NULL && *sudo != '\0')
		return sudo;
	p = getpwuid(geteuid()); // NOLINT(concurrency-mt-unsafe)
	return p == NULL ? "an unknown user" : p->pw_name;
}

static int run_ban(int argc, char **argv)
{
	static const char *const once[] = {"ban", "twin", NULL};
	const char *lasting = NULL, *reason = "", *action = "refuse", *expected;
	const struct daemon_option own[] = {{"for", &lasting, NULL}, {"reason", &reason, NULL},
	    {"action", &action, NULL}, {NULL, NULL, NULL}};
	struct daemon_call d = {.command = &command_ban};
	struct strbuf request = {0};
	usec_t t = 0;
	int code;

	if (!daemon_options(&d, argc, argv, own, 1, &code))
		return code;
	if (d.count == 0)
		return command_usage(d.command, "a key is missing, such as login:alice");
	if (lasting == NULL)
		return command_usage(d.command, "--for is missing, such as --for 1h");
	expected = unit_duration(lasting, &t);
	if (expected != NULL || t <= 0)
		return command_usage(d.command, "found --for %s; expected %s", lasting,
		    expected == NULL ? "more than nothing" : expected);
	control_begin(&request, "ban");
	control_text(&request, "key", d.arguments[0]);
	control_time(&request, "for", t);
	control_text(&request, "action", action);
	control_text(&request, "reason", reason);
	control_text(&request, "by", whoever());
	return ask(&d, &request, once, NULL, print_ban);
}

static int run_release(int argc, char **argv)
{
	static const char *const once[] = {"released", NULL};
	struct daemon_call d = {.command = &command_release};
	struct strbuf request = {0};
	int code;

	if (!daemon_options(&d, argc, argv, NULL, 1, &code))
		return code;
	if (d.count == 0)
		return command_usage(d.command, "a key is missing, such as login:alice");
	control_begin(&request, "release");
	control_text(&request, "key", d.arguments[0]);
	return ask(&d, &request, once, NULL, print_released);
}

const struct command command_bans = {
    .name = "bans",
    .arguments = DAEMON_ARGUMENTS,
    .summary = "lists who is banned or suspended, until when, by whom and why",
    .details = DAEMON_DETAILS,
    .run = run_bans,
};

const struct command command_ban = {
    .name = "ban",
    .arguments = "KEY --for TIME [--reason TEXT] [--action refuse|defer|hold] " DAEMON_ARGUMENTS,
    .summary = "refuses a client, a network or a login for a time",
    .details = "  KEY                 login:NAME, client:PREFIX, or an address or prefix\n"
	       "  --for TIME          how long, such as 30m, 1h or 2d\n"
	       "  --reason TEXT       why, for `bans` and the log\n"
	       "  --action ACTION     refuse (5xx, the default), defer (4xx) or hold "
	       "(quarantine)\n" DAEMON_DETAILS,
    .run = run_ban,
};

const struct command command_release = {
    .name = "release",
    .arguments = "KEY " DAEMON_ARGUMENTS,
    .summary = "ends a ban or a suspension, and forgives what led to it",
    .details =
	"  KEY                 as `bans` shows it: login:NAME, client:PREFIX\n" DAEMON_DETAILS
	"\nLimits that ban or suspend begin anew for the key. The exit code is 1 where it\n"
	"was not banned.\n",
    .run = run_release,
};
