#include "sink/maillog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "sink/maillog_file.h"
#include "sink/maillog_line.h"
#include "sink/maillog_queue.h"
#include "sink/maillog_state.h"

#define TELL_EVERY (60 * USEC_PER_SEC)
#define SAVE_EVERY (60 * USEC_PER_SEC)

enum { READ_AT_ONCE = 1 << 20 };

/* Where to begin in a file that is not open yet. */
enum begin { AT_END, AT_START, AT_POSITION };

struct maillog {
	char *path, *state_path;
	int lock; /* the file beside state_path */
	enum begin begin;
	struct maillog_state position; /* the last that was stored; for AT_POSITION */

	int fd; /* the log, -1: not open */
	dev_t dev;
	ino_t ino;
	uint64_t base;             /* offset of buf[0] in the file */
	size_t used, have;         /* bytes of buf that were taken, that were read */
	bool skipping;             /* inside a line that is too long ... */
	uint64_t skip_from;        /* ... which began here */
	char last[MAILLOG_HASHED]; /* what was read last: it stands before base + have */
	size_t last_len;
	bool copied; /* it is a copy of the log, which was truncated: nothing comes any more */
	struct maillog_queue *queue;

	size_t budget;    /* bytes to read in this poll */
	unsigned unsaved; /* events since the position was stored */
	usec_t saved_at;
	int emitted;
	bool behind, told;
	uint64_t too_long, told_count;
	usec_t told_at;
	char buf[4 * MAILLOG_LINE_MAX];
};

/* --- the position -------------------------------------------------------------- */

/* The first line whose event was not yet handed over. */
static uint64_t safe_offset(const struct maillog *m)
{
	uint64_t offset;

	if (maillog_queue_oldest(m->queue, &offset))
		return offset;
	return m->skipping ? m->skip_from : m->base + m->used;
}

static void save(struct maillog *m, usec_t now)
{
	m->position.inode = (uint64_t)m->ino;
	m->position.offset = safe_offset(m);
	m->position.before = maillog_file_hash(m->fd, m->position.offset);
	m->saved_at = now;
	if (maillog_state_save(m->state_path, &m->position))
		m->unsaved = 0;
	else
		log_error("the position in %s can't be stored in %s: %s; after a restart events "
			  "may come again",
		    m->path, m->state_path, strerror(errno));
}

/* After the events are safe, and not before: false when they are not. */
static bool save_flushed(struct maillog *m, usec_t now, const struct maillog_sink *sink)
{
	if (m->unsaved > 0 && sink->flush != NULL && !sink->flush(sink->arg))
		return false;
	save(m, now);
	return true;
}

/* --- events --------------------------------------------------------------------- */

static bool emit(
    const struct maillog *m, const struct maillog_entry *x, const struct maillog_sink *sink)
{
	const struct maillog_refusal *r = &x->refusal;
	char session[48];
	struct event e = {
	    .time = x->time,
	    .host = x->host,
	    .session = session,
	    .message = strcmp(x->id, "NOQUEUE") == 0 ? "" : x->id,
	    .stage = "rcpt",
	    .client = r->client,
	    .client_name = r->client_name,
	    .sender = r->sender,
	    .recipient = r->recipient,
	    .verdict = r->code >= 500 ? "reject" : "defer",
	    .by = "mta",
	    .code = r->code,
	    .enhanced = r->enhanced,
	    .reply = r->reply,
	    .mode = "enforce",
	};

	snprintf(session, sizeof(session), "log-%" PRIx64 "-%" PRIx64, (uint64_t)m->ino, x->offset);
	return sink->emit(sink->arg, &e);
}

/* Hands over what is ready, and in any case all but `keep`. False when one was not taken. */
static bool deliver(struct maillog *m, usec_t now, const struct maillog_sink *sink, size_t keep)
{
	const struct maillog_entry *x;

	while (
	    (x = maillog_queue_next(m->queue, now, maillog_queue_count(m->queue) > keep)) != NULL) {
		if (!emit(m, x, sink))
			return false;
		maillog_queue_pop(m->queue);
		m->emitted++;
		if (++m->unsaved >= MAILLOG_BATCH)
			save_flushed(m, now, sink);
	}
	return true;
}

/* --- lines ------------------------------------------------------------------------ */

static void take_line(struct maillog *m, size_t len, usec_t now)
{
	if (m->skipping)
		m->skipping = false;
	else if (len > MAILLOG_LINE_MAX)
		m->too_long++;
	else
		maillog_queue_line(m->queue, m->buf + m->used, len, m->base + m->used, now);
}

/* Takes the complete lines in the buffer. False when an event was not taken. */
static bool take_lines(struct maillog *m, usec_t now, const struct maillog_sink *sink)
{
	const char *newline;

	while ((newline = memchr(m->buf + m->used, '\n', m->have - m->used)) != NULL) {
		size_t len = (size_t)(newline - m->buf) - m->used;

		if (!deliver(m, now, sink, MAILLOG_QUEUE_MAX - 1))
			return false;
		take_line(m, len, now);
		m->used += len + 1;
	}
	if (m->have - m->used <= MAILLOG_LINE_MAX)
		return true;
	if (!m->skipping) {
		m->skip_from = m->base + m->used;
		m->too_long++;
	}
	m->skipping = true;
	m->used = m->have;
	return true;
}

/* From what was read, and not from the file: that may have been truncated since. */
static void keep_last(struct maillog *m, const char *bytes, size_t len)
{
	size_t kept = len >= sizeof(m->last) ? 0 : sizeof(m->last) - len;

	if (kept > m->last_len)
		kept = m->last_len;
	memmove(m->last, m->last + m->last_len - kept, kept);
	if (len > sizeof(m->last)) {
		bytes += len - sizeof(m->last);
		len = sizeof(m->last);
	}
	memcpy(m->last + kept, bytes, len);
	m->last_len = kept + len;
}

enum progress { MORE, END, STUCK };

static enum progress read_more(struct maillog *m, usec_t now, const struct maillog_sink *sink)
{
	size_t room;
	ssize_t n;

	memmove(m->buf, m->buf + m->used, m->have - m->used);
	m->base += m->used;
	m->have -= m->used;
	m->used = 0;
	/* None is left when events were not taken before. */
	room = sizeof(m->buf) - m->have;
	n = pread(m->fd, m->buf + m->have, room, (off_t)(m->base + m->have));
	if (n < 0 && !m->told) {
		m->told = true;
		log_error("%s can't be read: %s; it is tried again", m->path, strerror(errno));
	}
	if (n > 0) {
		keep_last(m, m->buf + m->have, (size_t)n);
		m->have += (size_t)n;
		m->budget -= (size_t)n < m->budget ? (size_t)n : m->budget;
	}
	if (!take_lines(m, now, sink))
		return STUCK;
	return n > 0 || room == 0 ? MORE : END;
}

/* --- files ------------------------------------------------------------------------- */

static void begin_at(struct maillog *m, uint64_t offset)
{
	size_t want = offset < sizeof(m->last) ? (size_t)offset : sizeof(m->last);
	ssize_t n = pread(m->fd, m->last, want, (off_t)(offset - want));

	m->base = offset;
	m->used = m->have = 0;
	m->skipping = false;
	m->last_len = n < 0 ? 0 : (size_t)n;
}

static struct maillog_mark mark_of(const struct maillog_state *p)
{
	return (struct maillog_mark){.inode = p->inode, .offset = p->offset, .before = p->before};
}

/* The log at the path was truncated: does a copy hold what was still to be read? -1: no. */
static int find_copy(struct maillog *m, struct maillog_mark mark, uint64_t log, struct stat *st)
{
	int fd;

	mark.inode = 0;
	fd = maillog_file_find(m->path, &mark, log, st);
	m->copied = fd >= 0;
	if (m->copied)
		log_notice("%s was copied and truncated; the copy is read to its end", m->path);
	return fd;
}

static void tell_missing(struct maillog *m)
{
	if (!m->told)
		log_error("%s can't be followed: %s; it is tried again", m->path,
		    errno == EINVAL ? "it is not a regular file" : strerror(errno));
	m->told = true;
}

/* The file that stands at the path; the place in it is chosen by m->begin. */
static bool open_present(struct maillog *m, struct stat *st)
{
	struct maillog_mark mark = mark_of(&m->position);
	char last = '\n';
	int copy;

	m->fd = maillog_file_open(m->path, st);
	if (m->fd < 0) {
		/* What comes later is new from its first line on. */
		if (errno == ENOENT && m->begin == AT_END)
			m->begin = AT_START;
		tell_missing(m);
		return false;
	}
	if (m->begin == AT_POSITION && maillog_file_has(m->fd, st, &mark)) {
		begin_at(m, m->position.offset);
		return true;
	}
	if (m->begin == AT_POSITION && (copy = find_copy(m, mark, (uint64_t)st->st_ino, st)) >= 0) {
		close(m->fd);
		m->fd = copy;
		begin_at(m, m->position.offset);
		return true;
	}
	if (m->begin == AT_POSITION)
		log_warning("%s is not the file that was followed, and that one is gone: what it "
			    "held since is not recorded; the new one is read from its beginning",
		    m->path);
	begin_at(m, m->begin == AT_END ? (uint64_t)st->st_size : 0);
	/* The end may be in the middle of a line. */
	if (m->base > 0 && pread(m->fd, &last, 1, (off_t)m->base - 1) == 1 && last != '\n') {
		m->skipping = true;
		m->skip_from = m->base;
	}
	return true;
}

static bool open_log(struct maillog *m, usec_t now)
{
	struct maillog_mark mark = mark_of(&m->position);
	struct stat st;

	m->copied = false;
	m->fd = m->begin == AT_POSITION ? maillog_file_find(m->path, &mark, 0, &st) : -1;
	if (m->fd >= 0)
		begin_at(m, m->position.offset);
	else if (!open_present(m, &st))
		return false;
	if (m->told)
		log_notice("%s is followed now", m->path);
	m->told = false;
	m->dev = st.st_dev;
	m->ino = st.st_ino;
	m->begin = AT_START;
	save(m, now);
	return true;
}

/* Is there another file at the path, and is it in use? Until then the old one is still written. */
static bool has_successor(const struct maillog *m)
{
	struct stat st;

	return stat(m->path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	       (st.st_ino != m->ino || st.st_dev != m->dev);
}

/* True when all that it held was handed over and it is closed. */
static bool leave_file(struct maillog *m, usec_t now, const struct maillog_sink *sink)
{
	if (m->have > m->used && !m->skipping) {
		take_line(m, m->have - m->used, now);
		m->used = m->have;
	}
	if (!deliver(m, now, sink, 0) || !save_flushed(m, now, sink))
		return false;
	close(m->fd);
	m->fd = -1;
	return true;
}

/* Was it truncated, or written anew? False when what was read before could not be handed over. */
static bool check_truncation(struct maillog *m, usec_t now, const struct maillog_sink *sink)
{
	struct maillog_mark mark = {.inode = (uint64_t)m->ino,
	    .offset = m->base + m->have,
	    .before = maillog_hash(m->last, m->last_len)};
	struct stat st;
	int copy;

	if (fstat(m->fd, &st) != 0 || maillog_file_has(m->fd, &st, &mark))
		return true;
	copy = find_copy(m, mark, (uint64_t)m->ino, &st);
	if (copy >= 0) {
		close(m->fd);
		m->fd = copy;
		m->dev = st.st_dev;
		m->ino = st.st_ino;
		return true;
	}
	if (!deliver(m, now, sink, 0) || (sink->flush != NULL && !sink->flush(sink->arg)))
		return false;
	log_notice("%s was truncated; it is read from its beginning", m->path);
	begin_at(m, 0);
	save(m, now);
	return true;
}

/* --- the poll ----------------------------------------------------------------------- */

/* To the end of the file, of its successor, and so on; or until it is enough for one poll. */
static void follow(struct maillog *m, usec_t now, const struct maillog_sink *sink)
{
	bool last_look = false;

	for (;;) {
		enum progress p = read_more(m, now, sink);

		if (p == STUCK)
			return;
		if (p == MORE && m->budget == 0) {
			m->behind = true;
			return;
		}
		if (p == MORE)
			continue;
		if (last_look) {
			if (!leave_file(m, now, sink) || !open_log(m, now))
				return;
			last_look = false;
		} else if (m->copied || has_successor(m)) {
			/* What was written between the last read and the rename. */
			last_look = true;
		} else {
			return;
		}
	}
}

static void tell_counts(struct maillog *m, usec_t now)
{
	struct maillog_counts c = maillog_counts(m);

	if (c.too_long + c.unreadable == m->told_count ||
	    (m->told_count > 0 && now - m->told_at < TELL_EVERY))
		return;
	m->told_count = c.too_long + c.unreadable;
	m->told_at = now;
	log_warning("%s: passed over: %" PRIu64 " lines of more than %d bytes, %" PRIu64
		    " refusals that could not be read",
	    m->path, c.too_long, MAILLOG_LINE_MAX, c.unreadable);
}

int maillog_poll(struct maillog *m, usec_t now, const struct maillog_sink *sink)
{
	bool same;

	m->emitted = 0;
	m->budget = READ_AT_ONCE;
	m->behind = false;
	if (m->fd < 0 && !open_log(m, now))
		return -1;
	same = check_truncation(m, now, sink);
	if (same && deliver(m, now, sink, MAILLOG_QUEUE_MAX - 1))
		follow(m, now, sink);
	if (m->fd < 0)
		return m->emitted;
	/* The last lines may have made something ready. */
	deliver(m, now, sink, MAILLOG_QUEUE_MAX - 1);
	if (m->unsaved > 0 ||
	    (now - m->saved_at >= SAVE_EVERY && safe_offset(m) != m->position.offset))
		save_flushed(m, now, sink);
	tell_counts(m, now);
	return m->emitted;
}

bool maillog_is_behind(const struct maillog *m)
{
	return m->behind;
}

struct maillog_counts maillog_counts(const struct maillog *m)
{
	return (struct maillog_counts){
	    .too_long = m->too_long, .unreadable = maillog_queue_unreadable(m->queue)};
}

/* --- beginning and end ----------------------------------------------------------------- */

static void release(struct maillog *m)
{
	if (m->fd >= 0)
		close(m->fd);
	if (m->lock >= 0)
		close(m->lock);
	maillog_queue_free(&m->queue);
	free(m->path);
	free(m->state_path);
	free(m);
}

static bool lock_state(struct maillog *m)
{
	char path[4096];
	int len = snprintf(path, sizeof(path), "%s.lock", m->state_path);

	if (len < 0 || (size_t)len >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	m->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	return m->lock >= 0 && flock(m->lock, LOCK_EX | LOCK_NB) == 0;
}

static void load_position(struct maillog *m)
{
	struct maillog_state *p = &m->position;

	if (maillog_state_load(m->state_path, p)) {
		m->begin = strcmp(p->path, m->path) == 0 ? AT_POSITION : AT_END;
	} else if (errno != ENOENT) {
		log_error("%s can't be read: %s; %s is followed from its present end",
		    m->state_path, errno == EINVAL ? "it is no position" : strerror(errno),
		    m->path);
	}
	memcpy(p->path, m->path, strlen(m->path) + 1);
}

struct maillog *maillog_open(const char *path, const char *state_path, const char **error)
{
	struct maillog *m = calloc(1, sizeof(*m));
	int saved;

	*error = "memory is exhausted";
	if (m == NULL)
		return NULL;
	m->fd = m->lock = -1;
	m->path = strdup(path);
	m->state_path = strdup(state_path);
	m->queue = maillog_queue_new();
	errno = ENOMEM;
	if (m->path == NULL || m->state_path == NULL || m->queue == NULL)
		goto fail;
	errno = ENAMETOOLONG;
	*error = "the path is too long, or has a newline";
	if (strlen(path) >= sizeof(m->position.path) || strchr(path, '\n') != NULL)
		goto fail;
	if (lock_state(m)) {
		load_position(m);
		return m;
	}
	*error = errno == EWOULDBLOCK ? "another process follows it" : strerrordesc_np(errno);
fail:
	saved = errno;
	release(m);
	errno = saved;
	return NULL;
}

void maillog_close(struct maillog **m)
{
	if (*m == NULL)
		return;
	/* What was emitted but not flushed must come again: the position stays behind it. */
	if ((*m)->fd >= 0 && (*m)->unsaved == 0)
		save(*m, (*m)->saved_at);
	release(*m);
	*m = NULL;
}
