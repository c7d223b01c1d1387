#include "process/loaded.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "observe/log_writer.h"

static bool has_log(const struct loaded *loaded)
{
    return strcmp(loaded->plan->access_log, "off") != 0;
}

bool loaded_has_log_file(const struct loaded *loaded)
{
    return has_log(loaded) && strcmp(loaded->plan->access_log, "-") != 0;
}

bool loaded_take(struct loaded *loaded, int bundle_fd, struct error *error)
{
    *loaded = LOADED_NONE;
    loaded->bundle_fd = bundle_fd;
    loaded->head = bundle_head_read(bundle_fd, error);
    if (loaded->head != NULL) {
        loaded->plan = plan_read(bundle_head_note(loaded->head), error);
    }
    if (loaded->plan != NULL && has_log(loaded)) {
        loaded->log_fd = log_writer_open_file(loaded->plan->access_log, error);
    }
    if (loaded->plan == NULL || (has_log(loaded) && loaded->log_fd < 0)) {
        loaded_free(loaded);
        return false;
    }
    return true;
}

int loaded_open_log(struct loaded *loaded, struct error *error)
{
    int fd = log_writer_open_file(loaded->plan->access_log, error);
    int own = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;

    if (own < 0) {
        if (fd >= 0) {
            (void)error_set_errno(error, errno, "cannot open the access log %s",
                                  loaded->plan->access_log);
            (void)close(fd);
        }
        return -1;
    }
    (void)close(loaded->log_fd);
    loaded->log_fd = own;
    return fd;
}

void loaded_free(struct loaded *loaded)
{
    if (loaded->bundle_fd >= 0) {
        (void)close(loaded->bundle_fd);
    }
    if (loaded->log_fd >= 0) {
        (void)close(loaded->log_fd);
    }
    bundle_head_free(loaded->head);
    plan_destroy(loaded->plan);
    *loaded = LOADED_NONE;
}
