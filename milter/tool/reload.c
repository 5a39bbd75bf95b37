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

static int talk(struct daemon_call *d, const char *request,
    void (*each)(void *arg, const struct control_line *l), void *arg)
{
	struct strbuf b = {0};
	int code;

	d->text[0] = '\0';
	strbuf_puts(&b, request);
	code = daemon_talk(d, &b, RELOAD_TIMEOUT, each, arg);
	strbuf_free(&b);
	return code;
}

/* --- proving it first ------------------------------------------------------------------ */

/* Where the new configuration is served, and what it was read from. */
struct proof {
	char socket[CONTROL_LINE_MAX], path[CONTROL_LINE_MAX];
};

static void take_proof(void *arg, const struct control_line *l)
{
	struct proof *p = arg;
	const char *socket = control_value(l, "socket"), *path = control_value(l, "configuration");

	snprintf(p->socket, sizeof(p->socket), "%s", socket == NULL ? "" : socket);
	snprintf(p->path, sizeof(p->path), "%s", path == NULL ? "" : path);
}

/* Returns the exit code of the self-test, which has printed its rows. */
static int test(const struct daemon_call *d, struct proof *p)
{
	static char name[] = "selftest", config[] = "-c", milter[] = "--milter";
	static char quiet[] = "--quiet", json[] = "--format=json";
	char *argv[] = {name, config, p->path, milter, p->socket, d->json ? json : quiet, NULL};
	int code = command_selftest.run((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv);

	(void)fflush(stdout);
	return code;
}

static void drop(struct daemon_call *d, int code)
{
	const char *why = code == EXIT_FINDING ? "the self-test has rows that are wrong"
	                                       : "the self-test could not be run";
	struct strbuf b = {0};

	control_begin(&b, "drop");
	control_text(&b, "why", why);
	control_end(&b);
	(void)talk(d, strbuf_text(&b), NULL, NULL);
	strbuf_free(&b);
	snprintf(d->text, sizeof(d->text), "%s; the configuration of before goes on", why);
	fprintf(stderr, "relay-guard reload: not reloaded: %s\n", d->text);
}

static int prove(struct daemon_call *d)
{
	static struct proof p;
	int code = talk(d, "prove\n", take_proof, &p);

	if (code != EXIT_OK)
		return code;
	code = test(d, &p);
	if (code == EXIT_OK)
		return talk(d, "adopt\n", NULL, NULL);
	drop(d, code);
	return code;
}

static int run(int argc, char **argv)
{
	struct daemon_call d = {.command = &command_reload};
	bool proved = false;
	const struct daemon_option own[] = {{"prove", NULL, &proved}, {NULL, NULL, NULL}};
	int code;

	if (!daemon_options(&d, argc, argv, own, 0, &code))
		return code;
	code = daemon_open(&d);
	if (code == EXIT_OK)
		code = proved ? prove(&d) : talk(&d, "reload\n", NULL, NULL);
	daemon_close(&d);
	if (d.text[0] != '\0')
		print_outcome(&d, code);
	return daemon_flush(&d, code);
}

const struct command command_reload = {
    .name = "reload",
    .arguments = "[--prove] " DAEMON_ARGUMENTS,
    .summary = "has the daemon read its configuration again",
    .details = "  --prove             first has a worker serve it to the self-test alone; it goes\n"
	       "                      live only if every row is right\n" DAEMON_DETAILS
	       "\nWaits for the outcome. A configuration that is wrong changes nothing: what is\n"
	       "wrong is told, and the exit code is 78.\n",
    .run = run,
};
