/*
 * sendmail.cf and sendmail.mc, and rows of maps behind a NUL: whatever they hold, they are read,
 * judged and imported without harm, and what is imported is a configuration.
 */
#include <string.h>

#include "../lib/imported.h"
#include "audit/sm_audit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct audit_request request = {.config_dir = "/nonexistent"};

static void judge(struct sm *sm, struct findings *l)
{
	struct sm_audit a = {.sm = sm, .findings = l, .limit = SEVERITY_HIGH};
	struct import i = {.failed = false};

	sm_audit_relay(&a);
	sm_audit_host(&a);
	sm_import(sm, &i);
	require_configuration(&i);
}

/* A line that begins with a blank is of the virtusertable, any other of the access map. */
static void add_rows(struct sm *sm, const char *text, size_t len)
{
	char *copy = arena_strndup(&sm->arena, text, len), *row;
	unsigned line = 0;

	while (copy != NULL && (row = strsep(&copy, "\n")) != NULL) {
		enum sm_kind kind = row[0] == ' ' ? SM_VIRTUSER : SM_ENTRY;
		char *value = row + (row[0] == ' ') + strcspn(row + (row[0] == ' '), "\t");

		line++;
		if (*value == '\0')
			continue;
		*value++ = '\0';
		sm_add(sm, kind, row + (row[0] == ' '), value, "map", line);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct findings l = {.count = 0};
	struct sm sm = {
	    .request = &request, .own = request, .notes = &l, .main_file = "sendmail.cf"};
	const char *text = (const char *)data + 1, *nul;
	size_t len = size - 1;

	if (size == 0)
		return 0;
	nul = memchr(text, '\0', len);
	if (nul != NULL)
		len = (size_t)(nul - text);
	sm.from_mc = data[0] == 'm';
	if (sm.from_mc)
		sm_read_mc(&sm, text, len, "sendmail.mc");
	else
		sm_read_cf(&sm, text, len, "sendmail.cf", 1);
	if (nul != NULL)
		add_rows(&sm, nul + 1, size - 2 - len);
	judge(&sm, &l);
	sm_free(&sm);
	findings_free(&l);
	return 0;
}
