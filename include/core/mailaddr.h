/*
 * A mail address as a client wrote it in MAIL or RCPT: the strict reading of RFC
 * 5321 4.1.2 and 4.1.3 (with RFC 6531), and every odd form by name.
 */
#ifndef CORE_MAILADDR_H
#define CORE_MAILADDR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/arena.h"

/*
 * More bytes than this are MAILADDR_TOO_LONG and not looked at further. What lies between the
 * path of RFC 5321 4.5.3.1.3 (256) and this is TOO_LONG too, but its other forms are named.
 */
#define MAILADDR_MAX 1024

/* What was seen. One bit each; several can be set. */
enum mailaddr_form {
	/* These leave an address with one reading. */
	MAILADDR_NULL = 1 << 0,         /* <> */
	MAILADDR_NO_BRACKETS = 1 << 1,  /* user@example.com, without < > */
	MAILADDR_NO_DOMAIN = 1 << 2,    /* <user> */
	MAILADDR_POSTMASTER = 1 << 3,   /* <postmaster>, in any case (RFC 5321 4.5.1) */
	MAILADDR_TRAILING_DOT = 1 << 4, /* user@example.com. */
	MAILADDR_UTF8 = 1 << 5,         /* valid UTF-8 beyond ASCII (RFC 6531) */
	MAILADDR_LITERAL = 1 << 6,      /* user@[192.0.2.1] */
	MAILADDR_ODD_DOTS = 1 << 7,     /* .a, a., a..b: cannot name another domain */
	MAILADDR_LONG_LOCAL = 1 << 20,  /* local part over 64: VERP and SRS make such */

	/* Each of these gives it more than one. */
	MAILADDR_PERCENT = 1 << 8,    /* user%other@example.com */
	MAILADDR_BANG = 1 << 9,       /* other!user@example.com */
	MAILADDR_ROUTE = 1 << 10,     /* @a,@b:user@example.com */
	MAILADDR_MULTI_AT = 1 << 11,  /* user@a@b, user@ */
	MAILADDR_QUOTED = 1 << 12,    /* "user"@example.com */
	MAILADDR_BACKSLASH = 1 << 13, /* user\@other@example.com */
	MAILADDR_COMMENT = 1 << 14,   /* (comment), or text around the brackets */
	MAILADDR_CONTROL = 1 << 15,   /* control characters (C1 too), NUL, DEL, bare blanks */
	MAILADDR_BAD_UTF8 = 1 << 16,
	MAILADDR_BAD_LOCAL = 1 << 17,  /* empty, or a character that none has: ; , : < > [ ] */
	MAILADDR_BAD_DOMAIN = 1 << 18, /* no name, or not spelled out, and no literal; a port */
	MAILADDR_TOO_LONG = 1 << 19,   /* all over 256, or a domain over 253 */
	MAILADDR_AMBIGUOUS = (1 << 20) - (1 << 8), /* any of the group above */
};

/*
 * A character whose compatibility form is @, % or ! (U+FF20 and the like) counts as that one: who
 * folds it would read another address.
 */
struct mailaddr {
	unsigned forms;
	const char *local; /* as written, for a single reading; "" otherwise. In the arena */
	/* Canonical (base/names.h); "" for none, for a literal and when ambiguous. In the arena. */
	const char *domain;
	struct addr literal; /* ADDR_NONE unless MAILADDR_LITERAL */
};

/*
 * Reads `len` bytes, brackets and all, as libmilter hands them over. Always fills
 * *out: what can't be read is a form too. False only when memory is exhausted; *out is then
 * MAILADDR_TOO_LONG, which is ambiguous, so that nothing passes by it.
 */
bool mailaddr_parse(const char *text, size_t len, struct arena *a, struct mailaddr *out);

/* Has it one reading only? */
static inline bool mailaddr_is_single(const struct mailaddr *m)
{
	return (m->forms & MAILADDR_AMBIGUOUS) == 0;
}

/* The names of the forms that are set, "percent, double at", into `out`; "plain" for none. */
void mailaddr_forms_text(unsigned forms, char *out, size_t size);

#endif
