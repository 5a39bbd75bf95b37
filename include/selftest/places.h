/* Where the probes are tried: each address, port and manner of the servers that were named. */
#ifndef SELFTEST_PLACES_H
#define SELFTEST_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "selftest/plan.h"
#include "selftest/way.h"

#define PLACES_MAX 64

/* A server as it was named. */
struct target {
	char host[256]; /* or its address */
	char name[256]; /* what its certificate should name; "": the same */
	uint16_t port;  /* 0: 25, and 465 and 587 where something answers */
};

/* What holds for all of them. */
struct place_options {
	struct addr source; /* ADDR_NONE: the system's choice */
	usec_t timeout;
	usec_t pace; /* of distant servers; 0: the default */
	bool transcripts, guarded;
	bool unguarded;                 /* the guard is down, on purpose */
	bool no_mail;                   /* a null client */
	bool compared;                  /* with the configuration, whoever comes */
	const char *login, *password;   /* NULL: none */
	const struct certificate *cert; /* NULL: none */
	unsigned proxy;                 /* version; 0: none */
	const char *secret;             /* of the guard, for its own socket; NULL: not known */
};

struct places {
	size_t count;
	struct way ways[PLACES_MAX];
	struct place all[PLACES_MAX];
	char names[PLACES_MAX][WAY_TEXT_SIZE];
	/* Why there is nothing at an address, and what was left out; malloc()ed. */
	char *notes[PLACES_MAX];
	size_t note_count;
};

/* Adds what answers of a target. How many addresses of it did. */
size_t places_add_smtp(
    struct places *p, const struct target *target, const struct place_options *o);

/* Adds the guard's own socket. False: *error in words. */
bool places_add_milter(struct places *p, const struct conf_socket *socket,
    const struct place_options *o, char error[WAY_TEXT_SIZE]);

/* Adds a note; what is more than PLACES_MAX is dropped. */
void places_note(struct places *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

void places_free(struct places *p);

#endif
