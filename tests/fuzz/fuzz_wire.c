/* What a server or a guard may answer: frames and SMTP replies, any bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/milter.h"
#include "wire/smtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct milter_frame frame;
	struct milter_reply reply;
	struct milter_options options;
	struct smtp_reply smtp;
	struct strbuf lines = {0};
	size_t used = 0;

	if (milter_frame_read((const char *)data, size, &frame, &used) == MILTER_READ_FRAME) {
		if (used > size)
			abort();
		milter_read_negotiate(&frame, &options, NULL, NULL);
		if (milter_read_reply(&frame, &reply) && strlen(reply.text) >= sizeof(reply.text))
			abort();
	}
	if (smtp_reply_read((const char *)data, size, &lines, &smtp, &used) == SMTP_READ_REPLY) {
		if (used > size || smtp.code < 200 || smtp.code > 599)
			abort();
		smtp_ehlo_offers(&smtp, "XCLIENT", NULL, NULL);
	}
	strbuf_free(&lines);
	return 0;
}
