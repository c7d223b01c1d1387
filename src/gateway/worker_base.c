#include "gateway/worker_base.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

void worker_tell(const struct worker *worker, enum worker_news news, struct snapshot *snapshot)
{
    struct worker_note note;
    ssize_t n;

    if (worker->notes_fd < 0) {
        return;
    }
    memset(&note, 0, sizeof(note)); /* what lies between its members is written, too */
    note.news = news;
    note.snapshot = snapshot;
    n = write(worker->notes_fd, &note, sizeof(note));
    (void)n; /* whoever waits for it has a deadline of its own */
}

void worker_give_back(struct worker *worker, struct snapshot *snapshot)
{
    if (worker->notes_fd >= 0) {
        worker_tell(worker, WORKER_GIVES_BACK, snapshot);
    } else {
        snapshot_release(snapshot);
    }
}

void worker_note_follow(struct worker *worker, uint64_t since_us)
{
    uint64_t took_us = clock_thread_used_us() - since_us;

    if (took_us > worker->longest_follow_us) {
        worker->longest_follow_us = took_us;
    }
}

void worker_socket_release(struct worker_socket *socket)
{
    CHECK(socket->sessions > 0);
    if (--socket->sessions == 0 && socket->fd < 0) {
        free(socket);
    }
}
