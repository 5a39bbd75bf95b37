/*
 * main.cf, and master.cf behind a NUL: whatever they hold, they are read, judged and imported
 * without harm, and what is imported is a configuration.
 */
#include <string.h>

#include "../lib/imported.h"
#include "audit/pf_audit.h"
#include "audit/pf_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct audit_request request = {
    .config_dir = "/nonexistent", .given = true, .mta_version = "3.7.11"};

static void import(struct pf *pf)
{
	struct import i = {.failed = false};

	pf_import(pf, &i);
	require_configuration(&i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *nul = memchr(text, '\0', size);
	size_t main_len = nul == NULL ? size : (size_t)(nul - text);
	const char *master = nul == NULL ? NULL : nul + 1;
	struct findings l = {.count = 0};
	struct pf pf = {.main_file = "main.cf", .master_file = "master.cf", .request = &request};

	if (pf_load_text(&pf, &request, &l, text, main_len, master,
		master == NULL ? 0 : size - main_len - 1)) {
		pf_audit(&pf, &l);
		import(&pf);
	}
	pf_free(&pf);
	findings_free(&l);
	return 0;
}
