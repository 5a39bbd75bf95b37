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

/* SMFIC_*: what the MTA sends. */
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

/* SMFIR_*: what the milter answers. Further letters are changes to the message. */
enum milter_answer {
	MILTER_CONTINUE = 'c',
	MILTER_ACCEPT = 'a',
	MILTER_REJECT = 'r',
	MILTER_TEMPFAIL = 't',
	MILTER_DISCARD = 'd',
	MILTER_REPLY_CODE = 'y',
	MILTER_SKIP = 's',
	MILTER_SHUTDOWN = '4',
	MILTER_CONN_FAIL = 'f',
	MILTER_PROGRESS = 'p',
};

/* SMFIP_*: what the milter does not want to see, or will not answer. */
enum milter_protocol {
	MILTER_NO_CONNECT = 1 << 0,
	MILTER_NO_HELO = 1 << 1,
	MILTER_NO_MAIL = 1 << 2,
	MILTER_NO_RCPT = 1 << 3,
	MILTER_NO_BODY = 1 << 4,
	MILTER_NO_HEADER = 1 << 5,
	MILTER_NO_EOH = 1 << 6,
	MILTER_NR_HEADER = 1 << 7,
	MILTER_NO_UNKNOWN = 1 << 8,
	MILTER_NO_DATA = 1 << 9,
	MILTER_CAN_SKIP = 1 << 10,
	MILTER_RCPT_REJ = 1 << 11,
	MILTER_NR_CONNECT = 1 << 12,
	MILTER_NR_HELO = 1 << 13,
	MILTER_NR_MAIL = 1 << 14,
	MILTER_NR_RCPT = 1 << 15,
	MILTER_NR_DATA = 1 << 16,
	MILTER_NR_UNKNOWN = 1 << 17,
	MILTER_NR_EOH = 1 << 18,
	MILTER_NR_BODY = 1 << 19,
	MILTER_LEADING_SPACE = 1 << 20,
};

/* What Postfix 3.7 offers: all of version 6. */
#define MILTER_VERSION 6
#define MILTER_ALL_ACTIONS 0x1ffU
#define MILTER_ALL_PROTOCOL 0x1fffffU

/* Is the stage of this command wanted at all, and is its answer to be waited for? */
bool milter_wants(uint32_t protocol, char command);
bool milter_answers(uint32_t protocol, char command);

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

/* Appends a frame; one that is too long makes the buffer fail. `payload` may be NULL when len is 0.
 */
void milter_frame_write(struct strbuf *b, char command, const void *payload, size_t len);

struct milter_options {
	uint32_t version, actions, protocol;
};

void milter_write_negotiate(struct strbuf *b, const struct milter_options *offer);

/*
 * False when the frame is no negotiation or is too short. *macros (may be NULL): the
 * lists of macros that the milter asks for, as sent; see milter_macros_wanted().
 */
bool milter_read_negotiate(const struct milter_frame *f, struct milter_options *out,
    const char **macros, size_t *macros_len);

/*
 * The macros that the milter asked for at the stage of `command`: *list (names divided by
 * blanks, not NUL-terminated) of *list_len bytes. False: it has not asked, the MTA's default holds.
 */
bool milter_macros_wanted(
    const char *macros, size_t len, char command, const char **list, size_t *list_len);

/* Is `name` ("{auth_authen}", "i") in such a list? Braces around a name do not matter. */
bool milter_macro_in(const char *list, size_t len, const char *name);

/* Macros for `command`: NULL-terminated name, value, name, value, ... */
void milter_write_macros(struct strbuf *b, char command, const char *const *pairs);
/* ADDR_NONE: family unknown. */
void milter_write_connect(struct strbuf *b, const char *name, const struct addr *a, uint16_t port);
void milter_write_helo(struct strbuf *b, const char *helo);
/* MAIL or RCPT: the address as the client wrote it, and NULL-terminated parameters (NULL: none). */
void milter_write_envelope(
    struct strbuf *b, char command, const char *address, const char *const *parameters);

#define MILTER_TEXT_MAX 1024

/* What the milter answered, of what ends a command. */
struct milter_reply {
	char command;      /* enum milter_answer, or the letter of a change */
	unsigned code;     /* of 'y' */
	char enhanced[12]; /* of 'y', "" when none */
	/* Of 'y': codes removed, lines joined by '\n', '%%' single, cut when longer. */
	char text[MILTER_TEXT_MAX];
};

/* False for a frame that is malformed. Progress and changes to the message are replies too. */
bool milter_read_reply(const struct milter_frame *f, struct milter_reply *out);

/* Does this reply end the command, or do more follow (progress, changes)? */
bool milter_reply_is_final(char command);

#endif
