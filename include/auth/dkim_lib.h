/*
 * libopendkim, held at arm's length. It verifies one signature at a time. It sees the fields that
 * the signature covers and no others, in canonical form and in an order that makes its
 * choice ours, and a key record that was written here. It never sees a body, a second
 * signature, or a field or key that was not read and found right before: dkim_lib_reads() is
 * false for everything that the library is known to read in a way of its own.
 *
 * It takes 125 us for an RSA key of 2,048 bits where OpenSSL alone takes 34: 70 % of that is
 * d2i_PUBKEY_bio(), with which it reads the key anew for each signature, and which in OpenSSL 3.0
 * first collects all decoders that there are; 20 % is the arithmetic, and 10 % all the rest, its
 * copies, lists and our calls. No option and no callback of it takes a key that was read. A message
 * through Postfix takes more than ten times that.
 */
#ifndef AUTH_DKIM_LIB_H
#define AUTH_DKIM_LIB_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/crypto.h"
#include "auth/dkim_field.h"
#include "auth/dkim_key.h"
#include "auth/header_list.h"

/* One signature and what it covers. */
struct dkim_lib_query {
	const struct dkim_field *field;
	struct header_list *header;
	size_t self; /* number of the signature's own field */
	const struct dkim_key *key;
	unsigned key_bits;
};

/* Does the library read this signature as RFC 6376 does? */
bool dkim_lib_reads(const struct dkim_lib_query *q);

/*
 * SIG_VERIFIES or SIG_DOES_NOT; SIG_FAILED when the library does not decide: it refuses more
 * than the RFC does.
 */
enum sig_verdict dkim_lib_verify(const struct dkim_lib_query *q);

#endif
