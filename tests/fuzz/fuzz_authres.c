/*
 * Authentication-Results: any bytes, read; any bytes, written as every argument and read back.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/authres.h"
#include "base/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_name(const char *text)
{
	static const char bytes[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";

	return text[0] != '\0' && strlen(text) < 250 && text[strspn(text, bytes)] == '\0';
}

static void write_and_read_back(const char *text)
{
	struct authres_field f;
	struct arena a = {0};
	struct authres w;
	const char *value;

	authres_begin(&w, text, "\n\t");
	authres_result(&w, "spf", "fail", text);
	authres_property(&w, "smtp", "mailfrom", text);
	authres_comment(&w, text);
	authres_result(&w, "dkim", text, NULL);
	value = authres_end(&w);
	if (value == NULL || !authres_read(value, strlen(value), &a, &f) || f.count != 2 ||
	    strcmp(f.results[0].method, "spf") != 0)
		abort();
	/* What was written under a name claims to be of that name. */
	if (is_name(text) && !authres_claims(value, strlen(value), text))
		abort();
	for (const char *p = value; *p != '\0'; p++)
		if ((*p < ' ' || *p > '~') && *p != '\n' && *p != '\t')
			abort();
	arena_free(&a);
	authres_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct authres_field f;
	struct arena a = {0};
	char *text = malloc(size + 1), name[NAME_SIZE];
	bool claims;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	authres_read(text, size, &a, &f);
	for (size_t i = 0; i < f.count; i++)
		if (f.results[i].method == NULL || f.results[i].result == NULL)
			abort();
	claims = authres_claims(text, size, "mx.example.com");
	/* Whom our own reader takes for us, claims to be us. */
	if (!claims && name_canonical(f.authserv_id, strlen(f.authserv_id), name) == NAME_OK &&
	    strcmp(name, "mx.example.com") == 0)
		abort();
	if (memchr(text, '\0', size) == NULL)
		write_and_read_back(text);
	arena_free(&a);
	free(text);
	return 0;
}
