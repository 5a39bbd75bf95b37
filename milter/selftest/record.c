#include "selftest/record.h"

#include <stdio.h>
#include <unistd.h>

#include "auth/crypto.h"

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
