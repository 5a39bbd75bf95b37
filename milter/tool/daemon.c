#include "tool/daemon.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/escape.h"
#include "check/config.h"

/* --- options ------------------------------------------------------------------------ */

enum { OWN_FIRST = 256 };

static bool take_format(struct daemon_call *d, const char *text, int *code)
{
	d->json = strcmp(text, "json") == 0;
	if (!d->json && strcmp(text, "text") != 0)
		*code = command_usage(d->command, "found --format %s; expected text or json", text);
	return *code == EXIT_OK;
}

static void take_own(const struct daemon_option *own)
{
	if (own->flag != NULL)
		*own->flag = true;
	else
		*own->value = optarg;
}

/* The table for getopt_long(); own options are numbered from OWN_FIRST. */
static void fill_table(struct option *table, const struct daemon_option *own)
{
	static const struct option common[] = {
	    {"socket", required_argument, NULL, 's'}, {"format", required_argument, NULL, 'f'}};
	size_t n = 0;

	for (; n < sizeof(common) / sizeof(common[0]); n++)
		table[n] = common[n];
	for (size_t i = 0; own != NULL && own[i].name != NULL && i < DAEMON_OPTIONS_MAX; i++)
		table[n++] = (struct option){own[i].name,
		    own[i].flag == NULL ? required_argument : no_argument, NULL,
		    OWN_FIRST + (int)i};
	table[n] = (struct option){NULL, 0, NULL, 0};
}

static bool take_option(
    struct daemon_call *d, int c, const struct daemon_option *own, char **argv, int *code)
{
	if (c == 'c')
		d->config = optarg;
	else if (c == 's')
		d->socket = optarg;
	else if (c == 'f')
		return take_format(d, optarg, code);
	else if (c >= OWN_FIRST)
		take_own(&own[c - OWN_FIRST]);
	else if (c == ':')
		*code = command_usage(d->command, "%s needs a value", argv[optind - 1]);
	else
		*code = command_usage(d->command, "there is no option %s", argv[optind - 1]);
	return *code == EXIT_OK;
}

bool daemon_options(struct daemon_call *d, int argc, char **argv, const struct daemon_option *own,
    size_t most, int *code)
{
	struct option table[DAEMON_OPTIONS_MAX + 3];
	int c;

	*code = EXIT_OK;
	fill_table(table, own);
	optind = 0; /* from the start, also where another command has read options before */
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:", table, NULL)) != -1)
		if (!take_option(d, c, own, argv, code))
			return false;
	d->count = (size_t)(argc - optind);
	d->arguments = argv + optind;
	if (d->config != NULL && d->socket != NULL)
		*code = command_usage(d->command, "found -c and --socket; expected one of them");
	else if (d->count > most)
		*code =
		    command_usage(d->command, "\"%s\" is one word too many", d->arguments[most]);
	return *code == EXIT_OK;
}

/* --- the socket ------------------------------------------------------------------------ */

__attribute__((format(printf, 3, 4))) static int complain(
    const struct daemon_call *d, int code, const char *format, ...)
{
	struct strbuf b = {0};
	char text[CONTROL_LINE_MAX + 200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	escape_text(&b, text, strlen(text));
	fprintf(stderr, "relay-guard %s: %s\n", d->command->name, strbuf_text(&b));
	strbuf_free(&b);
	return code;
}

/* Where the daemon is to be found: the rest of the configuration may be wrong. */
static int find_socket(const struct daemon_call *d, struct sockaddr_un *un)
{
	const char *path = d->config == NULL ? CONFIG_DEFAULT_PATH : d->config;
	char text[256] = CONFIG_DEFAULT_CONTROL;
	const char *where = text;

	if (d->socket != NULL)
		where = d->socket;
	else if (d->config != NULL && access(path, R_OK) != 0)
		return complain(d, EXIT_NO_INPUT, "%s: %s", path, strerror(errno));
	else
		conf_peek(path, "control", text, sizeof(text));
	if (strncmp(where, "unix:", 5) == 0)
		where += 5;
	*un = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(where) == 0 || strlen(where) >= sizeof(un->sun_path))
		return complain(d, EXIT_USAGE,
		    "found \"%s\"; expected the path of a unix socket, of at most %zu bytes", where,
		    sizeof(un->sun_path) - 1);
	memcpy(un->sun_path, where, strlen(where) + 1);
	return EXIT_OK;
}

int daemon_open(struct daemon_call *d)
{
	struct sockaddr_un un;
	int code = find_socket(d, &un);

	d->fd = -1;
	if (code != EXIT_OK)
		return code;
	d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0)
		return complain(d, EXIT_AGAIN, "%s", strerror(errno));
	if (connect(d->fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return EXIT_OK;
	code = errno;
	daemon_close(d);
	if (code == EAGAIN)
		return complain(d, EXIT_AGAIN, "the daemon is busy; try again");
	if (code == EACCES)
		return complain(d, EXIT_UNAVAILABLE,
		    "unix:%s: that is not permitted; ask as root, or as a member of the socket's "
		    "group",
		    un.sun_path);
	return complain(d, EXIT_UNAVAILABLE, "unix:%s: %s; no relay-guard is running there",
	    un.sun_path, strerror(code));
}

void daemon_close(struct daemon_call *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

/* --- a request and its reply ------------------------------------------------------------ */

struct answer {
	struct daemon_call *call;
	usec_t until; /* monotonic */
	struct strbuf in;
	size_t used;
	void (*each)(void *arg, const struct control_line *l);
	void *arg;
};

/* False: it took too long. */
static bool wait_for(const struct answer *a, short events)
{
	struct pollfd p = {.fd = a->call->fd, .events = events};

	for (;;) {
		usec_t left = a->until == DAEMON_FOREVER
		                  ? USEC_PER_SEC
		                  : (a->until - clock_monotonic()) / USEC_PER_MSEC + 1;
		int n;

		if (left <= 0)
			return false;
		n = poll(&p, 1, left > 1000 ? 1000 : (int)left);
		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
	}
}

static int no_answer(const struct answer *a)
{
	return complain(a->call, EXIT_AGAIN, "the daemon does not answer; try again");
}

/* What was refused is answered before it is read: then the reply is there all the same. */
static int send_request(const struct answer *a, const struct strbuf *request)
{
	size_t sent = 0;

	while (sent < request->len) {
		ssize_t n;

		if (!wait_for(a, POLLOUT))
			return no_answer(a);
		n = send(
		    a->call->fd, strbuf_text(request) + sent, request->len - sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			break;
		sent += n > 0 ? (size_t)n : 0;
	}
	return EXIT_OK;
}

/* -1: the reply goes on. */
static int take_line(struct answer *a, const char *line, size_t len)
{
	static struct control_line l;
	const char *wrong = control_parse(line, len, &l), *text;
	int code;

	if (wrong != NULL)
		return complain(a->call, EXIT_UNAVAILABLE,
		    "found %s in the answer; that is no relay-guard, or one of another version",
		    wrong);
	if (!control_is_last(&l, &code)) {
		if (a->each != NULL)
			a->each(a->arg, &l);
		return -1;
	}
	text = control_value(&l, "text");
	snprintf(a->call->text, sizeof(a->call->text), "%s", text == NULL ? "" : text);
	if (code != EXIT_OK)
		complain(a->call, code, "%s", a->call->text);
	return code;
}

static int take_lines(struct answer *a)
{
	int code = -1;

	while (code < 0 && a->used < a->in.len) {
		const char *line = a->in.data + a->used;
		const char *end = memchr(line, '\n', a->in.len - a->used);

		if (end == NULL)
			break;
		a->used += (size_t)(end + 1 - line);
		code = take_line(a, line, (size_t)(end - line));
	}
	return code;
}

static int read_reply(struct answer *a)
{
	int code = -1;

	while (code < 0) {
		char some[4096];
		ssize_t n;

		if (!wait_for(a, POLLIN))
			return no_answer(a);
		n = recv(a->call->fd, some, sizeof(some), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return complain(
			    a->call, EXIT_UNAVAILABLE, "the daemon hung up before it had answered");
		strbuf_add(&a->in, some, (size_t)n);
		if (a->in.failed)
			return complain(
			    a->call, EXIT_UNAVAILABLE, "the answer is longer than any should be");
		code = take_lines(a);
	}
	return code;
}

int daemon_talk(struct daemon_call *d, const struct strbuf *request, usec_t timeout,
    void (*each)(void *arg, const struct control_line *l), void *arg)
{
	struct answer a = {.call = d, .each = each, .arg = arg};
	int code;

	/* What was refused has an answer of its own besides. */
	a.in.max = CONTROL_REPLY_MAX + 2 * (size_t)CONTROL_LINE_MAX;
	a.until = timeout == DAEMON_FOREVER ? DAEMON_FOREVER : clock_monotonic() + timeout;
	code = send_request(&a, request);
	if (code == EXIT_OK)
		code = read_reply(&a);
	strbuf_free(&a.in);
	return code;
}

int daemon_ask(struct daemon_call *d, const struct strbuf *request, usec_t timeout,
    void (*each)(void *arg, const struct control_line *l), void *arg)
{
	int code = daemon_open(d);

	if (code == EXIT_OK)
		code = daemon_talk(d, request, timeout, each, arg);
	daemon_close(d);
	return code;
}

int daemon_flush(const struct daemon_call *d, int code)
{
	if (fflush(stdout) == 0)
		return code;
	return complain(d, EXIT_INTERNAL, "can't write: %s", strerror(errno));
}
