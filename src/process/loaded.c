#include "process/loaded.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "observe/log_writer.h"

bool loaded_is_log_file(const struct loaded *loaded, size_t which)
{
    return strcmp(loaded->plan->logs.items[which], "-") != 0;
}

static bool open_logs(struct loaded *loaded, struct error *error)
{
    const struct string_list *logs = &loaded->plan->logs;

    loaded->log_fds = xcalloc(logs->count + 1, sizeof(*loaded->log_fds));
    for (size_t i = 0; i < logs->count; i++) {
        loaded->log_fds[i] = -1;
    }
    for (size_t i = 0; i < logs->count; i++) {
        loaded->log_fds[i] = log_writer_open_file(logs->items[i], error);
        if (loaded->log_fds[i] < 0) {
            return false;
        }
    }
    return true;
}

bool loaded_take(struct loaded *loaded, int bundle_fd, struct error *error)
{
    *loaded = LOADED_NONE;
    loaded->bundle_fd = bundle_fd;
    loaded->head = bundle_head_read(bundle_fd, error);
    if (loaded->head != NULL) {
        loaded->plan = plan_read(bundle_head_note(loaded->head), error);
    }
    if (loaded->plan == NULL || !open_logs(loaded, error)) {
        loaded_free(loaded);
        return false;
    }
    return true;
}

int loaded_open_log(struct loaded *loaded, size_t which, struct error *error)
{
    const char *path = loaded->plan->logs.items[which];
    int fd = log_writer_open_file(path, error);
    int own = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;

    if (own < 0) {
        if (fd >= 0) {
            (void)error_set_errno(error, errno, "cannot open the access log %s", path);
            (void)close(fd);
        }
        return -1;
    }
    (void)close(loaded->log_fds[which]);
    loaded->log_fds[which] = own;
    return fd;
}

void loaded_free(struct loaded *loaded)
{
    if (loaded->bundle_fd >= 0) {
        (void)close(loaded->bundle_fd);
    }
    for (size_t i = 0; loaded->log_fds != NULL && i < loaded->plan->logs.count; i++) {
        if (loaded->log_fds[i] >= 0) {
            (void)close(loaded->log_fds[i]);
        }
    }
    free(loaded->log_fds);
    bundle_head_free(loaded->head);
    plan_destroy(loaded->plan);
    *loaded = LOADED_NONE;
}
