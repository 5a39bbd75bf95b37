/*
 * A file of overrides, and a limit's values, through the reader of the configuration: what loads
 * can be counted by.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check/config.h"
#include "check/limit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rest[] =
    "\ndomains ours { members = example.com }\n"
    "relay { rule in { to = @ours action = permit } rule others { action = reject } }\n";

static void broken(const char *what)
{
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void check_window(const struct limit_settings *l, const struct limit_window *w)
{
	for (unsigned i = 0; i < LIMIT_SUBJECTS; i++)
		if (w->rates[i].interval < 1 || w->rates[i].tolerance < w->rates[i].interval ||
		    w->rates[i].tolerance > GCRA_HORIZON)
			broken("a rate");
	if (w->id == 0 || l->windows > LIMIT_WINDOWS)
		broken("a window");
}

static void check_limit_settings(const struct limit_settings *l)
{
	for (size_t i = 0; i < l->windows; i++)
		check_window(l, &l->window[i]);
	for (size_t i = 0; i < l->override_count; i++) {
		const struct limit_override *o = &l->overrides[i];
		struct limit_subject subject = {.text = o->key, .len = strlen(o->key)};

		if (limit_override_of(l, &subject) != o || o->windows > LIMIT_WINDOWS)
			broken("an override");
		for (size_t k = 0; k < o->windows; k++)
			check_window(l, &o->window[k]);
	}
}

static void load(const char *text)
{
	struct diag *diag = diag_new();
	struct config *c = diag == NULL ? NULL : config_load_text("x", text, strlen(text), 0, diag);

	if (diag != NULL && c == NULL && diag_errors(diag) == 0)
		broken("it does not load, and nobody knows why");
	for (const struct conf_head *h = c == NULL ? NULL : c->settings->limit; h != NULL;
	     h = h->next)
		check_limit_settings((const struct limit_settings *)(const void *)h);
	config_free(&c);
	diag_free(&diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int file = -1;
	char text[4096];

	if (size == 0 || size > 2000)
		return 0;
	if (file < 0)
		file = memfd_create("overrides", 0);
	if (data[0] % 2 == 0) {
		snprintf(text, sizeof(text), "limit a { %.*s }%s", (int)size - 1,
		    (const char *)data + 1, rest);
		load(text);
		return 0;
	}
	if (file < 0 || ftruncate(file, 0) != 0 ||
	    pwrite(file, data + 1, size - 1, 0) != (ssize_t)size - 1)
		return 0;
	snprintf(text, sizeof(text),
	    "limit a { key = %s count = messages rate = 1/1h overrides = "
	    "file:/proc/self/fd/%d }%s",
	    data[0] % 4 == 1 ? "login" : "client-prefix", file, rest);
	load(text);
	return 0;
}
