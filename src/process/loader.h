/* The loader: a short-lived child of the supervisor, with the rights of the start, that reads the
 * configuration and every file that it names, looks whether it would start, and leaves a bundle
 * (base/bundle.h) of all that it read and a report for people. What it does wrong, or leaves in its
 * memory, ends with it.
 *
 *     loader_start --forks--> child: reads, checks, writes the bundle --exits-->
 *     SIGCHLD: loader_ended */
#ifndef TIDEGATE_PROCESS_LOADER_H
#define TIDEGATE_PROCESS_LOADER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/check.h"
#include "base/error.h"

/* How long it may take: it reads local files, but from a network's disk, perhaps. */
#define LOADER_MS 60000

struct loader {
    pid_t pid;     /* 0: none */
    int bundle_fd; /* a memory file; -1: none */
    int report_fd; /* a memory file, its offset at its end: what is to be told, perhaps nothing */
    uint64_t deadline_ms;
};

enum loader_result {
    LOADER_DONE,    /* there is a bundle; there may be warnings */
    LOADER_REFUSED, /* the configuration has errors, which are in the report */
    LOADER_FAILED   /* it ended otherwise: the report says so */
};

/* Where private keys are (process/key_service.h): as the configuration says, or, where a gateway
 * runs that cannot change it, as that has it. */
enum loader_keys { LOADER_KEYS_BY_CONFIG, LOADER_KEYS_APART, LOADER_KEYS_HERE };

struct loader_options {
    const char *path;   /* the configuration's */
    bool is_first_time; /* warnings and errors go to standard error, and so does who may not read
                           which file later */
    bool color;         /* of these */
    enum loader_keys keys;
    void (*in_child)(void *arg); /* called first in the child: lets go of what is not its own */
    void *arg;
};

/* False with an error. */
bool loader_start(struct loader *loader, const struct loader_options *options,
                  struct error *error) MUST_CHECK;
/* After waitpid: its exit status, as that gives it. */
enum loader_result loader_ended(struct loader *loader, int status) MUST_CHECK;
/* Ends it, if it runs, and waits for that; closes both files. May be called twice. */
void loader_reset(struct loader *loader);

#endif
