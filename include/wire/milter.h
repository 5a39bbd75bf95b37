/*
 * The milter protocol, version 6, as the MTA speaks it: frames to write and
 * frames to read. No input or output here: bytes in, bytes out. For the self-test, the
 * tests and the benchmark.
 */
#ifndef WIRE_MILTER_H
#define WIRE_MILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/strbuf.h"

/* SMFIC_* and SMFIR_*: the letters of the protocol. */
enum milter_command {
	MILTER_NEGOTIATE = 'O',
	MILTER_MACROS = 'D',
	MILTER_CONNECT = 'C',
	MILTER_HELO = 'H',
	MILTER_MAIL = 'M',
	MILTER_RCPT = 'R',
	MILTER_DATA = 'T',
	MILTER_HEADER = 'L',
	MILTER_EOH = 'N',
	MILTER_BODY = 'B',
	MILTER_EOM = 'E',
	MILTER_ABORT = 'A',
	MILTER_UNKNOWN = 'U',
	MILTER_QUIT = 'Q',
	MILTER_QUIT_NEW = 'K',
};

/* The longest frame that is accepted, and the longest that is sent. */
#define MILTER_FRAME_MAX 1048576

/* A complete frame inside a buffer: `payload` points into it. */
struct milter_frame {
	char command;
	const char *payload;
	size_t len;
};

enum milter_read { MILTER_READ_MORE, MILTER_READ_FRAME, MILTER_READ_BAD };

/*
 * Looks for one frame at the start of `len` bytes. FRAME: *used bytes belong to it. MORE:
 * not complete. BAD: length 0 or above MILTER_FRAME_MAX; the connection is of no use any more.
 */
enum milter_read milter_frame_read(
    const char *buf, size_t len, struct milter_frame *out, size_t *used);

/* Appends a frame. Payload strings must not hold NULs: the builders below add them. */
void milter_frame_write(struct strbuf *b, char command, const void *payload, size_t len);

struct milter_options {
	uint32_t version, actions, protocol;
};

void milter_write_negotiate(struct strbuf *b, const struct milter_options *offer);
/* False when the frame is no negotiation or is too short. *macros (may be NULL): the symbol lists,
 * as sent. */
bool milter_read_negotiate(const struct milter_frame *f, struct milter_options *out,
    const char **macros, size_t *macros_len);

/* Macros for `command`: NULL-terminated name, value, name, value, ... */
void milter_write_macros(struct strbuf *b, char command, const char *const *pairs);
/* ADDR_NONE: family unknown. */
void milter_write_connect(struct strbuf *b, const char *name, const struct addr *a, uint16_t port);
void milter_write_helo(struct strbuf *b, const char *helo);
/* MAIL or RCPT: the address as the client wrote it, and NULL-terminated parameters (NULL: none). */
void milter_write_envelope(
    struct strbuf *b, char command, const char *address, const char *const *parameters);

/* What the milter answered, of what ends a command. */
struct milter_reply {
	char command;      /* SMFIR_ letter: 'c' continue, 'a' accept, 'r' reject, 't' tempfail, 'd'
	                      discard, 'y' reply code, ... */
	unsigned code;     /* of 'y' */
	char enhanced[12]; /* of 'y', "" when none */
	char text[512];    /* of 'y', NUL-terminated, as sent ('%%' already single) */
};

/* False for a frame that is malformed. Actions before the end of message (progress, add header ...)
 * are replies too. */
bool milter_read_reply(const struct milter_frame *f, struct milter_reply *out);

/* Does this reply end the command, or do more follow ('p' progress, header changes)? */
bool milter_reply_is_final(char command);

#endif
