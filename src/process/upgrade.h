/* The supervisor's part of an upgrade, from the wish to the answer: another process of the program,
 * as its file is now, takes this one's place (handover.h).
 *
 *     NONE --asked--> STARTING --ready--> COMMITTING --it is in charge--> LEAVING --quiet--> OVER
 *                        |                    |
 *                        `--------------------`--> NONE: this one stays in charge
 *
 * Who asks while one is under way waits for its end with those who asked before. Answers are those
 * of callers.h: 200; 422 where the new process refuses, as for an error in the configuration; 503.
 */
#ifndef TIDEGATE_PROCESS_UPGRADE_H
#define TIDEGATE_PROCESS_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/check.h"
#include "process/callers.h"
#include "process/handover.h"
#include "process/starter.h"

struct listen_set;

/* Once it is in charge, the old gateway until it takes nothing new. */
#define UPGRADE_QUIET_MS 1000

enum upgrade_state {
    UPGRADE_NONE,
    UPGRADE_STARTING,
    UPGRADE_COMMITTING,
    UPGRADE_LEAVING,
    UPGRADE_OVER
};

struct upgrade {
    struct starter starter;
    const char *program; /* its file, for people */
    enum upgrade_state state;
    int link_fd;   /* -1: none */
    int report_fd; /* what it said before it served; -1: none */
    pid_t pid;     /* of the new process; 0: not known yet */
    uint64_t deadline_ms;
    uint64_t limit_ms;
    struct callers callers;
};

/* What goes over. */
struct upgrade_estate {
    const struct listen_set *listening;
    int stand_in_fd;   /* -1: none */
    int orders_fd;     /* -1: none */
    bool is_apart;     /* in a process group of its own */
    uint64_t limit_ms; /* how long it may take until it serves: it loads the configuration, too */
};

/* The starter is set already. */
void upgrade_init(struct upgrade *u, const char *program);
/* In NONE. The connection is of who waits, as in callers.h. */
void upgrade_begin(struct upgrade *u, int connection, const struct upgrade_estate *estate);

/* What the starter and the new process say. */
enum upgrade_news { UPGRADE_NO_NEWS, UPGRADE_IS_READY, UPGRADE_IS_OWNED };
void upgrade_read_starter(struct upgrade *u);
enum upgrade_news upgrade_read_link(struct upgrade *u) MUST_CHECK;
/* It is ready, and may have it: now COMMITTING. */
void upgrade_commit(struct upgrade *u, int orders_fd);
/* It is in charge: now LEAVING. */
void upgrade_leave(struct upgrade *u);
/* In LEAVING: the gateway of this process takes nothing new: who waits is told. Now OVER. */
void upgrade_quiet(struct upgrade *u);

/* Monotonic; UINT64_MAX: none. */
uint64_t upgrade_deadline(const struct upgrade *u);
void upgrade_deadline_passed(struct upgrade *u);
/* In a child. */
void upgrade_let_go(const struct upgrade *u);
void upgrade_free(struct upgrade *u);

#endif
