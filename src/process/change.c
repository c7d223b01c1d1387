#include "process/change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/commands.h"
#include "io/fd_pass.h"
#include "process/notify.h"

static void set_state(struct change *change, enum change_state state)
{
    static const char *const names[] = {"none", "loading", "loaded", "offered"};

    log_debug("change: %s -> %s", names[change->state], names[state]);
    change->state = state;
}

/* ---- its end ---- */

static void begin(struct change *change);

static void end(struct change *change)
{
    loader_reset(&change->loader);
    free(change->places);
    change->places = NULL;
    set_state(change, CHANGE_NONE);
    notify_send("READY=1");
    if (change->later.is_any) {
        change->callers = change->later;
        change->later = (struct callers){0};
        begin(change);
    }
}

static void drop_next(struct change *change)
{
    key_service_drop_next(change->keys);
    if (change->places != NULL) {
        listen_drop(&change->next_listening, change->places);
    }
    loaded_free(&change->next);
}

static void give_up(struct change *change, unsigned status)
{
    drop_next(change);
    log_error("the configuration in use stays as it was");
    callers_answer(&change->callers, status, change->loader.report_fd);
    end(change);
}

void change_fail(struct change *change, const char *reason)
{
    log_error("not reloaded: %s", reason);
    if (change->loader.report_fd >= 0) {
        (void)dprintf(change->loader.report_fd, "tidegate: error: %s\n", reason);
    }
    give_up(change, 503);
}

/* ---- loading ---- */

static void begin(struct change *change)
{
    struct loader_options options = {
        .path = change->config_path,
        .in_child = change->in_child,
        .arg = change->arg,
        .keys = change->loaded->plan->has_keyholder ? LOADER_KEYS_APART : LOADER_KEYS_HERE};
    struct error error;

    set_state(change, CHANGE_LOADING);
    notify_reloading();
    log_info("loading %s", change->config_path);
    if (!key_service_prepare_loader(change->keys, &error) ||
        !loader_start(&change->loader, &options, &error)) {
        change_fail(change, error.text);
        return;
    }
    key_service_loader_forked(change->keys);
    change->deadline_ms = change->loader.deadline_ms;
}

void change_init(struct change *change)
{
    change->state = CHANGE_NONE;
    change->loader = (struct loader){.bundle_fd = -1, .report_fd = -1};
    change->next = LOADED_NONE;
}

void change_ask(struct change *change, int connection)
{
    if (change->state != CHANGE_NONE) {
        callers_add(&change->later, connection);
        return;
    }
    callers_add(&change->callers, connection);
    begin(change);
}

/* What cannot change is said, by name; the rest of the configuration counts. */
static void tell_fixed(struct change *change)
{
    struct strbuf names;

    strbuf_init(&names);
    if (plan_fixed_differences(change->loaded->plan, change->next.plan, &names)) {
        log_warn("not changed until a restart: %s", names.ptr);
        (void)dprintf(change->loader.report_fd,
                      "tidegate: warning: not changed until a restart: %s\n", names.ptr);
    }
    strbuf_free(&names);
}

static bool take_loaded(struct change *change, struct error *error)
{
    int bundle_fd = change->loader.bundle_fd;

    change->loader.bundle_fd = -1;
    if (!loaded_take(&change->next, bundle_fd, error)) {
        return false;
    }
    change->places = xcalloc(change->next.plan->sockets.count + 1, sizeof(*change->places));
    if (!listen_follow(&change->next_listening, change->listening, &change->next.plan->sockets,
                       change->places, error)) {
        free(change->places);
        change->places = NULL;
        return false;
    }
    return true;
}

static void refuse(struct change *change)
{
    give_up(change, 422);
}

void change_loader_ended(struct change *change, int status)
{
    enum loader_result result = loader_ended(&change->loader, status);
    struct error error;

    report_to_log(change->loader.report_fd);
    key_service_loader_ended(change->keys, result == LOADER_DONE);
    switch (result) {
    case LOADER_REFUSED:
        refuse(change);
        return;
    case LOADER_FAILED:
        change_fail(change, "it could not be loaded");
        return;
    case LOADER_DONE:
        break;
    }
    if (!take_loaded(change, &error)) {
        log_error("not reloaded: %s", error.text);
        (void)dprintf(change->loader.report_fd, "tidegate: error: %s\n", error.text);
        refuse(change);
        return;
    }
    tell_fixed(change);
    set_state(change, CHANGE_LOADED);
}

/* ---- the gateway ---- */

/* The new sockets, in as many messages as it takes. */
static bool send_sockets(const struct change *change, int control_fd)
{
    const struct gateway_message message = {.word = GATEWAY_SOCKETS};
    const struct listen_set *set = &change->next_listening;
    int fds[FD_PASS_MAX];
    size_t count = 0;
    bool is_sent = true;

    for (size_t i = 0; is_sent && i < set->count; i++) {
        if (change->places[i] < 0) {
            fds[count++] = set->sockets[i].fd;
        }
        if (count == FD_PASS_MAX || (count != 0 && i + 1 == set->count)) {
            is_sent = fd_pass_send_all(control_fd, &message, sizeof(message), fds, count);
            count = 0;
        }
    }
    return is_sent;
}

static bool send_logs(const struct change *change, int control_fd)
{
    const struct gateway_message message = {.word = GATEWAY_LOGS};
    size_t count = change->next.plan->logs.count;
    bool is_sent = true;

    for (size_t i = 0; is_sent && i < count; i += FD_PASS_MAX) {
        size_t some = count - i < FD_PASS_MAX ? count - i : FD_PASS_MAX;

        is_sent =
            fd_pass_send_all(control_fd, &message, sizeof(message), change->next.log_fds + i, some);
    }
    return is_sent;
}

static bool send_bundle(const struct change *change, int control_fd)
{
    size_t count = change->next_listening.count;
    size_t len = sizeof(struct gateway_message) + count * sizeof(int32_t);
    struct gateway_message *message = xcalloc(1, len);
    bool is_sent;

    message->word = GATEWAY_LOAD;
    message->socket_count = (int32_t)count;
    memcpy(message->sockets, change->places, count * sizeof(int32_t));
    is_sent = fd_pass_send(control_fd, message, len, change->next.bundle_fd);
    free(message);
    return is_sent;
}

void change_offer(struct change *change, int control_fd)
{
    char reason[200];

    key_service_offer_next(change->keys);
    if (!send_sockets(change, control_fd) || !send_logs(change, control_fd) ||
        !send_bundle(change, control_fd)) {
        (void)snprintf(reason, sizeof(reason), "the gateway could not be told: %s",
                       strerror(errno));
        change_fail(change, reason);
        return;
    }
    change->deadline_ms = clock_ms() + CHANGE_OFFER_MS;
    set_state(change, CHANGE_OFFERED);
}

void change_adopt(struct change *change)
{
    for (size_t i = 0; i < change->next_listening.count; i++) {
        if (change->places[i] < 0) {
            log_info("listening on %s", change->next_listening.sockets[i].text);
        }
    }
    listen_take(change->listening, &change->next_listening, change->places);
    key_service_adopt_next(change->keys);
    loaded_free(change->loaded);
    *change->loaded = change->next;
    change->next = LOADED_NONE;
    log_info("reloaded");
    callers_answer(&change->callers, 200, change->loader.report_fd);
    end(change);
}

void change_taken(struct change *change)
{
    change_adopt(change);
}

void change_refused(struct change *change, int report_fd)
{
    if (report_fd >= 0) {
        report_to_log(report_fd);
        report_copy(report_fd, change->loader.report_fd);
        (void)close(report_fd);
    }
    refuse(change);
}

/* ---- time ---- */

uint64_t change_deadline(const struct change *change)
{
    return change->state == CHANGE_LOADING || change->state == CHANGE_OFFERED ? change->deadline_ms
                                                                              : UINT64_MAX;
}

void change_deadline_passed(struct change *change)
{
    if (change->state == CHANGE_LOADING) {
        change_fail(change, "loading took longer than 60 s; does the configuration name a file on "
                            "a disk that does not answer?");
    } else {
        /* It has all that it needs, and will take it up; who waits is told that it has not yet. */
        log_warn("the gateway has not taken up the configuration within 60 s");
        callers_answer(&change->callers, 503, change->loader.report_fd);
        change->deadline_ms = UINT64_MAX;
    }
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
}

void change_let_go(const struct change *change)
{
    const int fds[] = {change->loader.bundle_fd, change->loader.report_fd, change->next.bundle_fd};

    close_all(fds, ARRAY_LEN(fds));
    if (change->next.log_fds != NULL) {
        close_all(change->next.log_fds, change->next.plan->logs.count);
    }
    callers_let_go(&change->callers);
    callers_let_go(&change->later);
    for (size_t i = 0; change->places != NULL && i < change->next_listening.count; i++) {
        if (change->places[i] < 0) {
            (void)close(change->next_listening.sockets[i].fd);
        }
    }
}

void change_free(struct change *change)
{
    callers_answer(&change->later, 503, -1);
    if (change->state != CHANGE_NONE) {
        change_fail(change, "the gateway stops");
    }
}
