/* What is told of where the servers of backends come from. */
#ifndef TIDEGATE_DISCOVERY_DISCOVERY_TOLD_H
#define TIDEGATE_DISCOVERY_DISCOVERY_TOLD_H

#include <stdint.h>

struct backend;

/* What is known of a name, a service or a list that servers of a backend come from. Texts are valid
 * during the call. */
struct discovery_told {
    const char *name;
    const char *kind;    /* "A", "AAAA", "SRV", "file", "url" */
    const char *values;  /* addresses, or targets with ports; with ", " between */
    int64_t age_s;       /* since the last answer, good or not; -1: there was none yet */
    int64_t next_s;      /* until it is looked up again; -1: that is under way */
    const char *problem; /* with the last answer; NULL: none */
};
typedef void discovery_tell_fn(void *arg, const struct backend *backend,
                               const struct discovery_told *told);

#endif
