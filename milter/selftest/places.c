#include "selftest/places.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "selftest/certificate.h"
#include "selftest/run.h"

enum { PORT_SMTP = 25, PORT_SMTPS = 465, PORT_SUBMISSION = 587 };

/* To servers of others: polite, and no flood in anybody's log. */
enum { DISTANT_PARALLEL = 2 };
#define DISTANT_PACE (100 * USEC_PER_MSEC)

/* Ports that are looked at unasked don't hold the test up where a packet filter drops all. */
#define UNASKED_TIMEOUT (2 * USEC_PER_SEC)

void places_note(struct places *p, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (p->note_count < PLACES_MAX)
		p->notes[p->note_count++] = strdup(text);
}

static struct means means_of(const struct way *w)
{
	return (struct means){
	    .any_client = w->xclient || w->proxy != 0,
	    .own = {w->own},
	    .own_count = 1,
	    /* A server that wants TLS first does not believe a login without it, by XCLIENT
	       neither. */
	    .any_login = w->xclient_login && w->auth_offered && w->proxy == 0,
	    .login = w->login,
	    .logins = w->logins,
	    .wrong_login = w->auth,
	    .anonymous = w->anonymous,
	    .tls = w->tls != WAY_PLAIN,
	    .no_clients = "the server does not offer XCLIENT: give --source ADDR, an address of "
			  "this host that may not",
	};
}

/* False: there are too many. */
static bool add(struct places *p, const struct way *w, const char *name, bool full,
    const struct place_options *o)
{
	struct place *place = &p->all[p->count];
	uint16_t port = 0;
	struct addr ignored;

	if (p->count == PLACES_MAX) {
		places_note(p, "%s is not tried: there are too many places", name);
		return false;
	}
	(void)addr_from_sockaddr((const struct sockaddr *)&w->to.addr, &ignored, &port);
	p->ways[p->count] = *w;
	if (!w->auth || (w->tls == WAY_PLAIN && !addr_is_loopback(&w->peer)))
		p->ways[p->count].login = NULL;
	snprintf(p->names[p->count], sizeof(p->names[0]), "%s", name);
	*place = (struct place){
	    .way = &p->ways[p->count],
	    .name = p->names[p->count],
	    .means = means_of(&p->ways[p->count]),
	    .full = full,
	    .submission = port == PORT_SMTPS || port == PORT_SUBMISSION,
	    .guarded = o->guarded && !o->unguarded,
	};
	place->no_mail = o->no_mail;
	place->compared = o->compared;
	place->means.cert = o->cert;
	p->count++;
	return true;
}

static bool is_here(const struct way *w)
{
	return addr_is_loopback(&w->peer) || addr_equal(&w->own, &w->peer);
}

static void set_pace(struct way *w, const struct place_options *o)
{
	w->parallel = is_here(w) ? RUN_PARALLEL : DISTANT_PARALLEL;
	w->pace = o->pace;
	if (o->pace == 0 && !is_here(w))
		w->pace = DISTANT_PACE;
	if (o->pace > 0)
		w->parallel = 1;
}

/* The other manners of speaking to the same listener as at the last place. */
static void add_manners(struct places *p, const struct way *base, const struct place_options *o)
{
	char name[WAY_TEXT_SIZE + 32], error[WAY_TEXT_SIZE] = "";
	struct place *first = &p->all[p->count - 1];
	struct way w = *base;

	w.helo = true;
	/* AUTH goes with EHLO; XCLIENT may know the login all the same. */
	w.auth = w.anonymous = false;
	snprintf(name, sizeof(name), "%s HELO", base->target);
	(void)add(p, &w, name, false, o);
	w = *base;
	w.tls = WAY_STARTTLS;
	snprintf(name, sizeof(name), "%s STARTTLS", base->target);
	if (base->tls == WAY_PLAIN && base->starttls) {
		if (way_smtp_learn(&w, error))
			(void)add(p, &w, name, false, o);
		else
			places_note(p, "%s is not tried: %s", name, error);
		first->tls_put_off = w.tls_put_off;
	}
	w = *base;
	w.pipelined = true;
	snprintf(name, sizeof(name), "%s pipelined", base->target);
	if (base->pipelining)
		(void)add(p, &w, name, false, o);
	if (o->source.family == ADDR_NONE)
		return;
	/* Friends are where the system connects from. */
	w = *base;
	w.source = (struct addr){.family = ADDR_NONE};
	snprintf(name, sizeof(name), "%s friends", base->target);
	if (way_smtp_learn(&w, error) && add(p, &w, name, false, o))
		p->all[p->count - 1].friends_only = true;
}

/*
 * While the guard is down the few probes of PROBE_CORE are enough: no address is odd to nobody. A
 * submission service may ask for TLS before it says anything else.
 */
static void add_unguarded(
    struct places *p, const struct way *base, uint16_t port, const struct place_options *o)
{
	char name[WAY_TEXT_SIZE + 32], ignored[WAY_TEXT_SIZE];
	struct way secure = *base;
	const struct way *w = base;

	secure.tls = WAY_STARTTLS;
	if (port == PORT_SUBMISSION && base->starttls && way_smtp_learn(&secure, ignored))
		w = &secure;
	snprintf(name, sizeof(name), "%s guard down", w->target);
	if (add(p, w, name, false, o)) {
		p->all[p->count - 1].unguarded = true;
		p->all[p->count - 1].turned_away = w->turned_away;
	}
}

/*
 * A first session. A server that says nothing may wait to be told by the PROXY protocol who comes:
 * whoever reaches it can be anybody, so that it must not pass for one that is not there.
 */
static bool learn(struct places *p, struct way *w, bool asked, char error[WAY_TEXT_SIZE])
{
	char ignored[WAY_TEXT_SIZE];

	if (way_smtp_learn(w, error))
		return true;
	if (!asked || w->proxy != 0 || w->tls != WAY_PLAIN ||
	    strncmp(error, "can't connect", strlen("can't connect")) == 0)
		return false;
	w->proxy = 1;
	if (!way_smtp_learn(w, ignored))
		return false;
	places_note(p,
	    "%s expects the PROXY protocol: every client is played by it, as with --proxy v1",
	    w->target);
	return true;
}

/* One address. False: nothing answers there, or it can't be tested. */
static bool add_address(struct places *p, const struct target *target, const struct endpoint *to,
    uint16_t port, const struct place_options *o)
{
	bool asked = target->port != 0 || port == PORT_SMTP;
	char error[WAY_TEXT_SIZE] = "", text[ADDR_TEXT_MAX];
	struct addr peer;
	struct way w = {.to = *to,
	    .source = o->source,
	    .timeout = o->timeout,
	    .transcripts = o->transcripts,
	    .tls = port == PORT_SMTPS ? WAY_TLS : WAY_PLAIN,
	    .login = o->login,
	    .password = o->password,
	    .cert = o->cert == NULL ? NULL : o->cert->file,
	    .key = o->cert == NULL ? NULL : o->cert->key,
	    .proxy = o->proxy};

	(void)addr_from_sockaddr((const struct sockaddr *)&to->addr, &peer, NULL);
	addr_format(&peer, text);
	snprintf(w.target, sizeof(w.target), peer.family == ADDR_V6 ? "[%s]:%u" : "%s:%u", text,
	    (unsigned)port);
	snprintf(w.name, sizeof(w.name), "%s", *target->name == '\0' ? target->host : target->name);
	if (!asked && w.timeout > UNASKED_TIMEOUT)
		w.timeout = UNASKED_TIMEOUT;
	/* While the guard is down this may be all that it says. */
	if (!learn(p, &w, asked, error) && !(o->unguarded && w.turned_away)) {
		if (asked)
			places_note(p, "%s is not tried: %s", w.target, error);
		return false;
	}
	w.timeout = o->timeout;
	set_pace(&w, o);
	if (o->unguarded)
		add_unguarded(p, &w, port, o);
	else if (add(p, &w, w.target, true, o))
		add_manners(p, &w, o);
	return true;
}

size_t places_add_smtp(struct places *p, const struct target *target, const struct place_options *o)
{
	static const uint16_t usual[] = {PORT_SMTP, PORT_SMTPS, PORT_SUBMISSION};
	const uint16_t *ports = target->port == 0 ? usual : &target->port;
	size_t port_count = target->port == 0 ? 3 : 1, answered = 0;

	for (size_t i = 0; i < port_count; i++) {
		struct endpoint to[ENDPOINTS_MAX];
		char error[CHANNEL_ERROR_SIZE] = "";
		size_t count =
		    endpoint_resolve(target->host, ports[i], o->source.family, to, error);

		if (count == 0) {
			places_note(p, "%s is not tried: %s", target->host, error);
			return answered;
		}
		for (size_t k = 0; k < count; k++)
			answered += add_address(p, target, &to[k], ports[i], o);
	}
	return answered;
}

bool places_add_milter(struct places *p, const struct conf_socket *socket,
    const struct place_options *o, char error[WAY_TEXT_SIZE])
{
	struct place *place = &p->all[p->count];

	if (!way_milter_open(&p->ways[p->count], socket, o->timeout, error))
		return false;
	snprintf(p->ways[p->count].secret, SECRET_SIZE, "%s", o->secret == NULL ? "" : o->secret);
	*place = (struct place){
	    .way = &p->ways[p->count++],
	    .name = "",
	    .means = {.any_client = true,
		.any_login = true,
		.everything = true,
		.tls = true,
		.login = o->login},
	    .full = true,
	};
	return true;
}

void places_free(struct places *p)
{
	for (size_t i = 0; i < p->note_count; i++)
		free(p->notes[i]);
	p->note_count = 0;
}
