#include "sink/eventlog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
#include "base/strbuf.h"

enum {
	QUEUE_DEFAULT = 4096,
	MODE_DEFAULT = 0640,
	RETRIES = 10, /* of the rest of a line, RETRY_MS apart */
	RETRY_MS = 50,
	CLOSE_WAIT_MS = 5000,
	LOOKS = 10, /* LOOK_MS apart, that find the same half line */
	LOOKS_MAX = 100,
	LOOK_MS = 10,
};

#define TELL_EVERY (60 * USEC_PER_SEC)

/* An event as it will be written: rendered where it arose, so that the thread only writes. */
struct line {
	size_t json_len;
	char *text;  /* for syslog; NULL without */
	char json[]; /* room for a newline before it, see put_line() */
};

struct eventlog {
	/* Written by the thread alone once it runs. */
	int fd;    /* -1: no file */
	bool torn; /* the file ends in half a line of ours, as far as we know */
	char *path;
	unsigned mode;
	bool syslog;
	pthread_t thread;

	pthread_mutex_t lock; /* of all that follows, the atomics excepted */
	pthread_cond_t filled, room, done;
	struct line **ring;
	size_t size, first, count;
	uint64_t queued, finished; /* lines ever; finished: written or given up */
	bool stop, exited;
	bool told_once;
	usec_t told_at; /* monotonic */

	_Atomic(const char *) trouble; /* why the last line was refused, static words */
	atomic_bool reopen, hurry;     /* hurry: closing, no more retries */
	atomic_uint_fast64_t written, dropped;
};

/* --- the file --------------------------------------------------------------- */

static const char *words_for(int error)
{
	const char *words = strerrordesc_np(error);

	if (error == ENOENT || error == ENOTDIR)
		return "its directory does not exist: create it, or name another path";
	if (error == ENXIO)
		return "is a FIFO or a device that is not there: name a regular file";
	return words == NULL ? "unknown error" : words;
}

/* NULL when events can go there. O_NONBLOCK was set, so that no open or write can hang. */
static const char *examine(int fd)
{
	struct stat st;
	int flags;

	if (fstat(fd, &st) != 0)
		return words_for(errno);
	if (S_ISDIR(st.st_mode))
		return "is a directory: name a file in it";
	if (S_ISFIFO(st.st_mode))
		return "is a FIFO: name a regular file, or use syslog to hand events to another "
		       "program";
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return "is neither a regular file nor a terminal: name a regular file";
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK | O_APPEND) != 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return words_for(errno);
	return NULL;
}

/* -1 with *error. */
static int open_file(const char *path, unsigned mode, const char **error)
{
	const int flags = O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = open(path, O_RDWR | flags, (mode_t)mode);

	/* Reading is of use, see ends_in_half_a_line(), but what can't be read can be written. */
	if (fd < 0 && errno == EACCES)
		fd = open(path, O_WRONLY | flags, (mode_t)mode);
	if (fd < 0) {
		*error = errno == EISDIR ? "is a directory: name a file in it" : words_for(errno);
		return -1;
	}
	*error = examine(fd);
	if (*error != NULL) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Waits a moment; false when the log is being closed and waiting must end. */
static bool pause_before_retry(struct eventlog *l, int error)
{
	struct pollfd p = {.fd = l->fd, .events = POLLOUT};
	const struct timespec t = {.tv_nsec = RETRY_MS * 1000000L};

	if (l->hurry)
		return false;
	if (error == EAGAIN)
		poll(&p, 1, RETRY_MS);
	else
		nanosleep(&t, NULL);
	return true;
}

/*
 * One write(2) an event. Only when the kernel took half of it does a second follow, so that
 * other processes' events can't stand in between except then. A device that is not ready is
 * waited for; a disk that refuses the first byte is not.
 */
static bool write_all(struct eventlog *l, const char *bytes, size_t len)
{
	size_t at = 0;
	unsigned tries = 0;

	while (at < len) {
		ssize_t n = write(l->fd, bytes + at, len - at);

		if (n > 0) {
			at += (size_t)n;
			tries = 0;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		l->trouble = n < 0 ? words_for(errno) : "nothing was written";
		if (n < 0 && errno == EAGAIN && pause_before_retry(l, EAGAIN))
			continue;
		if (at == 0 || tries++ == RETRIES || !pause_before_retry(l, 0))
			break;
	}
	/* A lone newline before the line is no half line. */
	l->torn = at == 0 ? l->torn : at < len && bytes[at - 1] != '\n';
	return at == len;
}

/* False when it can't be told. */
static bool look_at_end(const struct eventlog *l, off_t *size, char *last)
{
	struct stat st;

	if (fstat(l->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	*size = st.st_size;
	*last = '\n';
	return st.st_size == 0 || pread(l->fd, last, 1, st.st_size - 1) == 1;
}

/*
 * Several processes write to the file. When the disk was full, the half line may be that of another
 * one, or of one that is no more: what we know of our own is not enough. A line that is just being
 * written looks like half of one, but not for long, and the file then grows.
 */
static bool ends_in_half_a_line(const struct eventlog *l)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
	unsigned same = 0;
	off_t size, before = -1;
	char last;

	for (unsigned looks = 0; looks < LOOKS_MAX && same < LOOKS; looks++) {
		if (!look_at_end(l, &size, &last))
			return l->torn;
		if (last == '\n')
			return false;
		same = size == before ? same + 1 : 0;
		before = size;
		nanosleep(&pause, NULL);
	}
	return true;
}

static bool put_line(struct eventlog *l, struct line *line)
{
	/* line->json begins with a newline that is needed only after half a line. */
	return ends_in_half_a_line(l) ? write_all(l, line->json, line->json_len)
	                              : write_all(l, line->json + 1, line->json_len - 1);
}

static void reopen(struct eventlog *l)
{
	const char *error = NULL;
	int fd;

	if (l->path == NULL)
		return;
	fd = open_file(l->path, l->mode, &error);
	if (fd < 0) {
		log_error("%s: %s; events go on to the file that was open before", l->path, error);
		return;
	}
	close(l->fd);
	l->fd = fd;
	l->torn = false;
}

/* --- telling of what was lost ------------------------------------------------ */

/* Is it time to tell again? Takes the lock. */
static bool may_tell(struct eventlog *l)
{
	usec_t now = clock_monotonic();
	bool yes;

	pthread_mutex_lock(&l->lock);
	yes = !l->told_once || now - l->told_at >= TELL_EVERY;
	if (yes) {
		l->told_once = true;
		l->told_at = now;
	}
	pthread_mutex_unlock(&l->lock);
	return yes;
}

static void drop(struct eventlog *l, uint64_t count, const char *why)
{
	uint64_t all = atomic_fetch_add(&l->dropped, count) + count;

	if (may_tell(l))
		log_error("%s: an event was not written: %s (%llu so far)",
		    l->path == NULL ? "events" : l->path, why, (unsigned long long)all);
}

/* --- the thread -------------------------------------------------------------- */

static void free_line(struct line *line)
{
	free(line->text);
	free(line);
}

static void deliver(struct eventlog *l, struct line *line)
{
	bool ok = true;

	if (l->fd >= 0 && atomic_exchange(&l->reopen, false))
		reopen(l);
	if (l->fd >= 0)
		ok = put_line(l, line);
	/* Closing: syslog may be what hangs. */
	if (line->text != NULL && !l->hurry)
		syslog(LOG_MAIL | LOG_INFO, "%s", line->text);
	if (ok)
		l->written++;
	else
		drop(l, 1, l->trouble);
}

static void *writer(void *arg)
{
	struct eventlog *l = arg;

	pthread_mutex_lock(&l->lock);
	for (;;) {
		struct line *line;

		while (l->count == 0 && !l->stop)
			pthread_cond_wait(&l->filled, &l->lock);
		if (l->count == 0)
			break;
		line = l->ring[l->first];
		l->first = (l->first + 1) % l->size;
		l->count--;
		pthread_cond_signal(&l->room);
		pthread_mutex_unlock(&l->lock);
		deliver(l, line);
		free_line(line);
		pthread_mutex_lock(&l->lock);
		l->finished++;
		pthread_cond_broadcast(&l->done);
	}
	l->exited = true;
	pthread_cond_broadcast(&l->done);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* --- for the sessions ---------------------------------------------------------- */

static struct timespec deadline_in(unsigned ms)
{
	usec_t t = clock_monotonic() + ms * USEC_PER_MSEC;

	return (struct timespec){
	    .tv_sec = (time_t)(t / USEC_PER_SEC),
	    .tv_nsec = (long)(t % USEC_PER_SEC) * 1000,
	};
}

/* NULL when memory ran out. */
static struct line *render(const struct eventlog *l, const struct event *e)
{
	struct strbuf json = {0}, text = {0};
	struct line *line = NULL;

	strbuf_putc(&json, '\n');
	event_json(e, &json);
	if (l->syslog)
		event_text(e, &text);
	if (!json.failed && !text.failed)
		line = malloc(sizeof(*line) + json.len);
	if (line != NULL) {
		memcpy(line->json, json.data, json.len);
		line->json_len = json.len;
		line->text = text.data;
		text.data = NULL;
	}
	strbuf_free(&json);
	strbuf_free(&text);
	return line;
}

/* False when there is no room within the time. */
static bool enqueue(struct eventlog *l, struct line *line, unsigned wait_ms)
{
	bool ok;

	pthread_mutex_lock(&l->lock);
	if (l->count == l->size && wait_ms > 0) {
		struct timespec until = deadline_in(wait_ms);

		while (
		    l->count == l->size && pthread_cond_timedwait(&l->room, &l->lock, &until) == 0)
			continue;
	}
	ok = l->count < l->size;
	if (ok) {
		l->ring[(l->first + l->count) % l->size] = line;
		l->count++;
		l->queued++;
		pthread_cond_signal(&l->filled);
	}
	pthread_mutex_unlock(&l->lock);
	return ok;
}

bool eventlog_write(struct eventlog *l, const struct event *e, unsigned wait_ms)
{
	struct line *line = render(l, e);

	if (line == NULL) {
		drop(l, 1, "out of memory");
		return false;
	}
	if (enqueue(l, line, wait_ms))
		return true;
	free_line(line);
	drop(l, 1, "events arise faster than they can be written");
	return false;
}

bool eventlog_flush(struct eventlog *l, unsigned wait_ms)
{
	struct timespec until = deadline_in(wait_ms);
	uint64_t target;
	bool ok;

	pthread_mutex_lock(&l->lock);
	target = l->queued;
	while (l->finished < target && pthread_cond_timedwait(&l->done, &l->lock, &until) == 0)
		continue;
	ok = l->finished >= target;
	pthread_mutex_unlock(&l->lock);
	return ok;
}

void eventlog_reopen(struct eventlog *l)
{
	l->reopen = true;
}

uint64_t eventlog_written(const struct eventlog *l)
{
	return l->written;
}

uint64_t eventlog_dropped(const struct eventlog *l)
{
	return l->dropped;
}

/* --- beginning and end ---------------------------------------------------------- */

static void release(struct eventlog *l)
{
	if (l->fd >= 0)
		close(l->fd);
	free(l->path);
	free(l->ring);
	free(l);
}

static bool start(struct eventlog *l)
{
	pthread_condattr_t a;
	bool ok;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->filled, &a);
	pthread_cond_init(&l->room, &a);
	pthread_cond_init(&l->done, &a);
	pthread_condattr_destroy(&a);
	ok = pthread_create(&l->thread, NULL, writer, l) == 0;
	return ok;
}

struct eventlog *eventlog_open(const struct eventlog_options *o, int fd, const char **error)
{
	struct eventlog *l = calloc(1, sizeof(*l));

	*error = "out of memory";
	if (l == NULL) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	l->fd = fd;
	l->mode = o->mode == 0 ? MODE_DEFAULT : o->mode;
	l->syslog = o->syslog;
	l->size = o->queue == 0 ? QUEUE_DEFAULT : o->queue;
	l->ring = calloc(l->size, sizeof(struct line *));
	if (o->path != NULL)
		l->path = strdup(o->path);
	if (l->ring == NULL || (o->path != NULL && l->path == NULL))
		goto fail;
	*error = NULL;
	if (fd >= 0)
		*error = examine(fd);
	else if (l->path != NULL)
		l->fd = open_file(l->path, l->mode, error);
	if (*error != NULL)
		goto fail;
	if (start(l))
		return l;
	*error = "no thread could be started";
fail:
	release(l);
	return NULL;
}

/* Tells the thread to end and waits for it; false when it hangs in a system call. */
static bool stop(struct eventlog *l)
{
	struct timespec until = deadline_in(CLOSE_WAIT_MS / 5);
	bool exited;

	l->hurry = true;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_signal(&l->filled);
	while (!l->exited && pthread_cond_timedwait(&l->done, &l->lock, &until) == 0)
		continue;
	exited = l->exited;
	pthread_mutex_unlock(&l->lock);
	return exited;
}

void eventlog_close(struct eventlog **log)
{
	struct eventlog *l = *log;

	if (l == NULL)
		return;
	*log = NULL;
	eventlog_flush(l, CLOSE_WAIT_MS);
	if (!stop(l)) {
		/* What the thread uses can't be freed. */
		log_error("events: the disk or syslog does not answer; what was queued is lost");
		pthread_detach(l->thread);
		return;
	}
	pthread_join(l->thread, NULL);
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->filled);
	pthread_cond_destroy(&l->room);
	pthread_cond_destroy(&l->done);
	release(l);
}
