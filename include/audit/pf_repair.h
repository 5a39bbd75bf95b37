/* A restriction list of Postfix as it should be. */
#ifndef AUDIT_PF_REPAIR_H
#define AUDIT_PF_REPAIR_H

#include "audit/pf_restrict.h"

/*
 * The list as it should be: the culprit gone, or, where it may stand behind it, moved behind
 * reject_unauth_destination, which is there in any case. "name = a, b", or "-o name=a,b" for an
 * override of master.cf.
 */
const char *pf_repaired(const struct pf_view *v, const struct pf_culprit *c);

#endif
