/* The import of Postfix's configuration. */
#ifndef AUDIT_PF_IMPORT_H
#define AUDIT_PF_IMPORT_H

#include "audit/import.h"
#include "audit/pf_config.h"

/* Adds whom this Postfix permits to relay, and which domains are its own. */
void pf_import(struct pf *pf, struct import *i);

#endif
