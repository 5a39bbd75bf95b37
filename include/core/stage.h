/* The stages of a session and what the MTA tells at each (reference: the milter protocol, version
 * 6). */
#ifndef CORE_STAGE_H
#define CORE_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum stage {
	STAGE_CONNECT,
	STAGE_HELO,
	STAGE_MAIL,
	STAGE_RCPT,
	STAGE_DATA,
	STAGE_HEADER, /* one field */
	STAGE_EOH,
	STAGE_BODY, /* one piece */
	STAGE_EOM,
	STAGE_ABORT, /* the message is over; the session goes on */
};

#define STAGE_BIT(stage) (1U << (stage))

/* "connect", "helo", ... as in an event. */
const char *stage_name(enum stage s);

/* Every string may be NULL: the MTA did not say. Nothing here outlives the call. */
struct stage_args {
	enum stage stage;

	/* CONNECT */
	const char *client_name;
	struct addr client_addr;
	uint16_t client_port;
	bool client_by_socket; /* false: family unknown or a unix socket */
	const char *daemon_name, *daemon_addr, *daemon_port;

	/* HELO */
	const char *helo;

	/* MAIL: sender; RCPT: recipient. Raw, brackets included; parameters as sent. */
	const char *address;
	const char *const *parameters; /* NULL-terminated; NULL: none */

	/* MAIL. TLS and AUTH are what holds for this message. */
	const char *auth_login, *auth_mech;
	const char *tls_version;
	const char *cert_subject, *cert_issuer, *cert_fingerprint;
	const char *verify; /* Sendmail's {verify}; NULL: Postfix, which shows a subject only when
	                       it is trusted */

	/* RCPT */
	struct {
		const char *mailer, *host, *addr;
	} mta;

	/* HEADER: as the MTA has it, the blank behind the colon included, folds as \n or \r\n */
	const char *field_name, *field_value;

	/* BODY: any bytes, not NUL-terminated */
	const unsigned char *body;
	size_t body_len;

	/* any stage */
	const char *queue_id;
};

#endif
