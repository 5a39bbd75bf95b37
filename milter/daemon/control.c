#include "daemon/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"
#include "daemon/control_bans.h"
#include "daemon/control_limits.h"
#include "daemon/proof.h"
#include "wire/control.h"

/* Connections that are taken in one round of the master's loop. */
enum { ACCEPTS = 32 };

enum awaits {
	AWAITS_NOTHING,
	AWAITS_RELOAD,
	AWAITS_PROOF,
	AWAITS_STOP,
};

struct caller {
	int fd;    /* -1: a free place */
	bool may;  /* do more than look */
	bool last; /* closed once it has its reply */
	bool proves;
	enum awaits awaits;
	uint64_t number; /* of the reload */
	uid_t uid;
	pid_t pid;
	usec_t deadline;
	size_t in_len, sent;
	char in[CONTROL_LINE_MAX];
	struct strbuf out;
};

static struct {
	const struct control_master *master;
	struct caller clients[CONTROL_CLIENTS];
} control;

void control_open(const struct control_master *m)
{
	control.master = m;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		control.clients[i] = (struct caller){.fd = -1};
}

static void hang_up(struct caller *c)
{
	if (c->proves) {
		c->proves = false;
		control.master->drop(EXIT_AGAIN, "whoever was to prove it has gone");
	}
	if (c->fd >= 0)
		close(c->fd);
	strbuf_free(&c->out);
	*c = (struct caller){.fd = -1};
}

static bool has_output(const struct caller *c)
{
	return c->sent < c->out.len;
}

/* --- commands ------------------------------------------------------------------------ */

static void say_status(struct caller *c, const struct control_line *l)
{
	(void)l;
	control.master->status(&c->out);
	control_last(&c->out, EXIT_OK, "ok");
}

static void reload(struct caller *c, const struct control_line *l)
{
	(void)l;
	if (control.master->is_stopping()) {
		control_last(&c->out, EXIT_AGAIN, "the daemon is stopping");
		return;
	}
	log_notice("process %ld of user %ld asks for a reload", (long)c->pid, (long)c->uid);
	/* The outcome may be told before the call returns. */
	c->awaits = AWAITS_RELOAD;
	c->number = control.master->next_reload();
	control.master->reload();
}

static void prove(struct caller *c, const struct control_line *l)
{
	(void)l;
	if (control.master->is_stopping()) {
		control_last(&c->out, EXIT_AGAIN, "the daemon is stopping");
		return;
	}
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (control.clients[i].fd >= 0 && control.clients[i].proves) {
			control_last(&c->out, EXIT_AGAIN, "another proof is under way; try again");
			return;
		}
	log_notice("process %ld of user %ld asks for a proof of the configuration", (long)c->pid,
	    (long)c->uid);
	c->awaits = AWAITS_PROOF;
	c->proves = true;
	control.master->prove();
}

/* False: told. */
static bool has_proof(struct caller *c)
{
	if (!c->proves)
		control_last(&c->out, EXIT_USAGE, "there is no proof that you have asked for");
	return c->proves;
}

static void adopt(struct caller *c, const struct control_line *l)
{
	(void)l;
	if (!has_proof(c))
		return;
	c->awaits = AWAITS_PROOF;
	control.master->adopt();
}

static void drop(struct caller *c, const struct control_line *l)
{
	const char *why = control_value(l, "why");

	if (!has_proof(c))
		return;
	c->proves = false;
	control.master->drop(EXIT_FINDING, why == NULL ? "it was not proved" : why);
	control_last(&c->out, EXIT_OK, "dropped");
}

static void stop(struct caller *c, const struct control_line *l)
{
	(void)l;
	if (!control.master->is_stopping()) {
		log_notice("process %ld of user %ld asks for the stop", (long)c->pid, (long)c->uid);
		control.master->stop();
	}
	control.master->status(&c->out);
	c->awaits = AWAITS_STOP;
}

struct command_row {
	const char *word;
	bool looks; /* for everybody who may connect */
	/* One of both is NULL. */
	void (*run)(struct caller *c, const struct control_line *l);
	void (*ask)(
	    const struct config *config, const struct control_line *l, struct strbuf *reply);
};

static const struct command_row rows[] = {
    {"status", true, say_status, NULL},
    {"limits", true, NULL, control_limits},
    {"top", true, NULL, control_top},
    {"bans", true, NULL, control_bans},
    {"ban", false, NULL, control_ban},
    {"release", false, NULL, control_release},
    {"reload", false, reload, NULL},
    {"prove", false, prove, NULL},
    {"adopt", false, adopt, NULL},
    {"drop", false, drop, NULL},
    {"stop", false, stop, NULL},
};

static void answer(struct caller *c, const char *line, size_t len)
{
	static struct control_line l;
	const char *wrong = control_parse(line, len, &l);

	if (wrong != NULL) {
		control_last(&c->out, EXIT_USAGE, "found %s; expected a command", wrong);
		return;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].word, l.word) != 0)
			continue;
		if (!rows[i].looks && !c->may)
			control_last(&c->out, EXIT_UNAVAILABLE,
			    "`%s` is for root and the user that relay-guard runs as", l.word);
		else if (rows[i].run != NULL)
			rows[i].run(c, &l);
		else
			rows[i].ask(control.master->config(), &l, &c->out);
		return;
	}
	control_last(&c->out, EXIT_USAGE, "`%s` is no command of this daemon", l.word);
}

/* --- clients --------------------------------------------------------------------------- */

static bool may_do_all(uid_t uid)
{
	uid_t user = control.master->user();

	return uid == 0 || uid == geteuid() || (user != (uid_t)-1 && uid == user);
}

static struct caller *free_place(bool may)
{
	struct caller *found = NULL;
	size_t lookers = 0;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct caller *c = &control.clients[i];

		if (c->fd < 0)
			found = c;
		else if (!c->may)
			lookers++;
	}
	return may || lookers < CONTROL_LOOKERS ? found : NULL;
}

static void refuse(int fd)
{
	struct strbuf b = {0};

	control_last(
	    &b, EXIT_AGAIN, "%u clients are served already; try again", (unsigned)CONTROL_CLIENTS);
	(void)send(fd, strbuf_text(&b), b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	strbuf_free(&b);
	close(fd);
}

static bool take_client(int listener, usec_t now)
{
	struct ucred who = {.uid = (uid_t)-1};
	socklen_t len = sizeof(who);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct caller *c;
	bool may;

	if (fd < 0)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0) {
		close(fd);
		return true;
	}
	may = may_do_all(who.uid);
	c = free_place(may);
	if (c == NULL) {
		refuse(fd);
		return true;
	}
	*c = (struct caller){
	    .fd = fd,
	    .may = may,
	    .uid = who.uid,
	    .pid = who.pid,
	    .deadline = now + CONTROL_REQUEST_TIME,
	    .out = {.max = CONTROL_REPLY_MAX},
	};
	return true;
}

/* Answers the first whole line of what has come. False: there is none. */
static bool answer_next(struct caller *c, usec_t now)
{
	const char *end = memchr(c->in, '\n', c->in_len);
	size_t used;

	if (end == NULL)
		return false;
	used = (size_t)(end + 1 - c->in);
	answer(c, c->in, used - 1);
	c->in_len -= used;
	memmove(c->in, c->in + used, c->in_len);
	c->deadline = now + CONTROL_REPLY_TIME;
	if (c->out.failed) {
		/* Without its last line it would not be believed anyway. */
		hang_up(c);
		return false;
	}
	return true;
}

static void read_more(struct caller *c, usec_t now)
{
	ssize_t n;

	if (answer_next(c, now) || c->fd < 0)
		return;
	if (c->in_len == sizeof(c->in)) {
		control_last(&c->out, EXIT_USAGE,
		    "found a line that is too long; expected at most %d bytes", CONTROL_LINE_MAX);
		c->last = true;
		c->deadline = now + CONTROL_REPLY_TIME;
		return;
	}
	n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		hang_up(c);
		return;
	}
	if (n > 0) {
		c->in_len += (size_t)n;
		answer_next(c, now);
	}
}

static void write_more(struct caller *c, usec_t now)
{
	ssize_t n =
	    send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		hang_up(c);
		return;
	}
	c->sent += n > 0 ? (size_t)n : 0;
	if (has_output(c))
		return;
	if (c->last) {
		hang_up(c);
		return;
	}
	/* A big reply's memory is not kept. */
	strbuf_free(&c->out);
	c->sent = 0;
	c->deadline = now + (c->proves ? PROOF_TIME : CONTROL_REQUEST_TIME);
}

static bool is_gone(const struct caller *c)
{
	struct pollfd p = {.fd = c->fd};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static void serve_client(struct caller *c, usec_t now)
{
	if (!has_output(c) && c->awaits == AWAITS_NOTHING)
		read_more(c, now);
	if (c->fd >= 0 && has_output(c))
		write_more(c, now);
	if (c->fd < 0)
		return;
	if (!has_output(c) && c->awaits != AWAITS_NOTHING) {
		if (is_gone(c))
			hang_up(c);
		return;
	}
	if (now > c->deadline)
		hang_up(c);
}

size_t control_wait(int listener, struct pollfd *fds, size_t max)
{
	size_t n = 0;

	if (listener >= 0 && n < max)
		fds[n++] = (struct pollfd){.fd = listener, .events = POLLIN};
	for (size_t i = 0; i < CONTROL_CLIENTS && n < max; i++) {
		const struct caller *c = &control.clients[i];

		/* Who waits for an outcome is not listened to, only noticed when it goes. */
		if (c->fd >= 0)
			fds[n++] = (struct pollfd){.fd = c->fd,
			    .events = (short)(has_output(c)                 ? POLLOUT
					      : c->awaits == AWAITS_NOTHING ? POLLIN
									    : 0)};
	}
	return n;
}

void control_serve(int listener, usec_t now)
{
	for (unsigned i = 0; listener >= 0 && i < ACCEPTS && take_client(listener, now); i++)
		;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (control.clients[i].fd >= 0)
			serve_client(&control.clients[i], now);
}

/* --- what is told later ------------------------------------------------------------------- */

static void tell(struct caller *c, int code, const char *text)
{
	c->awaits = AWAITS_NOTHING;
	c->deadline = clock_monotonic() + CONTROL_REPLY_TIME;
	control_last(&c->out, code, "%s", text);
}

void control_tell_reload(uint64_t number, int code, const char *text)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct caller *c = &control.clients[i];

		if (c->fd >= 0 && c->awaits == AWAITS_RELOAD && c->number <= number)
			tell(c, code, text);
	}
}

void control_tell_proof(int code, const char *text, const char *socket, const char *path)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct caller *c = &control.clients[i];

		if (c->fd < 0 || !c->proves)
			continue;
		if (code == EXIT_OK) {
			control_begin(&c->out, "proof");
			control_text(&c->out, "socket", socket);
			control_text(&c->out, "configuration", path);
			control_end(&c->out);
		} else {
			c->proves = false;
		}
		if (c->awaits == AWAITS_PROOF)
			tell(c, code, text);
	}
}

void control_wait_for_reload(uint64_t number)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct caller *c = &control.clients[i];

		if (c->fd < 0 || !c->proves)
			continue;
		c->proves = false;
		c->awaits = AWAITS_RELOAD;
		c->number = number;
	}
}

void control_close(void)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct caller *c = &control.clients[i];

		if (c->fd >= 0 && c->awaits != AWAITS_NOTHING)
			tell(c, c->awaits == AWAITS_STOP ? EXIT_OK : EXIT_AGAIN,
			    c->awaits == AWAITS_STOP ? "stopped" : "the daemon has stopped");
		if (c->fd >= 0 && has_output(c))
			write_more(c, 0);
		hang_up(c);
	}
}

void control_forget(void)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (control.clients[i].fd >= 0)
			close(control.clients[i].fd);
}
