#include "daemon/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 10 };

static bool is_at(int fd, const char *path)
{
	struct stat of_fd, of_path;

	return fstat(fd, &of_fd) == 0 && lstat(path, &of_path) == 0 &&
	       of_fd.st_dev == of_path.st_dev && of_fd.st_ino == of_path.st_ino;
}

static bool fail(struct fault *f, const char *path, const char *what)
{
	return fault_set(f, EXIT_CONFIG, "pid-file = %s: %s", path, what);
}

/*
 * Locks the file that is there. *old is -1 when there is none. False with errno EAGAIN when it was
 * replaced meanwhile: look again.
 */
static bool lock_old(const char *path, int *old, struct fault *f)
{
	struct stat st;

	*old = -1;
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? true : fail(f, path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(f, path,
		    "something that is no plain file is there; remove it or name "
		    "another path");
	*old = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*old < 0)
		return errno == ENOENT ? true : fail(f, path, strerror(errno));
	if (flock(*old, LOCK_EX | LOCK_NB) != 0)
		return fault_set(f, EXIT_AGAIN,
		    "pid-file = %s: another relay-guard that is running holds it; stop that one "
		    "first, or name another file",
		    path);
	if (is_at(*old, path))
		return true;
	errno = EAGAIN;
	return false;
}

static int write_new(const char *path)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && write(fd, text, (size_t)len) == len)
		return fd;
	close(fd);
	unlink(path);
	return -1;
}

/* Where there was no file, one that another has made since is not replaced. */
static bool put_in_place(const char *scratch, const char *path, int old)
{
	if (old >= 0)
		return rename(scratch, path) == 0;
	if (link(scratch, path) != 0) {
		if (errno == EEXIST)
			errno = EAGAIN;
		return false;
	}
	unlink(scratch);
	return true;
}

static bool try_to_take(struct pidfile *p, const char *scratch, struct fault *fault)
{
	bool ok = false;
	int old;

	if (lock_old(p->path, &old, fault)) {
		unlink(scratch);
		p->fd = write_new(scratch);
		ok = p->fd >= 0 && put_in_place(scratch, p->path, old);
		if (!ok && errno != EAGAIN)
			fail(fault, p->path, strerror(errno));
		if (!ok && p->fd >= 0) {
			unlink(scratch);
			close(p->fd);
			p->fd = -1;
		}
	}
	if (old >= 0)
		close(old);
	return ok;
}

bool pidfile_take(struct pidfile *p, const char *path, struct fault *fault)
{
	char scratch[4096];

	*p = (struct pidfile){.fd = -1};
	if (path == NULL)
		return true;
	p->path = strdup(path);
	if (p->path == NULL)
		return fail(fault, path, "memory is exhausted");
	if (snprintf(scratch, sizeof(scratch), "%s.%ld", path, (long)getpid()) >=
	    (int)sizeof(scratch))
		return fail(fault, path, "the path is too long");
	for (int i = 0; i < TRIES && fault->code == EXIT_OK; i++)
		if (try_to_take(p, scratch, fault))
			return true;
	return fault_set(
	    fault, EXIT_AGAIN, "pid-file = %s: others write it at the same time", path);
}

void pidfile_forget(struct pidfile *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

void pidfile_remove(struct pidfile *p)
{
	if (p->fd >= 0 && is_at(p->fd, p->path))
		unlink(p->path);
	pidfile_forget(p);
	free(p->path);
	p->path = NULL;
}
