#include "conf/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"

enum { BAD_BYTES_TOLD = 10 };

static bool complain(
    struct diag *diag, const struct conf_loc *where, const char *path, const char *what)
{
	struct conf_loc self = {.file = path};

	diag_add(
	    diag, DIAG_ERROR, where == NULL ? &self : where, "can't read `%s`: %s", path, what);
	return false;
}

static bool too_long(struct diag *diag, const struct conf_loc *where, const char *path, size_t max)
{
	struct conf_loc self = {.file = path};

	diag_add(diag, DIAG_ERROR, where == NULL ? &self : where,
	    "`%s` is too long; expected at most %zu MiB", path, max >> 20);
	return false;
}

/* Reads until the end, as a file may grow or shrink between fstat() and read(). */
static const char *read_all(int fd, struct source *s, size_t room)
{
	while (s->len < room) {
		ssize_t n = read(fd, s->text + s->len, room - s->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return strerror(errno);
		if (n == 0)
			break;
		s->len += (size_t)n;
	}
	s->text[s->len] = s->text[s->len + 1] = '\0';
	return NULL;
}

static bool read_open(int fd, struct source *s, const char *path, size_t max,
    const struct conf_loc *where, struct diag *diag)
{
	const char *problem;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return complain(diag, where, path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return complain(diag, where, path, "it is a directory; expected a file");
	if (!S_ISREG(st.st_mode))
		return complain(diag, where, path, "it is not a regular file");
	if (st.st_size < 0 || (uintmax_t)st.st_size > max)
		return too_long(diag, where, path, max);
	s->device = st.st_dev;
	s->inode = st.st_ino;
	s->text = malloc((size_t)st.st_size + 3);
	if (s->text == NULL)
		return complain(diag, where, path, "out of memory");
	problem = read_all(fd, s, (size_t)st.st_size + 1);
	if (problem == NULL && s->len > (size_t)st.st_size)
		problem = "it grew while it was read; try again";
	if (problem == NULL)
		return true;
	source_free(s);
	return complain(diag, where, path, problem);
}

bool source_read(
    struct source *s, const char *path, size_t max, const struct conf_loc *where, struct diag *diag)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool ok;

	*s = (struct source){0};
	if (fd < 0)
		return complain(diag, where, path, strerror(errno));
	ok = read_open(fd, s, path, max, where, diag);
	close(fd);
	return ok;
}

bool source_copy(
    struct source *s, const char *name, const char *text, size_t len, size_t max, struct diag *diag)
{
	*s = (struct source){0};
	if (len > max)
		return too_long(diag, NULL, name, max);
	s->text = malloc(len + 2);
	if (s->text == NULL)
		return complain(diag, NULL, name, "out of memory");
	if (len > 0)
		memcpy(s->text, text, len);
	s->text[len] = s->text[len + 1] = '\0';
	s->len = len;
	return true;
}

void source_free(struct source *s)
{
	free(s->text);
	*s = (struct source){0};
}

/* Words for the bad byte at `at`, NULL for a good one. */
static const char *bad_byte(const struct source *s, size_t at, size_t *step)
{
	unsigned char c = (unsigned char)s->text[at];
	uint32_t character;

	*step = 1;
	if (c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f))
		return NULL;
	if (c == '\r' && s->text[at + 1] == '\n')
		return NULL;
	if (c == '\0')
		return "a NUL byte; expected text";
	if (c < 0x80)
		return "a control character; expected text";
	*step = utf8_decode(s->text + at, s->len - at, &character);
	if (*step > 0)
		return NULL;
	*step = 1;
	return "a byte that is not UTF-8; expected text in UTF-8";
}

bool source_is_text(const struct source *s, const char *file, struct diag *diag)
{
	struct conf_loc at = {.file = file, .line = 1, .column = 1};
	unsigned told = 0;

	for (size_t i = 0, step; i < s->len && told < BAD_BYTES_TOLD; i += step) {
		const char *problem = bad_byte(s, i, &step);

		if (problem != NULL) {
			diag_add(diag, DIAG_ERROR, &at, "found 0x%02x, %s",
			    (unsigned)(unsigned char)s->text[i], problem);
			told++;
		}
		at.column += (unsigned)step;
		if (s->text[i] == '\n') {
			at.line++;
			at.column = 1;
		}
	}
	return told == 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Where the comment of a line begins, or where the line ends. */
static const char *content_end(const char *start, const char *end)
{
	const char *hash = start;

	while ((hash = memchr(hash, '#', (size_t)(end - hash))) != NULL) {
		if (hash == start || is_blank(hash[-1]))
			return hash;
		hash++;
	}
	return end;
}

bool source_next_line(const struct source *s, size_t *at, struct source_line *l)
{
	while (*at < s->len) {
		const char *line = s->text + *at, *start = line;
		const char *end = memchr(line, '\n', s->len - *at);

		if (end == NULL)
			end = s->text + s->len;
		*at = (size_t)(end - s->text) + 1;
		l->line++;
		end = content_end(start, end);
		while (start < end && is_blank(*start))
			start++;
		while (end > start && is_blank(end[-1]))
			end--;
		if (start == end)
			continue;
		l->text = start;
		l->len = (size_t)(end - start);
		l->column = (unsigned)(start - line) + 1;
		return true;
	}
	return false;
}

char *source_path(struct arena *a, const char *dir, const char *path)
{
	return path[0] == '/' ? arena_strdup(a, path) : arena_printf(a, "%s/%s", dir, path);
}

char *source_dir(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
	char *cwd, *dir;

	if (path[0] == '/')
		return arena_strndup(a, path, len);
	cwd = getcwd(NULL, 0);
	if (cwd == NULL)
		return NULL;
	dir = len == 0 ? arena_strdup(a, cwd) : arena_printf(a, "%s/%.*s", cwd, (int)len, path);
	free(cwd);
	return dir;
}
