#include "wire/smtp.h"

#include <string.h>
#include <strings.h>

/* The code of one line, 0 when it is none; *last tells whether the reply ends with it. */
static unsigned line_code(const char *line, size_t len, bool *last)
{
	unsigned code = 0;

	if (len < 3)
		return 0;
	for (int i = 0; i < 3; i++) {
		if (line[i] < '0' || line[i] > '9')
			return 0;
		code = code * 10 + (unsigned)(line[i] - '0');
	}
	if (len > 3 && line[3] != ' ' && line[3] != '-')
		return 0;
	*last = len == 3 || line[3] == ' ';
	return code >= 200 && code <= 599 ? code : 0;
}

/* "5.7.1 " at the start of the text. */
static void find_enhanced(const char *text, char out[12])
{
	size_t n = strspn(text, "0123456789.");

	out[0] = '\0';
	if (n >= 5 && n < 12 && text[1] == '.' && (text[n] == ' ' || text[n] == '\0') &&
	    strchr("245", text[0]) != NULL) {
		memcpy(out, text, n);
		out[n] = '\0';
	}
}

enum smtp_read smtp_reply_read(
    const char *buf, size_t len, struct strbuf *lines, struct smtp_reply *out, size_t *used)
{
	size_t at = 0;
	bool last = false;

	strbuf_reset(lines);
	*out = (struct smtp_reply){.text = ""};
	while (!last) {
		const char *line = buf + at, *end = memchr(line, '\n', len - at);
		size_t n = end == NULL ? len - at : (size_t)(end - line);
		unsigned code;

		if (n > SMTP_LINE_MAX || out->lines >= SMTP_REPLY_LINES_MAX)
			return SMTP_READ_BAD;
		if (end == NULL)
			return SMTP_READ_MORE;
		at += n + 1;
		if (n > 0 && line[n - 1] == '\r')
			n--;
		code = line_code(line, n, &last);
		if (code == 0 || (out->lines > 0 && code != out->code))
			return SMTP_READ_BAD;
		out->code = code;
		if (out->lines++ > 0)
			strbuf_putc(lines, '\n');
		if (n > 4)
			strbuf_add(lines, line + 4, n - 4);
	}
	if (lines->failed)
		return SMTP_READ_BAD;
	out->text = strbuf_text(lines);
	find_enhanced(out->text, out->enhanced);
	*used = at;
	return SMTP_READ_REPLY;
}

bool smtp_ehlo_offers(
    const struct smtp_reply *ehlo, const char *keyword, const char **arguments, size_t *len)
{
	const char *line = strchr(ehlo->text, '\n');
	size_t n = strlen(keyword);

	/* The first line is the server's name. */
	for (; line != NULL; line = strchr(line, '\n')) {
		line++;
		if (strncasecmp(line, keyword, n) != 0 || strchr(" =\n", line[n]) == NULL)
			continue;
		if (arguments != NULL) {
			*arguments = line + n + (line[n] == ' ' || line[n] == '=');
			*len = strcspn(*arguments, "\n");
		}
		return true;
	}
	return false;
}

void smtp_write_xtext(struct strbuf *b, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] >= '!' && s[i] <= '~' && s[i] != '+' && s[i] != '=')
			strbuf_putc(b, s[i]);
		else
			strbuf_printf(b, "+%02X", (unsigned)(unsigned char)s[i]);
	}
}

static void write_attribute(struct strbuf *b, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	strbuf_printf(b, " %s=", name);
	smtp_write_xtext(b, value, strlen(value));
}

void smtp_write_xclient(struct strbuf *b, const struct addr *client, const char *name,
    const char *helo, const char *login)
{
	char text[ADDR_TEXT_MAX];

	addr_format(client, text);
	strbuf_printf(b, "XCLIENT ADDR=%s%s", client->family == ADDR_V6 ? "IPV6:" : "", text);
	write_attribute(b, "NAME", name);
	write_attribute(b, "HELO", helo);
	write_attribute(b, "LOGIN", login);
	strbuf_puts(b, "\r\n");
}
