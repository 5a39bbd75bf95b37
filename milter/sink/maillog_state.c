#include "sink/maillog_state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char magic[] = "relay-guard-maillog 1 ";

uint64_t maillog_hash(const char *bytes, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* Hexadecimal digits and the blank after them. */
static bool take_hex(const char **at, const char *end, uint64_t *out)
{
	static const char digits[] = "0123456789abcdef";
	const char *start = *at, *d;

	*out = 0;
	for (; *at < end && **at != ' '; (*at)++) {
		d = **at == '\0' ? NULL : strchr(digits, **at);
		if (d == NULL || *at - start == 16)
			return false;
		*out = *out << 4 | (uint64_t)(d - digits);
	}
	if (*at == start || *at == end)
		return false;
	(*at)++;
	return true;
}

bool maillog_state_parse(const char *text, size_t len, struct maillog_state *out)
{
	const char *at = text + strlen(magic), *end = text + len;
	size_t path_len;

	memset(out, 0, sizeof(*out));
	if (len <= strlen(magic) || memcmp(text, magic, strlen(magic)) != 0 || end[-1] != '\n')
		return false;
	end--;
	if (!take_hex(&at, end, &out->inode) || !take_hex(&at, end, &out->offset) ||
	    !take_hex(&at, end, &out->before))
		return false;
	path_len = (size_t)(end - at);
	if (path_len == 0 || path_len >= sizeof(out->path) || memchr(at, '\n', path_len) != NULL ||
	    memchr(at, '\0', path_len) != NULL || out->offset > INT64_MAX)
		return false;
	memcpy(out->path, at, path_len);
	return true;
}

bool maillog_state_load(const char *file, struct maillog_state *out)
{
	char text[MAILLOG_STATE_MAX];
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), error;
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text));
	error = n < 0 ? errno : EINVAL;
	close(fd);
	if (n >= 0 && maillog_state_parse(text, (size_t)n, out))
		return true;
	errno = error;
	return false;
}

static bool write_file(const char *file, const char *text, size_t len)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640), error;
	ssize_t n;

	if (fd < 0)
		return false;
	n = write(fd, text, len);
	error = n < 0 ? errno : n != (ssize_t)len ? ENOSPC : fsync(fd) != 0 ? errno : 0;
	close(fd);
	errno = error;
	return error == 0;
}

bool maillog_state_save(const char *file, const struct maillog_state *s)
{
	char text[MAILLOG_STATE_MAX], fresh[4096];
	int len = snprintf(text, sizeof(text), "%s%" PRIx64 " %" PRIx64 " %" PRIx64 " %s\n", magic,
	    s->inode, s->offset, s->before, s->path);
	int name_len = snprintf(fresh, sizeof(fresh), "%s.new", file);

	if (name_len < 0 || (size_t)name_len >= sizeof(fresh)) {
		errno = ENAMETOOLONG;
		return false;
	}
	return write_file(fresh, text, (size_t)len) && rename(fresh, file) == 0;
}
