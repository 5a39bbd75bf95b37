#include "daemon/probe_secret.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/secret.h"
#include "core/session.h"

static char secret[SECRET_SIZE];
static bool made;

void probe_secret_make(const char *state, const struct identity *identity)
{
	gid_t group = identity->change ? identity->gid : (gid_t)-1;

	if (made)
		return;
	made = true;
	if (!secret_make(state, PROBE_SECRET_NAME, group, secret))
		log_warning("%s/" PROBE_SECRET_NAME ": %s; limits and bans count the self-test too",
		    state, strerror(errno));
}

const char *probe_secret(void)
{
	return secret;
}
