#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/replace.h"
#include "base/strbuf.h"

enum { BYTES = (SECRET_SIZE - 1) / 2 };

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

bool secret_make(const char *dir, const char *name, gid_t group, char out[SECRET_SIZE])
{
	mode_t mode = group == (gid_t)-1 ? 0600 : 0640;
	struct strbuf path = {0};
	char line[SECRET_SIZE + 1];
	bool ok;

	out[0] = '\0';
	ok = draw(out);
	strbuf_printf(&path, "%s/%s", dir, name);
	snprintf(line, sizeof(line), "%s\n", out);
	ok = ok && !path.failed && replace_file_for(path.data, mode, group, line, SECRET_SIZE);
	strbuf_free(&path);
	explicit_bzero(line, sizeof(line));
	if (!ok)
		out[0] = '\0';
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
	struct strbuf path = {0};
	char text[SECRET_SIZE + 2] = "";
	ssize_t n = -1;
	int fd, why;

	strbuf_printf(&path, "%s/%s", dir, name);
	fd = path.failed ? -1 : open(path.data, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, text, sizeof(text) - 1);
	why = n >= 0 && !is_secret(text, n) ? EINVAL : errno;
	if (fd >= 0)
		(void)close(fd);
	strbuf_free(&path);
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
