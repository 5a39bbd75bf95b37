#include "daemon/gate.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

/* A listening socket with a name of the kernel's choice (abstract, autobound). */
static int blind_socket(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 &&
	    (bind(fd, (struct sockaddr *)&un, sizeof(un.sun_family)) != 0 || listen(fd, 1) != 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* libmilter still waits on the old socket: a connection to it makes it look again. */
static void poke(int blind)
{
	struct sockaddr_un un;
	socklen_t len = sizeof(un);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	if (getsockname(blind, (struct sockaddr *)&un, &len) == 0 &&
	    connect(fd, (struct sockaddr *)&un, len) != 0)
		log_debug("a waiting accept could not be woken; it looks again in seconds");
	close(fd);
}

static void shut(struct gate *g)
{
	if (g->blind >= 0)
		return;
	g->blind = blind_socket();
	if (g->blind >= 0)
		dup2(g->blind, g->fd);
	else
		log_error("no descriptor is left to stop accepting with");
}

static void unshut(struct gate *g)
{
	if (g->blind < 0 || g->closed)
		return;
	dup2(g->listener, g->fd);
	poke(g->blind);
	close(g->blind);
	g->blind = -1;
}

bool gate_open(struct gate *g, int fd, int listener, unsigned cap)
{
	*g = (struct gate){.fd = fd, .listener = listener, .blind = -1, .cap = cap};
	pthread_mutex_init(&g->lock, NULL);
	return dup2(listener, fd) == fd;
}

void gate_enter(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->live++;
	if (g->live >= g->cap && g->blind < 0) {
		usec_t now = clock_monotonic();

		shut(g);
		if (g->told == 0 || now - g->told > 60 * USEC_PER_SEC) {
			g->told = now;
			log_warning("%u sessions: further connections wait; see `sessions` and "
				    "`workers` in relay-guard.conf(5)",
			    g->live);
		}
	}
	pthread_mutex_unlock(&g->lock);
}

void gate_leave(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->live--;
	if (g->live + 1 + g->cap / 16 <= g->cap)
		unshut(g);
	pthread_mutex_unlock(&g->lock);
}

void gate_close(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->closed = true;
	shut(g);
	pthread_mutex_unlock(&g->lock);
}

/* Accepted connections have the listener's own name. */
static bool is_accepted(int fd, const struct sockaddr_storage *name, socklen_t len)
{
	struct sockaddr_storage own = {0};
	socklen_t own_len = sizeof(own), one = sizeof(int);
	int listens = 1;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &one) != 0 || listens != 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &own_len) != 0)
		return false;
	if (own.ss_family == AF_UNIX)
		return own_len == len && memcmp(&own, name, len) == 0;
	/* The listener may stand on a wildcard address; no other kind of TCP socket is open here.
	 */
	return own.ss_family == name->ss_family;
}

unsigned gate_connections(struct gate *g)
{
	struct sockaddr_storage name = {0};
	socklen_t len = sizeof(name);
	struct rlimit limit;
	unsigned n = 0;

	if (getsockname(g->listener, (struct sockaddr *)&name, &len) != 0 ||
	    getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	/* Descriptors are given out from below: behind a long gap there are no more. */
	for (int fd = 3, gap = 0; fd < (int)limit.rlim_cur && gap < 1024; fd++) {
		if (is_accepted(fd, &name, len)) {
			n++;
			gap = 0;
		} else {
			gap++;
		}
	}
	return n;
}
