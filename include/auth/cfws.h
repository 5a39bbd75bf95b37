/* Comments and folding white space in header fields (RFC 5322 3.2.2). */
#ifndef AUTH_CFWS_H
#define AUTH_CFWS_H

/*
 * Where the white space and the comments that begin at `at` end: at `end`, or at a byte that is
 * neither. Comments nest; one that is not closed goes to `end`.
 */
const char *cfws_skip(const char *at, const char *end);

#endif
