/* A restriction list of Postfix as it should be. */
#ifndef AUDIT_PF_REPAIR_H
#define AUDIT_PF_REPAIR_H

#include "audit/pf_edit.h"
#include "audit/pf_restrict.h"

/*
 * The list as it should be: the culprit gone, or, where it may stand behind it, moved behind
 * reject_unauth_destination, which is there in any case.
 */
struct pf_instead pf_repaired(const struct pf_view *v, const struct pf_culprit *c);

/*
 * A list that refuses nobody, so that it does: what only warns refuses, `permit` is gone. An empty
 * one permits friends first.
 */
struct pf_instead pf_with_control(const struct pf_view *v, const char *list);

#endif
