/* The supervisor's part of a change to another configuration, from the wish to the answer.
 *
 *     NONE --asked--> LOADING --bundle--> LOADED --gateway is up--> OFFERED --taken--> NONE
 *                        |                   |                         |
 *                        |                   `--there is no gateway: the next one begins with it
 *                        `--errors-----------------------refused, or the gateway died
 *
 * On any error the configuration that is in use stays, whole. Who asks while one is under way gets
 * another one afterwards, since the files may have changed since that was loaded.
 *
 * Who asked through the control socket has a connection here, on which HTTP/1.1 is answered: 200,
 * or 422 where the configuration has errors, or 503; with what is to be told as text. */
#ifndef TIDEGATE_PROCESS_CHANGE_H
#define TIDEGATE_PROCESS_CHANGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/callers.h"
#include "process/key_service.h"
#include "process/listen.h"
#include "process/loaded.h"
#include "process/loader.h"

/* How long the gateway may take to build it and to tell its workers. */
#define CHANGE_OFFER_MS 60000

enum change_state { CHANGE_NONE, CHANGE_LOADING, CHANGE_LOADED, CHANGE_OFFERED };

struct change {
    /* Of the supervisor, for as long as it lives. */
    const char *config_path;
    struct loaded *loaded;        /* in use */
    struct listen_set *listening; /* in use */
    void (*in_child)(void *arg);  /* see loader.h */
    void *arg;
    struct key_service *keys;

    enum change_state state;
    struct loader loader;
    struct loaded next;
    struct listen_set next_listening;
    int32_t *places; /* of listen_follow */
    uint64_t deadline_ms;
    struct callers callers; /* for this one */
    struct callers later;   /* for the one after it */
};

/* Everything but the first group is set here. */
void change_init(struct change *change);
/* connection: who waits for the answer, taken over; -1: nobody. */
void change_ask(struct change *change, int connection);
/* The loader, whose process has ended with that status of waitpid. */
void change_loader_ended(struct change *change, int status);
/* In LOADED: to the gateway, which is up; or there is none, and the next one will begin with it. */
void change_offer(struct change *change, int control_fd);
void change_adopt(struct change *change);
/* In OFFERED: what the gateway says. report_fd: why, for people, taken over; -1: it says nothing.
 */
void change_taken(struct change *change);
void change_refused(struct change *change, int report_fd);
/* Nothing comes of it: the reason, for a person. Not in NONE. */
void change_fail(struct change *change, const char *reason);
/* Monotonic; UINT64_MAX: none. */
uint64_t change_deadline(const struct change *change);
void change_deadline_passed(struct change *change);
/* In a child that has nothing to do with it. */
void change_let_go(const struct change *change);
/* The supervisor ends. */
void change_free(struct change *change);

#endif
