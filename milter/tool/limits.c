/* `relay-guard limits`: which limits there are, and how far a key has come. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tool/daemon.h"
#include "tool/daemon_print.h"
#include "tool/limit_lines.h"
#include "tool/suggest_files.h"

static void print_limit(void *arg, const struct control_line *l)
{
	bool *begun = arg;
	char text[DAEMON_FIELD_MAX], time[DAEMON_DURATION_MAX], rate[100];
	usec_t window = control_signed(l, "window_us", 0);

	if (!*begun)
		printf("%-14s %-22s %-26s %-16s %-10s %s\n", "LIMIT", "COUNTS", "BY", "MAX",
		    "ON EXCEED", "MODE");
	*begun = true;
	printf("%-14s ", daemon_field(l, "name", text));
	printf("%-22s ", daemon_field(l, "counts", text));
	printf("%-26s ", daemon_field(l, "counted_by", text));
	snprintf(rate, sizeof(rate), "%" PRIu64 "%s%s", control_number(l, "max", 0),
	    window == 0 ? " at a time" : "/", window == 0 ? "" : daemon_duration(window, time));
	printf("%-16s ", rate);
	printf("%-10s ", daemon_field(l, "on_exceed", text));
	printf("%s\n", daemon_field(l, "mode", text));
}

static int run(int argc, char **argv)
{
	static const char *const lists[] = {"limit", NULL};
	const char *key = NULL;
	bool suggest = false;
	const struct daemon_option own[] = {
	    {"key", &key, NULL}, {"suggest", NULL, &suggest}, {NULL, NULL, NULL}};
	struct daemon_call d = {.command = &command_limits};
	struct daemon_json j = {.once = NULL};
	struct strbuf request = {0};
	bool begun = false;
	int code;

	if (!daemon_options(&d, argc, argv, own, SIZE_MAX, &code))
		return code;
	if (suggest && (d.count == 0 || key != NULL || d.socket != NULL || d.config != NULL))
		return command_usage(
		    d.command, "--suggest goes with files of events alone, and asks no daemon");
	if (suggest)
		return suggest_files(d.command, d.arguments, d.count, d.json);
	if (d.count > 0)
		return command_usage(d.command, "\"%s\" is one word too many", d.arguments[0]);
	control_begin(&request, "limits");
	if (key != NULL)
		control_text(&request, "key", key);
	control_end(&request);
	if (d.json)
		code = daemon_ask(&d, &request, DAEMON_TIMEOUT, daemon_json_line, &j);
	else
		code = daemon_ask(&d, &request, DAEMON_TIMEOUT,
		    key == NULL ? print_limit : limit_lines_print, &begun);
	if (code == EXIT_OK && d.json)
		code = daemon_json_end(&j, lists, code);
	else if (code == EXIT_OK && !begun)
		puts("the configuration has no limits");
	strbuf_free(&j.b);
	strbuf_free(&request);
	return daemon_flush(&d, code);
}

const struct command command_limits = {
    .name = "limits",
    .arguments = "[--key KEY | --suggest EVENTS...] " DAEMON_ARGUMENTS,
    .summary = "lists the limits, or how far a key has come in each, or suggests some",
    .details = "  --key KEY           login:alice, 192.0.2.7, alice@example.com, ...: as an event\n"
	       "                      has it, or a value alone, which is then looked for under\n"
	       "                      each kind of key\n"
	       "  --suggest EVENTS... reads events of accepted mail and prints how much keys have\n"
	       "                      had, and limits one could start with; asks no "
	       "daemon\n" DAEMON_DETAILS,
    .run = run,
};
