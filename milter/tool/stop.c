/* `relay-guard stop`: the daemon finishes its sessions and ends. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tool/daemon.h"

static void tell_sessions(void *arg, const struct control_line *l)
{
	uint64_t sessions = control_number(l, "sessions", 0);

	(void)arg;
	if (strcmp(l->word, "daemon") == 0 && sessions > 0)
		fprintf(stderr,
		    "relay-guard stop: %" PRIu64 " sessions are finished first, for as long as "
		    "`drain-time` says; SIGTERM to process %" PRIu64 " cuts them\n",
		    sessions, control_number(l, "pid", 0));
}

static int run(int argc, char **argv)
{
	struct daemon_call d = {.command = &command_stop};
	struct strbuf request = {0};
	int code;

	if (!daemon_options(&d, argc, argv, NULL, 0, &code))
		return code;
	strbuf_puts(&request, "stop\n");
	code = daemon_ask(&d, &request, DAEMON_FOREVER, tell_sessions, NULL);
	strbuf_free(&request);
	if (code == EXIT_OK)
		puts(d.json ? "{\"code\":0,\"text\":\"stopped\"}" : "stopped");
	return daemon_flush(&d, code);
}

const struct command command_stop = {
    .name = "stop",
    .arguments = DAEMON_ARGUMENTS,
    .summary = "has the daemon finish its sessions and end",
    .details = DAEMON_DETAILS "\nWaits until it has ended.\n",
    .run = run,
};
