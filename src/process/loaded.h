/* A configuration that was loaded, as the supervisor keeps it: the bundle (for the gateway, also
 * for one that is started again), its head and plan, and the files of its logs, opened with the
 * rights of the start. */
#ifndef TIDEGATE_PROCESS_LOADED_H
#define TIDEGATE_PROCESS_LOADED_H

#include "base/bundle.h"
#include "base/check.h"
#include "base/error.h"
#include "process/plan.h"

struct loaded {
    int bundle_fd; /* -1: nothing is loaded */
    struct bundle_head *head;
    struct plan *plan;
    int *log_fds; /* of plan->logs */
};

#define LOADED_NONE ((struct loaded){.bundle_fd = -1})

/* Of the loader's bundle, which is taken over. False with an error: nothing is left of it. */
bool loaded_take(struct loaded *loaded, int bundle_fd, struct error *error) MUST_CHECK;
/* Opens one of plan->logs anew: a descriptor of its own for whoever writes to it, or -1 with an
 * error. */
int loaded_open_log(struct loaded *loaded, size_t which, struct error *error) MUST_CHECK;
/* Whether it is a file, which may be opened anew. */
bool loaded_is_log_file(const struct loaded *loaded, size_t which);
/* May be called twice. */
void loaded_free(struct loaded *loaded);

#endif
