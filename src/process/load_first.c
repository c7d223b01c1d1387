#include "process/load_first.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/log.h"
#include "process/loader.h"

static void let_go(void *arg)
{
    key_service_in_loader(arg);
}

/* Until it has ended, which closes its socket. Returns its status. */
static int serve(struct key_service *keys, const struct loader *loader)
{
    int status = 0;

    while (key_service_loader_fd(keys) >= 0) {
        struct pollfd ready = {.fd = key_service_loader_fd(keys), .events = POLLIN};
        if (poll(&ready, 1, -1) > 0) {
            key_service_serve(keys);
        }
    }
    while (waitpid(loader->pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

bool load_first(const char *config_path, bool color, struct key_service *keys,
                struct loaded *loaded)
{
    const struct loader_options options = {
        .path = config_path,
        .is_first_time = true,
        .color = color,
        .in_child = let_go,
        .arg = keys,
    };
    struct loader loader;
    struct error error;
    enum loader_result result;
    bool is_taken;

    if (!key_service_prepare_loader(keys, &error) || !loader_start(&loader, &options, &error)) {
        log_error("%s", error.text);
        return false;
    }
    key_service_loader_forked(keys);
    result = loader_ended(&loader, serve(keys, &loader));
    key_service_loader_ended(keys, result == LOADER_DONE);
    if (result != LOADER_DONE) {
        loader_reset(&loader);
        (void)fprintf(stderr, "tidegate: error: not started: %s %s\n", config_path,
                      result == LOADER_REFUSED ? "has errors" : "could not be loaded");
        return false;
    }
    is_taken = loaded_take(loaded, loader.bundle_fd, &error);
    key_service_adopt_next(keys);
    loader.bundle_fd = -1;
    loader_reset(&loader);
    if (!is_taken) {
        log_error("%s", error.text);
    }
    return is_taken;
}
