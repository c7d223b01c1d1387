/* The new supervisor's side of a handover (handover.h): it was started to take the place of one
 * that runs.
 *
 *     NONE    it is the first
 *     COMING --it serves: takeover_ready--> READY --the other one agrees--> DONE
 *
 * Until DONE the other one is in charge, and the end of the link means that this one is not wanted.
 */
#ifndef TIDEGATE_PROCESS_TAKEOVER_H
#define TIDEGATE_PROCESS_TAKEOVER_H

#include <stdbool.h>

#include "base/check.h"
#include "base/error.h"

struct given_sockets;

enum takeover_state { TAKEOVER_NONE, TAKEOVER_COMING, TAKEOVER_READY, TAKEOVER_DONE };

struct takeover {
    enum takeover_state state;
    int link_fd;     /* -1: none, or none any more */
    int log_fd;      /* standard error as it is to be; -1: as it is */
    int stand_in_fd; /* of stand_in.h; -1: nobody stands in */
    int orders_fd;   /* of people; -1: none. Whoever uses it sets it to -1. */
    int legacy_fd;   /* the same, of the other process's gateway */
};

#define TAKEOVER_OF_NONE                                                                           \
    ((struct takeover){                                                                            \
        .link_fd = -1, .log_fd = -1, .stand_in_fd = -1, .orders_fd = -1, .legacy_fd = -1})

/* link_fd: of the environment; -1: none. Receives all that is handed over. False with an error. */
bool takeover_begin(struct takeover *t, int link_fd, struct given_sockets *given,
                    struct error *error) MUST_CHECK;
/* From now on what is said goes to the log, and not into the report for whoever asked. */
void takeover_use_log(struct takeover *t);
/* This one serves. */
void takeover_ready(struct takeover *t);
/* After TAKEOVER_IS_OURS, once whoever asks at the control socket finds this one. */
void takeover_owned(const struct takeover *t);
enum takeover_news {
    TAKEOVER_NO_NEWS,
    TAKEOVER_IS_OURS,    /* in charge, with orders_fd if there is one: now DONE */
    TAKEOVER_NEW_ORDERS, /* in DONE: orders_fd */
    TAKEOVER_LEGACY,     /* in DONE: legacy_fd */
    TAKEOVER_IS_QUIET,   /* in DONE: the other one takes nothing any more, or is gone */
    TAKEOVER_IS_OFF      /* the other one stays in charge, or is gone */
};
enum takeover_news takeover_read(struct takeover *t) MUST_CHECK;
/* In a child. */
void takeover_let_go(const struct takeover *t);
void takeover_free(struct takeover *t);

#endif
