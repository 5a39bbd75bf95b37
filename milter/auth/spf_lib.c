#include "auth/spf_lib.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Else its headers define ns_type again. */
#define HAVE_NS_TYPE 1
#include <spf2/spf.h>

enum { TOKEN_SIZE = 48 };

struct walk {
	const struct spf_lib_calls *calls;
	void *arg;
	SPF_dns_server_t dns;
	/* lookup must answer even when memory is exhausted: the library aborts otherwise. */
	SPF_dns_rr_t *spare;
	unsigned current; /* the step that was entered last */
	bool stopped;
};

/* --- the names that the library sees ---------------------------------------- */

/* What a token stands for. */
struct token {
	unsigned id;
	int host; /* -1: the step's own name */
	bool mark;
};

/* "m12.mark", "t12.term" or "h3.t12.term". */
static bool token_read(const char *name, struct token *t)
{
	char end;

	*t = (struct token){.host = -1};
	if (sscanf(name, "m%u.mar%c", &t->id, &end) == 2 && end == 'k') {
		t->mark = true;
		return true;
	}
	if (sscanf(name, "t%u.ter%c", &t->id, &end) == 2 && end == 'm')
		return true;
	return sscanf(name, "h%d.t%u.ter%c", &t->host, &t->id, &end) == 3 && end == 'm';
}

/* --- answers ------------------------------------------------------------------ */

static SPF_dns_rr_t *answer_new(struct walk *w, const char *name, ns_type type, int herrno)
{
	SPF_dns_rr_t *rr;

	if (!w->stopped && (rr = SPF_dns_rr_new_init(&w->dns, name, type, 0, herrno)) != NULL)
		return rr;
	/* TRY_AGAIN makes the library give up, so that this is the last question. */
	w->stopped = true;
	rr = SPF_dns_rr_new_init(&w->dns, name, type, 0, TRY_AGAIN);
	if (rr == NULL) {
		rr = w->spare;
		w->spare = NULL;
	}
	return rr;
}

static SPF_dns_rr_t *give_up(struct walk *w, const char *name, ns_type type)
{
	w->stopped = true;
	return answer_new(w, name, type, TRY_AGAIN);
}

/* Room for one more record of `size` bytes. */
static bool answer_grow(SPF_dns_rr_t *rr, size_t size)
{
	return SPF_dns_rr_buf_realloc(rr, rr->num_rr, size) == SPF_E_SUCCESS;
}

static SPF_dns_rr_t *answer_addresses(
    struct walk *w, const char *name, const struct token *t, ns_type type)
{
	enum addr_family family = type == ns_t_aaaa ? ADDR_V6 : ADDR_V4;
	const struct addr *list = NULL;
	SPF_dns_rr_t *rr;
	size_t count = 0;

	if (!w->calls->addresses(w->arg, t->id, t->host, &list, &count))
		return give_up(w, name, type);
	rr = answer_new(w, name, type, count > 0 ? NETDB_SUCCESS : NO_DATA);
	for (size_t i = 0; i < count && !w->stopped; i++) {
		if (list[i].family != family)
			continue;
		if (!answer_grow(rr, sizeof(SPF_dns_rr_data_t))) {
			SPF_dns_rr_free(rr);
			return give_up(w, name, type);
		}
		if (family == ADDR_V4)
			memcpy(&rr->rr[rr->num_rr]->a, list[i].bytes, 4);
		else
			memcpy(&rr->rr[rr->num_rr]->aaaa, list[i].bytes, 16);
		rr->num_rr++;
	}
	return rr;
}

static SPF_dns_rr_t *answer_hosts(struct walk *w, const char *name, unsigned id, ns_type type)
{
	SPF_dns_rr_t *rr;
	size_t count = 0;

	if (!w->calls->hosts(w->arg, id, &count))
		return give_up(w, name, type);
	rr = answer_new(w, name, type, count > 0 ? NETDB_SUCCESS : NO_DATA);
	for (size_t i = 0; i < count && !w->stopped; i++) {
		if (!answer_grow(rr, TOKEN_SIZE)) {
			SPF_dns_rr_free(rr);
			return give_up(w, name, type);
		}
		snprintf(rr->rr[rr->num_rr]->ptr, TOKEN_SIZE, "h%zu.t%u.term", i, id);
		rr->num_rr++;
	}
	return rr;
}

static SPF_dns_rr_t *lookup(SPF_dns_server_t *dns, const char *name, ns_type type, int cache)
{
	struct walk *w = dns->hook;
	struct token t;

	(void)cache;
	if (w->stopped)
		return give_up(w, name, type);
	/* The reverse name is the library's own: the step that asks for it is the current one. */
	if (type == ns_t_ptr)
		return answer_hosts(w, name, w->current, type);
	if (!token_read(name, &t))
		return give_up(w, name, type);
	if (t.mark) {
		w->current = t.id;
		if (!w->calls->enter(w->arg, t.id))
			return give_up(w, name, type);
		return answer_new(w, name, type, HOST_NOT_FOUND);
	}
	if (type == ns_t_mx)
		return answer_hosts(w, name, t.id, type);
	return answer_addresses(w, name, &t, type);
}

/* --- records ------------------------------------------------------------------- */

/* Compiles "v=spf1 TERM" and appends it. The library's compiler takes 511 bytes at most, a
 * record may be longer, and every term is short. */
static bool append(
    SPF_server_t *server, SPF_response_t *response, SPF_record_t *record, const char *text)
{
	SPF_record_t *one = NULL;
	SPF_mech_t *grown;
	bool ok = false;

	if (SPF_record_compile(server, response, &one, text) == SPF_E_SUCCESS && one != NULL &&
	    one->num_mech == 1 && record->num_mech < UCHAR_MAX) {
		grown = realloc(record->mech_first, record->mech_len + one->mech_len);
		if (grown != NULL) {
			memcpy((char *)grown + record->mech_len, one->mech_first, one->mech_len);
			record->mech_first = grown;
			record->mech_len += one->mech_len;
			record->mech_size = record->mech_len;
			record->num_mech++;
			ok = true;
		}
	}
	if (one != NULL)
		SPF_record_free(one);
	return ok;
}

static void step_text(const struct spf_step *s, enum addr_family family, char *text, size_t size)
{
	static const char *const names[] = {
	    [SPF_ALL] = "all",
	    [SPF_INCLUDE] = "include",
	    [SPF_A] = "a",
	    [SPF_MX] = "mx",
	    [SPF_PTR] = "ptr",
	    /* Decided already: what is left of a match is one that always matches. */
	    [SPF_IP4] = "all",
	    [SPF_IP6] = "all",
	    [SPF_EXISTS] = "exists",
	    [SPF_REDIRECT] = "redirect",
	};
	bool named = s->kind != SPF_ALL && s->kind != SPF_IP4 && s->kind != SPF_IP6;
	char id[24] = "", bits[16] = "";

	if (named)
		snprintf(id, sizeof(id), "%ct%u.term", s->kind == SPF_REDIRECT ? '=' : ':', s->id);
	if (s->bits > 0)
		snprintf(bits, sizeof(bits), "%s%u", family == ADDR_V6 ? "//" : "/", s->bits);
	if (s->kind == SPF_REDIRECT)
		snprintf(text, size, "v=spf1 redirect%s", id);
	else
		snprintf(text, size, "v=spf1 %c%s%s%s", s->qualifier, names[s->kind], id, bits);
}

static SPF_record_t *record_build(SPF_server_t *server, SPF_response_t *response,
    enum addr_family family, const struct spf_step *steps, size_t count)
{
	SPF_record_t *record = NULL;
	char text[80];

	if (SPF_record_compile(server, response, &record, "v=spf1") != SPF_E_SUCCESS)
		return NULL;
	for (size_t i = 0; i < count && record != NULL; i++) {
		/* The mark never matches; it says where the walk is. */
		snprintf(text, sizeof(text), "v=spf1 exists:m%u.mark", steps[i].id);
		bool ok = append(server, response, record, text);

		step_text(&steps[i], family, text, sizeof(text));
		if (!ok || !append(server, response, record, text)) {
			SPF_record_free(record);
			record = NULL;
		}
	}
	return record;
}

static SPF_errcode_t get_spf(
    SPF_server_t *server, SPF_request_t *request, SPF_response_t *response, SPF_record_t **record)
{
	struct walk *w = server->resolver->hook;
	const struct spf_step *steps = NULL;
	size_t count = 0;
	struct token t;

	*record = NULL;
	if (!w->stopped && token_read(request->cur_dom, &t) &&
	    w->calls->record(w->arg, t.id, &steps, &count))
		*record = record_build(server, response,
		    request->client_ver == AF_INET6 ? ADDR_V6 : ADDR_V4, steps, count);
	if (*record != NULL)
		return SPF_E_SUCCESS;
	w->stopped = true;
	return SPF_E_DNS_ERROR;
}

/* --- the walk ------------------------------------------------------------------- */

static SPF_server_t *server_new(struct walk *w)
{
	SPF_server_t *server;
	SPF_response_t *response = NULL;
	SPF_errcode_t e;

	w->dns = (SPF_dns_server_t){
	    .lookup = lookup, .get_spf = get_spf, .name = "relay-guard", .hook = w};
	w->spare = SPF_dns_rr_new_init(&w->dns, "", ns_t_a, 0, TRY_AGAIN);
	if (w->spare == NULL)
		return NULL;
	server = SPF_server_new_dns(&w->dns, 0);
	if (server == NULL)
		return NULL;
	/* No macro in it: it would be expanded for every fail. */
	e = SPF_server_set_explanation(server, "-", &response);
	if (response != NULL)
		SPF_response_free(response);
	/* Terms are counted by the evaluator, over all records; a mark is none. */
	if (e == SPF_E_SUCCESS && SPF_server_set_rec_dom(server, "guard.term") == SPF_E_SUCCESS &&
	    SPF_server_set_max_dns_mech(server, INT_MAX) == SPF_E_SUCCESS)
		return server;
	SPF_server_free(server);
	return NULL;
}

static SPF_request_t *request_new(SPF_server_t *server, const struct addr *client)
{
	SPF_request_t *request = SPF_request_new(server);
	struct in6_addr v6;
	struct in_addr v4;

	if (request == NULL)
		return NULL;
	memcpy(&v4, client->bytes, sizeof(v4));
	memcpy(&v6, client->bytes, sizeof(v6));
	if (client->family == ADDR_V6)
		SPF_request_set_ipv6(request, v6);
	else
		SPF_request_set_ipv4(request, v4);
	if (SPF_request_set_helo_dom(request, "guard.term") == SPF_E_SUCCESS &&
	    SPF_request_set_env_from(request, "guard@guard.term") == 0) {
		request->cur_dom = "guard.term";
		return request;
	}
	SPF_request_free(request);
	return NULL;
}

static enum spf_lib_end end_of(SPF_response_t *response, enum spf_result *result)
{
	*result = SPF_NEUTRAL;
	switch (SPF_response_result(response)) {
	case SPF_RESULT_PASS:
		*result = SPF_PASS;
		break;
	case SPF_RESULT_FAIL:
		*result = SPF_FAIL;
		break;
	case SPF_RESULT_SOFTFAIL:
		*result = SPF_SOFTFAIL;
		break;
	case SPF_RESULT_NEUTRAL:
		break;
	case SPF_RESULT_PERMERROR:
		return SPF_LIB_LIMIT;
	case SPF_RESULT_INVALID:
	case SPF_RESULT_NONE:
	case SPF_RESULT_TEMPERROR:
		return SPF_LIB_STOPPED;
	}
	return SPF_response_reason(response) == SPF_REASON_MECH ? SPF_LIB_MATCHED
	                                                        : SPF_LIB_NO_MATCH;
}

static enum spf_lib_end interpret(SPF_server_t *server, SPF_request_t *request,
    const struct spf_step *steps, size_t count, enum addr_family family, enum spf_result *result)
{
	SPF_response_t *response = SPF_response_new(request);
	SPF_record_t *record;
	enum spf_lib_end end = SPF_LIB_STOPPED;

	if (response == NULL)
		return SPF_LIB_STOPPED;
	record = record_build(server, response, family, steps, count);
	if (record != NULL) {
		/* Not SPF_request_query_mailfrom(): that lets every loopback client pass. */
		response->spf_record_exp = record;
		SPF_record_interpret(record, request, response, 0);
		end = end_of(response, result);
		SPF_record_free(record);
	}
	SPF_response_free(response);
	return end;
}

enum spf_lib_end spf_lib_walk(const struct spf_lib_calls *calls, void *arg,
    const struct addr *client, const struct spf_step *steps, size_t count, enum spf_result *result)
{
	struct walk w = {.calls = calls, .arg = arg};
	SPF_server_t *server = server_new(&w);
	SPF_request_t *request = server == NULL ? NULL : request_new(server, client);
	enum spf_lib_end end = SPF_LIB_STOPPED;

	*result = SPF_TEMPERROR;
	if (request != NULL)
		end = interpret(server, request, steps, count, client->family, result);
	if (w.stopped)
		end = SPF_LIB_STOPPED;
	if (request != NULL)
		SPF_request_free(request);
	if (server != NULL)
		SPF_server_free(server);
	if (w.spare != NULL)
		SPF_dns_rr_free(w.spare);
	return end;
}
