/* sendmail.mc: what its macros mean, read as m4 would, without the files that come with Sendmail.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "audit/m4.h"
#include "audit/sm_facts.h"
#include "base/strbuf.h"

enum { INCLUDES_MAX = 100 };

struct reader {
	struct sm *sm;
	struct m4 *m;
	const char *file;
	unsigned includes;
	bool has_daemon;  /* DAEMON_OPTIONS was there */
	bool has_virtual; /* VIRTUSER_DOMAIN was */
};

/* --- what cf.m4 brings ------------------------------------------------------------- */

/* Calls that are heard; the others leave nothing of what is looked at here. */
static const char *const hooks[] = {"DAEMON_OPTIONS", "DOMAIN", "FEATURE", "HACK",
    "INPUT_MAIL_FILTER", "LOCAL_DOMAIN", "MAIL_FILTER", "OSTYPE", "RELAY_DOMAIN",
    "RELAY_DOMAIN_FILE", "TRUST_AUTH_MECH", "VIRTUSER_DOMAIN", "VIRTUSER_DOMAIN_FILE"};

static const struct {
	const char *name, *text;
} macros[] = {{"MAIL_SETTINGS_DIR", "/etc/mail/"}, {"DATABASE_MAP_TYPE", "hash"},
    {"confCW_FILE", "MAIL_SETTINGS_DIR`'local-host-names"},
    {"confCR_FILE", "-o MAIL_SETTINGS_DIR`'relay-domains"}, {"confPRIVACY_FLAGS", "authwarnings"},
    /* Where what is written goes: any place of sendmail.cf is as good as another here. */
    {"LOCAL_CONFIG", "divert(6)"}, {"LOCAL_NET_CONFIG", "divert(1)"}, {"LOCAL_UUCP", "divert(4)"},
    {"LOCAL_DNSBL", "divert(8)"}, {"LOCAL_RULE_0", "divert(3)"}, {"LOCAL_RULE_3", "divert(2)"},
    {"LOCAL_RULE_1", "divert(9)Ssender=1\n"}, {"LOCAL_RULE_2", "divert(9)Srecipient=2\n"},
    {"LOCAL_RULESETS", "divert(9)"}, {"MAILER_DEFINITIONS", "divert(7)"},
    {"LOCAL_SRV_FEATURES", "divert(9)SLocal_srv_features"},
    {"LOCAL_CLT_FEATURES", "divert(9)SLocal_clt_features"},
    {"LOCAL_TRY_TLS", "divert(9)SLocal_try_tls"}, {"LOCAL_TLS_RCPT", "divert(9)SLocal_tls_rcpt"},
    {"LOCAL_TLS_CLIENT", "divert(9)SLocal_tls_client"},
    {"LOCAL_TLS_SERVER", "divert(9)SLocal_tls_server"}, {"CONCAT", "$1$2$3$4$5$6$7"},
    {"DOL", "`$'$1"},
    {"lower", "translit(`$1', `ABCDEFGHIJKLMNOPQRSTUVWXYZ', `abcdefghijklmnopqrstuvwxyz')"},
    /* These leave nothing that is looked at. */
    {"CANONIFY_DOMAIN", ""}, {"CANONIFY_DOMAIN_FILE", ""}, {"CLIENT_OPTIONS", ""},
    {"EXPOSED_USER", ""}, {"EXPOSED_USER_FILE", ""}, {"GENERICS_DOMAIN", ""},
    {"GENERICS_DOMAIN_FILE", ""}, {"LDAPROUTE_DOMAIN", ""}, {"LDAPROUTE_DOMAIN_FILE", ""},
    {"LDAPROUTE_EQUIVALENT", ""}, {"LDAPROUTE_EQUIVALENT_FILE", ""}, {"LOCAL_USER", ""},
    {"LOCAL_USER_FILE", ""}, {"MAILER", ""}, {"MASQUERADE_AS", ""}, {"MASQUERADE_DOMAIN", ""},
    {"MASQUERADE_DOMAIN_FILE", ""}, {"MASQUERADE_EXCEPTION", ""}, {"MASQUERADE_EXCEPTION_FILE", ""},
    {"MODIFY_MAILER_FLAGS", ""}, {"QUEUE_GROUP", ""}, {"SITE", ""}, {"SITECONFIG", ""},
    {"UUCPSMTP", ""}, {"VERSIONID", ""}};

/* Of the many options, those that the audit or the import looks at. */
static const struct {
	const char *macro, *option;
} options[] = {
    {"confAUTH_MECHANISMS", "AuthMechanisms"},
    {"confAUTH_OPTIONS", "AuthOptions"},
    {"confBAD_RCPT_THROTTLE", "BadRcptThrottle"},
    {"confCONNECTION_RATE_THROTTLE", "ConnectionRateThrottle"},
    {"confDONT_BLAME_SENDMAIL", "DontBlameSendmail"},
    {"confINPUT_MAIL_FILTERS", "InputMailFilters"},
    {"confMAX_DAEMON_CHILDREN", "MaxDaemonChildren"},
    {"confMAX_RCPTS_PER_MESSAGE", "MaxRecipientsPerMessage"},
    {"confPRIVACY_FLAGS", "PrivacyOptions"},
    {"confREJECT_NUL", "RejectNUL"},
    {"confSERVER_CERT", "ServerCertFile"},
    {"confSMTP_LOGIN_MSG", "SmtpGreetingMessage"},
};

/* What a feature defines, which is what counts: undefine() takes it back. */
static const struct {
	const char *feature, *macro;
} features[] = {
    {"access_db", "_ACCESS_TABLE_"},
    {"delay_checks", "_DELAY_CHECKS_"},
    {"loose_relay_check", "_LOOSE_RELAY_CHECK_"},
    {"promiscuous_relay", "_PROMISCUOUS_RELAY_"},
    {"relay_based_on_MX", "_RELAY_MX_SERVED_"},
    {"relay_entire_domain", "_RELAY_ENTIRE_DOMAIN_"},
    {"relay_hosts_only", "_RELAY_HOSTS_ONLY_"},
    {"relay_local_from", "_RELAY_LOCAL_FROM_"},
    {"relay_mail_from", "_RELAY_DB_FROM_"},
    {"relay_mail_from_domain", "_RELAY_DB_FROM_DOMAIN_"},
    {"use_cw_file", "USE_CW_FILE"},
};

enum { FEATURES = sizeof(features) / sizeof(features[0]) };

/* --- facts --------------------------------------------------------------------------- */

/* A fact's file and line; what was made of a macro of cf.m4 has none. */
static void add(struct reader *r, enum sm_kind kind, const char *name, const char *value,
    const struct m4_place *at)
{
	bool known = at->line > 0 && at->file[0] != '\0';

	sm_add(r->sm, kind, name, value, known ? at->file : r->file, known ? at->line : 0);
}

/* As it stands in sendmail.cf: macros in it expanded, quotes that are left taken away. */
static const char *value_of(struct reader *r, const char *text)
{
	const char *whole = m4_expand(r->m, text);
	char *plain = arena_strdup(&r->sm->arena, whole), *to = plain;

	if (plain == NULL) {
		r->sm->failed = true;
		return "";
	}
	for (const char *p = plain; *p != '\0'; p++)
		if (*p != '`' && *p != '\'')
			*to++ = *p;
	*to = '\0';
	return plain;
}

/* The same of a macro; "" where it is not defined. */
static const char *value_of_macro(struct reader *r, const char *name)
{
	const struct m4_macro *m = m4_find(r->m, name);

	return m == NULL ? "" : value_of(r, m->text);
}

static void on_feature(struct reader *r, const struct m4_call *c)
{
	/* "skip", "lookupdotdomain", "relaytofulladdress": each a feature by itself. */
	for (size_t i = 2; i < 5 && strcasecmp(c->args[0], "access_db") == 0; i++)
		if (c->args[i][0] != '\0')
			add(r, SM_FEATURE, c->args[i], "", &c->at);
	if (strcasecmp(c->args[0], "relay_mail_from") == 0 && strcmp(c->args[1], "domain") == 0)
		m4_define(r->m, "_RELAY_DB_FROM_DOMAIN_", "1", &c->at);
	for (size_t i = 0; i < FEATURES; i++)
		if (strcasecmp(c->args[0], features[i].feature) == 0) {
			m4_define(r->m, features[i].macro, c->args[1], &c->at);
			return;
		}
	add(r, SM_FEATURE, c->args[0], value_of(r, c->args[1]), &c->at);
	if (strcmp(c->args[0], "virtusertable") == 0)
		add(r, SM_MAP, "virtuser",
		    c->args[1][0] != '\0' ? value_of(r, c->args[1])
					  : "hash /etc/mail/virtusertable",
		    &c->at);
	if (strcmp(c->args[0], "block_bad_helo") == 0) {
		add(r, SM_CLASS, "w", "[127.0.0.1]", &c->at);
		add(r, SM_CLASS, "w", "[IPv6:::1]", &c->at);
	}
	if (strcmp(c->args[0], "msp") == 0 && !r->has_daemon) {
		add(r, SM_FEATURE, "no_default_msa", "", &c->at);
		add(r, SM_DAEMON, "", "Name=NoMTA, Addr=127.0.0.1, M=E", &c->at);
		m4_define(r->m, "confPRIVACY_FLAGS", "goaway,noetrn,restrictqrun", &c->at);
		r->has_daemon = true;
	}
}

/* As the line of sendmail.cf that m4 makes of it. */
static void on_words(struct reader *r, const char *name, const struct m4_call *c)
{
	const char *row = arena_printf(&r->sm->arena, "C{%s}%s\n", name, value_of(r, c->args[0]));

	if (row == NULL)
		r->sm->failed = true;
	else
		sm_read_cf(r->sm, row, strlen(row), c->at.file, c->at.line);
}

static void on_filter(struct reader *r, const struct m4_call *c)
{
	const struct m4_macro *old = m4_find(r->m, "confINPUT_MAIL_FILTERS");
	const char *all = c->args[0];

	if (old != NULL && old->text[0] != '\0')
		all = arena_printf(&r->sm->arena, "%s, %s", old->text, c->args[0]);
	if (all == NULL)
		r->sm->failed = true;
	else
		m4_define(r->m, "confINPUT_MAIL_FILTERS", all, &c->at);
}

/* The two that come with Sendmail and change what is looked at. */
static void on_files(struct reader *r, const struct m4_call *c)
{
	if (strcmp(c->name, "OSTYPE") == 0 && strcmp(c->args[0], "debian") == 0) {
		m4_define(
		    r->m, "confCR_FILE", "-o MAIL_SETTINGS_DIR`'relay-domains %[^\\#]", &c->at);
		m4_define(
		    r->m, "confCW_FILE", "MAIL_SETTINGS_DIR`'local-host-names %[^\\#]", &c->at);
	} else if (strcmp(c->name, "DOMAIN") == 0 && strcmp(c->args[0], "generic") == 0) {
		m4_define(r->m, "USE_CW_FILE", "", &c->at);
	} else if (strcmp(c->name, "OSTYPE") != 0 && strncmp(c->args[0], "debian-", 7) != 0) {
		findings_note(r->sm->notes, "%s:%u: %s(%s) is not read.", c->at.file, c->at.line,
		    c->name, c->args[0]);
	}
}

static void on_call(void *user, const struct m4_call *c)
{
	static const struct {
		const char *macro, *name;
		enum sm_kind kind;
	} classes[] = {{"RELAY_DOMAIN", "R", SM_CLASS}, {"RELAY_DOMAIN_FILE", "R", SM_FILE},
	    {"LOCAL_DOMAIN", "w", SM_CLASS}, {"VIRTUSER_DOMAIN", "VirtHost", SM_CLASS},
	    {"VIRTUSER_DOMAIN_FILE", "VirtHost", SM_FILE},
	    {"TRUST_AUTH_MECH", "TrustAuthMech", SM_CLASS}};
	struct reader *r = user;

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (strcmp(c->name, classes[i].macro) != 0)
			continue;
		if (classes[i].kind == SM_CLASS)
			on_words(r, classes[i].name, c);
		else
			add(r, SM_FILE, classes[i].name, value_of(r, c->args[0]), &c->at);
		/* Who has virtual domains relays for them, and for all that is below. */
		if (strcmp(classes[i].name, "VirtHost") == 0 && !r->has_virtual)
			add(r, SM_CLASS, "R", "$={VirtHost}", &c->at);
		r->has_virtual = r->has_virtual || strcmp(classes[i].name, "VirtHost") == 0;
		return;
	}
	if (strcmp(c->name, "FEATURE") == 0) {
		on_feature(r, c);
	} else if (strcmp(c->name, "DAEMON_OPTIONS") == 0) {
		add(r, SM_DAEMON, "", value_of(r, c->args[0]), &c->at);
		r->has_daemon = true;
	} else if (strcmp(c->name, "INPUT_MAIL_FILTER") == 0 ||
		   strcmp(c->name, "MAIL_FILTER") == 0) {
		add(r, SM_FILTER, value_of(r, c->args[0]), value_of(r, c->args[1]), &c->at);
		if (c->name[0] == 'I')
			on_filter(r, c);
	} else {
		on_files(r, c);
	}
}

/* --- the files ----------------------------------------------------------------------- */

/* Lines of sendmail.cf between the macros. */
static void on_text(void *user, const char *text, size_t len, const struct m4_place *at)
{
	struct reader *r = user;

	sm_read_cf(r->sm, text, len, at->file, at->line);
}

static const char *on_include(void *user, const char *path, bool silent, size_t *len,
    const char **file, const struct m4_place *at)
{
	struct reader *r = user;
	const char *problem = "it is one of too many", *text = NULL;

	/* m4's own part is in every sendmail.mc. */
	if (strstr(path, "m4/cf.m4") != NULL) {
		m4_comments(r->m, false);
		return NULL;
	}
	*file = audit_path(&audit_sendmail, &r->sm->own, &r->sm->arena, path);
	if (*file != NULL && r->includes < INCLUDES_MAX)
		text = audit_read(&r->sm->arena, *file, len, &problem);
	r->includes++;
	if (text == NULL && !silent)
		findings_note(
		    r->sm->notes, "%s:%u: %s is not read: %s.", at->file, at->line, path, problem);
	return text;
}

static void on_problem(void *user, const struct m4_place *at, bool stops, const char *what)
{
	struct reader *r = user;

	if (stops)
		add(r, SM_PROBLEM, "m4", what, at);
	else
		findings_note(r->sm->notes, "%s:%u: %s.", at->file, at->line, what);
}

static bool includes_cf(const char *text, size_t len)
{
	static const char name[] = "m4/cf.m4";

	for (const char *p = text; (size_t)(p - text) + sizeof(name) <= len; p++)
		if (memcmp(p, name, sizeof(name) - 1) == 0)
			return true;
	return false;
}

/* What is known only at the end of the file, as m4 makes its options of what then holds. */
static void add_defined(struct reader *r)
{
	for (size_t i = 0; i < FEATURES; i++) {
		const struct m4_macro *m = m4_find(r->m, features[i].macro);
		struct m4_place at;
		const char *value;

		if (m == NULL)
			continue;
		at = m->at;
		value = value_of(r, m->text);
		add(r, SM_FEATURE, features[i].feature, value, &at);
		if (strcmp(features[i].feature, "access_db") == 0)
			add(r, SM_MAP, "access",
			    value[0] != '\0'
				? value
				: value_of(
				      r, "DATABASE_MAP_TYPE -T<TMPF> MAIL_SETTINGS_DIR`'access"),
			    &at);
		else if (strcmp(features[i].feature, "use_cw_file") == 0)
			add(r, SM_FILE, "w", value_of_macro(r, "confCW_FILE"), &at);
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		const struct m4_macro *m = m4_find(r->m, options[i].macro);

		if (m != NULL && m->at.line > 0)
			add(r, SM_OPTION, options[i].option, value_of(r, m->text), &m->at);
	}
}

/* What m4 makes of what is not said. */
static void add_defaults(struct reader *r)
{
	static const struct m4_place nowhere = {"", 0};
	const struct m4_macro *cr = m4_find(r->m, "confCR_FILE");

	if (!r->has_daemon)
		add(r, SM_DAEMON, "", "Name=MTA", &nowhere);
	if (sm_last(r->sm, SM_FEATURE, "no_default_msa") == NULL)
		add(r, SM_DAEMON, "", "Port=587, Name=MSA, M=E", &nowhere);
	if (cr != NULL)
		add(r, SM_FILE, "R", value_of(r, cr->text), &cr->at);
}

void sm_read_mc(struct sm *sm, const char *text, size_t len, const char *file)
{
	static const struct m4_place nowhere = {"", 0};
	struct reader r = {.sm = sm, .file = file};
	const struct m4_client client = {&r, on_call, on_text, on_include, on_problem};

	r.m = m4_new(&client);
	if (r.m == NULL) {
		sm->failed = true;
		return;
	}
	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++)
		m4_define(r.m, macros[i].name, macros[i].text, &nowhere);
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		m4_hook(r.m, hooks[i]);
	/* Where the file does not include cf.m4, it was read before. */
	m4_comments(r.m, includes_cf(text, len));
	m4_read(r.m, text, len, file);
	add_defined(&r);
	add_defaults(&r);
	if (m4_failed(r.m))
		add(&r, SM_PROBLEM, "m4", "more macros than this reader follows", &nowhere);
	m4_free(r.m);
}
