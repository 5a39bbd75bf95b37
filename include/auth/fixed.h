/* A resolver over fixed data: for tests, fuzzing and `explain`, and where no DNS may be asked. */
#ifndef AUTH_FIXED_H
#define AUTH_FIXED_H

#include "auth/resolver.h"

/*
 * Reads records in the way of a zone file, one a line, names absolute with or without the
 * last dot:
 *
 *     example.com        TXT   "v=spf1 mx" " -all"
 *     example.com  300 IN MX   10 mail.example.com
 *     mail.example.com   A     192.0.2.1
 *     www.example.com    CNAME example.com
 *     broken.example.com SERVFAIL
 *
 * A, AAAA, MX, PTR, NS, CNAME and TXT; in strings \DDD, \" and \\. In place of a type, SERVFAIL,
 * BOGUS and TIMEOUT make every question about the name end so; `TXT TIMEOUT` makes those of this
 * type. TIMEOUT does not wait. A name without records that has names below it is NODATA; other
 * names are NXDOMAIN. `#` and `;` begin a comment at the start of a line.
 *
 * NULL when a line is wrong (*line is its number, from 1) or memory is exhausted (0).
 */
struct resolver *fixed_open(const char *text, size_t len, unsigned *line);

/* How many questions were asked, in all or (type, name) of one kind. For tests. */
unsigned fixed_asked(const struct resolver *r);

#endif
