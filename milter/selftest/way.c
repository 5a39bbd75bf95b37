#include "selftest/way.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/session.h"

/* A session's id is all hexadecimal digits; the MTA's own texts have no such brackets. */
enum { MARK_DIGITS = SESSION_ID_SIZE - 1 };

/* RFC 5321 4.3.2: it closes the connection. */
enum { CLOSING = 421 };

void way_run(const struct way *w, struct row *const *rows, size_t count)
{
	unsigned failures = 0;

	for (size_t done = 0; done < count && failures < 2;) {
		size_t n = w->run_session(w, rows + done, count - done);
		struct result *last = &rows[done + n - 1]->result;

		done += n;
		if (n > 1 && way_has_failed(last) && last->code == CLOSING) {
			/* It has had enough of this session: the row begins another. */
			*last = (struct result){.outcome = OUTCOME_UNTRIED};
			done--;
			continue;
		}
		failures += way_has_failed(last);
	}
}

void way_wait(const struct way *w)
{
	const struct timespec t = {
	    .tv_sec = w->pace / USEC_PER_SEC, .tv_nsec = (long)(w->pace % USEC_PER_SEC) * 1000};

	if (w->pace > 0)
		(void)nanosleep(&t, NULL);
}

static bool line_has_mark(const char *line, size_t len)
{
	const size_t mark = MARK_DIGITS + 2;

	while (len > 0 && line[len - 1] == ' ')
		len--;
	if (len < mark + 1 || line[len - 1] != ']' || line[len - mark] != '[' ||
	    line[len - mark - 1] != ' ')
		return false;
	return strspn(line + len - mark + 1, "0123456789abcdef") == MARK_DIGITS;
}

bool way_has_mark(const char *text)
{
	for (;;) {
		size_t len = strcspn(text, "\n");

		if (line_has_mark(text, len))
			return true;
		if (text[len] == '\0')
			return false;
		text += len + 1;
	}
}

void way_set(struct result *r, enum outcome outcome, enum stage stage, const char *text)
{
	r->outcome = outcome;
	r->stage = stage;
	snprintf(r->text, sizeof(r->text), "%s", text);
}

static enum outcome outcome_of(unsigned code)
{
	switch (code / 100) {
	case 2:
		return OUTCOME_ACCEPTED;
	case 4:
		return OUTCOME_DEFERRED;
	case 5:
		return OUTCOME_REFUSED;
	default:
		return OUTCOME_ERROR;
	}
}

void way_judge(
    struct result *r, unsigned code, const char *enhanced, enum stage stage, const char *text)
{
	bool marked = way_has_mark(text);

	r->code = code;
	snprintf(r->enhanced, sizeof(r->enhanced), "%s", enhanced);
	way_set(r, code == CLOSING && !marked ? OUTCOME_ERROR : outcome_of(code), stage, text);
	r->by = BY_NOBODY;
	if (r->outcome == OUTCOME_REFUSED || r->outcome == OUTCOME_DEFERRED)
		r->by = marked ? BY_GUARD : BY_MTA;
}

bool way_has_failed(const struct result *r)
{
	return r->outcome == OUTCOME_ERROR || r->outcome == OUTCOME_LIMITED;
}

bool way_goes_on(const struct result *r)
{
	return r->outcome != OUTCOME_ERROR && r->code != CLOSING;
}

static bool has_one_of(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasestr(text, *words) != NULL)
			return true;
	return false;
}

bool way_is_rate_limit(const struct result *r)
{
	static const char *const words[] = {"rate limit", "limit exceeded", "too many", "too much",
	    "too fast", "too quickly", "throttl", "slow down", "too busy",
	    /* postscreen's, of who must come again after its tests. */
	    "service currently unavailable", NULL};

	/* "Too many errors" is said of one session, whatever was wrong in it. */
	return r->code / 100 == 4 && r->by != BY_GUARD && has_one_of(r->text, words) &&
	       strcasestr(r->text, "errors") == NULL;
}

bool way_is_for_now(const struct result *r)
{
	static const char *const words[] = {"greylist", "graylist", "grey list", "gray list", NULL};
	/* Before a recipient is known nobody greylists; who says these has no filter then. */
	static const char *const later[] = {"try again", "try later", "come back", "retry",
	    "temporarily deferred", "temporarily rejected", NULL};

	if (way_is_rate_limit(r))
		return true;
	return r->code / 100 == 4 && r->by != BY_GUARD &&
	       (has_one_of(r->text, words) ||
		   (r->stage >= STAGE_RCPT && has_one_of(r->text, later)));
}

bool way_is_without_filter(const struct result *r)
{
	/* Of Postfix and Sendmail, where their settings say that mail shall wait. */
	static const char *const texts[] = {
	    "service unavailable - try again later", "please try again later", NULL};

	return r->code / 100 == 4 && r->by != BY_GUARD && r->stage < STAGE_RCPT &&
	       has_one_of(r->text, texts);
}

bool way_is_about_greeting(const struct result *r)
{
	static const char *const words[] = {"helo command rejected", "invalid helo", "helo name",
	    "invalid domain name", "invalid name in helo", NULL};

	return r->code >= 400 && has_one_of(r->text, words);
}

bool way_is_about_client(const struct result *r)
{
	static const char *const words[] = {"blocked using", "cannot find your", "dnsbl",
	    "blocklist", "block list", "blacklist", NULL};

	return r->code >= 400 && r->by != BY_GUARD && has_one_of(r->text, words);
}

bool way_is_off_point(const struct result *r)
{
	static const char *const words[] = {"spf", "sender address rejected", "sender domain",
	    "domain of sender", "nullmx", "null mx", "does not accept mail", "domain not found",
	    "domain does not exist", "malformed dns", "domain name required", NULL};

	return r->code >= 400 && has_one_of(r->text, words);
}
