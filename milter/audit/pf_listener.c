/* The listeners of master.cf, and what each has besides its restriction lists. */
#include <string.h>
#include <strings.h>

#include "audit/pf_audit.h"
#include "audit/pf_list.h"
#include "audit/pf_pattern.h"

/* --- which there are ------------------------------------------------------- */

static bool is_command(const struct pf_service *s, const char *name)
{
	const char *slash = strrchr(s->command, '/');

	return strcmp(slash == NULL ? s->command : slash + 1, name) == 0;
}

static bool has_postscreen(const struct pf *pf)
{
	for (size_t i = 0; i < pf->services.count; i++)
		if (is_command(&pf->services.items[i], "postscreen"))
			return true;
	return false;
}

/* The port of "[host:]port". */
static const char *port_of(const char *name)
{
	const char *colon = strrchr(name, ':');

	return colon == NULL ? name : colon + 1;
}

static bool is_local_name(const char *host, size_t len)
{
	struct addr a;

	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	if (len == 9 && strncasecmp(host, "localhost", 9) == 0)
		return true;
	return addr_parse(host, len, &a) && addr_is_loopback(&a);
}

/* All of inet_interfaces are this host's own. */
static bool interfaces_are_local(const struct pf_view *v)
{
	const char *p = pf_get(v, "inet_interfaces"), *word;
	bool any = false;

	while ((word = pf_word(&v->pf->arena, &p, NULL)) != NULL) {
		any = true;
		if (strcasecmp(word, "loopback-only") != 0 && !is_local_name(word, strlen(word)))
			return false;
	}
	return any;
}

static bool is_local(const struct pf_view *v)
{
	const char *name = v->service->name, *colon = strrchr(name, ':');

	if (strcmp(v->service->type, "inet") != 0)
		return false;
	if (colon == NULL)
		return interfaces_are_local(v);
	return is_local_name(name, (size_t)(colon - name));
}

static bool is_well_known(const struct pf_service *s)
{
	static const char *const ports[] = {
	    "smtp", "25", "submission", "587", "smtps", "submissions", "465"};
	const char *port = port_of(s->name);

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (strcmp(ports[i], port) == 0)
			return true;
	return strcmp(s->type, "pass") == 0;
}

static bool is_listener(const struct pf *pf, const struct pf_service *s)
{
	if (!is_command(s, "smtpd"))
		return false;
	return strcmp(s->type, "inet") == 0 || (strcmp(s->type, "pass") == 0 && has_postscreen(pf));
}

static const char *label_of(struct pf *pf, const struct pf_service *s)
{
	const char *label = s->name;

	if (strcmp(s->type, "pass") == 0)
		label = arena_printf(&pf->arena, "%s (pass)", s->name);
	return label == NULL ? "smtpd" : label;
}

struct pf_listeners pf_listeners(struct pf *pf)
{
	struct pf_listeners l = {NULL, 0};
	bool all_local = true;

	l.items = arena_alloc(&pf->arena, (pf->services.count + 1) * sizeof(*l.items));
	if (l.items == NULL)
		return l;
	for (size_t i = 0; i < pf->services.count; i++) {
		const struct pf_service *s = &pf->services.items[i];
		struct pf_listener *n = &l.items[l.count];

		if (!is_listener(pf, s))
			continue;
		*n = (struct pf_listener){.view = {pf, s}, .label = label_of(pf, s)};
		n->local = is_local(&n->view);
		n->well_known = is_well_known(s);
		all_local = all_local && n->local;
		l.count++;
	}
	/* Where nothing else is there, the local ones are what can be judged. */
	for (size_t i = 0; i < l.count; i++)
		l.items[i].local = l.items[i].local && !all_local;
	return l;
}

/* --- milters --------------------------------------------------------------- */

static bool has_word(const struct pf_view *v, const char *parameter, const char *wanted)
{
	const char *p = pf_get(v, parameter), *word;

	while ((word = pf_word(&v->pf->arena, &p, NULL)) != NULL)
		if (strcasecmp(word, wanted) == 0)
			return true;
	return false;
}

static bool has_milters(const struct pf_view *v)
{
	return pf_get(v, "smtpd_milters")[0] != '\0' &&
	       !has_word(v, "receive_override_options", "no_milters");
}

static bool any_has_milters(const struct pf_audit *a)
{
	if (has_milters(&a->main))
		return true;
	for (size_t i = 0; i < a->listeners.count; i++)
		if (has_milters(&a->listeners.items[i].view))
			return true;
	return false;
}

/* The list of this listener without one of its words. */
static struct pf_instead without_word(
    const struct pf_view *v, const char *parameter, const char *unwanted)
{
	struct pf_words w = pf_words_of(v, parameter);
	const char *p = pf_get(v, parameter), *word;

	for (size_t i = 0; i < w.count && (word = pf_word(&v->pf->arena, &p, NULL)) != NULL; i++)
		w.instead[i] = strcasecmp(word, unwanted) == 0 ? "" : NULL;
	return pf_list_with(v, parameter, &w, "");
}

/* The filters that others have, as written. */
static struct pf_instead with_milters(struct pf_audit *a, const struct pf_listener *l)
{
	const struct pf_setting *own = pf_set(&l->view, "smtpd_milters"), *other = NULL;

	if (pf_get(&a->main, "smtpd_milters")[0] != '\0')
		return own == NULL ? pf_no_line() : pf_without_setting(&l->view, own);
	for (size_t i = 0; other == NULL && i < a->listeners.count; i++)
		if (pf_get(&a->listeners.items[i].view, "smtpd_milters")[0] != '\0')
			other = pf_set(&a->listeners.items[i].view, "smtpd_milters");
	return other == NULL ? pf_no_line() : pf_line_for(&l->view, "smtpd_milters", other->value);
}

static void audit_absence(struct pf_audit *a, const struct pf_listener *l)
{
	bool silenced = has_word(&l->view, "receive_override_options", "no_milters");

	if (!any_has_milters(a)) {
		pf_report(a, NULL, "milter-none", SEVERITY_LOW, "smtpd_milters",
		    "No filter is asked: no guard stands before this server.",
		    pf_line_for(&a->main, "smtpd_milters", "unix:/run/relay-guard/milter.sock"));
		return;
	}
	pf_report(a, l, "milter-absent", SEVERITY_MEDIUM,
	    silenced ? "receive_override_options" : "smtpd_milters",
	    "Clients of this listener go past the filters that others have: the guard does not see "
	    "them.",
	    silenced ? without_word(&l->view, "receive_override_options", "no_milters")
		     : with_milters(a, l));
}

/* smtpd_milters with tempfail in the place of accept within a word; text "": none accepts. */
static struct pf_instead without_accept(const struct pf_view *v)
{
	struct pf_words w = pf_words_of(v, "smtpd_milters");
	const char *p = pf_get(v, "smtpd_milters"), *word;
	bool any = false;

	for (size_t i = 0; i < w.count && (word = pf_word(&v->pf->arena, &p, NULL)) != NULL; i++) {
		const char *action = strstr(word, "default_action");
		const char *value = action == NULL ? NULL : strchr(action, '=');

		if (value == NULL)
			continue;
		value += 1 + strspn(value + 1, " \t\r\n");
		if (strncasecmp(value, "accept", 6) != 0)
			continue;
		w.instead[i] = arena_printf(
		    &v->pf->arena, "%.*stempfail%s", (int)(value - word), word, value + 6);
		any = true;
	}
	return any ? pf_list_with(v, "smtpd_milters", &w, "") : pf_no_line();
}

static void audit_default_action(struct pf_audit *a, const struct pf_listener *l)
{
	struct pf_instead own = without_accept(&l->view);

	if (strcasecmp(pf_get(&l->view, "milter_default_action"), "accept") == 0)
		pf_report(a, l, "milter-accept", SEVERITY_MEDIUM, "milter_default_action",
		    "When a filter can't be reached, mail is taken as if it were not there: "
		    "whoever "
		    "stops or overloads the guard gets past it.",
		    pf_line_for(&l->view, "milter_default_action", "tempfail"));
	else if (own.text[0] != '\0')
		pf_report(a, l, "milter-accept", SEVERITY_MEDIUM, "smtpd_milters",
		    "A filter has default_action = accept of its own: when it can't be reached, "
		    "mail "
		    "is taken as if it were not there.",
		    own);
}

static void report_disabled(struct pf_audit *a, const struct pf_listener *l,
    const struct pf_pattern *p, const struct pf_row *row)
{
	const struct pf_table *t = p->table;
	bool all = t->kind == PF_STATIC;
	bool wide = all || t->kind == PF_REGEX ||
	            (t->kind == PF_CIDR && strangers_in(&row->prefix) != WAY_CLOSED);

	pf_report_at(a, l, "milter-disabled", wide ? SEVERITY_MEDIUM : SEVERITY_LOW,
	    row->line > 0 ? t->file : p->file, row->line > 0 ? row->line : p->line,
	    findings_text(a->findings, "smtpd_milter_maps lets %s go past all filters%s.",
		all ? "every client" : row->key, wide ? ": strangers are among them" : ""),
	    row->line > 0 ? pf_comment_out(a->pf, t->file, row->line)
			  : pf_list_without(&l->view, "smtpd_milter_maps", p->index));
}

/* smtpd_milter_maps: which clients go past the filters? */
static void audit_milter_maps(struct pf_audit *a, const struct pf_listener *l)
{
	struct pf_patterns maps = pf_patterns(&l->view, "smtpd_milter_maps");

	for (size_t i = 0; i < maps.count; i++) {
		const struct pf_table *t = maps.items[i].table;

		for (size_t r = 0; t != NULL && r < t->count; r++)
			if (t->rows[r].kind == PF_ROW &&
			    strncasecmp(t->rows[r].value, "DISABLE", 7) == 0)
				report_disabled(a, l, &maps.items[i], &t->rows[r]);
	}
}

static void audit_milters(struct pf_audit *a, const struct pf_listener *l)
{
	if (l->local)
		return;
	if (!has_milters(&l->view)) {
		audit_absence(a, l);
		return;
	}
	audit_default_action(a, l);
	audit_milter_maps(a, l);
}

/* --- logins ---------------------------------------------------------------- */

static bool is_always_tls(const struct pf_view *v)
{
	return strcasecmp(pf_get(v, "smtpd_tls_security_level"), "encrypt") == 0 ||
	       strcasecmp(pf_get(v, "smtpd_tls_security_level"), "fingerprint") == 0 ||
	       pf_bool(v, "smtpd_tls_wrappermode", false) || pf_bool(v, "smtpd_enforce_tls", false);
}

static struct pf_instead with_noanonymous(const struct pf_view *v, const char *parameter)
{
	struct pf_words w = pf_words_of(v, parameter);

	w.behind = "noanonymous";
	w.at = w.count;
	return pf_list_with(v, parameter, &w, "");
}

static void audit_sasl(struct pf_audit *a, const struct pf_listener *l)
{
	static const char *const options[] = {
	    "smtpd_sasl_security_options", "smtpd_sasl_tls_security_options"};
	const struct pf_view *v = &l->view;

	if (l->local || !pf_bool(v, "smtpd_sasl_auth_enable", false))
		return;
	for (size_t i = 0; i < 2; i++) {
		if (has_word(v, options[i], "noanonymous"))
			continue;
		if (i == 1 && !pf_is_set(v, options[1]))
			continue;
		pf_report(a, l, "sasl-anonymous", SEVERITY_MEDIUM, options[i],
		    findings_text(a->findings,
			"%s has no noanonymous: where the login library offers ANONYMOUS, "
			"strangers "
			"may log in without a name.",
			options[i]),
		    with_noanonymous(v, options[i]));
	}
	if (is_always_tls(v) || pf_bool(v, "smtpd_tls_auth_only", false) ||
	    has_word(v, "smtpd_sasl_security_options", "noplaintext"))
		return;
	pf_report(a, l, "auth-plaintext", SEVERITY_MEDIUM, "smtpd_tls_auth_only",
	    "Passwords are taken over connections without TLS: who listens on the way can relay as "
	    "that user.",
	    pf_line_for(v, "smtpd_tls_auth_only", "yes"));
}

/* --- proxies, limits, smuggling -------------------------------------------- */

/* Does it matter to this smtpd who the client is: may some relay for their address alone? */
static bool trusts_addresses(const struct pf_view *v)
{
	bool networks = !pf_is_set(v, "mynetworks") || pf_get(v, "mynetworks")[0] != '\0';

	return (networks && pf_uses(v, "permit_mynetworks")) || pf_uses(v, "check_client_access");
}

/* A port that believes the PROXY protocol; `l` is the smtpd, or the postscreen before one. */
static void report_proxy(
    struct pf_audit *a, const struct pf_listener *l, const char *parameter, bool addresses_count)
{
	enum severity severity = l->well_known ? SEVERITY_HIGH : SEVERITY_MEDIUM;
	const char *name =
	    findings_text(a->findings, "127.0.0.1:%s", port_of(l->view.service->name));

	if (addresses_count)
		pf_report(a, l, "proxy-protocol", severity, parameter,
		    "Whoever reaches this port says by the PROXY protocol which client he is, one "
		    "of mynetworks for example, and may then send to where he likes; Postfix has "
		    "no "
		    "list of proxies, so that only a packet filter, or an address that no stranger "
		    "reaches, helps.",
		    pf_renamed(a->pf, l->view.service, name));
	else
		pf_report(a, l, "proxy-protocol", SEVERITY_LOW, parameter,
		    "Whoever reaches this port says by the PROXY protocol which client he is: what "
		    "is logged of him, and limits and blocks by address, can't be believed.",
		    pf_renamed(a->pf, l->view.service, name));
}

static void audit_proxy(struct pf_audit *a, const struct pf_listener *l)
{
	static const char parameter[] = "smtpd_upstream_proxy_protocol";

	if (!l->local && pf_get(&l->view, parameter)[0] != '\0')
		report_proxy(a, l, parameter, trusts_addresses(&l->view));
}

/* Behind postscreen an smtpd of type pass takes over, and believes what postscreen was told. */
void pf_audit_postscreen(struct pf_audit *a)
{
	static const char parameter[] = "postscreen_upstream_proxy_protocol";
	bool addresses_count = false;

	for (size_t i = 0; i < a->listeners.count; i++) {
		const struct pf_view *v = &a->listeners.items[i].view;

		if (strcmp(v->service->type, "pass") == 0 && trusts_addresses(v))
			addresses_count = true;
	}
	for (size_t i = 0; i < a->pf->services.count; i++) {
		const struct pf_service *s = &a->pf->services.items[i];
		struct pf_listener l = {
		    .view = {a->pf, s}, .label = s->name, .well_known = is_well_known(s)};

		if (is_command(s, "postscreen") && !is_local(&l.view) &&
		    pf_get(&l.view, parameter)[0] != '\0')
			report_proxy(a, &l, parameter, addresses_count);
	}
}

static void audit_limits(struct pf_audit *a, const struct pf_listener *l)
{
	static const char *const limits[] = {"smtpd_client_message_rate_limit",
	    "smtpd_client_recipient_rate_limit", "smtpd_client_connection_rate_limit"};

	if (l->local)
		return;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (pf_number(&l->view, limits[i]) > 0)
			return;
	pf_report(a, l, "no-rate-limit", SEVERITY_LOW, limits[0],
	    "No client's rate is limited: a stolen login or an infected host may send as much as "
	    "it "
	    "can.",
	    pf_line_for(&l->view, limits[0], "60"));
}

/* Versions that have smtpd_forbid_bare_newline. */
static bool knows_bare_newline(pf_version v)
{
	return v >= 30900 || (v >= 30804 && v < 30900) || (v >= 30709 && v < 30800) ||
	       (v >= 30613 && v < 30700) || (v >= 30523 && v < 30600);
}

static void audit_newline(struct pf_audit *a, const struct pf_listener *l)
{
	const char *value = pf_get(&l->view, "smtpd_forbid_bare_newline");

	if (l->local || !knows_bare_newline(a->pf->version))
		return;
	if (strcasecmp(value, "yes") == 0 || strcasecmp(value, "normalize") == 0 ||
	    strcasecmp(value, "reject") == 0) {
		pf_audit_newline_exceptions(a, l);
		return;
	}
	pf_report(a, l, "bare-newline", SEVERITY_MEDIUM, "smtpd_forbid_bare_newline",
	    "Lines may end with a bare newline: behind a server that passes such lines on, one "
	    "message can hide a second one with any sender (SMTP smuggling).",
	    pf_line_for(&l->view, "smtpd_forbid_bare_newline", "yes"));
}

void pf_audit_listener(struct pf_audit *a, const struct pf_listener *l)
{
	audit_milters(a, l);
	audit_sasl(a, l);
	audit_proxy(a, l);
	audit_limits(a, l);
	audit_newline(a, l);
	if (!l->local)
		pf_audit_xclient(a, l);
}
