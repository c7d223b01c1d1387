/* Giving up root: what the gateway process does before it touches a byte from the network.
 *
 * Resolving the names (which reads /etc/passwd) is apart from dropping, so that a wrong user is
 * told before anything starts. Started by somebody who is not root there is nothing to give up but
 * the way back up (no_new_privs). */
#ifndef TIDEGATE_PROCESS_PRIVILEGES_H
#define TIDEGATE_PROCESS_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/check.h"
#include "base/error.h"

struct privileges {
    bool change_user; /* false: not started as root */
    uid_t uid;
    gid_t gid;
    bool keep_dumpable; /* allow core dumps and debuggers; for developers */
};

/* Finds `user` and `group` (names or numbers; group NULL: the user's own). False with a text that
 * says what to write into the configuration. Always true when not root. */
bool privileges_resolve(struct privileges *privileges, const char *user, const char *group,
                        struct error *error) MUST_CHECK;

/* Whether user and group (NULL: none is named) are there, for root or not. */
bool privileges_check(const char *user, const char *group, struct error *error) MUST_CHECK;

/* Changes to that user and group, with no supplementary groups and no capabilities, for good, and
 * makes sure there is no way back. Before any thread is started. On false the process must exit:
 * it may have given up a part already. */
bool privileges_drop(const struct privileges *privileges, struct error *error) MUST_CHECK;

#endif
