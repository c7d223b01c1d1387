/* What the supervisor needs to know of a configuration, and all that it keeps of one: made by the
 * loader from the settings, and brought over as the note of the bundle (base/bundle.h), so that
 * nothing of the configuration is parsed in the supervisor. */
#ifndef TIDEGATE_PROCESS_PLAN_H
#define TIDEGATE_PROCESS_PLAN_H

#include <stdbool.h>

#include "base/check.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "settings/settings.h"

struct plan {
    struct arena arena;          /* has all of it */
    struct address_list sockets; /* to listen on, in the settings' order; no places */
    const char *control;         /* NULL: none is given */
    struct string_list logs;     /* files, and "-"; in the order of log_outlets_names */
    const char *log_level;
    const char *user;    /* to become; NULL: none is given */
    const char *group;   /* NULL: the user's */
    const char *key_log; /* NULL: none */
    uint64_t drain_ms;
    uint64_t upgrade_ms;
    uint64_t workers;
    uint64_t signatures; /* a second, for one worker */
    bool has_keyholder;  /* private keys are in a process of their own (keys/keyholder.h) */
    bool is_confined;    /* the processes are (sandbox/sandbox.h) */
    bool has_watch;      /* a change of the configuration's files counts at once */
    bool has_looks;      /* changes of certificates and the like are looked for */
    struct string_list own_files; /* of the configuration itself */
};

void plan_write(const struct settings *settings, struct strbuf *out);
/* NULL with an error: it is none. */
struct plan *plan_read(struct span bytes, struct error *error) MUST_CHECK;
/* NULL is allowed. */
void plan_destroy(struct plan *plan);

/* Whether the path is one of the configuration's own files. */
bool plan_has_file(const struct plan *plan, const char *path);
/* Adds to `out`, by name and with commas, what differs and takes a restart: the processes that are
 * there cannot change it. False: nothing. */
bool plan_fixed_differences(const struct plan *running, const struct plan *next,
                            struct strbuf *out) MUST_CHECK;

#endif
