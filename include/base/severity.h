/* How bad a finding is: the audit's, and what the self-test finds on the way. */
#ifndef BASE_SEVERITY_H
#define BASE_SEVERITY_H

/*
 * HIGH: a stranger can have mail sent to where he likes, now, or could if the guard were away.
 * MEDIUM: only under a condition, only to domains that the stranger controls, or only from
 * neighbours. LOW: hygiene. NOTE: good to know. A later one is worse.
 */
enum severity { SEVERITY_NOTE, SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH };

/* "note", "low", "medium", "high". */
const char *severity_name(enum severity s);

#endif
