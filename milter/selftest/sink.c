#include "selftest/sink.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wire/smtp_sink.h"

/* Enough for all that a server sends at once; more wait in the backlog. */
enum { CLIENTS_MAX = 32, MESSAGES_MAX = 4096, BACKLOG = 64, POLL_MSEC = 100 };

struct client {
	int fd; /* -1: free */
	struct smtp_sink session;
	struct strbuf out;
};

struct message {
	char *envelope, *content;
};

struct sink {
	int listener;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t arrived;
	bool stop;
	struct client clients[CLIENTS_MAX];
	struct message messages[MESSAGES_MAX];
	size_t count;
};

/* --- the thread ------------------------------------------------------------- */

static void take(void *arg, const struct smtp_sink_message *m)
{
	struct sink *s = arg;

	pthread_mutex_lock(&s->lock);
	if (s->count < MESSAGES_MAX) {
		s->messages[s->count].envelope = strdup(m->envelope);
		s->messages[s->count++].content = strdup(m->content);
	}
	pthread_cond_broadcast(&s->arrived);
	pthread_mutex_unlock(&s->lock);
}

static void drop(struct client *c)
{
	(void)close(c->fd);
	c->fd = -1;
	smtp_sink_close(&c->session);
	strbuf_free(&c->out);
}

/* Replies are short: a client that does not even take these has gone. */
static bool answer(struct client *c)
{
	ssize_t n = c->out.len == 0 ? 0 : send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);
	bool ok = n == (ssize_t)c->out.len;

	strbuf_reset(&c->out);
	return ok;
}

static void welcome(struct sink *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (size_t i = 0; fd >= 0 && i < CLIENTS_MAX; i++) {
		struct client *c = &s->clients[i];

		if (c->fd >= 0)
			continue;
		*c = (struct client){.fd = fd, .session = {.taken = take, .arg = s}};
		smtp_sink_open(&c->session, &c->out);
		if (!answer(c))
			drop(c);
		return;
	}
	if (fd >= 0)
		(void)close(fd);
}

static void hear(struct client *c)
{
	char buf[8192];
	ssize_t n = recv(c->fd, buf, sizeof(buf), 0);
	bool going;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	going = n > 0 && smtp_sink_feed(&c->session, buf, (size_t)n, &c->out);
	if (!answer(c) || !going)
		drop(c);
}

static bool is_stopped(struct sink *s)
{
	bool stop;

	pthread_mutex_lock(&s->lock);
	stop = s->stop;
	pthread_mutex_unlock(&s->lock);
	return stop;
}

static void *serve(void *arg)
{
	struct sink *s = arg;

	while (!is_stopped(s)) {
		struct pollfd p[CLIENTS_MAX + 1] = {{.fd = s->listener, .events = POLLIN}};
		bool full = true;

		for (size_t i = 0; i < CLIENTS_MAX; i++) {
			/* poll() passes over what is negative. */
			p[i + 1] = (struct pollfd){.fd = s->clients[i].fd, .events = POLLIN};
			full = full && s->clients[i].fd >= 0;
		}
		if (full)
			p[0].fd = -1;
		if (poll(p, CLIENTS_MAX + 1, POLL_MSEC) <= 0)
			continue;
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			if (p[i + 1].fd >= 0 && p[i + 1].revents != 0)
				hear(&s->clients[i]);
		if (p[0].fd >= 0 && p[0].revents != 0)
			welcome(s);
	}
	return NULL;
}

/* --- opening and closing ---------------------------------------------------- */

static bool listen_at(struct sink *s, const struct endpoint *at)
{
	const int on = 1;

	s->listener = socket(at->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listener < 0)
		return false;
	(void)setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(s->listener, (const struct sockaddr *)&at->addr, at->len) == 0 &&
	       listen(s->listener, BACKLOG) == 0;
}

struct sink *sink_open(const struct endpoint *at, char error[CHANNEL_ERROR_SIZE])
{
	struct sink *s = calloc(1, sizeof(*s));
	int failed;

	if (s == NULL) {
		snprintf(error, CHANNEL_ERROR_SIZE, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		s->clients[i].fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->arrived, NULL);
	failed = listen_at(s, at) ? pthread_create(&s->thread, NULL, serve, s) : errno;
	if (failed == 0)
		return s;
	snprintf(error, CHANNEL_ERROR_SIZE, "%s", strerror(failed));
	if (s->listener >= 0)
		(void)close(s->listener);
	free(s);
	return NULL;
}

void sink_close(struct sink **s)
{
	if (*s == NULL)
		return;
	pthread_mutex_lock(&(*s)->lock);
	(*s)->stop = true;
	pthread_mutex_unlock(&(*s)->lock);
	(void)pthread_join((*s)->thread, NULL);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if ((*s)->clients[i].fd >= 0)
			drop(&(*s)->clients[i]);
	for (size_t i = 0; i < (*s)->count; i++) {
		free((*s)->messages[i].envelope);
		free((*s)->messages[i].content);
	}
	(void)close((*s)->listener);
	pthread_cond_destroy(&(*s)->arrived);
	pthread_mutex_destroy(&(*s)->lock);
	free(*s);
	*s = NULL;
}

/* --- asking ----------------------------------------------------------------- */

static bool has(const char *text, const char *word)
{
	return text != NULL && strstr(text, word) != NULL;
}

struct wanted {
	const char *word, *ours;
};

/* In its envelope, or in the header that the message itself began with. */
static bool begins_with(const struct message *m, const struct wanted *w)
{
	const char *body = m->content == NULL ? NULL : strstr(m->content, "\r\n\r\n");

	if (has(m->envelope, w->word))
		return true;
	return has(m->content, w->word) && (body == NULL || strstr(m->content, w->word) < body);
}

/* What stands in the envelope's next line of this command, from `*line` on; NULL: no more. */
static const char *next_path(const char **line, const char *command)
{
	const size_t len = strlen(command);

	for (const char *s = *line, *end; s != NULL && *s != '\0'; s = end) {
		end = strchr(s, '\n');
		end = end == NULL ? s + strlen(s) : end + 1;
		*line = end;
		if (strncasecmp(s, command, len) == 0)
			return s + len + strspn(s + len, " ");
	}
	return NULL;
}

static bool is_at(const char *path, const char *domain)
{
	size_t len = strcspn(path, ">\r\n"), n = strlen(domain);
	const char *at = memrchr(path, '@', len);

	if (at == NULL)
		return false;
	len -= (size_t)(++at - path);
	if (len > 0 && at[len - 1] == '.')
		len--;
	return len == n && strncasecmp(at, domain, n) == 0;
}

static bool is_for_others(const struct message *m, const char *ours)
{
	const char *line = m->envelope, *path;

	while ((path = next_path(&line, "RCPT TO:")) != NULL)
		if (!is_at(path, ours))
			return true;
	return false;
}

/* RFC 3464: what was not delivered stands in the body. */
static bool is_return(const struct message *m, const struct wanted *w)
{
	const char *line = m->envelope, *path = next_path(&line, "MAIL FROM:");

	return path != NULL && strncmp(path, "<>", 2) == 0 && has(m->content, w->word) &&
	       !begins_with(m, w);
}

static bool is_relayed(const struct message *m, const struct wanted *w)
{
	return (has(m->envelope, w->word) || has(m->content, w->word)) && !is_return(m, w) &&
	       is_for_others(m, w->ours);
}

typedef bool match_fn(const struct message *m, const struct wanted *w);

static bool wait_for(struct sink *s, const struct wanted *w, usec_t deadline, match_fn *matches)
{
	bool found = false;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		struct timespec until;
		usec_t left = deadline - clock_monotonic();

		for (size_t i = 0; i < s->count && !found; i++)
			found = matches(&s->messages[i], w);
		if (found || left <= 0)
			break;
		clock_gettime(CLOCK_REALTIME, &until);
		left += until.tv_nsec / 1000;
		until.tv_sec += left / USEC_PER_SEC;
		until.tv_nsec = left % USEC_PER_SEC * 1000;
		(void)pthread_cond_timedwait(&s->arrived, &s->lock, &until);
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

bool sink_has_relayed(struct sink *s, const char *word, const char *ours, usec_t deadline)
{
	return wait_for(s, &(struct wanted){word, ours}, deadline, is_relayed);
}

bool sink_has_first(struct sink *s, const char *word, usec_t deadline)
{
	return wait_for(s, &(struct wanted){word, ""}, deadline, begins_with);
}

bool sink_has_return(struct sink *s, const char *word)
{
	return wait_for(s, &(struct wanted){word, ""}, clock_monotonic(), is_return);
}
