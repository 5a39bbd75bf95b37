#include "sink/notices.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "sink/eventlog.h"

#define TELL_EVERY (60 * USEC_PER_SEC)

struct notices {
	struct eventlog *file; /* NULL: a socket */
	int fd;                /* of a socket that is not connected: its reader may come and go */
	struct sockaddr_un to;
	_Atomic usec_t told_at; /* monotonic; 0: not yet */
};

static bool open_socket(struct notices *n, const char *path, const char **error)
{
	n->to.sun_family = AF_UNIX;
	if (strlen(path) == 0 || strlen(path) >= sizeof(n->to.sun_path)) {
		*error = "is no path that a socket can have";
		return false;
	}
	memcpy(n->to.sun_path, path, strlen(path) + 1);
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd < 0)
		*error = strerrordesc_np(errno);
	return n->fd >= 0;
}

static bool open_target(struct notices *n, const char *target, unsigned mode, const char **error)
{
	const struct eventlog_options o = {.path = target, .mode = mode};

	if (strncmp(target, NOTICES_UNIX, strlen(NOTICES_UNIX)) == 0)
		return open_socket(n, target + strlen(NOTICES_UNIX), error);
	n->file = eventlog_open(&o, -1, error);
	return n->file != NULL;
}

struct notices *notices_open(const char *target, unsigned mode, const char **error)
{
	struct notices *n = calloc(1, sizeof(*n));

	*error = "out of memory";
	if (n == NULL)
		return NULL;
	n->fd = -1;
	if (open_target(n, target, mode, error))
		return n;
	notices_close(&n);
	return NULL;
}

static void tell(struct notices *n, const char *why)
{
	usec_t now = clock_monotonic(), last = n->told_at;

	if (last != 0 && now - last < TELL_EVERY)
		return;
	n->told_at = now;
	log_error("%s: a notice was not taken: %s; it is in the events all the same",
	    n->to.sun_path, why);
}

static void send_event(struct notices *n, const struct event *e)
{
	struct strbuf b = {0};

	event_json(e, &b);
	if (b.failed)
		tell(n, "out of memory");
	else if (sendto(n->fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL,
		     (const struct sockaddr *)&n->to, sizeof(n->to)) < 0)
		tell(n, strerrordesc_np(errno));
	strbuf_free(&b);
}

void notices_write(struct notices *n, const struct event *e)
{
	if (n == NULL || !e->notify)
		return;
	if (n->file != NULL)
		(void)eventlog_write(n->file, e, 0);
	else
		send_event(n, e);
}

bool notices_flush(struct notices *n, unsigned wait_ms)
{
	return n == NULL || n->file == NULL || eventlog_flush(n->file, wait_ms);
}

void notices_close(struct notices **n)
{
	if (*n == NULL)
		return;
	eventlog_close(&(*n)->file);
	if ((*n)->fd >= 0)
		close((*n)->fd);
	free(*n);
	*n = NULL;
}
