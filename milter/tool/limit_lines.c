#include "tool/limit_lines.h"

#include <inttypes.h>
#include <stdio.h>

#include "tool/daemon_print.h"

void limit_lines_print(void *begun, const struct control_line *l)
{
	bool *any = begun;
	char text[DAEMON_FIELD_MAX], count[48], time[DAEMON_DURATION_MAX];
	usec_t window = control_signed(l, "window_us", 0), wait = control_signed(l, "wait_us", 0);

	if (!*any)
		printf(
		    "%-14s %-36s %12s %-14s %s\n", "LIMIT", "KEY", "COUNT/MAX", "WINDOW", "NEXT");
	*any = true;
	printf("%-14s ", daemon_field(l, "name", text));
	printf("%-36s ", daemon_field(l, "key", text));
	snprintf(count, sizeof(count), "%" PRIu64 "/%" PRIu64, control_number(l, "count", 0),
	    control_number(l, "max", 0));
	printf("%12s ", count);
	printf("%-14s ", window == 0 ? "at a time" : daemon_duration(window, time));
	if (wait > 0)
		printf("in %s\n", daemon_duration(wait, time));
	else
		puts("now");
}
