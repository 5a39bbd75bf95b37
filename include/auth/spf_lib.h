/*
 * libspf2, held at arm's length. It walks the terms of a record, asks for
 * hosts and addresses, compares them with the client and follows include and
 * redirect. But it sees only names that were made here ("t12.term"): no record, no
 * macro, no name and no sender that somebody else wrote. What a name stands for is
 * known to the evaluator (auth/spf.c), which answers the calls below.
 */
#ifndef AUTH_SPF_LIB_H
#define AUTH_SPF_LIB_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/spf.h"
#include "auth/spf_record.h"
#include "base/addr.h"

/* One term that the library shall walk. IP4 and IP6 are decided by the evaluator, not here. */
struct spf_step {
	unsigned id; /* unique in one evaluation */
	enum spf_mechanism kind;
	char qualifier;
	unsigned bits; /* A and MX: of the client's family; 0: the whole width */
};

/*
 * Every call may return false: the evaluation then stops, and the evaluator knows why. Addresses
 * and steps must stay until the evaluation ends.
 */
struct spf_lib_calls {
	/* The record that step `id` (include, redirect) names. */
	bool (*record)(void *arg, unsigned id, const struct spf_step **steps, size_t *count);
	/* The library comes to this step. Called before anything else is asked for it. */
	bool (*enter)(void *arg, unsigned id);
	/* How many hosts an MX has, or names the client has that are in PTR's domain. */
	bool (*hosts)(void *arg, unsigned id, size_t *count);
	/* Addresses of the step's own name (host < 0) or of one of its hosts. */
	bool (*addresses)(
	    void *arg, unsigned id, int host, const struct addr **list, size_t *count);
};

enum spf_lib_end {
	SPF_LIB_MATCHED,  /* the step that was entered last, or an include around it */
	SPF_LIB_NO_MATCH, /* *result is neutral */
	SPF_LIB_LIMIT,    /* the library's own limit: an MX or PTR with more than ten hosts */
	SPF_LIB_STOPPED,  /* a call returned false */
};

/* Walks `steps`. */
enum spf_lib_end spf_lib_walk(const struct spf_lib_calls *calls, void *arg,
    const struct addr *client, const struct spf_step *steps, size_t count, enum spf_result *result);

#endif
