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

struct maillog {
	char *path;
	int state; /* the position file, locked */
	int fd;    /* the log, -1: not open */
	ino_t ino;
	off_t offset;  /* behind the last complete line that was read */
	bool known;    /* there is a position: do not skip to the end */
	bool told;     /* that the log can't be read */
	bool skipping; /* inside a line that is too long */
	char buf[2 * MAILLOG_LINE_MAX];
};

/* "inode offset\n", or nothing. */
static void read_position(struct maillog *m)
{
	char text[64] = "";
	ssize_t n = pread(m->state, text, sizeof(text) - 1, 0);
	char *end;

	if (n <= 0)
		return;
	m->ino = (ino_t)strtoull(text, &end, 10);
	if (*end != ' ')
		return;
	m->offset = (off_t)strtoll(end + 1, &end, 10);
	m->known = *end == '\n' && m->offset >= 0;
}

/* One write of one block; its length stays the same, so that there is never half of it. */
static void write_position(const struct maillog *m)
{
	char text[64];
	int n =
	    snprintf(text, sizeof(text), "%ju %020jd\n", (uintmax_t)m->ino, (intmax_t)m->offset);

	if (pwrite(m->state, text, (size_t)n, 0) != n || ftruncate(m->state, n) != 0)
		log_warning("the position in %s can't be stored: %s", m->path, strerror(errno));
}

struct maillog *maillog_open(const char *path, const char *state_path, const char **error)
{
	struct maillog *m = calloc(1, sizeof(*m));
	int saved;

	*error = "memory is exhausted";
	if (m == NULL)
		return NULL;
	m->fd = -1;
	m->path = strdup(path);
	m->state = open(state_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (m->path != NULL && m->state >= 0 && flock(m->state, LOCK_EX | LOCK_NB) == 0) {
		read_position(m);
		return m;
	}
	saved = errno;
	*error = saved == EWOULDBLOCK ? "another process follows it" : strerror(saved);
	maillog_close(&m);
	errno = saved;
	return NULL;
}

void maillog_close(struct maillog **m)
{
	if (*m == NULL)
		return;
	if ((*m)->fd >= 0)
		close((*m)->fd);
	if ((*m)->state >= 0)
		close((*m)->state);
	free((*m)->path);
	free(*m);
	*m = NULL;
}

static void hand_over(const struct maillog *m, const char *line, size_t len, usec_t now, int *count,
    void (*emit)(void *arg, const struct event *e), void *arg)
{
	struct maillog_refusal r;
	char session[48];
	struct event e;

	if (!maillog_line(line, len, now, &r))
		return;
	snprintf(session, sizeof(session), "log-%jx-%jx", (uintmax_t)m->ino, (uintmax_t)m->offset);
	e = (struct event){
	    .time = r.time,
	    .host = r.host,
	    .session = session,
	    .message = r.queue_id,
	    .stage = "rcpt",
	    .client = r.client,
	    .client_name = r.client_name,
	    .recipient = r.recipient,
	    .verdict = r.code >= 500 ? "reject" : "defer",
	    .by = "mta",
	    .code = (uint16_t)r.code,
	    .enhanced = r.enhanced,
	    .reply = r.reply,
	};
	emit(arg, &e);
	(*count)++;
}

/* Reads complete lines from the offset to the end of the open file. */
static int read_lines(
    struct maillog *m, usec_t now, void (*emit)(void *arg, const struct event *e), void *arg)
{
	int count = 0;
	ssize_t n;

	while ((n = pread(m->fd, m->buf, sizeof(m->buf), m->offset)) > 0) {
		const char *at = m->buf, *end = m->buf + n, *nl;

		while ((nl = memchr(at, '\n', (size_t)(end - at))) != NULL) {
			if (!m->skipping && nl - at <= MAILLOG_LINE_MAX)
				hand_over(m, at, (size_t)(nl - at), now, &count, emit, arg);
			m->skipping = false;
			m->offset += nl + 1 - at;
			at = nl + 1;
		}
		if (end - at > MAILLOG_LINE_MAX) {
			m->skipping = true;
			m->offset += end - at;
		} else if (at == m->buf) {
			break;
		}
	}
	return count;
}

/* Opens what stands at the path now. False when there is nothing to read. */
static bool open_log(struct maillog *m)
{
	struct stat st;
	int fd = open(m->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		if (!m->told)
			log_error("%s can't be followed: %s; it is tried again", m->path,
			    fd < 0 ? strerror(errno) : "it is no file");
		m->told = true;
		if (fd >= 0)
			close(fd);
		return false;
	}
	m->told = false;
	m->fd = fd;
	if (!m->known)
		m->offset = st.st_size;
	else if (m->ino != st.st_ino || m->offset > st.st_size)
		m->offset = 0;
	m->known = true;
	m->ino = st.st_ino;
	return true;
}

/* Rotated while nobody followed: the rest of the old file, where logrotate puts it, comes first. */
static bool open_rotated(struct maillog *m)
{
	char path[4096];
	struct stat st;

	if (!m->known || (stat(m->path, &st) == 0 && st.st_ino == m->ino))
		return false;
	snprintf(path, sizeof(path), "%s.1", m->path);
	m->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (m->fd >= 0 && fstat(m->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_ino == m->ino &&
	    st.st_size >= m->offset)
		return true;
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
	return false;
}

/* Was the file that is open renamed away, or cut? */
static bool is_replaced(const struct maillog *m)
{
	struct stat st;

	return stat(m->path, &st) == 0 && st.st_ino != m->ino;
}

int maillog_poll(
    struct maillog *m, usec_t now, void (*emit)(void *arg, const struct event *e), void *arg)
{
	struct stat st;
	off_t before = m->offset;
	ino_t ino = m->ino;
	int count = 0;
	bool replaced;

	if (m->fd < 0 && !open_rotated(m) && !open_log(m))
		return -1;
	if (fstat(m->fd, &st) == 0 && st.st_size < m->offset)
		m->offset = 0;
	/* Asked first: what is written to the old file before that is read below. */
	replaced = is_replaced(m);
	count = read_lines(m, now, emit, arg);
	if (replaced) {
		close(m->fd);
		m->fd = -1;
		m->skipping = false;
		if (open_log(m))
			count += read_lines(m, now, emit, arg);
	}
	if (m->offset != before || m->ino != ino)
		write_position(m);
	return count;
}
