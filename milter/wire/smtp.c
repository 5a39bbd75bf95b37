#include "wire/smtp.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

/* --- replies --------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Can these bytes begin a line of a reply? What is no SMTP is told as soon as it is seen. */
static bool may_be_reply(const char *s, size_t len)
{
	if (len > 0 && (s[0] < '2' || s[0] > '5'))
		return false;
	for (size_t i = 1; i < len && i < 3; i++)
		if (!is_digit(s[i]))
			return false;
	return len < 4 || strchr(" -\r\n", s[3]) != NULL;
}

/* Up to three digits, without a sign or a leading zero of a longer number. Their count, or 0. */
static size_t number_length(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && n < 4 && is_digit(s[n]))
		n++;
	return n > 3 || (n > 1 && s[0] == '0') ? 0 : n;
}

size_t smtp_enhanced_read(const char *s, size_t len, unsigned code, char out[SMTP_ENHANCED_SIZE])
{
	size_t subject, detail, all;

	out[0] = '\0';
	if (len < 5 || (unsigned)(s[0] - '0') != code / 100 || s[1] != '.' ||
	    (code / 100 != 2 && code / 100 != 4 && code / 100 != 5))
		return 0;
	subject = number_length(s + 2, len - 2);
	if (subject == 0 || 2 + subject >= len || s[2 + subject] != '.')
		return 0;
	detail = number_length(s + 3 + subject, len - 3 - subject);
	all = 3 + subject + detail;
	if (detail == 0 || (all < len && s[all] != ' '))
		return 0;
	memcpy(out, s, all);
	out[all] = '\0';
	return all < len ? all + 1 : all;
}

static bool add_line(struct strbuf *lines, struct smtp_reply *out, const char *s, size_t len)
{
	unsigned code =
	    (unsigned)(s[0] - '0') * 100 + (unsigned)(s[1] - '0') * 10 + (unsigned)(s[2] - '0');
	char enhanced[SMTP_ENHANCED_SIZE];
	size_t skip = len > 3 ? 4 : 3;

	if (out->lines >= SMTP_REPLY_LINES_MAX || (out->lines > 0 && code != out->code))
		return false;
	if (out->lines++ > 0)
		strbuf_putc(lines, '\n');
	out->code = code;
	skip += smtp_enhanced_read(s + skip, len - skip, code, enhanced);
	if (*out->enhanced == '\0')
		memcpy(out->enhanced, enhanced, sizeof(enhanced));
	strbuf_add(lines, s + skip, len - skip);
	return !lines->failed;
}

enum smtp_read smtp_reply_read(
    const char *buf, size_t len, struct strbuf *lines, struct smtp_reply *out, size_t *used)
{
	size_t start = 0;

	strbuf_reset(lines);
	*out = (struct smtp_reply){.text = ""};
	for (;;) {
		const char *s = buf + start;
		size_t left = len - start, line;
		const char *lf = left == 0 ? NULL : memchr(s, '\n', left);
		bool more;

		if (!may_be_reply(s, left))
			return SMTP_READ_BAD;
		line = lf == NULL ? left : (size_t)(lf - s);
		if (line > SMTP_LINE_MAX)
			return SMTP_READ_BAD;
		if (lf == NULL)
			return SMTP_READ_MORE;
		start += line + 1;
		if (line > 0 && s[line - 1] == '\r')
			line--;
		if (line < 3 || memchr(s, '\0', line) != NULL || !add_line(lines, out, s, line))
			return SMTP_READ_BAD;
		more = line > 3 && s[3] == '-';
		if (!more)
			break;
	}
	out->text = strbuf_text(lines);
	*used = start;
	return SMTP_READ_REPLY;
}

/* --- EHLO ------------------------------------------------------------------ */

bool smtp_ehlo_offers(
    const struct smtp_reply *ehlo, const char *keyword, const char **arguments, size_t *len)
{
	size_t n = strlen(keyword);

	/* The first line is the server's name. */
	for (const char *s = strchr(ehlo->text, '\n'); s != NULL; s = strchr(s, '\n')) {
		s++;
		/* "AUTH=" is how old servers wrote it for old clients. */
		if (strncasecmp(s, keyword, n) != 0 || strchr(" =\n", s[n]) == NULL)
			continue;
		if (arguments != NULL) {
			*arguments = s + n + (s[n] == ' ' || s[n] == '=');
			*len = strcspn(*arguments, "\n");
		}
		return true;
	}
	return false;
}

bool smtp_has_word(const char *arguments, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0, end; i < len; i = end + 1) {
		for (end = i; end < len && arguments[end] != ' ';)
			end++;
		if (end - i == n && strncasecmp(arguments + i, word, n) == 0)
			return true;
	}
	return false;
}

/* --- other texts ----------------------------------------------------------- */

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Of 24.11.2026 and 2026.11.24. */
static bool is_date(const char *s, size_t len)
{
	size_t groups = 1, first = strspn(s, "0123456789"), last = 0;

	for (size_t i = 0; i < len; i++) {
		groups += s[i] == '.';
		last = s[i] == '.' ? 0 : last + 1;
	}
	return groups == 3 && (first == 4 || last == 4);
}

/* Numbers with dots between them: how many bytes; 0: there is one number at most. */
static size_t dotted_length(const char *s, size_t len)
{
	size_t n = 0, end = 0, dots = 0;

	while (n < len && is_digit(s[n])) {
		while (n < len && is_digit(s[n]))
			n++;
		end = n;
		if (n + 1 >= len || s[n] != '.' || !is_digit(s[n + 1]))
			break;
		dots++;
		n++;
	}
	return dots == 0 ? 0 : end;
}

/* 8.17.1.9 is a version of Sendmail: it is an address in brackets, or where none is so high. */
static bool is_address(const char *s, size_t len, bool bracketed)
{
	enum { HIGH = 20 };
	struct addr a;

	return addr_parse(s, len, &a) && (bracketed || a.bytes[0] > HIGH);
}

/* "Postfix-3.7.11", "8.17.1.9/8.17.1.9", "v2.0rc1": not within a host's name. */
static bool word_has_version(const char *s, size_t len, bool bracketed)
{
	for (size_t i = 0, n; i < len; i += n == 0 ? 1 : n) {
		bool begins = i == 0 || !is_alnum(s[i - 1]) || s[i - 1] == 'v' || s[i - 1] == 'V';

		n = begins ? dotted_length(s + i, len - i) : 0;
		if (n == 0 || (i > 0 && s[i - 1] == '.') || is_date(s + i, n) ||
		    is_address(s + i, n, bracketed))
			continue;
		/* What goes on with a dot, or had one before, is a name. */
		if (i + n < len && s[i + n] == '.' && i + n + 1 < len && is_alnum(s[i + n + 1]))
			continue;
		return true;
	}
	return false;
}

bool smtp_has_version(const char *welcome)
{
	const char *s = welcome + strcspn(welcome, " \n");

	while (*s != '\0') {
		size_t len;

		s += strspn(s, " \n;,/()[]<>\"");
		len = strcspn(s, " \n;,/()[]<>\"");
		if (word_has_version(s, len, s > welcome && s[-1] == '['))
			return true;
		s += len;
	}
	return false;
}

static int base64_value(char c)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

size_t smtp_read_base64(const char *text, unsigned char *out, size_t size)
{
	size_t len = strcspn(text, "\r\n "), pad = 0, n = 0;
	uint32_t bits = 0;

	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	if (len == 0 || len % 4 != 0 || len / 4 * 3 - pad > size)
		return 0;
	for (size_t i = 0; i < len - pad; i++) {
		int value = base64_value(text[i]);

		if (value < 0)
			return 0;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4 > 0)
			out[n++] = (unsigned char)(bits >> (6 - 2 * (i % 4)) & 0xff);
	}
	return n;
}

/* --- commands -------------------------------------------------------------- */

void smtp_write_xtext(struct strbuf *b, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c > 32 && c < 127 && c != '+' && c != '=')
			strbuf_putc(b, (char)c);
		else
			strbuf_printf(b, "+%02X", (unsigned)c);
	}
}

static void write_attribute(struct strbuf *b, const char *name, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	strbuf_printf(b, " %s=", name);
	smtp_write_xtext(b, value, strlen(value));
}

void smtp_write_xclient(struct strbuf *b, const struct addr *client, const char *name,
    const char *helo, const char *login)
{
	char text[ADDR_TEXT_MAX];

	addr_format(client, text);
	strbuf_puts(b, "XCLIENT ADDR=");
	if (client->family == ADDR_V6)
		strbuf_puts(b, "IPV6:");
	strbuf_puts(b, *text == '\0' ? "[UNAVAILABLE]" : text);
	write_attribute(b, "NAME", name);
	write_attribute(b, "HELO", helo);
	write_attribute(b, "LOGIN", login);
	strbuf_puts(b, "\r\n");
}

void smtp_write_base64(struct strbuf *b, const char *s, size_t len)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = 0;

		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (k < n ? (unsigned char)s[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			strbuf_add(b, k <= n ? &digits[v >> (18 - 6 * k) & 63] : "=", 1);
	}
}

static void write_number(struct strbuf *b, unsigned n)
{
	const char bytes[] = {(char)(n >> 8 & 0xff), (char)(n & 0xff)};

	strbuf_add(b, bytes, sizeof(bytes));
}

static void write_address(struct strbuf *b, const struct addr *a)
{
	strbuf_add(b, (const char *)a->bytes, a->family == ADDR_V6 ? 16 : 4);
}

void smtp_write_proxy(struct strbuf *b, unsigned version, const struct addr *client,
    uint16_t client_port, const struct addr *server, uint16_t server_port)
{
	char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX];
	bool v6 = client->family == ADDR_V6;

	if (version == 1) {
		addr_format(client, from);
		addr_format(server, to);
		strbuf_printf(b, "PROXY TCP%c %s %s %u %u\r\n", v6 ? '6' : '4', from, to,
		    (unsigned)client_port, (unsigned)server_port);
		return;
	}
	/* The signature; version 2, PROXY; TCP over the family. */
	strbuf_add(b, "\r\n\r\n\0\r\nQUIT\n\x21", 13);
	strbuf_putc(b, v6 ? '\x21' : '\x11');
	write_number(b, v6 ? 36 : 12);
	write_address(b, client);
	write_address(b, server);
	write_number(b, client_port);
	write_number(b, server_port);
}

void smtp_write_auth_plain(struct strbuf *b, const char *user, const char *password)
{
	struct strbuf secret = {0};

	strbuf_putc(&secret, '\0');
	strbuf_puts(&secret, user);
	strbuf_putc(&secret, '\0');
	strbuf_puts(&secret, password);
	strbuf_puts(b, "AUTH PLAIN ");
	if (!secret.failed)
		smtp_write_base64(b, secret.data, secret.len);
	strbuf_puts(b, "\r\n");
	b->failed = b->failed || secret.failed;
	if (secret.data != NULL)
		explicit_bzero(secret.data, secret.cap);
	strbuf_free(&secret);
}
