/* Another configuration for a gateway that runs: what the supervisor has sent is collected, the
 * snapshot is built (on the control thread, while the workers go on), and handed to each worker.
 *
 *     reload_sockets* -> reload_load --reload_post--> workers follow, one after the other
 *                             |                              `--all do--> reload_followed: true
 *                             `--errors--> a report; nothing has changed
 *
 * Control thread only. */
#ifndef TIDEGATE_GATEWAY_RELOAD_H
#define TIDEGATE_GATEWAY_RELOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "gateway/commands.h"
#include "gateway/worker.h"

struct reload {
    const char *config_path;
    int *fds; /* that are listened on, in the settings' order */
    size_t fd_count;
    int *offered; /* new sockets, sent before their configuration */
    size_t offered_count;
    struct log_fds logs; /* sent before it, too */
    /* While workers follow. */
    bool is_under_way;
    struct snapshot *snapshot; /* a reference of the reload's own */
    int *next_fds;
    size_t next_count;
    struct worker_change *changes; /* one for each worker */
    unsigned change_count;
    unsigned followed;
};

void reload_init(struct reload *reload, const char *config_path, const int *fds, size_t count);
/* Takes the descriptors over. */
void reload_sockets(struct reload *reload, const int *fds, size_t count);
void reload_logs(struct reload *reload, const int *fds, size_t count);
/* Builds the snapshot. bundle_fd is taken over. False: nothing has changed;
 * *report_fd is a memory file that says why, or -1. */
bool reload_load(struct reload *reload, const struct gateway_message *message,
                 const struct snapshot *present, int bundle_fd, int *report_fd) MUST_CHECK;
/* After that: posts the change to all workers. */
void reload_post(struct reload *reload, struct worker **workers, unsigned count);
/* A worker has followed. True: it was the last. Sockets that are left out are closed; the new
 * snapshot's reference is the caller's. */
bool reload_followed(struct reload *reload, struct snapshot **snapshot) MUST_CHECK;
/* The workers have ended. */
void reload_free(struct reload *reload);

#endif
