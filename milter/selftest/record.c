#include "selftest/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/crypto.h"
#include "base/strbuf.h"

/* --- hashes ----------------------------------------------------------------- */

static bool add_file(struct sha256 *hash, const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned char buf[16384];
	bool ok = f != NULL;
	size_t n;

	while (ok && (n = fread(buf, 1, sizeof(buf), f)) > 0)
		sha256_add(hash, buf, n);
	ok = ok && ferror(f) == 0;
	if (f != NULL)
		(void)fclose(f);
	return ok;
}

static void hash_file(const char *path, char out[RECORD_HASH_SIZE])
{
	struct sha256 *hash = sha256_new();
	uint8_t bytes[SHA256_SIZE];

	out[0] = '\0';
	if (hash != NULL && add_file(hash, path) && sha256_end(hash, bytes)) {
		snprintf(out, RECORD_HASH_SIZE, "sha256:");
		for (size_t i = 0; i < SHA256_SIZE; i++)
			snprintf(out + 7 + i * 2, 3, "%02x", bytes[i]);
	}
	sha256_free(&hash);
}

/* --- the record ------------------------------------------------------------- */

bool record_make(struct record *r, struct arena *a, const struct config *config, usec_t now)
{
	const char *const *paths = NULL;
	struct record_file *files;

	*r = (struct record){.file_count = 0};
	clock_format(now, r->time);
	if (gethostname(r->host, sizeof(r->host) - 1) != 0)
		r->host[0] = '\0';
	r->file_count = config == NULL ? 0 : conf_files(config->doc, &paths);
	files = arena_alloc(a, (r->file_count + 1) * sizeof(*files));
	if (files == NULL)
		return false;
	for (size_t i = 0; i < r->file_count; i++) {
		files[i].path = paths[i];
		hash_file(paths[i], files[i].hash);
	}
	r->files = files;
	return true;
}

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

bool record_write(const char *path, const char *text, size_t len)
{
	struct strbuf name = {0};
	bool ok = false;
	int fd, why;

	strbuf_printf(&name, "%s.XXXXXX", path);
	fd = name.failed ? -1 : mkostemp(name.data, O_CLOEXEC);
	if (fd >= 0) {
		ok = write_all(fd, text, len) && fchmod(fd, 0640) == 0 &&
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
