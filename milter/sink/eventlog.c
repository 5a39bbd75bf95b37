#include "sink/eventlog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum { DEFAULT_QUEUE = 4096, TELL_EVERY_SEC = 60 };

struct entry {
	char *json; /* NULL: not for the file */
	size_t len;
	char *text; /* NULL: not for syslog */
	int priority;
};

struct eventlog {
	int fd; /* -1: no file */
	bool syslog;
	bool torn; /* the file ends in half a line */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t filled, drained;
	struct entry *ring;
	size_t size, head, count;
	bool busy, closing;
	usec_t told;
	atomic_uint_fast64_t written, dropped;
};

/* Says at most once a minute that events are lost. */
static void tell_loss(struct eventlog *l, const char *why)
{
	usec_t now = clock_monotonic();

	pthread_mutex_lock(&l->lock);
	if (l->told != 0 && now - l->told < TELL_EVERY_SEC * USEC_PER_SEC) {
		pthread_mutex_unlock(&l->lock);
		return;
	}
	l->told = now;
	pthread_mutex_unlock(&l->lock);
	log_error("events are lost: %s; %llu so far", why, (unsigned long long)l->dropped);
}

/* Normally one write(2). Returns how much was written; errno tells why it is less than `len`. */
static size_t write_all(int fd, const char *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

static void write_line(struct eventlog *l, const struct entry *e)
{
	size_t done = 0;

	/* After a failure in the middle of a line the next one must not be glued to it. */
	if (l->torn)
		l->torn = write_all(l->fd, "\n", 1) != 1;
	if (!l->torn)
		done = write_all(l->fd, e->json, e->len);
	if (done == e->len) {
		l->written++;
		return;
	}
	l->torn = l->torn || done > 0;
	l->dropped++;
	tell_loss(l, strerror(errno));
}

static void *writer(void *arg)
{
	struct eventlog *l = arg;

	pthread_mutex_lock(&l->lock);
	for (;;) {
		struct entry e;

		while (l->count == 0 && !l->closing)
			pthread_cond_wait(&l->filled, &l->lock);
		if (l->count == 0)
			break;
		e = l->ring[l->head];
		l->head = (l->head + 1) % l->size;
		l->count--;
		l->busy = true;
		pthread_cond_broadcast(&l->drained);
		pthread_mutex_unlock(&l->lock);
		if (e.json != NULL)
			write_line(l, &e);
		else
			l->written++;
		if (e.text != NULL)
			syslog(e.priority, "%s", e.text);
		free(e.json);
		free(e.text);
		pthread_mutex_lock(&l->lock);
		l->busy = false;
		pthread_cond_broadcast(&l->drained);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

int eventlog_open_file(const char *path, unsigned mode, const char **error)
{
	/* O_NONBLOCK: a FIFO without a reader must not hold up the start. */
	int fd =
	    open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode);
	struct stat st;

	if (fd < 0) {
		*error = errno == ENXIO ? "it is a FIFO; a file or a terminal is expected"
		                        : strerror(errno);
		return -1;
	}
	if (fstat(fd, &st) != 0 || (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))) {
		*error = "it is no file; a file or a terminal is expected";
		close(fd);
		return -1;
	}
	if (S_ISREG(st.st_mode))
		fcntl(fd, F_SETFL, O_APPEND);
	return fd;
}

static struct eventlog *eventlog_new(const struct eventlog_options *o, int fd)
{
	struct eventlog *l = calloc(1, sizeof(*l));
	pthread_condattr_t attr;

	if (l == NULL)
		return NULL;
	l->size = o->queue == 0 ? DEFAULT_QUEUE : o->queue;
	l->ring = calloc(l->size, sizeof(*l->ring));
	if (l->ring == NULL) {
		free(l);
		return NULL;
	}
	l->fd = fd;
	l->syslog = o->syslog;
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->filled, &attr);
	pthread_cond_init(&l->drained, &attr);
	pthread_condattr_destroy(&attr);
	return l;
}

static void eventlog_free(struct eventlog *l)
{
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->filled);
	pthread_cond_destroy(&l->drained);
	free(l->ring);
	free(l);
}

struct eventlog *eventlog_open(const struct eventlog_options *o, int fd, const char **error)
{
	struct eventlog *l;

	if (fd < 0 && o->path != NULL) {
		fd = eventlog_open_file(o->path, o->mode, error);
		if (fd < 0)
			return NULL;
	}
	l = eventlog_new(o, fd);
	if (l == NULL || pthread_create(&l->thread, NULL, writer, l) != 0) {
		*error = "memory or threads are exhausted";
		if (l != NULL)
			eventlog_free(l);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	return l;
}

static void deadline_after(struct timespec *t, unsigned ms)
{
	usec_t at = clock_monotonic() + (usec_t)ms * USEC_PER_MSEC;

	t->tv_sec = (time_t)(at / USEC_PER_SEC);
	t->tv_nsec = (long)(at % USEC_PER_SEC) * 1000;
}

static bool render(const struct eventlog *l, const struct event *e, struct entry *out)
{
	struct strbuf json = {0}, text = {0};

	*out = (struct entry){.priority = LOG_MAIL | LOG_INFO};
	if (l->fd >= 0)
		event_json(e, &json);
	if (l->syslog)
		event_text(e, &text);
	if (json.failed || text.failed) {
		strbuf_free(&json);
		strbuf_free(&text);
		return false;
	}
	out->json = json.data;
	out->len = json.len;
	out->text = text.data;
	return true;
}

/* Waits for room; false when there is none in time. The lock is held. */
static bool wait_for_room(struct eventlog *l, unsigned wait_ms)
{
	struct timespec until;

	deadline_after(&until, wait_ms);
	while (l->count == l->size)
		if (pthread_cond_timedwait(&l->drained, &l->lock, &until) == ETIMEDOUT)
			return l->count < l->size;
	return true;
}

void eventlog_write(struct eventlog *l, const struct event *e, unsigned wait_ms)
{
	struct entry entry;
	bool queued = false;

	if (l->fd < 0 && !l->syslog)
		return;
	if (render(l, e, &entry)) {
		pthread_mutex_lock(&l->lock);
		queued = wait_for_room(l, wait_ms);
		if (queued) {
			l->ring[(l->head + l->count++) % l->size] = entry;
			pthread_cond_signal(&l->filled);
		}
		pthread_mutex_unlock(&l->lock);
		if (!queued) {
			free(entry.json);
			free(entry.text);
		}
	}
	if (!queued) {
		l->dropped++;
		tell_loss(l, "the disk or the journal is too slow, or memory is exhausted");
	}
}

bool eventlog_flush(struct eventlog *l, unsigned wait_ms)
{
	struct timespec until;
	bool empty;

	deadline_after(&until, wait_ms);
	pthread_mutex_lock(&l->lock);
	while (l->count > 0 || l->busy)
		if (pthread_cond_timedwait(&l->drained, &l->lock, &until) == ETIMEDOUT)
			break;
	empty = l->count == 0 && !l->busy;
	pthread_mutex_unlock(&l->lock);
	return empty;
}

uint64_t eventlog_written(const struct eventlog *l)
{
	return l->written;
}

uint64_t eventlog_dropped(const struct eventlog *l)
{
	return l->dropped;
}

void eventlog_close(struct eventlog **l)
{
	if (*l == NULL)
		return;
	pthread_mutex_lock(&(*l)->lock);
	(*l)->closing = true;
	pthread_cond_signal(&(*l)->filled);
	pthread_mutex_unlock(&(*l)->lock);
	pthread_join((*l)->thread, NULL);
	if ((*l)->fd >= 0)
		close((*l)->fd);
	eventlog_free(*l);
	*l = NULL;
}
