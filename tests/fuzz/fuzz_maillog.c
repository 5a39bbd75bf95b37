/* One line of the MTA's log: any bytes, never beyond them, and every string ends. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sink/maillog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maillog_refusal r;

	if (!maillog_line((const char *)data, size, (usec_t)1795500000 * USEC_PER_SEC, &r))
		return 0;
	if (r.code < 400 || r.code > 599 || strlen(r.recipient) >= sizeof(r.recipient) ||
	    strlen(r.reply) >= sizeof(r.reply))
		abort();
	return 0;
}
