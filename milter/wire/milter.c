#include "wire/milter.h"

#include <string.h>
#include <strings.h>

#include "wire/smtp.h"

/* --- stages ---------------------------------------------------------------- */

/* SMFIM_*, and the bits of enum milter_protocol. macros -1: a stage that has none of its own. */
static const struct stage {
	char command;
	uint32_t no, unanswered;
	int macros;
} stages[] = {
    {MILTER_CONNECT, MILTER_NO_CONNECT, MILTER_NR_CONNECT, 0},
    {MILTER_HELO, MILTER_NO_HELO, MILTER_NR_HELO, 1},
    {MILTER_MAIL, MILTER_NO_MAIL, MILTER_NR_MAIL, 2},
    {MILTER_RCPT, MILTER_NO_RCPT, MILTER_NR_RCPT, 3},
    {MILTER_DATA, MILTER_NO_DATA, MILTER_NR_DATA, 4},
    {MILTER_HEADER, MILTER_NO_HEADER, MILTER_NR_HEADER, -1},
    {MILTER_EOH, MILTER_NO_EOH, MILTER_NR_EOH, 6},
    {MILTER_BODY, MILTER_NO_BODY, MILTER_NR_BODY, -1},
    {MILTER_EOM, 0, 0, 5},
    {MILTER_UNKNOWN, MILTER_NO_UNKNOWN, MILTER_NR_UNKNOWN, -1},
};

static const struct stage *stage_of(char command)
{
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		if (stages[i].command == command)
			return &stages[i];
	return NULL;
}

bool milter_wants(uint32_t protocol, char command)
{
	const struct stage *s = stage_of(command);

	return s == NULL || (protocol & s->no) == 0;
}

bool milter_answers(uint32_t protocol, char command)
{
	const struct stage *s = stage_of(command);

	return s != NULL && (protocol & (s->no | s->unanswered)) == 0;
}

/* --- frames ---------------------------------------------------------------- */

static uint32_t load32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static void store32(char *p, uint32_t v)
{
	for (unsigned i = 4; i-- > 0; v >>= 8)
		p[i] = (char)(unsigned char)v;
}

enum milter_read milter_frame_read(
    const char *buf, size_t len, struct milter_frame *out, size_t *used)
{
	uint32_t size;

	if (len < 4)
		return MILTER_READ_MORE;
	size = load32(buf);
	if (size == 0 || size > MILTER_FRAME_MAX)
		return MILTER_READ_BAD;
	if (len - 4 < size)
		return MILTER_READ_MORE;
	*out = (struct milter_frame){buf[4], buf + 5, size - 1};
	*used = (size_t)size + 4;
	return MILTER_READ_FRAME;
}

void milter_frame_write(struct strbuf *b, char command, const void *payload, size_t len)
{
	char head[5];

	if (len >= MILTER_FRAME_MAX) {
		b->failed = true;
		return;
	}
	store32(head, (uint32_t)len + 1);
	head[4] = command;
	strbuf_add(b, head, sizeof(head));
	if (len > 0)
		strbuf_add(b, payload, len);
}

/* A frame whose payload is added piece by piece; its length is written at the end. */
static size_t frame_begin(struct strbuf *b, char command)
{
	size_t start = b->len;

	milter_frame_write(b, command, NULL, 0);
	return start;
}

static void frame_end(struct strbuf *b, size_t start)
{
	if (b->failed)
		return;
	if (b->len - start - 4 > MILTER_FRAME_MAX)
		b->failed = true;
	else
		store32(b->data + start, (uint32_t)(b->len - start - 4));
}

static void add_string(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s) + 1);
}

/* --- negotiation ----------------------------------------------------------- */

void milter_write_negotiate(struct strbuf *b, const struct milter_options *offer)
{
	char payload[12];

	store32(payload, offer->version);
	store32(payload + 4, offer->actions);
	store32(payload + 8, offer->protocol);
	milter_frame_write(b, MILTER_NEGOTIATE, payload, sizeof(payload));
}

bool milter_read_negotiate(const struct milter_frame *f, struct milter_options *out,
    const char **macros, size_t *macros_len)
{
	if (f->command != MILTER_NEGOTIATE || f->len < 12)
		return false;
	*out = (struct milter_options){
	    load32(f->payload), load32(f->payload + 4), load32(f->payload + 8)};
	if (macros != NULL) {
		*macros = f->payload + 12;
		*macros_len = f->len - 12;
	}
	return true;
}

bool milter_macros_wanted(
    const char *macros, size_t len, char command, const char **list, size_t *list_len)
{
	const struct stage *s = stage_of(command);

	while (len > 4) {
		uint32_t stage = load32(macros);
		const char *end = memchr(macros + 4, '\0', len - 4);

		if (end == NULL)
			return false;
		if (s != NULL && s->macros >= 0 && stage == (uint32_t)s->macros) {
			*list = macros + 4;
			*list_len = (size_t)(end - *list);
			return true;
		}
		len -= (size_t)(end + 1 - macros);
		macros = end + 1;
	}
	return false;
}

/* A macro's name without its braces. */
static const char *bare_name(const char *name, size_t *len)
{
	if (*len < 2 || name[0] != '{' || name[*len - 1] != '}')
		return name;
	*len -= 2;
	return name + 1;
}

bool milter_macro_in(const char *list, size_t len, const char *name)
{
	size_t wanted_len = strlen(name);
	const char *wanted = bare_name(name, &wanted_len);

	for (size_t i = 0, end; i < len; i = end + 1) {
		size_t word_len;
		const char *word;

		for (end = i; end < len && list[end] != ' ';)
			end++;
		word_len = end - i;
		word = bare_name(list + i, &word_len);
		if (word_len == wanted_len && memcmp(word, wanted, word_len) == 0)
			return true;
	}
	return false;
}

/* --- commands -------------------------------------------------------------- */

void milter_write_macros(struct strbuf *b, char command, const char *const *pairs)
{
	size_t start = frame_begin(b, MILTER_MACROS);

	strbuf_putc(b, command);
	for (; *pairs != NULL; pairs++)
		add_string(b, *pairs);
	frame_end(b, start);
}

void milter_write_connect(struct strbuf *b, const char *name, const struct addr *a, uint16_t port)
{
	static const char families[] = {
	    [ADDR_NONE] = 'U',
	    [ADDR_V4] = '4',
	    [ADDR_V6] = '6',
	};
	const char port_bytes[2] = {(char)(port >> 8), (char)(port & 0xff)};
	char text[ADDR_TEXT_MAX];
	size_t start = frame_begin(b, MILTER_CONNECT);

	add_string(b, name);
	strbuf_putc(b, families[a->family]);
	if (a->family != ADDR_NONE) {
		addr_format(a, text);
		strbuf_add(b, port_bytes, sizeof(port_bytes));
		add_string(b, text);
	}
	frame_end(b, start);
}

void milter_write_helo(struct strbuf *b, const char *helo)
{
	milter_frame_write(b, MILTER_HELO, helo, strlen(helo) + 1);
}

void milter_write_envelope(
    struct strbuf *b, char command, const char *address, const char *const *parameters)
{
	size_t start = frame_begin(b, command);

	add_string(b, address);
	for (; parameters != NULL && *parameters != NULL; parameters++)
		add_string(b, *parameters);
	frame_end(b, start);
}

/* --- replies --------------------------------------------------------------- */

/* Adds one line of a reply to its text: '%%' becomes '%', what does not fit is left out. */
static void add_line(struct milter_reply *r, size_t *used, const char *s, size_t len)
{
	if (*used > 0 && *used < sizeof(r->text) - 1)
		r->text[(*used)++] = '\n';
	for (size_t i = 0; i < len && *used < sizeof(r->text) - 1; i++) {
		if (s[i] == '%' && i + 1 < len && s[i + 1] == '%')
			i++;
		r->text[(*used)++] = s[i];
	}
	r->text[*used] = '\0';
}

/* The three digits at the start of a line, 0 when there are none of 4xx or 5xx. */
static unsigned code_of(const char *s, size_t len)
{
	if (len < 3 || (s[0] != '4' && s[0] != '5') || s[1] < '0' || s[1] > '9' || s[2] < '0' ||
	    s[2] > '9' || (len > 3 && s[3] != ' ' && s[3] != '-'))
		return 0;
	return (unsigned)(s[0] - '0') * 100 + (unsigned)(s[1] - '0') * 10 + (unsigned)(s[2] - '0');
}

static bool read_line(struct milter_reply *r, size_t *used, const char *s, size_t len)
{
	unsigned code = code_of(s, len);
	char enhanced[SMTP_ENHANCED_SIZE] = "";
	size_t skip;

	if (code == 0 || (r->code != 0 && code != r->code))
		return false;
	r->code = code;
	skip = len > 3 ? 4 : 3;
	skip += smtp_enhanced_read(s + skip, len - skip, code, enhanced);
	if (*r->enhanced == '\0')
		memcpy(r->enhanced, enhanced, sizeof(enhanced));
	add_line(r, used, s + skip, len - skip);
	return true;
}

static bool read_reply_code(const struct milter_frame *f, struct milter_reply *out)
{
	const char *end = memchr(f->payload, '\0', f->len), *s = f->payload;
	size_t used = 0;

	if (end == NULL || end != f->payload + f->len - 1)
		return false;
	for (;;) {
		const char *lf = memchr(s, '\n', (size_t)(end - s)), *stop = lf == NULL ? end : lf;
		size_t len = (size_t)(stop - s);

		if (len > 0 && s[len - 1] == '\r')
			len--;
		if (!read_line(out, &used, s, len))
			return false;
		if (lf == NULL)
			return true;
		s = lf + 1;
	}
}

bool milter_read_reply(const struct milter_frame *f, struct milter_reply *out)
{
	static const char final[] = "acdrts4f", changes[] = "+-2behilmpq";

	*out = (struct milter_reply){.command = f->command};
	if (f->command == MILTER_REPLY_CODE)
		return f->len > 0 && read_reply_code(f, out);
	if (f->command == '\0')
		return false;
	if (strchr(final, f->command) != NULL)
		return f->len == 0;
	return strchr(changes, f->command) != NULL;
}

bool milter_reply_is_final(char command)
{
	return command != '\0' && strchr("acdrts4fy", command) != NULL;
}
