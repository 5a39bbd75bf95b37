#include "auth/arc_keys.h"

#include <stdlib.h>
#include <string.h>

#include "auth/dkim_key.h"

/* Records of one name that are tried (RFC 6376 6.1.2). */
enum { RECORDS_MAX = 5 };

struct arc_key {
	struct arc_key *next;
	const char *name;
	struct dns_lookup *lookup;
	const struct dns_answer *answer; /* NULL while it was not collected */
};

struct arc_key *arc_keys_want(struct arc_keys *k, const char *name, bool *full)
{
	struct arc_key *key;

	*full = false;
	for (key = k->first; key != NULL; key = key->next)
		if (strcmp(key->name, name) == 0)
			return key;
	*full = k->count == ARC_KEYS_MAX;
	key = *full ? NULL : arena_alloc(k->arena, sizeof(*key));
	if (key == NULL)
		return NULL;
	k->count++;
	*key = (struct arc_key){.next = k->first,
	    .name = name,
	    .lookup = dns_start(k->resolver, k->budget, name, DNS_TYPE_TXT)};
	k->first = key;
	return key;
}

void arc_keys_free(struct arc_keys *k)
{
	for (struct arc_key *key = k->first; key != NULL; key = key->next) {
		dns_abandon(&key->lookup);
		dns_answer_unref(&key->answer);
	}
	k->first = NULL;
}

static const char *no_memory(bool *temporary)
{
	*temporary = true;
	return "no memory";
}

static const char *words(const char *made, bool *temporary)
{
	return made == NULL ? no_memory(temporary) : made;
}

static const char *verify_with(struct arena *a, const struct sig_key *key,
    const struct arc_signature *s, const uint8_t hash[SHA256_SIZE], bool *temporary)
{
	unsigned bits = sig_key_bits(key);

	if (s->algorithm == SIG_RSA_SHA256 && bits < RSA_BITS_MIN)
		return words(arena_printf(a, "the key has %u bits; at least %d are asked for", bits,
				 RSA_BITS_MIN),
		    temporary);
	if (bits > RSA_BITS_MAX)
		return words(arena_printf(a, "the key has %u bits; at most %d are verified", bits,
				 RSA_BITS_MAX),
		    temporary);
	switch (sig_verify(key, hash, s->signature, s->signature_len)) {
	case SIG_VERIFIES:
		return NULL;
	case SIG_DOES_NOT:
		return "it is not a signature of its key over these fields";
	case SIG_FAILED:
		break;
	}
	return no_memory(temporary);
}

static const char *verify_with_record(struct arena *a, const struct dkim_key *record,
    const struct arc_signature *s, const uint8_t hash[SHA256_SIZE], bool *temporary)
{
	struct sig_key *key = sig_key_read(s->algorithm, record->data, record->len, temporary);
	const char *wrong;

	if (key == NULL)
		return *temporary ? no_memory(temporary)
		                  : "p= of the key record holds no key of its type";
	wrong = verify_with(a, key, s, hash, temporary);
	sig_key_free(&key);
	return wrong;
}

static const char *verify_by(struct arc_keys *k, const struct dns_rdata *record,
    const struct arc_signature *s, const uint8_t hash[SHA256_SIZE], bool *temporary)
{
	struct dkim_key key;
	const char *wrong;
	size_t len;
	char *text;

	if (!dns_rdata_txt(record, &text, &len))
		return "the key's TXT record is malformed";
	wrong = dkim_key_read(text, len, s->algorithm, k->arena, &key, temporary);
	free(text);
	return wrong != NULL ? wrong : verify_with_record(k->arena, &key, s, hash, temporary);
}

static const char *without_key(struct arc_keys *k, const struct arc_key *key, bool *temporary)
{
	const char *why = key->answer->status == DNS_DEADLINE ? "no answer in time"
	                  : key->answer->status == DNS_BOGUS  ? "the answer is bogus by DNSSEC"
	                                                      : "the look-up failed";

	if (key->answer->status == DNS_NXDOMAIN)
		return words(
		    arena_printf(k->arena, "no key: %s does not exist", key->name), temporary);
	if (key->answer->status == DNS_NODATA)
		return words(
		    arena_printf(k->arena, "no key: %s has no TXT record", key->name), temporary);
	*temporary = true;
	return words(arena_printf(k->arena, "TXT of %s: %s", key->name, why), temporary);
}

const char *arc_key_verify(struct arc_keys *k, struct arc_key *key, const struct arc_signature *s,
    const uint8_t hash[SHA256_SIZE], bool *temporary)
{
	const char *first = NULL;

	*temporary = false;
	if (key == NULL)
		return no_memory(temporary);
	if (key->answer == NULL)
		key->answer = dns_collect(&key->lookup);
	if (key->answer->status != DNS_OK)
		return without_key(k, key, temporary);
	for (size_t i = 0; i < key->answer->count && i < RECORDS_MAX; i++) {
		const char *wrong = verify_by(k, &key->answer->records[i], s, hash, temporary);

		if (wrong == NULL || *temporary)
			return wrong;
		if (first == NULL)
			first = wrong;
	}
	return first == NULL ? "the key's answer is empty" : first;
}
