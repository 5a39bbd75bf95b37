#include "wire/milter.h"

#include <stdio.h>
#include <string.h>

static uint32_t get32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static void put32(char *p, uint32_t v)
{
	for (int i = 3; i >= 0; i--, v >>= 8)
		p[i] = (char)(v & 0xff);
}

enum milter_read milter_frame_read(
    const char *buf, size_t len, struct milter_frame *out, size_t *used)
{
	uint32_t size;

	if (len < 4)
		return MILTER_READ_MORE;
	size = get32(buf);
	if (size == 0 || size > MILTER_FRAME_MAX)
		return MILTER_READ_BAD;
	if (len - 4 < size)
		return MILTER_READ_MORE;
	*out = (struct milter_frame){.command = buf[4], .payload = buf + 5, .len = size - 1};
	*used = (size_t)4 + size;
	return MILTER_READ_FRAME;
}

void milter_frame_write(struct strbuf *b, char command, const void *payload, size_t len)
{
	char head[5];

	if (len >= MILTER_FRAME_MAX) {
		b->failed = true;
		return;
	}
	put32(head, (uint32_t)len + 1);
	head[4] = command;
	strbuf_add(b, head, sizeof(head));
	strbuf_add(b, payload, len);
}

void milter_write_negotiate(struct strbuf *b, const struct milter_options *offer)
{
	char payload[12];

	put32(payload, offer->version);
	put32(payload + 4, offer->actions);
	put32(payload + 8, offer->protocol);
	milter_frame_write(b, MILTER_NEGOTIATE, payload, sizeof(payload));
}

bool milter_read_negotiate(const struct milter_frame *f, struct milter_options *out,
    const char **macros, size_t *macros_len)
{
	if (f->command != MILTER_NEGOTIATE || f->len < 12)
		return false;
	out->version = get32(f->payload);
	out->actions = get32(f->payload + 4);
	out->protocol = get32(f->payload + 8);
	if (macros != NULL) {
		*macros = f->payload + 12;
		*macros_len = f->len - 12;
	}
	return true;
}

/* A frame is begun with a size that frame_end() puts right. */
static size_t frame_begin(struct strbuf *b, char command)
{
	size_t at = b->len;

	strbuf_add(b, "\0\0\0\0", 4);
	strbuf_putc(b, command);
	return at;
}

static void frame_end(struct strbuf *b, size_t at)
{
	if (!b->failed && b->len - at - 4 <= MILTER_FRAME_MAX)
		put32(b->data + at, (uint32_t)(b->len - at - 4));
	else
		b->failed = true;
}

static void add_string(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s) + 1);
}

void milter_write_macros(struct strbuf *b, char command, const char *const *pairs)
{
	size_t at = frame_begin(b, MILTER_MACROS);

	strbuf_putc(b, command);
	for (; *pairs != NULL; pairs++)
		add_string(b, *pairs);
	frame_end(b, at);
}

void milter_write_connect(struct strbuf *b, const char *name, const struct addr *a, uint16_t port)
{
	size_t at = frame_begin(b, MILTER_CONNECT);
	const char number[2] = {(char)(port >> 8), (char)(port & 0xff)};
	char text[ADDR_TEXT_MAX];

	add_string(b, name);
	if (a->family == ADDR_NONE) {
		strbuf_putc(b, 'U');
	} else {
		addr_format(a, text);
		strbuf_putc(b, a->family == ADDR_V4 ? '4' : '6');
		strbuf_add(b, number, 2);
		add_string(b, text);
	}
	frame_end(b, at);
}

void milter_write_helo(struct strbuf *b, const char *helo)
{
	milter_frame_write(b, MILTER_HELO, helo, strlen(helo) + 1);
}

void milter_write_envelope(
    struct strbuf *b, char command, const char *address, const char *const *parameters)
{
	size_t at = frame_begin(b, command);

	add_string(b, address);
	for (; parameters != NULL && *parameters != NULL; parameters++)
		add_string(b, *parameters);
	frame_end(b, at);
}

/* "550 5.7.1 text", with '%' doubled by the milter and made single here, as the MTA does. */
static bool read_reply_code(const struct milter_frame *f, struct milter_reply *out)
{
	const char *p = f->payload, *end = p + f->len;
	size_t n = 0;

	if (f->len < 5 || memchr(p, '\0', f->len) != end - 1 || p[3] != ' ')
		return false;
	for (int i = 0; i < 3; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		out->code = out->code * 10 + (unsigned)(p[i] - '0');
	}
	p += 4;
	n = strspn(p, "0123456789.");
	if (n >= 5 && n < sizeof(out->enhanced) && p[n] == ' ' && p[1] == '.') {
		memcpy(out->enhanced, p, n);
		p += n + 1;
	}
	for (n = 0; p < end - 1 && n + 1 < sizeof(out->text); p++) {
		out->text[n++] = *p;
		if (p[0] == '%' && p[1] == '%')
			p++;
	}
	return out->code >= 400 && out->code <= 599;
}

bool milter_read_reply(const struct milter_frame *f, struct milter_reply *out)
{
	*out = (struct milter_reply){.command = f->command};
	switch (f->command) {
	case 'c':
	case 'a':
	case 'r':
	case 't':
	case 'd':
	case 's':
	case 'p':
	case 'f':
		return f->len == 0;
	case 'y':
		return read_reply_code(f, out);
	case '+':
	case '2':
	case '-':
	case 'b':
	case 'h':
	case 'i':
	case 'm':
	case 'e':
	case 'q':
		return f->len > 0;
	default:
		return false;
	}
}

bool milter_reply_is_final(char command)
{
	return command != '\0' && strchr("cartdsyf", command) != NULL;
}
