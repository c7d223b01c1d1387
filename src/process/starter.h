/* The starter: a small process that the supervisor leaves behind before it is confined, and that
 * starts new versions of the program for it (upgrade.h). What a confined process starts is confined
 * as it is, by filters that it cannot take off and a new version may not fit into; so whoever
 * starts it must have the rights of the start. All that can be asked of the starter is to start the
 * one program with the one command line that it was made with, and to end it: it reads messages of
 * one word, from the supervisor alone.
 *
 *     supervisor --start, link, report--> starter --fork, exec--> the new supervisor
 *         `--<-- its process id, that it could not be run, how it ended
 *
 * It ends with the supervisor, and takes what it has started along, unless it was let go before. */
#ifndef TIDEGATE_PROCESS_STARTER_H
#define TIDEGATE_PROCESS_STARTER_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/check.h"
#include "base/error.h"

struct starter {
    int fd;    /* to it; -1: there is none */
    pid_t pid; /* 0: none */
};

#define STARTER_NONE ((struct starter){.fd = -1})
/* The program finds its link there, and its report on standard error. */
#define STARTER_LINK_FD 3
/* In its environment, with that number. */
#define STARTER_VARIABLE "TIDEGATE_UPGRADE"

enum starter_word { STARTER_RUNS, STARTER_CANNOT_RUN, STARTER_HAS_ENDED };

struct starter_news {
    int word;  /* enum starter_word */
    int value; /* the process's id; errno; its status as of waitpid */
};

/* argv: of the program, argv[0] being its file; kept by reference, as is the mask that the program
 * was started with. False with an error: there is none, and everything else goes on. */
bool starter_begin(struct starter *starter, char *const *argv, const sigset_t *signals,
                   struct error *error) MUST_CHECK;
/* Both descriptors stay the caller's. own_group: signals of a terminal do not reach it. */
bool starter_run(const struct starter *starter, int link_fd, int report_fd,
                 bool own_group) MUST_CHECK;
/* What it has started is ended at once; its end is news. */
void starter_kill(const struct starter *starter);
/* False: nothing is there to be read; the starter may be gone, as its descriptor is then. */
bool starter_read(struct starter *starter, struct starter_news *news);
/* It ends; what it has started goes on. */
void starter_let_go(struct starter *starter);
/* It ends. May be called twice. */
void starter_end(struct starter *starter);

/* The program's file as the command line names it, so that a link that leads to another version
 * counts, or else the file that runs. The caller's. */
char *starter_program(void);

#endif
