/*
 * A milter that decides nothing: what speed is measured against.
 *
 *   noop-milter all|fewest SOCKET        unix:/path, inet:port@host
 *
 *   all      takes part in every stage, and answers each: what a milter costs that does not think
 * of it fewest   only connect, mail, rcpt and the end of the message
 *
 * Runs until it is killed.
 */
#include <stdio.h>
#include <string.h>

#include <libmilter/mfapi.h>

#include "base/exit.h"

static sfsistat on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *addr)
{
	(void)ctx, (void)name, (void)addr;
	return SMFIS_CONTINUE;
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
	(void)ctx, (void)name;
	return SMFIS_CONTINUE;
}

static sfsistat on_envelope(SMFICTX *ctx, char **argv)
{
	(void)ctx, (void)argv;
	return SMFIS_CONTINUE;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx, (void)name, (void)value;
	return SMFIS_CONTINUE;
}

static sfsistat on_stage(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *chunk, size_t len)
{
	(void)ctx, (void)chunk, (void)len;
	return SMFIS_CONTINUE;
}

static struct smfiDesc describe(char *name, int fewest)
{
	struct smfiDesc desc = {
	    .xxfi_name = name,
	    .xxfi_version = SMFI_VERSION,
	    .xxfi_connect = on_connect,
	    .xxfi_envfrom = on_envelope,
	    .xxfi_envrcpt = on_envelope,
	    .xxfi_eom = on_stage,
	};

	if (!fewest) {
		desc.xxfi_helo = on_helo;
		desc.xxfi_data = on_stage;
		desc.xxfi_header = on_header;
		desc.xxfi_eoh = on_stage;
		desc.xxfi_body = on_body;
	}
	return desc;
}

int main(int argc, char **argv)
{
	static char name[] = "noop-milter";
	int fewest = argc == 3 && strcmp(argv[1], "fewest") == 0;

	if (argc != 3 || (!fewest && strcmp(argv[1], "all") != 0)) {
		fputs("usage: noop-milter all|fewest SOCKET\n", stderr);
		return EXIT_USAGE;
	}
	if (smfi_setconn(argv[2]) != MI_SUCCESS ||
	    smfi_register(describe(name, fewest)) != MI_SUCCESS ||
	    smfi_opensocket(1) != MI_SUCCESS) {
		fprintf(stderr, "noop-milter: %s can't be opened\n", argv[2]);
		return EXIT_UNAVAILABLE;
	}
	return smfi_main() == MI_SUCCESS ? EXIT_OK : EXIT_UNAVAILABLE;
}
