#include "audit/mta.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct audit_mta *const rows[] = {&audit_postfix, &audit_sendmail};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

const struct audit_mta *audit_mta_find(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(rows[i]->name, name) == 0)
			return rows[i];
	return NULL;
}

const char *audit_mta_names(void)
{
	return "postfix or sendmail";
}

static bool has_main_file(const struct audit_mta *m, const char *folder)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", folder, m->main_file);

	return n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) == 0;
}

const char *audit_own_dir(const struct audit_mta *m)
{
	const char *named = m->environment == NULL ? NULL : getenv(m->environment);

	if (m->main_file == NULL || has_main_file(m, m->config_dir))
		return m->config_dir;
	/* Who names a folder that has none is told of that one. */
	if (named != NULL && named[0] == '/')
		return named;
	return m->elsewhere != NULL && has_main_file(m, m->elsewhere) ? m->elsewhere
	                                                              : m->config_dir;
}

/*
 * What follows a folder of the usual name, or of an instance's, in a path: "virtual" of
 * /usr/local/etc/postfix/virtual and of /etc/postfix-out/virtual. NULL: there is none.
 */
static const char *below_folder(const struct audit_mta *m, const char *path)
{
	const char *name = strrchr(m->config_dir, '/');

	for (const char *p = strstr(path, name); p != NULL; p = strstr(p + 1, name)) {
		const char *end = p + strlen(name), *slash = strchr(end, '/');

		if ((*end == '/' || *end == '-') && slash != NULL && slash[1] != '\0')
			return slash + 1;
	}
	return NULL;
}

const char *audit_path(
    const struct audit_mta *m, const struct audit_request *r, struct arena *a, const char *path)
{
	size_t usual = strlen(m->config_dir);
	const char *below;

	if (path[0] != '/')
		return arena_printf(a, "%s/%s", r->config_dir, path);
	if (r->given && strncmp(path, m->config_dir, usual) == 0 && path[usual] == '/')
		return arena_printf(a, "%s%s", r->config_dir, path + usual);
	below = r->given ? below_folder(m, path) : NULL;
	if (below != NULL) {
		const char *copy = arena_printf(a, "%s/%s", r->config_dir, below);

		if (copy == NULL || access(copy, F_OK) == 0)
			return copy;
	}
	return arena_strdup(a, path);
}

/* Until the end or `room` bytes, as a file may grow or shrink between fstat() and read(). */
static bool read_all(int fd, char *text, size_t room, size_t *len)
{
	*len = 0;
	while (*len < room) {
		ssize_t n = read(fd, text + *len, room - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (n == 0)
			break;
		*len += (size_t)n;
	}
	text[*len] = '\0';
	return true;
}

static char *read_open(struct arena *a, int fd, size_t *len, const char **problem)
{
	struct stat st;
	char *text;

	if (fstat(fd, &st) != 0) {
		*problem = strerror(errno);
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		*problem = S_ISDIR(st.st_mode) ? "it is a directory" : "it is no regular file";
		return NULL;
	}
	if ((uintmax_t)st.st_size > AUDIT_FILE_MAX) {
		*problem = "it is larger than 64 MiB";
		return NULL;
	}
	text = arena_alloc(a, (size_t)st.st_size + 1);
	if (text == NULL)
		*problem = "out of memory";
	else if (!read_all(fd, text, (size_t)st.st_size, len)) {
		*problem = strerror(errno);
		return NULL;
	}
	return text;
}

char *audit_read(struct arena *a, const char *path, size_t *len, const char **problem)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text;

	*len = 0;
	*problem = NULL;
	if (fd < 0) {
		*problem = strerror(errno);
		return NULL;
	}
	text = read_open(a, fd, len, problem);
	close(fd);
	return text;
}
