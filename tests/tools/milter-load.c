/*
 * Loads a milter as Postfix would: many sessions, message after message, for a number of seconds.
 *
 *   milter-load [OPTION...] SOCKET        unix:/path, inet:host:port, inet6:host:port
 *
 *   --sessions N      connections at once (20)
 *   --seconds S       how long (5)
 *   --messages M      messages of one connection, then a new one; 0: no end (0)
 *   --client ADDR     the client's address (203.0.113.9)
 *   --from ADDR       the sender (<sender@example.net>)
 *   --rcpt ADDR       the recipient (<postmaster@example.com>)
 *   --mailer NAME     what the MTA would do with it: {rcpt_mailer} (local)
 *   --expect WORD     accept or reject: what must come out at RCPT (accept)
 *
 * Prints one line of key=value. Exit 0: all answers were as expected; 1: some were not, or a
 * session broke or stood still; 64: wrong usage; 69: nothing answers.
 *
 * All that is sent is made once, after the first negotiation; what the milter does not answer goes
 * out together with what follows, as from an MTA that buffers. So the client is cheap.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/exit.h"
#include "base/strbuf.h"
#include "wire/milter.h"

enum {
	SESSIONS_MAX = 10000,
	STEPS_MAX = 32,
	INPUT_SIZE = 4096,
	HEADERS = 10,
	BODY_SIZE = 4096,
	LINE_SIZE = 72
};

/* A message that takes longer stands still. */
#define STALL (5 * USEC_PER_SEC)

/* SMFIP_: what the milter does not want (NO), or does not answer (NR). */
static const struct stage {
	char command;
	uint32_t no, unanswered;
	int macros; /* SMFIM_; -1: none */
} stages[] = {
    {MILTER_CONNECT, 0x1, 0x1000, 0},
    {MILTER_HELO, 0x2, 0x2000, 1},
    {MILTER_MAIL, 0x4, 0x4000, 2},
    {MILTER_RCPT, 0x8, 0x8000, 3},
    {MILTER_DATA, 0x200, 0x10000, 4},
    {MILTER_HEADER, 0x20, 0x80, -1},
    {MILTER_EOH, 0x40, 0x40000, 6},
    {MILTER_BODY, 0x10, 0x80000, -1},
    {MILTER_EOM, 0, 0, 5},
};

/* What goes out in one piece, and the command whose answer is then waited for; 0: none. */
struct step {
	struct strbuf bytes;
	char command;
};

struct script {
	struct step steps[STEPS_MAX];
	size_t count;
	size_t message; /* the first step of a message; before it: of a connection */
};

struct session {
	int fd;
	size_t step; /* whose answer is waited for */
	size_t sent; /* bytes of it that are out */
	unsigned long messages;
	usec_t begun; /* the message at hand */
	bool negotiated;
	size_t len;
	char in[INPUT_SIZE];
};

struct options {
	unsigned long sessions, seconds, messages;
	const char *from, *rcpt, *mailer, *socket;
	struct addr client;
	bool reject;
};

struct load {
	struct options o;
	struct sockaddr_storage to;
	socklen_t to_len;
	int epoll;
	struct script script;
	struct session *sessions;
	uint32_t *took; /* microseconds, one for each message */
	size_t messages, samples, took_cap;
	unsigned long connects, errors, wrong;
	char first_error[160];
};

__attribute__((noreturn, format(printf, 2, 3))) static void die(int code, const char *format, ...)
{
	va_list args;

	fputs("milter-load: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(code);
}

/* --- the script ------------------------------------------------------------ */

static const struct stage *stage_of(char command)
{
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		if (stages[i].command == command)
			return &stages[i];
	die(EXIT_INTERNAL, "no stage %c", command);
}

/* What the milter chose. */
struct terms {
	uint32_t protocol;
	const char *macros; /* pairs of a number and a list */
	size_t len;
};

/* The list of macros that the milter asked for at a stage; NULL: it did not. */
static const char *macros_of(const struct terms *t, int stage)
{
	const char *p = t->macros;
	size_t len = t->len;

	while (len > 4) {
		const char *end = memchr(p + 4, '\0', len - 4);

		if (end == NULL)
			break;
		if ((unsigned char)p[3] == stage)
			return p + 4;
		len -= (size_t)(end + 1 - p);
		p = end + 1;
	}
	return NULL;
}

/* Macros of `command`: those of `pairs` that were asked for, all when none were. */
static void add_macros(
    struct strbuf *b, const struct terms *t, char command, const char *const *pairs)
{
	const char *list = macros_of(t, stage_of(command)->macros);
	const char *wanted[16 + 1] = {NULL};
	size_t n = 0;

	for (size_t i = 0; pairs[i] != NULL && n + 2 < sizeof(wanted) / sizeof(wanted[0]); i += 2) {
		if (list != NULL && strstr(list, pairs[i]) == NULL)
			continue;
		wanted[n++] = pairs[i];
		wanted[n++] = pairs[i + 1];
	}
	if (n > 0)
		milter_write_macros(b, command, wanted);
}

/* Ends the step at hand where the milter answers; else what follows joins it. */
static void end_step(struct script *s, const struct terms *t, char command)
{
	const struct stage *stage = stage_of(command);

	if ((t->protocol & (stage->no | stage->unanswered)) != 0)
		return;
	s->steps[s->count].command = command;
	if (++s->count == STEPS_MAX)
		die(EXIT_INTERNAL, "too many steps");
}

static bool is_wanted(const struct terms *t, char command)
{
	return (t->protocol & stage_of(command)->no) == 0;
}

static struct strbuf *now_at(struct script *s)
{
	return &s->steps[s->count].bytes;
}

static void write_connection(struct script *s, const struct options *o, const struct terms *t)
{
	static const char *const connect[] = {"j", "mail.example", "{daemon_name}", "smtpd",
	    "{daemon_addr}", "127.0.0.1", "{daemon_port}", "25", "v", "Postfix 3.7.11", NULL};

	if (is_wanted(t, MILTER_CONNECT)) {
		add_macros(now_at(s), t, MILTER_CONNECT, connect);
		milter_write_connect(now_at(s), "client.example", &o->client, 40000);
		end_step(s, t, MILTER_CONNECT);
	}
	if (is_wanted(t, MILTER_HELO)) {
		milter_write_helo(now_at(s), "client.example");
		end_step(s, t, MILTER_HELO);
	}
}

static void write_envelope(struct script *s, const struct options *o, const struct terms *t)
{
	const char *const mail[] = {
	    "{mail_mailer}", "smtp", "{mail_host}", "example.net", "{mail_addr}", o->from, NULL};
	char bare[256];
	size_t len = strlen(o->rcpt);
	bool path = len > 2 && len < sizeof(bare) && o->rcpt[0] == '<';
	const char *const size[] = {"SIZE=4500", NULL};
	const char *host, *const none[] = {NULL};

	snprintf(bare, sizeof(bare), "%s", o->rcpt + path);
	if (path)
		bare[len - 2] = '\0';
	host = strrchr(bare, '@');
	const char *const rcpt[] = {"{rcpt_mailer}", o->mailer, "{rcpt_host}",
	    host == NULL ? "" : host + 1, "{rcpt_addr}", bare, NULL};

	if (is_wanted(t, MILTER_MAIL)) {
		add_macros(now_at(s), t, MILTER_MAIL, mail);
		milter_write_envelope(now_at(s), MILTER_MAIL, o->from, size);
		end_step(s, t, MILTER_MAIL);
	}
	if (is_wanted(t, MILTER_RCPT)) {
		add_macros(now_at(s), t, MILTER_RCPT, rcpt);
		milter_write_envelope(now_at(s), MILTER_RCPT, o->rcpt, none);
		end_step(s, t, MILTER_RCPT);
	}
}

static void write_headers(struct script *s, const struct terms *t)
{
	char header[128];

	for (unsigned i = 0; i < HEADERS && is_wanted(t, MILTER_HEADER); i++) {
		int len = snprintf(header, sizeof(header),
		    "X-Field-%u%cthe value of a field of usual length, number %u", i, '\0', i);

		milter_frame_write(now_at(s), MILTER_HEADER, header, (size_t)len + 1);
		end_step(s, t, MILTER_HEADER);
	}
}

static void write_content(struct script *s, const struct terms *t)
{
	static const char *const queue_id[] = {"i", "4F2x1Y0dZzz9", NULL};
	char body[BODY_SIZE];

	memset(body, 'x', sizeof(body));
	for (size_t end = LINE_SIZE; end <= sizeof(body); end += LINE_SIZE) {
		body[end - 2] = '\r';
		body[end - 1] = '\n';
	}
	if (is_wanted(t, MILTER_DATA)) {
		add_macros(now_at(s), t, MILTER_DATA, queue_id);
		milter_frame_write(now_at(s), MILTER_DATA, "", 0);
		end_step(s, t, MILTER_DATA);
	}
	write_headers(s, t);
	if (is_wanted(t, MILTER_EOH)) {
		milter_frame_write(now_at(s), MILTER_EOH, "", 0);
		end_step(s, t, MILTER_EOH);
	}
	if (is_wanted(t, MILTER_BODY)) {
		milter_frame_write(now_at(s), MILTER_BODY, body, sizeof(body));
		end_step(s, t, MILTER_BODY);
	}
	add_macros(now_at(s), t, MILTER_EOM, queue_id);
	milter_frame_write(now_at(s), MILTER_EOM, "", 0);
	end_step(s, t, MILTER_EOM);
}

static void write_script(struct script *s, const struct options *o, const struct terms *t)
{
	write_connection(s, o, t);
	/* Sent by itself, and not waited for: the first message alone has it before it. */
	if (now_at(s)->len > 0)
		s->count++;
	s->message = s->count;
	write_envelope(s, o, t);
	if (!o->reject)
		write_content(s, t);
	else if (s->count == s->message || s->steps[s->count - 1].command != MILTER_RCPT)
		die(EXIT_DATA, "the milter does not answer at RCPT: nothing can be rejected");
	for (size_t i = 0; i < s->count; i++)
		if (s->steps[i].bytes.failed)
			die(EXIT_INTERNAL, "out of memory");
}

/* --- sessions -------------------------------------------------------------- */

static void watch(struct load *l, struct session *s, uint32_t events, int how)
{
	struct epoll_event e = {.events = events, .data.ptr = s};

	if (epoll_ctl(l->epoll, how, s->fd, &e) != 0)
		die(EXIT_INTERNAL, "epoll_ctl: %s", strerror(errno));
}

static void start_session(struct load *l, struct session *s);

/* A session that broke is opened anew. */
static void fail(struct load *l, struct session *s, const char *what)
{
	if (l->errors++ == 0)
		snprintf(l->first_error, sizeof(l->first_error), "%s", what);
	(void)close(s->fd);
	s->fd = -1;
}

/* Sends the rest of the step at hand. Full: waits until it can go on. */
static void send_step(struct load *l, struct session *s)
{
	const struct strbuf *b = &l->script.steps[s->step].bytes;

	while (s->sent < b->len) {
		ssize_t n = send(s->fd, b->data + s->sent, b->len - s->sent, MSG_NOSIGNAL);

		if (n >= 0) {
			s->sent += (size_t)n;
		} else if (errno == EAGAIN) {
			watch(l, s, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
			return;
		} else if (errno != EINTR) {
			fail(l, s, strerror(errno));
			return;
		}
	}
}

static void begin_step(struct load *l, struct session *s, size_t step)
{
	s->step = step;
	s->sent = 0;
	if (step == l->script.message)
		s->begun = clock_monotonic();
	send_step(l, s);
	if (l->script.steps[step].command != '\0' || s->fd < 0)
		return;
	if (s->sent < l->script.steps[step].bytes.len)
		fail(l, s, "the start of a connection does not go out at once");
	else
		begin_step(l, s, step + 1);
}

static void record(struct load *l, usec_t took)
{
	if (l->samples == l->took_cap) {
		size_t cap = l->took_cap == 0 ? 65536 : l->took_cap * 2;
		uint32_t *larger = realloc(l->took, cap * sizeof(*larger));

		if (larger == NULL)
			die(EXIT_INTERNAL, "out of memory");
		l->took = larger;
		l->took_cap = cap;
	}
	l->took[l->samples++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
}

static void count_message(struct load *l, struct session *s)
{
	record(l, clock_monotonic() - s->begun);
	l->messages++;
	s->messages++;
}

/* A frame without payload, sent beside the script. False: the session is lost. */
static bool say(struct load *l, struct session *s, char command)
{
	const char frame[5] = {0, 0, 0, 1, command};

	if (send(s->fd, frame, sizeof(frame), MSG_NOSIGNAL) == (ssize_t)sizeof(frame))
		return true;
	fail(l, s, "a short frame could not be sent");
	return false;
}

static void end_message(struct load *l, struct session *s)
{
	count_message(l, s);
	/* What was refused at RCPT has no end of its own. */
	if (l->o.reject && !say(l, s, MILTER_ABORT))
		return;
	if (l->o.messages != 0 && s->messages >= l->o.messages) {
		(void)say(l, s, MILTER_QUIT);
		if (s->fd >= 0)
			(void)close(s->fd);
		start_session(l, s);
		return;
	}
	begin_step(l, s, l->script.message);
}

static bool is_expected(const struct load *l, char command, char answer)
{
	if (l->o.reject && command == MILTER_RCPT)
		return answer == 'y' || answer == 'r';
	return answer == 'c' || (answer == 'a' && command == MILTER_EOM) ||
	       (answer == 's' && command == MILTER_BODY);
}

static void take_answer(struct load *l, struct session *s, const struct milter_frame *f)
{
	char command = l->script.steps[s->step].command;
	char what[80];

	if (!milter_reply_is_final(f->command))
		return;
	if (!is_expected(l, command, f->command)) {
		l->wrong++;
		snprintf(what, sizeof(what), "at %c the answer was %c", command, f->command);
		fail(l, s, what);
	} else if (s->step + 1 == l->script.count) {
		end_message(l, s);
	} else {
		begin_step(l, s, s->step + 1);
	}
}

static void take_frames(struct load *l, struct session *s)
{
	size_t at = 0, used = 0;
	struct milter_frame f;

	while (s->fd >= 0) {
		enum milter_read got = milter_frame_read(s->in + at, s->len - at, &f, &used);

		if (got == MILTER_READ_BAD)
			fail(l, s, "a malformed frame");
		if (got != MILTER_READ_FRAME)
			break;
		at += used;
		/* Answers to what was sent; the next step starts with an empty buffer. */
		if (!s->negotiated) {
			s->negotiated = true;
			begin_step(l, s, 0);
		} else {
			take_answer(l, s, &f);
		}
		/* A new connection may have taken its place, with nothing read yet. */
		if (!s->negotiated)
			return;
	}
	if (s->fd < 0)
		return;
	memmove(s->in, s->in + at, s->len - at);
	s->len -= at;
	if (s->len == sizeof(s->in))
		fail(l, s, "a frame that is too long");
}

static void on_event(struct load *l, struct session *s, uint32_t events)
{
	ssize_t n;

	if ((events & EPOLLOUT) != 0) {
		watch(l, s, EPOLLIN, EPOLL_CTL_MOD);
		send_step(l, s);
	}
	if (s->fd < 0 || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
		return;
	n = recv(s->fd, s->in + s->len, sizeof(s->in) - s->len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail(l, s, n == 0 ? "the milter closed the connection" : strerror(errno));
		return;
	}
	s->len += (size_t)n;
	take_frames(l, s);
}

static void send_offer(struct load *l, struct session *s)
{
	static const struct milter_options offer = {6, 0x1ff, 0x1fffff};
	struct strbuf b = {0};

	milter_write_negotiate(&b, &offer);
	if (b.failed || send(s->fd, b.data, b.len, MSG_NOSIGNAL) != (ssize_t)b.len)
		fail(l, s, "the offer could not be sent");
	strbuf_free(&b);
}

/* Connects, blocking: a full backlog slows down the client, as it would an MTA. */
static int connect_to(const struct load *l)
{
	const int on = 1;
	int fd = socket(l->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (l->to.ss_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&l->to, l->to_len) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static void start_session(struct load *l, struct session *s)
{
	s->messages = 0;
	s->negotiated = false;
	s->len = 0;
	s->begun = clock_monotonic();
	l->connects++;
	s->fd = connect_to(l);
	if (s->fd < 0) {
		if (l->errors++ == 0)
			snprintf(l->first_error, sizeof(l->first_error), "%s", strerror(errno));
		return;
	}
	if (fcntl(s->fd, F_SETFL, O_NONBLOCK) != 0)
		die(EXIT_INTERNAL, "fcntl: %s", strerror(errno));
	watch(l, s, EPOLLIN, EPOLL_CTL_ADD);
	send_offer(l, s);
}

/* --- one run --------------------------------------------------------------- */

/* A first connection, to learn what the milter wants. */
static void learn(struct load *l)
{
	struct session s = {.fd = connect_to(l)};
	const struct timeval wait = {.tv_sec = 10};
	struct milter_options chosen;
	struct terms t = {.protocol = 0};
	struct milter_frame f;
	size_t used;

	if (s.fd < 0)
		die(EXIT_UNAVAILABLE, "can't connect to %s: %s", l->o.socket, strerror(errno));
	(void)setsockopt(s.fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	send_offer(l, &s);
	while (milter_frame_read(s.in, s.len, &f, &used) == MILTER_READ_MORE) {
		ssize_t n = recv(s.fd, s.in + s.len, sizeof(s.in) - s.len, 0);

		if (n <= 0)
			die(EXIT_UNAVAILABLE, "%s does not negotiate", l->o.socket);
		s.len += (size_t)n;
	}
	if (milter_frame_read(s.in, s.len, &f, &used) != MILTER_READ_FRAME ||
	    !milter_read_negotiate(&f, &chosen, &t.macros, &t.len))
		die(EXIT_UNAVAILABLE, "%s does not negotiate as a milter does", l->o.socket);
	t.protocol = chosen.protocol;
	write_script(&l->script, &l->o, &t);
	(void)say(l, &s, MILTER_QUIT);
	(void)close(s.fd);
}

static void run(struct load *l, usec_t until)
{
	struct epoll_event events[256];

	for (unsigned long i = 0; i < l->o.sessions; i++)
		start_session(l, &l->sessions[i]);
	while (clock_monotonic() < until) {
		int n = epoll_wait(l->epoll, events, 256, 50);

		for (int i = 0; i < n; i++) {
			struct session *s = events[i].data.ptr;

			on_event(l, s, events[i].events);
			/* A milter that is down must not be hammered. */
			if (s->fd < 0 && l->errors < 1000)
				start_session(l, s);
		}
	}
}

/*
 * A message that is not finished counts with the time that it has had: else a milter that serves
 * a few sessions and lets all others wait would look quick.
 */
static unsigned long stalled(struct load *l)
{
	usec_t now = clock_monotonic();
	unsigned long n = 0;

	for (unsigned long i = 0; i < l->o.sessions; i++) {
		record(l, now - l->sessions[i].begun);
		n += l->sessions[i].fd < 0 || now - l->sessions[i].begun > STALL;
	}
	return n;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t percentile(const struct load *l, double p)
{
	size_t i = (size_t)(p * (double)l->samples);

	if (l->samples == 0)
		return 0;
	return l->took[i < l->samples ? i : l->samples - 1];
}

static double own_cpu(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) != 0)
		return 0;
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int report(struct load *l, double seconds)
{
	unsigned long still = stalled(l);

	if (l->samples > 0)
		qsort(l->took, l->samples, sizeof(*l->took), compare);
	printf("sessions=%lu seconds=%.2f messages=%zu rate=%.0f p50_us=%u p99_us=%u max_us=%u "
	       "answers=%zu connects=%lu errors=%lu wrong=%lu stalled=%lu client_cpu_us=%.1f\n",
	    l->o.sessions, seconds, l->messages, (double)l->messages / seconds, percentile(l, 0.5),
	    percentile(l, 0.99), percentile(l, 1.0), l->script.count - l->script.message,
	    l->connects, l->errors, l->wrong, still,
	    l->messages == 0 ? 0 : own_cpu() * 1e6 / (double)l->messages);
	if (l->errors > 0)
		fprintf(stderr, "milter-load: first error: %s\n", l->first_error);
	return l->errors == 0 && still == 0 && l->messages > 0 ? EXIT_OK : EXIT_FINDING;
}

/* --- the command line ------------------------------------------------------ */

static unsigned long number(const char *option, const char *text, unsigned long max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || *text < '0' || *text > '9' || n > max)
		die(EXIT_USAGE, "found --%s %s; expected a number up to %lu", option, text, max);
	return n;
}

static void set_unix(struct load *l, const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(un.sun_path))
		die(EXIT_USAGE, "the path %s is too long", path);
	memcpy(un.sun_path, path, strlen(path));
	memcpy(&l->to, &un, sizeof(un));
	l->to_len = sizeof(un);
}

static void set_inet(struct load *l, const char *text, int family)
{
	struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM}, *found = NULL;
	const char *colon = strrchr(text, ':');
	char host[256];
	int failed;

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		die(EXIT_USAGE, "found %s; expected inet:host:port", text);
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	failed = getaddrinfo(host, colon + 1, &hints, &found);
	if (failed != 0)
		die(EXIT_UNAVAILABLE, "%s: %s", text, gai_strerror(failed));
	memcpy(&l->to, found->ai_addr, found->ai_addrlen);
	l->to_len = found->ai_addrlen;
	freeaddrinfo(found);
}

static void set_socket(struct load *l, const char *text)
{
	l->o.socket = text;
	if (strncmp(text, "unix:", 5) == 0)
		set_unix(l, text + 5);
	else if (strncmp(text, "inet:", 5) == 0)
		set_inet(l, text + 5, AF_INET);
	else if (strncmp(text, "inet6:", 6) == 0)
		set_inet(l, text + 6, AF_INET6);
	else
		die(EXIT_USAGE, "found %s; expected unix:/path, inet:host:port or inet6:host:port",
		    text);
}

static void set_option(struct options *o, int c, const char *value)
{
	switch (c) {
	case 's':
		o->sessions = number("sessions", value, SESSIONS_MAX);
		break;
	case 't':
		o->seconds = number("seconds", value, 86400);
		break;
	case 'm':
		o->messages = number("messages", value, 1000000000);
		break;
	case 'c':
		if (!addr_parse(value, strlen(value), &o->client))
			die(EXIT_USAGE, "found --client %s; expected an IP address", value);
		break;
	case 'f':
		o->from = value;
		break;
	case 'r':
		o->rcpt = value;
		break;
	case 'M':
		o->mailer = value;
		break;
	case 'e':
		o->reject = strcmp(value, "reject") == 0;
		if (!o->reject && strcmp(value, "accept") != 0)
			die(EXIT_USAGE, "found --expect %s; expected accept or reject", value);
		break;
	default:
		die(EXIT_USAGE, "an option is unknown or lacks its value; see the head of "
				"tests/tools/milter-load.c");
	}
}

static void read_options(struct load *l, int argc, char **argv)
{
	static const struct option longs[] = {{"sessions", required_argument, NULL, 's'},
	    {"seconds", required_argument, NULL, 't'}, {"messages", required_argument, NULL, 'm'},
	    {"client", required_argument, NULL, 'c'}, {"from", required_argument, NULL, 'f'},
	    {"rcpt", required_argument, NULL, 'r'}, {"mailer", required_argument, NULL, 'M'},
	    {"expect", required_argument, NULL, 'e'}, {NULL, 0, NULL, 0}};
	int c;

	l->o = (struct options){
	    .sessions = 20,
	    .seconds = 5,
	    .from = "<sender@example.net>",
	    .rcpt = "<postmaster@example.com>",
	    .mailer = "local",
	    .client = {{203, 0, 113, 9}, ADDR_V4},
	};
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1)
		set_option(&l->o, c, optarg);
	if (optind + 1 != argc)
		die(EXIT_USAGE, "expected one socket; see the head of tests/tools/milter-load.c");
	if (l->o.sessions == 0 || l->o.seconds == 0)
		die(EXIT_USAGE, "expected at least one session and one second");
	set_socket(l, argv[optind]);
}

int main(int argc, char **argv)
{
	static struct load l;
	usec_t start;
	int code;

	read_options(&l, argc, argv);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	l.sessions = calloc(l.o.sessions, sizeof(*l.sessions));
	if (l.epoll < 0 || l.sessions == NULL)
		die(EXIT_INTERNAL, "out of memory or descriptors");
	learn(&l);
	start = clock_monotonic();
	run(&l, start + (usec_t)l.o.seconds * USEC_PER_SEC);
	code = report(&l, (double)(clock_monotonic() - start) / 1e6);
	for (size_t i = 0; i < l.script.count; i++)
		strbuf_free(&l.script.steps[i].bytes);
	free(l.sessions);
	free(l.took);
	return code;
}
