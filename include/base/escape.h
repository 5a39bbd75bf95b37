/*
 * The one place where text from outside is made safe, before it reaches a
 * log, a header, a reply or a terminal.
 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stddef.h>

#include "base/strbuf.h"

/*
 * Adds the `len` bytes at `s` as a JSON string, quotes included (RFC 8259).
 * The line stays one line and decodes to the same bytes: control characters
 * become \u00XX; valid UTF-8 stays, save U+2028, U+2029, U+0080 to U+009F, the
 * bidirectional controls and what has no width, which become \uXXXX; a byte that is not part of
 * valid UTF-8 becomes \udcXX (a lone surrogate, as Python's surrogateescape
 * has it), so that it can be told from every valid character.
 */
void escape_json(struct strbuf *b, const char *s, size_t len);

/*
 * Adds text for a terminal or a log line: printable ASCII and valid,
 * printable UTF-8 stay; everything else becomes \xNN; a backslash is doubled.
 */
void escape_text(struct strbuf *b, const char *s, size_t len);

/*
 * Adds text for an SMTP reply: printable ASCII only, anything else becomes
 * '?'. `%` stays single here: doubling it is the business of who hands the
 * reply to libmilter. At most `max` bytes are added.
 */
void escape_reply(struct strbuf *b, const char *s, size_t len, size_t max);

#endif
