/* An SMTP reply as a value (RFC 5321 4.2, RFC 3463). */
#ifndef CORE_REPLY_H
#define CORE_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLY_TEXT_MAX 400

struct reply {
	uint16_t code;             /* 0: none; else 4xx or 5xx */
	char enhanced[12];         /* "5.7.1" */
	char text[REPLY_TEXT_MAX]; /* printable ASCII, one line, '%' single */
};

/*
 * Reads "550 5.7.1 Relay access denied". The code must be 4xx or 5xx, the enhanced code
 * of the same class (5.7.1 or 4.7.1 where it is left out), the text printable ASCII. False, and
 * *why (static words: what was expected) is set, for anything else.
 */
bool reply_parse(const char *s, struct reply *out, const char **why);

/*
 * How many bytes of `s` are an enhanced status code of class 2, 4 or 5 (RFC 3463); 0: it does not
 * begin with one.
 */
size_t reply_enhanced_length(const char *s);

/* The same reply, made temporary (class 4) or permanent (5): 550 5.7.1 <-> 450 4.7.1. */
struct reply reply_as_class(const struct reply *r, unsigned class);

#endif
