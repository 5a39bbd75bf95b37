#include "base/severity.h"

const char *severity_name(enum severity s)
{
	static const char *const names[] = {
	    [SEVERITY_NOTE] = "note",
	    [SEVERITY_LOW] = "low",
	    [SEVERITY_MEDIUM] = "medium",
	    [SEVERITY_HIGH] = "high",
	};

	return names[s];
}
