#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BYTES = (SECRET_SIZE - 1) / 2, NAME_ROOM = 64 };

static int open_folder(const char *dir)
{
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool draw(char out[SECRET_SIZE])
{
	unsigned char bytes[BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return false;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	explicit_bzero(bytes, sizeof(bytes));
	return true;
}

/* Not readable for the group before it is the right one. */
static bool fill(int fd, gid_t group, const char *secret)
{
	if (write(fd, secret, SECRET_SIZE - 1) != SECRET_SIZE - 1 || write(fd, "\n", 1) != 1)
		return false;
	return group == (gid_t)-1 || (fchown(fd, (uid_t)-1, group) == 0 && fchmod(fd, 0640) == 0);
}

static bool write_to(int folder, const char *name, gid_t group, const char *secret)
{
	char temporary[NAME_ROOM];
	bool ok = false;
	int fd, why;

	snprintf(temporary, sizeof(temporary), "%.40s.%ld", name, (long)getpid());
	(void)unlinkat(folder, temporary, 0);
	fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	ok = fill(fd, group, secret) && renameat(folder, temporary, folder, name) == 0;
	why = errno;
	(void)close(fd);
	if (!ok)
		(void)unlinkat(folder, temporary, 0);
	errno = why;
	return ok;
}

bool secret_make(const char *dir, const char *name, gid_t group, char out[SECRET_SIZE])
{
	int folder = open_folder(dir), why;
	bool ok = folder >= 0 && draw(out) && write_to(folder, name, group, out);

	why = errno;
	if (folder >= 0)
		(void)close(folder);
	if (!ok)
		out[0] = '\0';
	errno = why;
	return ok;
}

static bool is_secret(const char *text, ssize_t len)
{
	const size_t digits = SECRET_SIZE - 1;

	return len == (ssize_t)digits + 1 && text[digits] == '\n' &&
	       strspn(text, "0123456789abcdef") == digits;
}

bool secret_read(const char *dir, const char *name, char out[SECRET_SIZE])
{
	int folder = open_folder(dir), fd = -1, why;
	char text[SECRET_SIZE + 2] = "";
	ssize_t n = -1;

	if (folder >= 0)
		fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, text, sizeof(text) - 1);
	why = n >= 0 && !is_secret(text, n) ? EINVAL : errno;
	if (fd >= 0)
		(void)close(fd);
	if (folder >= 0)
		(void)close(folder);
	snprintf(out, SECRET_SIZE, "%.*s", is_secret(text, n) ? SECRET_SIZE - 1 : 0, text);
	explicit_bzero(text, sizeof(text));
	errno = why;
	return out[0] != '\0';
}

bool secret_equal(const char *a, const char *b)
{
	unsigned char different = 0;

	if (a == NULL || b == NULL || strlen(a) != SECRET_SIZE - 1 || strlen(b) != SECRET_SIZE - 1)
		return false;
	for (size_t i = 0; i < SECRET_SIZE - 1; i++)
		different |= (unsigned char)(a[i] ^ b[i]);
	return different == 0;
}
