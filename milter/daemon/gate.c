#include "daemon/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/tally.h"

/* Not an abstract one: anybody on the host could connect to that, whatever the listener's mode. */
static int blind_socket(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	unlink(un.sun_path);
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0 && unlink(un.sun_path) == 0 &&
	    listen(fd, 1) == 0)
		return fd;
	close(fd);
	return -1;
}

static void look_again(int number)
{
	(void)number;
}

static bool catch_wake_up(void)
{
	struct sigaction action = {.sa_handler = look_again};
	sigset_t set;

	sigemptyset(&action.sa_mask);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return sigaction(SIGUSR1, &action, NULL) == 0 &&
	       pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0;
}

/*
 * A poll(2) that is under way sleeps on the socket that was there when it began, for up to five
 * seconds, and keeps it listening: only a signal ends it. dup3() is EBUSY while another thread is
 * about to open a descriptor.
 */
static bool put(const struct gate *g, int socket)
{
	int r;

	do
		r = dup3(socket, g->fd, O_CLOEXEC);
	while (r < 0 && (errno == EBUSY || errno == EINTR));
	return r >= 0 && pthread_kill(g->acceptor, SIGUSR1) == 0;
}

static bool put_what_is_due(const struct gate *g)
{
	if (g->listener < 0)
		return put(g, g->blind);
	if (g->shown >= 0)
		return put(g, g->shown);
	return put(g, g->shut ? g->blind : g->listener);
}

bool gate_open(struct gate *g, int fd, int listener, const char *scratch, unsigned cap)
{
	*g = (struct gate){
	    .fd = fd,
	    .listener = listener,
	    .shown = -1,
	    .cap = cap,
	    .acceptor = pthread_self(),
	    .name_len = sizeof(g->name),
	};
	pthread_mutex_init(&g->lock, NULL);
	g->blind = blind_socket(scratch);
	return g->blind >= 0 && catch_wake_up() &&
	       getsockname(listener, (struct sockaddr *)&g->name, &g->name_len) == 0 &&
	       put(g, listener);
}

static void tell_cap(struct gate *g)
{
	usec_t now = clock_monotonic();

	if (g->told != 0 && now - g->told <= 60 * USEC_PER_SEC)
		return;
	g->told = now;
	log_warning("%u sessions: further connections wait; see `sessions` and `workers` in "
		    "relay-guard.conf(5)",
	    g->live);
}

void gate_enter(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->live++;
	tally_sessions(g->live);
	/* What comes over another socket is no session of the MTA. */
	if (g->live >= g->cap + (g->shown >= 0) && !g->shut && g->listener >= 0) {
		g->shut = true;
		g->shut = put_what_is_due(g);
		if (g->shut)
			tell_cap(g);
	}
	pthread_mutex_unlock(&g->lock);
}

void gate_leave(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->live--;
	tally_sessions(g->live);
	if (g->shut && g->listener >= 0 && g->live + 1 + g->cap / 16 <= g->cap) {
		g->shut = false;
		g->shut = !put_what_is_due(g);
	}
	pthread_mutex_unlock(&g->lock);
}

bool gate_show(struct gate *g, int socket)
{
	bool ok = false;

	pthread_mutex_lock(&g->lock);
	if (g->listener >= 0) {
		g->shown = socket;
		ok = put_what_is_due(g);
		if (!ok)
			g->shown = -1;
	}
	pthread_mutex_unlock(&g->lock);
	return ok;
}

void gate_hide(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->shown = -1;
	if (!put_what_is_due(g))
		log_error("the listening socket can't be put back: %s", strerror(errno));
	pthread_mutex_unlock(&g->lock);
}

/* The listener itself goes too: while this process holds it, it takes connections for nobody. */
void gate_close(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	if (g->listener >= 0 && put(g, g->blind)) {
		close(g->listener);
		g->listener = -1;
	}
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
	struct rlimit limit;
	unsigned n = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	/* Descriptors are given out from below: behind a long gap there are no more. */
	for (int fd = 3, gap = 0; fd < (int)limit.rlim_cur && gap < 1024; fd++) {
		if (is_accepted(fd, &g->name, g->name_len)) {
			n++;
			gap = 0;
		} else {
			gap++;
		}
	}
	return n;
}
