#include "core/stage.h"

const char *stage_name(enum stage s)
{
	static const char *const names[] = {
	    [STAGE_CONNECT] = "connect",
	    [STAGE_HELO] = "helo",
	    [STAGE_MAIL] = "mail",
	    [STAGE_RCPT] = "rcpt",
	    [STAGE_DATA] = "data",
	    [STAGE_HEADER] = "header",
	    [STAGE_EOH] = "eoh",
	    [STAGE_BODY] = "body",
	    [STAGE_EOM] = "eom",
	    [STAGE_ABORT] = "abort",
	};

	return names[s];
}
