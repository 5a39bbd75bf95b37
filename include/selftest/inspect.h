/* Looks at a mail server for what an open relay tester finds on the way. */
#ifndef SELFTEST_INSPECT_H
#define SELFTEST_INSPECT_H

#include "selftest/plan.h"
#include "selftest/side.h"
#include "selftest/sink.h"

/*
 * One listener: STARTTLS and its certificate, AUTH in the clear, VRFY and EXPN, XCLIENT and PROXY
 * for strangers, the banner. `trusted`: this host may relay there, so that XCLIENT and PROXY for it
 * are nobody's business. No message is sent.
 */
void inspect_server(struct side_findings *f, const struct place *place, bool trusted,
    const char *nonce, usec_t now);

struct smuggling {
	const char *recipient, *sender; /* with brackets */
	const char *nonce;              /* of the run */
	struct sink *sink; /* where the recipient's mail comes out; NULL: it can't be seen */
	usec_t wait;       /* for it */
};

/*
 * The nine sequences of SMTP smuggling: does the server end a message where RFC 5321 has no end?
 * With a sink a second message is put behind each, and it is seen whether one comes out or two.
 * Without one a message that is ended there is delivered, and any other given up.
 */
void inspect_smuggling(
    struct side_findings *f, const struct place *place, const struct smuggling *s);

#endif
