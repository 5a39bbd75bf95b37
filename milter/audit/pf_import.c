#include "audit/pf_import.h"

void pf_import(struct pf *pf, struct import *i)
{
	(void)pf;
	(void)i;
}
