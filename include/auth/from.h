/*
 * The From field (RFC 5322 3.6.2 with its obsolete forms, RFC 6532, groups by RFC
 * 6854): whose mail does the message claim to be?
 */
#ifndef AUTH_FROM_H
#define AUTH_FROM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* More bytes than this are FROM_MALFORMED, and not looked at. */
#define FROM_FIELD_MAX 65536

enum from_status {
	FROM_ABSENT,    /* no From field */
	FROM_ONE,       /* one Author Domain, of one or more addresses */
	FROM_NONE,      /* no address, or none with a domain */
	FROM_SEVERAL,   /* addresses in different domains */
	FROM_REPEATED,  /* more than one From field */
	FROM_MALFORMED, /* not by the grammar: readers differ on who it is */
};

/* "absent", "one", "none", "several", "repeated", "malformed". */
const char *from_status_name(enum from_status s);

struct from_address {
	const char *local; /* without quotes and escapes; NUL-free, otherwise any bytes */
	/* Canonical (base/names.h): A-labels, lower case. "" for none, or an address in brackets.
	 */
	const char *domain;
	const struct from_address *next;
};

/* Zero-initialise: that is a message without From. Strings are in the arena or static. */
struct from {
	enum from_status status;
	const char *domain; /* the Author Domain of FROM_ONE, NULL otherwise */
	/* Every address that could be read of every field, in order. A reader may take any of them
	 * for the author's.
	 */
	const struct from_address *addresses;
	const char
	    *wrong; /* words: what is not as RFC 5322 has it, of FROM_ONE too; NULL: nothing */
	unsigned fields;
	struct from_address *last; /* of `addresses` */
};

/*
 * Adds the value of one From field (behind the colon, folded or not). Always leaves `f` usable;
 * false when memory is exhausted, and `f` is then FROM_MALFORMED.
 *
 * What has one reading is taken although it is not by the grammar, and `wrong` tells it: a display
 * name with a comma or a colon that is not quoted, a group without its end, a dot at the end of
 * a domain. In `a@example.com <b@example.net>` both addresses count: some readers show the first.
 */
bool from_add(struct from *f, struct arena *a, const char *value, size_t len);

#endif
