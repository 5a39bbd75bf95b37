/* `relay-guard status`: how is the daemon, since when, and with which configuration? */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/exit.h"
#include "base/replace.h"
#include "tool/daemon.h"
#include "tool/daemon_print.h"
#include "tool/status_metrics.h"

/* The node exporter, which reads them, is of a user of its own. */
enum { METRICS_MODE = 0644 };

static const char *const once[] = {"daemon", "reload", "events", "dns", "store", NULL};

static void print_daemon(const struct control_line *l)
{
	char text[DAEMON_FIELD_MAX], when[CLOCK_TEXT_MAX];

	printf("relay-guard %s, ", daemon_field(l, "version", text));
	printf("process %" PRIu64 ", ", control_number(l, "pid", 0));
	printf("%s", daemon_field(l, "state", text));
	printf(" since %s, mode ", daemon_time(l, "started", when));
	printf("%s\n", daemon_field(l, "mode", text));
	printf("configuration  %s, ", daemon_field(l, "configuration", text));
	printf("loaded %s\n", daemon_time(l, "loaded", when));
	printf("generation     %" PRIu64 ", with %" PRIu64 " workers\n",
	    control_number(l, "generation", 0), control_number(l, "workers", 0));
	printf("sessions       %" PRIu64 "\n", control_number(l, "sessions", 0));
	if (control_number(l, "deaths", 0) > 0)
		printf("crashes        %" PRIu64 " since the start; the log says of what\n",
		    control_number(l, "deaths", 0));
}

static void print_reload(const struct control_line *l)
{
	char text[DAEMON_FIELD_MAX], when[CLOCK_TEXT_MAX];

	printf("last reload    %s, %s: ", daemon_time(l, "at", when),
	    control_number(l, "code", 0) == EXIT_OK ? "done" : "FAILED");
	printf("%s\n", daemon_field(l, "text", text));
}

static void print_worker(const struct control_line *l)
{
	char text[DAEMON_FIELD_MAX], when[CLOCK_TEXT_MAX];

	printf("%-8s %-5" PRIu64 " process %" PRIu64, l->word, control_number(l, "number", 0),
	    control_number(l, "pid", 0));
	printf(", %s", daemon_field(l, "state", text));
	printf(" since %s", daemon_time(l, "since", when));
	if (control_value(l, "sessions") != NULL)
		printf(", %" PRIu64 " sessions, %s", control_number(l, "sessions", 0),
		    daemon_field(l, "listen", text));
	putchar('\n');
}

static void print_generation(const struct control_line *l)
{
	char text[DAEMON_FIELD_MAX];

	printf("generation     %" PRIu64 " %s, ", control_number(l, "number", 0),
	    daemon_field(l, "state", text));
	printf("%" PRIu64 " workers, %" PRIu64 " sessions\n", control_number(l, "workers", 0),
	    control_number(l, "sessions", 0));
}

static void print_numbers(const struct control_line *l)
{
	char text[DAEMON_FIELD_MAX];

	printf("%-14s", l->word);
	for (size_t i = 0; i < l->count; i++) {
		printf("%s%s", i == 0 ? " " : ", ", l->fields[i].name);
		printf(" %s", daemon_field(l, l->fields[i].name, text));
	}
	putchar('\n');
}

static void print_line(void *arg, const struct control_line *l)
{
	(void)arg;
	if (strcmp(l->word, "daemon") == 0)
		print_daemon(l);
	else if (strcmp(l->word, "reload") == 0)
		print_reload(l);
	else if (strcmp(l->word, "generation") == 0)
		print_generation(l);
	else if (strcmp(l->word, "worker") == 0 || strcmp(l->word, "follower") == 0)
		print_worker(l);
	else
		print_numbers(l);
}

static int fail(const char *path, const char *why)
{
	fprintf(stderr, "relay-guard status: can't write the metrics to %s: %s\n", path, why);
	return EXIT_INTERNAL;
}

/* Of a daemon that does not answer too, so that this is seen; not of a wrong command. */
static int write_metrics(const char *path, struct strbuf *b, int code)
{
	if (code != EXIT_OK && code != EXIT_UNAVAILABLE && code != EXIT_AGAIN)
		return code;
	status_metrics_end(b, code);
	if (b->failed)
		return fail(path, "memory is exhausted");
	if (strcmp(path, "-") == 0)
		fputs(strbuf_text(b), stdout);
	else if (!replace_file(path, METRICS_MODE, b->data, b->len))
		return fail(path, strerror(errno));
	return code;
}

static int ask(struct daemon_call *d, const char *metrics)
{
	struct daemon_json j = {.once = once};
	struct strbuf request = {0};
	static const char *const lists[] = {"worker", "generation", NULL};
	int code;

	strbuf_puts(&request, "status\n");
	if (metrics != NULL) {
		code = daemon_ask(d, &request, DAEMON_TIMEOUT, status_metrics_line, &j.b);
		code = write_metrics(metrics, &j.b, code);
	} else if (d->json) {
		code = daemon_ask(d, &request, DAEMON_TIMEOUT, daemon_json_line, &j);
		if (code == EXIT_OK)
			code = daemon_json_end(&j, lists, code);
	} else {
		code = daemon_ask(d, &request, DAEMON_TIMEOUT, print_line, NULL);
	}
	strbuf_free(&j.b);
	strbuf_free(&request);
	return daemon_flush(d, code);
}

static int run(int argc, char **argv)
{
	struct daemon_call d = {.command = &command_status};
	const char *metrics = NULL;
	const struct daemon_option own[] = {{"metrics", &metrics, NULL}, {NULL, NULL, NULL}};
	int code;

	if (!daemon_options(&d, argc, argv, own, 0, &code))
		return code;
	if (metrics != NULL && d.json)
		return command_usage(
		    &command_status, "found --metrics and --format json; expected one of them");
	return ask(&d, metrics);
}

const struct command command_status = {
    .name = "status",
    .arguments = DAEMON_ARGUMENTS " [--metrics FILE]",
    .summary = "says how the running daemon is, and with which configuration",
    .details = DAEMON_DETAILS
    "  --metrics FILE      writes numbers to FILE, as Prometheus reads them; -: standard output\n",
    .run = run,
};
