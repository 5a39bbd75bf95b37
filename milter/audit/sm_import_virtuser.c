/* The virtusertable: recipients of ours that Sendmail sends on to another domain. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "audit/sm_audit.h"

static const char what[] = "the virtusertable";

/* Is it looked up for this domain, which must be in class w or {VirtHost}? */
static bool is_looked_up(const struct sm *sm, const char *domain)
{
	static const char *const classes[] = {"w", "VirtHost"};

	for (size_t c = 0; c < 2; c++)
		for (const struct sm_fact *f = NULL;
		     (f = sm_next(sm, f, SM_CLASS, classes[c])) != NULL;)
			if (strcasecmp(f->value, domain) == 0)
				return true;
	return false;
}

/* Does it stay: a local name, or an address of class w? A plain `%1` is a local name, too. */
static bool stays(const struct sm *sm, const char *value)
{
	const char *at = strchr(value, '@');
	const struct sm_fact *f = NULL;

	if (at == NULL)
		return strchr(value, '!') == NULL && strchr(value, '%') == NULL;
	while ((f = sm_next(sm, f, SM_CLASS, "w")) != NULL)
		if (strcasecmp(f->value, at + 1) == 0)
			return true;
	return false;
}

static bool is_error(const char *value)
{
	return strncasecmp(value, "error:", 6) == 0;
}

/* Of a whole domain a rule can except nobody: what an address of it comes to is told. */
static void add_rule(struct import *i, const struct sm_fact *f, const char *to)
{
	struct import_from where = sm_from(f, what);
	char body[400];

	snprintf(body, sizeof(body), "to = \"%s\"  forwarded = yes  action = permit", to);
	import_rule(i, "forward", body, &where);
}

static void import_row(struct sm *sm, struct import *i, const struct sm_fact *f)
{
	struct import_from where = sm_from(f, what);
	const char *at = strchr(f->name, '@'), *to = f->name + (f->name[0] == '@');

	if (is_error(f->value) || stays(sm, f->value))
		return;
	if (at == NULL || at[1] == '\0') {
		import_note(i, &where,
		    "%s is sent on to %s at any domain; write a rule with `to = ADDRESS forwarded "
		    "= "
		    "yes` for each",
		    f->name, f->value);
	} else if (!is_looked_up(sm, at + 1)) {
		import_note(i, &where,
		    "%s is of no effect: its domain is not in class {w} or {VirtHost}", f->name);
	} else if (!import_is_recipient(to) || strchr(to, '*') != NULL) {
		import_note(i, &where,
		    "%s, which is sent on to %s, was not taken over: a rule names addresses or "
		    "domains without `*`; mail for it is refused",
		    f->name, f->value);
	} else {
		add_rule(i, f, to);
	}
}

void sm_import_virtuser(struct sm *sm, struct import *i)
{
	const struct sm_fact *f = NULL;

	while ((f = sm_next(sm, f, SM_VIRTUSER, NULL)) != NULL)
		import_row(sm, i, f);
}
