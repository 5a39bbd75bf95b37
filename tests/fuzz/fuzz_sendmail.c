/*
 * sendmail.cf and sendmail.mc: whatever they hold, they are read, judged and imported without harm,
 * and what is imported is a configuration.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct findings l = {.count = 0};
	struct sm sm = {
	    .request = &request, .own = request, .notes = &l, .main_file = "sendmail.cf"};

	if (size == 0)
		return 0;
	sm.from_mc = data[0] == 'm';
	if (sm.from_mc)
		sm_read_mc(&sm, (const char *)data + 1, size - 1, "sendmail.mc");
	else
		sm_read_cf(&sm, (const char *)data + 1, size - 1, "sendmail.cf", 1);
	judge(&sm, &l);
	sm_free(&sm);
	findings_free(&l);
	return 0;
}
