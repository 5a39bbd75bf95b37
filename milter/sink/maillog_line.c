#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "sink/maillog.h"

/* A piece of the line; what is searched for is never beyond `end`. */
struct span {
	const char *at, *end;
};

static const char *find(struct span s, const char *what)
{
	return memmem(s.at, (size_t)(s.end - s.at), what, strlen(what));
}

/* Copies what fits and terminates it. */
static void copy(char *out, size_t size, const char *from, const char *to)
{
	size_t n = (size_t)(to - from);

	if (n >= size)
		n = size - 1;
	memcpy(out, from, n);
	out[n] = '\0';
}

/* "2026-11-24T03:00:00.123456+01:00 " */
static bool read_iso_time(struct span *s, usec_t *out)
{
	char text[40];
	const char *blank = memchr(s->at, ' ', (size_t)(s->end - s->at));
	struct tm tm = {0};
	const char *rest;

	if (blank == NULL || blank - s->at < 19 || (size_t)(blank - s->at) >= sizeof(text))
		return false;
	copy(text, sizeof(text), s->at, blank);
	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest == NULL)
		return false;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (strcmp(rest, "Z") != 0 && strptime(rest, "%z", &tm) == NULL)
		return false;
	/* timegm() overwrites the zone. */
	long zone = strcmp(rest, "Z") == 0 ? 0 : tm.tm_gmtoff;
	*out = ((usec_t)timegm(&tm) - zone) * USEC_PER_SEC;
	s->at = blank + 1;
	return true;
}

/* "Nov 24 03:00:00 ": the year is the one that brings it nearest to now without lying a day ahead.
 */
static bool read_old_time(struct span *s, usec_t now, usec_t *out)
{
	char text[16];
	time_t seconds = (time_t)(now / USEC_PER_SEC), t;
	struct tm tm = {0}, today;
	const char *rest;

	if (s->end - s->at < 16 || s->at[15] != ' ')
		return false;
	copy(text, sizeof(text), s->at, s->at + 15);
	localtime_r(&seconds, &today);
	tm.tm_year = today.tm_year;
	rest = strptime(text, "%b %d %H:%M:%S", &tm);
	if (rest == NULL || *rest != '\0')
		return false;
	tm.tm_isdst = -1;
	t = mktime(&tm);
	if (t > seconds + 86400) {
		tm.tm_year = today.tm_year - 1;
		tm.tm_isdst = -1;
		t = mktime(&tm);
	}
	*out = (usec_t)t * USEC_PER_SEC;
	s->at += 16;
	return true;
}

/* "relay=name [203.0.113.9] (may be forged)", "relay=[IPv6:2001:db8::9]", "relay=localhost" */
static void read_relay(struct span s, struct maillog_refusal *out)
{
	const char *open = memchr(s.at, '[', (size_t)(s.end - s.at)), *close;
	const char *name_end = open == NULL ? s.end : open;
	struct addr a;

	while (name_end > s.at && name_end[-1] == ' ')
		name_end--;
	copy(out->client_name, sizeof(out->client_name), s.at, name_end);
	if (open == NULL)
		return;
	close = memchr(open, ']', (size_t)(s.end - open));
	if (close != NULL && addr_parse(open + 1, (size_t)(close - open - 1), &a))
		addr_format(&a, out->client);
}

static bool read_reject(struct span s, struct maillog_refusal *out)
{
	const char *dots;
	size_t n;

	if (s.end - s.at < 4 || (s.at[0] != '4' && s.at[0] != '5') ||
	    !isdigit((unsigned char)s.at[1]) || !isdigit((unsigned char)s.at[2]) || s.at[3] != ' ')
		return false;
	out->code = (unsigned)(s.at[0] - '0') * 100 + (unsigned)(s.at[1] - '0') * 10 +
	            (unsigned)(s.at[2] - '0');
	s.at += 4;
	for (n = 0; s.at + n < s.end && (isdigit((unsigned char)s.at[n]) || s.at[n] == '.'); n++)
		;
	if (n >= 5 && n < sizeof(out->enhanced) && s.at[1] == '.') {
		copy(out->enhanced, sizeof(out->enhanced), s.at, s.at + n);
		s.at += n;
		if (s.at < s.end && *s.at == ' ')
			s.at++;
	}
	dots = find(s, "... ");
	copy(out->reply, sizeof(out->reply), dots == NULL ? s.at : dots + 4, s.end);
	return true;
}

/*
 * "host program[pid]: QUEUEID: ruleset=check_rcpt, arg1=<b@x>, relay=..., reject=550 5.7.1 ..."
 * An address in arg1 may hold anything, this text too: the last ", relay=" before the last ",
 * reject=" is Sendmail's own, which sanitises neither but writes them in this order.
 */
static bool read_fields(struct span s, struct maillog_refusal *out)
{
	static const char start[] = "ruleset=check_rcpt, arg1=";
	const char *rule = find(s, start), *relay = NULL, *reject;
	const char *colon, *host = memchr(s.at, ' ', (size_t)(s.end - s.at));
	struct span rest;

	if (rule == NULL || host == NULL || host > rule)
		return false;
	copy(out->host, sizeof(out->host), s.at, host);
	colon = memmem(host, (size_t)(rule - host), "]: ", 3);
	if (colon == NULL)
		return false;
	if (rule - colon > 5)
		copy(out->queue_id, sizeof(out->queue_id), colon + 3, rule - 2);
	rest = (struct span){rule + strlen(start), s.end};
	reject = find(rest, ", reject=");
	if (reject == NULL)
		return false;
	for (const char *p = rest.at; p != NULL && p < reject;
	     p = memmem(p + 1, (size_t)(reject - p - 1), ", relay=", 8))
		relay = p;
	if (relay == NULL || relay == rest.at)
		return false;
	copy(out->recipient, sizeof(out->recipient), rest.at, relay);
	read_relay((struct span){relay + 8, reject}, out);
	return read_reject((struct span){reject + 9, s.end}, out);
}

bool maillog_line(const char *line, size_t len, usec_t now, struct maillog_refusal *out)
{
	struct span s = {line, line + len};

	memset(out, 0, sizeof(*out));
	if (memmem(line, len, "ruleset=check_rcpt", 18) == NULL)
		return false;
	if (!read_iso_time(&s, &out->time) && !read_old_time(&s, now, &out->time))
		return false;
	return read_fields(s, out);
}
