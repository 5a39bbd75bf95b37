/*
 * The clock of a table of times that outlives the process and the host's uptime.
 *
 * While the host runs it goes with the boot clock, which never steps: whatever is done to the
 * wall clock, the table does not notice. Over a reboot it goes on from where it was last recorded,
 * by as much as the wall clock says has passed since; a wall clock that went back counts as no time
 * at all. So a step backward neither forgets a debt nor prolongs it, and a step forward
 * counts only when it happens while the host is down, where it can't be told from time.
 */
#ifndef LIMIT_TABLETIME_H
#define LIMIT_TABLETIME_H

#include <stdint.h>

#include "base/clock.h"
#include "limit/gcra.h"

#define BOOT_ID_SIZE 16

/* Which boot, and what its clocks say. */
struct boot {
	uint8_t id[BOOT_ID_SIZE]; /* all zero: not known, each time another */
	usec_t uptime;            /* clock_boot() */
	usec_t wall;              /* clock_now() */
};

/* Reads the kernel's boot id and both clocks. */
void boot_read(struct boot *out);

/* What is recorded once a second. */
struct tabletime {
	nsec_t table;
	struct boot boot; /* at the same moment */
};

/* What to add to the boot clock now. `last` NULL: a new table begins at the wall clock. */
nsec_t tabletime_offset(const struct tabletime *last, const struct boot *now);

#endif
