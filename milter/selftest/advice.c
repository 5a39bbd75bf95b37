/* What is wrong, and what to change: plain words under the table. */
#include <string.h>

#include "base/escape.h"
#include "selftest/guard.h"
#include "selftest/report.h"

/* Examples named before the rest is only counted. */
enum { CLIENTS_MAX = 3, EXAMPLES_MAX = 6 };

enum fault {
	FAULT_RELAYED,    /* a stranger could relay */
	FAULT_UNDER_WAY,  /* a friend could not */
	FAULT_NOT_IN,     /* mail for us could not come in */
	FAULT_LET_IN,     /* mail for us came in, and must not by the configuration */
	FAULT_NOT_ASKED,  /* the guard was not asked */
	FAULT_UNFILTERED, /* mail passed while the guard was down */
	FAULT_LOST,       /* mail was refused for good while the guard was down */
	FAULT_ERROR,
	FAULTS
};

static bool fault_of(const struct row *row, enum fault *out)
{
	if (row_is_right(row))
		return false;
	if (row->result.outcome == OUTCOME_ERROR || row->result.outcome == OUTCOME_UNTRIED)
		*out = FAULT_ERROR;
	else if (row->actor->place->unguarded && row->probe->kind != PROBE_RELAY)
		*out = row->result.outcome == OUTCOME_REFUSED ? FAULT_LOST : FAULT_UNFILTERED;
	else if (row->expected == EXPECT_ASKED)
		*out = FAULT_NOT_ASKED;
	else if (row->expected == EXPECT_REFUSED)
		*out = row->probe->kind == PROBE_CONTROL ? FAULT_LET_IN : FAULT_RELAYED;
	else
		*out = row->probe->kind == PROBE_FRIEND ? FAULT_UNDER_WAY : FAULT_NOT_IN;
	return true;
}

static void add_safe(struct strbuf *b, const char *s)
{
	escape_text(b, s, strlen(s));
}

static void add_client(struct strbuf *b, const struct actor *a)
{
	char client[ADDR_TEXT_MAX];

	addr_format(&a->connect.client_addr, client);
	if (*a->place->name != '\0')
		strbuf_printf(b, "%s: ", a->place->name);
	add_safe(b, a->name);
	strbuf_printf(b, " (%s", client);
	if (a->mail.auth_login != NULL) {
		strbuf_puts(b, ", login ");
		add_safe(b, a->mail.auth_login);
	}
	strbuf_putc(b, ')');
}

static void add_example(struct strbuf *b, const struct row *row)
{
	strbuf_printf(b, "  %s: ", row->probe->name);
	add_safe(b, row->from);
	strbuf_puts(b, " to ");
	add_safe(b, row->to);
	if (*row->by_rule != '\0') {
		strbuf_puts(b, "\n    by rule ");
		add_safe(b, row->by_rule);
	}
	if (row->blame != NULL) {
		strbuf_printf(b, "\n    by %s, ", row->blame->id);
		add_safe(b, row->blame->where);
	}
	strbuf_puts(b, "\n    ");
	report_reply(&row->result, b);
	strbuf_printf(
	    b, "%s\n", row->result.code == 0 && *row->result.text == '\0' ? "accepted" : "");
}

static const char *headline(enum fault fault)
{
	static const char *const lines[FAULTS] = {
	    [FAULT_RELAYED] = "could relay, and must not:",
	    [FAULT_UNDER_WAY] = "could not relay, and may:",
	    [FAULT_NOT_IN] = "could not send to our own domain:",
	    [FAULT_LET_IN] = "could send to our own domain, and must not:",
	    [FAULT_NOT_ASKED] = "was not shown to the guard:",
	    [FAULT_UNFILTERED] = "did not have to wait until the guard is back:",
	    [FAULT_LOST] = "was refused for good, and should wait until the guard is back:",
	    [FAULT_ERROR] = "could not be tried:",
	};

	return lines[fault];
}

static void what_to_do_for_relayed(const struct report *r, const struct row *row, struct strbuf *b)
{
	char client[ADDR_TEXT_MAX];

	addr_format(&row->actor->connect.client_addr, client);
	if (r->plan->monitor)
		strbuf_puts(b, "  The configuration says `mode = monitor`, which refuses nothing: "
			       "set it to enforce.\n");
	else if (strcmp(row->actor->place->way->kind, "milter") == 0)
		strbuf_printf(b, "  %s\n  relay-guard explain --client %s --to '...' tells more.\n",
		    *row->by_rule == '\0' ? "The configuration refuses it: the daemon runs with "
					    "another one. Reload it."
					  : "The rule is too wide: name its networks, or what the "
					    "client must prove.",
		    client);
	else if (!row->confirmed && row->result.outcome == OUTCOME_ACCEPTED &&
		 row->actor->place->guarded && *row->by_rule == '\0' &&
		 plan_leads_to_us(r->plan, row->to))
		strbuf_puts(b, "  The guard would refuse it, and was not asked. Whether the mail "
			       "server keeps it "
			       "or passes\n  it on is not known: --confirm tells.\n");
	else if (row->actor->place->unguarded)
		strbuf_puts(b, "  This is an open relay whenever the guard is down. Postfix: "
			       "milter_default_action =\n  tempfail; Sendmail: F=T in "
			       "INPUT_MAIL_FILTER. And the "
			       "MTA itself should refuse\n  strangers.\n");
	else
		strbuf_puts(b,
		    "  This is an open relay. The guard was not asked, or permits it: is it in "
		    "smtpd_milters\n  (Postfix) or INPUT_MAIL_FILTER (Sendmail) of this "
		    "listener? The MTA itself should refuse\n  strangers too: look at "
		    "mynetworks and smtpd_relay_restrictions, or the access map.\n");
}

static void what_to_do_without_filter(struct strbuf *b)
{
	strbuf_puts(b, "  The mail server's filter does not answer, and all mail waits for it: is "
		       "`relay-guard\n  serve` running, and is it at the socket that smtpd_milters "
		       "(Postfix) or\n  INPUT_MAIL_FILTER (Sendmail) names?\n");
}

static void what_to_do_for_refused(const struct row *row, const char *what, struct strbuf *b)
{
	if (way_is_without_filter(&row->result))
		what_to_do_without_filter(b);
	else if (row->result.by == BY_MTA)
		strbuf_printf(b, "  It is the MTA that refuses: %s\n", what);
	else
		strbuf_puts(b, "  It is the guard that refuses: see why with relay-guard explain, "
			       "and reload it when\n  its configuration was changed.\n");
	if (*row->actor->where != '\0') {
		strbuf_puts(b, "  Rule ");
		add_safe(b, row->actor->name);
		strbuf_puts(b, " (");
		add_safe(b, row->actor->where);
		strbuf_puts(b, ") permits it.\n");
	}
}

/* Another row of this fault, before this one, that has the same line to write? */
static bool is_told(const struct report *r, size_t i, enum fault fault)
{
	const struct row *rows = r->plan->rows;
	enum fault found;

	for (size_t k = 0; k < i; k++)
		if (rows[k].blame != NULL && fault_of(&rows[k], &found) && found == fault &&
		    strcmp(rows[k].blame->id, rows[i].blame->id) == 0 &&
		    strcmp(rows[k].blame->where, rows[i].blame->where) == 0)
			return true;
	return false;
}

/* The lines of the mail server's configuration that are to blame. */
static void tell_lines(const struct report *r, enum fault fault, struct strbuf *b)
{
	enum fault found;

	for (size_t i = 0; i < r->plan->row_count; i++) {
		const struct row *row = &r->plan->rows[i];

		if (row->blame == NULL || !fault_of(row, &found) || found != fault ||
		    is_told(r, i, fault))
			continue;
		strbuf_puts(b, "  ");
		add_safe(b, row->blame->where);
		strbuf_printf(b, ": %s", row->blame->id);
		if (*row->blame->instead != '\0')
			strbuf_puts(b, "; write instead:\n    ");
		add_safe(b, row->blame->instead);
		strbuf_putc(b, '\n');
	}
}

static void what_to_do(
    const struct report *r, const struct row *row, enum fault fault, struct strbuf *b)
{
	switch (fault) {
	case FAULT_RELAYED:
		what_to_do_for_relayed(r, row, b);
		break;
	case FAULT_UNDER_WAY:
		what_to_do_for_refused(
		    row, "it must know the same networks (mynetworks, access map) and logins.", b);
		break;
	case FAULT_NOT_IN:
		what_to_do_for_refused(row,
		    "the domain must be in mydestination, relay_domains or class w, and its\n"
		    "  postmaster must exist. Where the sender is refused, choose another with "
		    "--outside.",
		    b);
		break;
	case FAULT_LET_IN:
		strbuf_puts(b, "  The configuration turns this client away: is it the one that the "
			       "guard runs with?\n");
		break;
	case FAULT_NOT_ASKED:
		if (way_is_without_filter(&row->result))
			what_to_do_without_filter(b);
		else if (guard_is_out_of_reach(row))
			strbuf_puts(b,
			    "  Nothing gets as far as the guard: mail is refused there "
			    "without STARTTLS or a login,\n  and STARTTLS is put off. So it "
			    "is while the mail server's filter does not answer:\n  is "
			    "`relay-guard serve` running, at the socket that smtpd_milters "
			    "(Postfix) or\n  INPUT_MAIL_FILTER (Sendmail) names? Or its "
			    "certificate or key can't be read.\n");
		else
			strbuf_puts(b, "  This listener bypasses the guard. Is it running, and in "
				       "smtpd_milters\n"
				       "  (Postfix: also of the service in master.cf, and not "
				       "disabled by\n"
				       "  smtpd_milter_maps) or in INPUT_MAIL_FILTER and "
				       "InputMailFilters (Sendmail)?\n");
		break;
	case FAULT_UNFILTERED:
	case FAULT_LOST:
		strbuf_puts(b,
		    "  While the guard is down, mail must wait. Postfix: milter_default_action =\n"
		    "  tempfail, also in the braces of smtpd_milters. Sendmail: F=T in\n"
		    "  INPUT_MAIL_FILTER.\n");
		break;
	case FAULT_ERROR:
	case FAULTS:
		strbuf_puts(b, "  Is the service up, and does it take this many sessions? Its log "
			       "tells more.\n");
		break;
	}
}

/* The clients of one fault, the first few with examples. */
struct telling {
	const struct report *r;
	enum fault fault;
	const struct row *first;
	size_t shown, left_clients, left_rows;
};

static void tell_client(struct telling *t, const struct actor *a, struct strbuf *b)
{
	const struct plan *p = t->r->plan;
	enum fault found;
	size_t n = 0;

	for (size_t i = 0; i < p->row_count; i++) {
		const struct row *row = &p->rows[i];

		if (row->actor != a || !fault_of(row, &found) || found != t->fault)
			continue;
		n++;
		t->first = t->first == NULL ? row : t->first;
		t->left_rows += t->shown >= CLIENTS_MAX;
		if (t->shown >= CLIENTS_MAX)
			continue;
		if (n == 1) {
			strbuf_putc(b, '\n');
			add_client(b, a);
			strbuf_printf(b, " %s\n", headline(t->fault));
		}
		if (n <= EXAMPLES_MAX)
			add_example(b, row);
	}
	if (n == 0)
		return;
	if (t->shown++ >= CLIENTS_MAX)
		t->left_clients++;
	else if (n > EXAMPLES_MAX)
		strbuf_printf(b, "  and %zu more\n", n - EXAMPLES_MAX);
}

void report_advice(const struct report *r, struct strbuf *b)
{
	for (unsigned f = 0; f < FAULTS; f++) {
		struct telling t = {.r = r, .fault = (enum fault)f};

		for (size_t i = 0; i < r->plan->actor_count; i++)
			tell_client(&t, &r->plan->actors[i], b);
		if (t.left_clients > 0)
			strbuf_printf(b, "\nThe same of %zu more clients, in %zu rows.\n",
			    t.left_clients, t.left_rows);
		if (t.first != NULL)
			what_to_do(r, t.first, t.fault, b);
		if (t.first != NULL)
			tell_lines(r, t.fault, b);
	}
}
