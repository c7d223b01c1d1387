/* Confining a process to what its role needs: no way to more rights, few capabilities, an
 * allow-list of system calls (seccomp), files by folder (Landlock), and no dump of its memory. What
 * the kernel or a container does not give is left out, said, and shown by `tidegate status
 * --sandbox`.
 *
 * What a process is confined to its children are too: the supervisor's list of calls is that of all
 * roles, and each child takes away from it.
 *
 * A call that is not on the list ends the process (SIGSYS); whoever handles that signal names the
 * call with sandbox_call_name. Files that are not in the list of folders cannot be opened (EACCES).
 *
 * sandbox_prepare once, in the first process; then in each process, before it starts a thread,
 * sandbox_enter. */
#ifndef TIDEGATE_SANDBOX_SANDBOX_H
#define TIDEGATE_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/check.h"

enum sandbox_role {
    SANDBOX_SUPERVISOR, /* reads files as root, binds sockets, starts and ends the others */
    SANDBOX_KEYHOLDER,  /* signs; files come as descriptors */
    SANDBOX_GATEWAY,    /* the network */
    SANDBOX_STARTER,    /* starts new versions, with the rights of the start; reads single words */
    SANDBOX_ROLES
};

/* A file or folder with all below it that may be opened for reading; one that is not there is left
 * out. */
struct sandbox_plan {
    enum sandbox_role role;
    bool has_paths; /* false: files are not confined */
    const char *const *paths;
    size_t path_count;
    const int *folders; /* the same by descriptors: what lies where this user cannot look */
    size_t folder_count;
    bool has_modules; /* code that is not ours may be loaded, and opens files and sockets */
    const char *const *written; /* what may be written besides, with all below it */
    size_t written_count;
    bool keep_dumpable; /* for developers: core dumps and debuggers */
};

enum sandbox_part {
    SANDBOX_NO_NEW_PRIVS,
    SANDBOX_CAPABILITIES,
    SANDBOX_CALLS,
    SANDBOX_FILES,
    SANDBOX_DUMPS,
    SANDBOX_PARTS
};

enum sandbox_state { SANDBOX_UNKNOWN, SANDBOX_HOLDS, SANDBOX_LACKS, SANDBOX_NOT_MEANT };

struct sandbox_report {
    pid_t pid; /* 0: there is no such process */
    struct {
        enum sandbox_state state;
        char note[160]; /* what holds, or why it does not */
    } parts[SANDBOX_PARTS];
};

/* Memory that all processes share for their reports, and the names of system calls. */
void sandbox_prepare(void);
/* Confines this process, for good, as far as it can be, and says so in the log. */
void sandbox_enter(const struct sandbox_plan *plan);
/* Notes that this process is not confined, and why: a text, or NULL: the configuration says so. */
void sandbox_skip(enum sandbox_role role, const char *why);
/* The process of that role has ended, and none follows. */
void sandbox_end(enum sandbox_role role);

/* Whether this process may read the files of a folder that is not in its plan: one that a later
 * configuration names. False only where the sandbox alone forbids it. */
bool sandbox_reaches(const char *folder);

/* What the process of a role has reported, into *report. */
void sandbox_look(enum sandbox_role role, struct sandbox_report *report);
const char *sandbox_role_name(enum sandbox_role role);
const char *sandbox_part_name(enum sandbox_part part);

/* "openat" of this machine's system calls; "?" for one that is unknown. For handlers of signals. */
const char *sandbox_call_name(long number);
/* A handler of SIGSYS that names the call on standard error and lets the process end: for those
 * that have none of their own. */
void sandbox_watch(enum sandbox_role role);

#endif
