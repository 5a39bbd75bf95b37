/* `relay-guard reload`: reads the configuration again, and says what came of it. */
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "tool/daemon.h"

/* As long as workers may take to get ready, twice: another reload may be under way. */
#define RELOAD_TIMEOUT (90 * USEC_PER_SEC)

/* A question that was answered is one object, whatever the answer was. */
static void print_outcome(const struct daemon_call *d, int code)
{
	struct strbuf b = {0};

	if (d->json) {
		strbuf_printf(&b, "{\"code\":%d,\"text\":", code);
		escape_json(&b, d->text, strlen(d->text));
		strbuf_puts(&b, "}");
	} else {
		escape_text(&b, d->text, strlen(d->text));
	}
	if (!b.failed && (d->json || code == EXIT_OK))
		puts(strbuf_text(&b));
	strbuf_free(&b);
}

static int run(int argc, char **argv)
{
	struct daemon_call d = {.command = &command_reload};
	struct strbuf request = {0};
	int code;

	if (!daemon_options(&d, argc, argv, NULL, 0, &code))
		return code;
	strbuf_puts(&request, "reload\n");
	code = daemon_ask(&d, &request, RELOAD_TIMEOUT, NULL, NULL);
	strbuf_free(&request);
	if (d.text[0] != '\0')
		print_outcome(&d, code);
	return daemon_flush(&d, code);
}

const struct command command_reload = {
    .name = "reload",
    .arguments = DAEMON_ARGUMENTS,
    .summary = "has the daemon read its configuration again",
    .details = DAEMON_DETAILS
    "\nWaits for the outcome. A configuration that is wrong changes nothing: what is\n"
    "wrong is told, and the exit code is 78.\n",
    .run = run,
};
