#include "sink/maillog_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sink/maillog_state.h"

int maillog_file_open(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return -1;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

uint64_t maillog_file_hash(int fd, uint64_t offset)
{
	char bytes[MAILLOG_HASHED];
	size_t want = offset < sizeof(bytes) ? (size_t)offset : sizeof(bytes);
	ssize_t n = pread(fd, bytes, want, (off_t)(offset - want));

	return maillog_hash(bytes, n < 0 ? 0 : (size_t)n);
}

bool maillog_file_has(int fd, const struct stat *st, const struct maillog_mark *mark)
{
	if (mark->inode != 0 ? st->st_ino != (ino_t)mark->inode : mark->offset == 0)
		return false;
	return (uint64_t)st->st_size >= mark->offset &&
	       maillog_file_hash(fd, mark->offset) == mark->before;
}

int maillog_file_find(
    const char *path, const struct maillog_mark *mark, uint64_t but, struct stat *st)
{
	const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
	char dir[4096], candidate[sizeof(dir) + 256];
	DIR *d;
	int found = -1;

	if ((size_t)(name - path) >= sizeof(dir))
		return -1;
	memcpy(dir, path, (size_t)(name - path));
	dir[name - path] = '\0';
	d = opendir(dir[0] == '\0' ? "." : dir);
	if (d == NULL)
		return -1;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		struct stat s;
		int fd;

		if (strncmp(e->d_name, name, strlen(name)) != 0)
			continue;
		snprintf(candidate, sizeof(candidate), "%s%s", dir, e->d_name);
		fd = maillog_file_open(candidate, &s);
		if (fd < 0)
			continue;
		if (s.st_ino == (ino_t)but || !maillog_file_has(fd, &s, mark) ||
		    (found >= 0 && s.st_size <= st->st_size)) {
			close(fd);
			continue;
		}
		if (found >= 0)
			close(found);
		found = fd;
		*st = s;
	}
	closedir(d);
	return found;
}
