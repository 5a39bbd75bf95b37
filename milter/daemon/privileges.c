#include "daemon/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"

/* `key` is what names it in the configuration. */
static bool find_group(const char *key, const char *name, gid_t *out, struct fault *fault)
{
	const struct group *g = getgrnam(name);

	if (g == NULL) {
		fault->key = key;
		return fault_set(fault, EXIT_CONFIG,
		    "%s = %.100s: there is no such group on this host; add it (groupadd --system) "
		    "or set `%s` to one that is there",
		    key, name, key);
	}
	*out = g->gr_gid;
	return true;
}

bool identity_find(struct identity *out, const char *user, const char *group,
    const char *socket_group, struct fault *fault)
{
	const struct passwd *pw;

	*out = (struct identity){
	    .user = user, .uid = (uid_t)-1, .gid = (gid_t)-1, .socket_gid = (gid_t)-1};
	if (socket_group != NULL &&
	    !find_group("socket-group", socket_group, &out->socket_gid, fault))
		return false;
	if (geteuid() != 0)
		return true;
	pw = getpwnam(user);
	if (pw == NULL) {
		fault->key = "user";
		return fault_set(fault, EXIT_CONFIG,
		    "user = %.100s: there is no such user on this host; add it (useradd --system) "
		    "or set `user` to one that is there",
		    user);
	}
	out->change = true;
	out->uid = pw->pw_uid;
	out->gid = pw->pw_gid;
	if (group != NULL && !find_group("group", group, &out->gid, fault))
		return false;
	if (socket_group == NULL)
		out->socket_gid = out->gid;
	return true;
}

bool identity_assume(const struct identity *id)
{
	if (!id->change)
		return true;
	if (initgroups(id->user, id->gid) != 0 || setresgid(id->gid, id->gid, id->gid) != 0 ||
	    setresuid(id->uid, id->uid, id->uid) != 0) {
		log_error("can't become user %s: %s", id->user, strerror(errno));
		return false;
	}
	if (id->uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) {
		log_error("privileges that were given up came back");
		return false;
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return true;
}
