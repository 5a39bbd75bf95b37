/* Looks at a mail server for what an open relay tester finds on the way. */
#ifndef SELFTEST_INSPECT_H
#define SELFTEST_INSPECT_H

#include "selftest/plan.h"
#include "selftest/side.h"

/*
 * One listener: STARTTLS and its certificate, AUTH in the clear, VRFY and EXPN, XCLIENT and PROXY
 * for strangers, the banner. `trusted`: this host may relay there, so that XCLIENT and PROXY for it
 * are nobody's business. No message is sent.
 */
void inspect_server(struct side_findings *f, const struct place *place, bool trusted,
    const char *nonce, usec_t now);

/*
 * The nine sequences of SMTP smuggling: does the server end a message where RFC 5321 has no end? A
 * message to `recipient` that is ended so is delivered; any other is given up.
 */
void inspect_smuggling(
    struct side_findings *f, const struct place *place, const char *recipient, const char *sender);

#endif
