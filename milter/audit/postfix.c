/* Postfix: main.cf, master.cf and the tables that they name. */
#include <stdio.h>

#include "audit/mta.h"
#include "base/exit.h"

static int audit(const struct audit_request *r, struct findings *l, const char **subject)
{
	(void)r;
	(void)l;
	(void)subject;
	fputs("relay-guard audit: Postfix can't be read yet\n", stderr);
	return EXIT_UNAVAILABLE;
}

static int import(const struct audit_request *r, struct import *i)
{
	(void)r;
	(void)i;
	fputs("relay-guard import: Postfix can't be read yet\n", stderr);
	return EXIT_UNAVAILABLE;
}

const struct audit_mta audit_postfix = {"postfix", "/etc/postfix", audit, import};
