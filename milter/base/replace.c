#include "base/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"

static bool write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0;
}

static bool hand_over(int fd, mode_t mode, gid_t group)
{
	return (group == (gid_t)-1 || fchown(fd, (uid_t)-1, group) == 0) && fchmod(fd, mode) == 0;
}

bool replace_file(const char *path, mode_t mode, const char *text, size_t len)
{
	return replace_file_for(path, mode, (gid_t)-1, text, len);
}

/* A name such as /dev/null or /dev/stdout is not to be lost for all others. */
static bool may_be_replaced(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
		return true;
	errno = S_ISDIR(st.st_mode) ? EISDIR : ENOTSUP;
	return false;
}

bool replace_file_for(const char *path, mode_t mode, gid_t group, const char *text, size_t len)
{
	struct strbuf name = {0};
	bool ok = false;
	int fd, why;

	if (!may_be_replaced(path))
		return false;
	strbuf_printf(&name, "%s.XXXXXX", path);
	fd = name.failed ? -1 : mkostemp(name.data, O_CLOEXEC);
	if (fd >= 0) {
		ok = write_all(fd, text, len) && hand_over(fd, mode, group) &&
		     rename(name.data, path) == 0;
		why = errno;
		(void)close(fd);
		if (!ok)
			(void)unlink(name.data);
		errno = why;
	}
	strbuf_free(&name);
	return ok;
}
