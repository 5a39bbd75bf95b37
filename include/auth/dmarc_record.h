/* DMARC policy records (RFC 9989 4.7, 4.8). */
#ifndef AUTH_DMARC_RECORD_H
#define AUTH_DMARC_RECORD_H

#include <stdbool.h>
#include <stddef.h>

/* What a domain's owner asks for mail that fails. In order of strength. */
enum dmarc_policy {
	DMARC_POLICY_NONE,
	DMARC_POLICY_QUARANTINE,
	DMARC_POLICY_REJECT,
};

/* "none", "quarantine", "reject". */
const char *dmarc_policy_name(enum dmarc_policy p);

enum dmarc_psd {
	DMARC_PSD_UNKNOWN, /* u: the default */
	DMARC_PSD_YES,     /* y: others register names below it */
	DMARC_PSD_NO,      /* n: an Organizational Domain */
};

struct dmarc_record {
	/* False: without a valid `p`, or with an `sp` or `np` that is not valid, and without an
	 * address for reports. No DMARC then (RFC 9989 4.10.1). */
	bool applies;
	enum dmarc_policy p;
	enum dmarc_policy sp; /* p where the record does not say */
	enum dmarc_policy np; /* sp where the record does not say */
	enum dmarc_psd psd;
	bool strict_dkim;
	bool strict_spf;
	bool testing;      /* t=y: what is asked is one level lower than what is said */
	const char *fault; /* static words: what is wrong with the policy; NULL: nothing */
};

/*
 * Reads the joined strings of a TXT record. False when it is not a DMARC record: it does not begin
 * with v=DMARC1. Unknown tags, and those with a value that is not valid, are as if they were
 * not there; a tag that stands twice is not valid.
 */
bool dmarc_record_read(const char *text, size_t len, struct dmarc_record *out);

/* What is asked for one level lower (t=y). */
enum dmarc_policy dmarc_policy_lower(enum dmarc_policy p);

#endif
