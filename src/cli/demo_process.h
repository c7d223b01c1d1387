/* The demo's processes: the same program as `tidegate run -c FILE`, for each origin and for the
 * gateway. Each has a process group of its own, so that a Ctrl-C reaches the demo alone, and each
 * ends when the demo does, however that ends. */
#ifndef TIDEGATE_CLI_DEMO_PROCESS_H
#define TIDEGATE_CLI_DEMO_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/check.h"
#include "base/error.h"

enum { DEMO_PROCESS_LINE_MAX = 1024, DEMO_PROCESS_START_MS = 30000, DEMO_PROCESS_STOP_MS = 8000 };

struct demo_process {
    const char *name;
    pid_t pid;     /* 0: none */
    int pipe_fd;   /* what it writes on standard error; non-blocking; -1: none */
    FILE *log;     /* FOLDER/NAME.log, where it is kept */
    uint16_t port; /* of its first listener, once it has said so */
    bool is_ready;
    char line[DEMO_PROCESS_LINE_MAX];
    size_t line_len;
};

/* The configuration is FOLDER/NAME.yaml. `name` must outlive the process. */
bool demo_process_start(struct demo_process *process, const char *folder, const char *name,
                        struct error *error) MUST_CHECK;
/* Until it says that it is ready. False when it ended, did not get there in time, or when
 * `signal_fd` became readable (somebody wants the demo to end). */
bool demo_process_wait_ready(struct demo_process *process, int signal_fd,
                             struct error *error) MUST_CHECK;
/* Reads what it wrote and keeps it; on_line (may be NULL) gets each line. False at the end: it is
 * gone. */
bool demo_process_read(struct demo_process *process,
                       void (*on_line)(const char *name, const char *line));
/* Ends it: first by asking. Returns whether it ended with status 0. Can be called twice. */
bool demo_process_stop(struct demo_process *process);

#endif
