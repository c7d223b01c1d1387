/* The gateway's process from the fork on: it builds its snapshot from the bundle with the rights of
 * the start, gives these up, and serves until it is told that it is over, or its parent is gone. */
#ifndef TIDEGATE_PROCESS_GATEWAY_CHILD_H
#define TIDEGATE_PROCESS_GATEWAY_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "process/key_service.h"
#include "process/listen.h"
#include "process/loaded.h"
#include "process/privileges.h"

/* How long a gateway that was told to end may take longer than its own limit. */
#define GATEWAY_GRACE_MS 2000

struct gateway_child {
    const char *config_path;
    const char *version;
    const struct loaded *loaded;
    const struct listen_set *listening;
    const struct privileges *privileges;
    const sigset_t *signals; /* the mask that the program was started with */
    int admin_fd;            /* the control socket; -1: none */
    int control_fd;          /* to the supervisor */
    struct key_service *keys;
    int files_fd;  /* of the file broker; -1: none */
    int orders_fd; /* of people, of those before it (gateway/kept_orders.h); -1: none */
    pid_t parent;
    bool is_started_again; /* after one that was up */
    bool is_owner;         /* of the sockets: nobody else listens on them */
};

_Noreturn void gateway_child_be(const struct gateway_child *child);

#endif
