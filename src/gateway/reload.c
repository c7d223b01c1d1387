#include "gateway/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bundle.h"
#include "base/log.h"
#include "config/report.h"

static void close_if_open(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

static int *copy(const int *fds, size_t count)
{
    int *own = xcalloc(count + 1, sizeof(*own));

    memcpy(own, fds, count * sizeof(*own));
    return own;
}

void reload_init(struct reload *reload, const char *config_path, const int *fds, size_t count)
{
    *reload =
        (struct reload){.config_path = config_path, .fds = copy(fds, count), .fd_count = count};
}

void reload_sockets(struct reload *reload, const int *fds, size_t count)
{
    reload->offered =
        xrealloc(reload->offered, (reload->offered_count + count) * sizeof(*reload->offered));
    memcpy(reload->offered + reload->offered_count, fds, count * sizeof(*fds));
    reload->offered_count += count;
}

void reload_logs(struct reload *reload, const int *fds, size_t count)
{
    struct log_fds *logs = &reload->logs;

    logs->fds = xrealloc(logs->fds, (logs->count + count) * sizeof(*logs->fds));
    memcpy(logs->fds + logs->count, fds, count * sizeof(*fds));
    logs->count += count;
}

static void drop_offered(struct reload *reload)
{
    for (size_t i = 0; i < reload->offered_count; i++) {
        (void)close(reload->offered[i]);
    }
    free(reload->offered);
    reload->offered = NULL;
    reload->offered_count = 0;
}

/* Those that no snapshot has taken. */
static void drop_logs(struct reload *reload)
{
    log_fds_close(&reload->logs);
    free(reload->logs.fds);
    reload->logs = (struct log_fds){NULL, 0};
}

/* Those of the present ones, and all that were offered; NULL: they are not what was sent. */
static int *choose_sockets(const struct reload *reload, const struct gateway_message *message)
{
    size_t count = (size_t)message->socket_count;
    int *fds = xcalloc(count + 1, sizeof(*fds));
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        int32_t at = message->sockets[i];
        if (at >= 0 && (size_t)at < reload->fd_count) {
            fds[i] = reload->fds[at];
        } else if (at < 0 && used < reload->offered_count && (size_t)-at == used + 1) {
            fds[i] = reload->offered[used++];
        } else {
            free(fds);
            return NULL;
        }
    }
    return fds;
}

/* ---- reports ---- */

static FILE *open_report(int *fd)
{
    *fd = memfd_create("tidegate-report", MFD_CLOEXEC);
    int own = *fd >= 0 ? dup(*fd) : -1;
    FILE *out = own >= 0 ? fdopen(own, "w") : NULL;

    if (out == NULL) {
        close_if_open(own);
        close_if_open(*fd);
        *fd = -1;
    }
    return out;
}

static int report_text(const char *text)
{
    int fd;
    FILE *out = open_report(&fd);

    if (out != NULL) {
        (void)fprintf(out, "tidegate: error: %s\n", text);
        (void)fclose(out);
    }
    return fd;
}

static int report_errors(const struct config_report *report)
{
    int fd;
    FILE *out = open_report(&fd);

    if (out != NULL) {
        config_report_print(report, out, false);
        (void)fclose(out);
    }
    return fd;
}

/* ---- building ---- */

/* Whether the snapshot's listeners are as many as the sockets. */
static bool fits(const struct snapshot *snapshot, size_t sockets)
{
    size_t count = 0;

    for (size_t i = 0; i < snapshot->settings->listener_count; i++) {
        count += snapshot->settings->listeners[i].bind.count;
    }
    return count == sockets;
}

static struct snapshot *build(const struct reload *reload, const struct snapshot *present,
                              int bundle_fd, int *report_fd)
{
    struct snapshot_means means = {.previous = present, .logs = reload->logs};
    struct snapshot *snapshot;
    struct config_report report;
    struct error error;
    struct bundle *bundle = bundle_open(bundle_fd, &error);

    if (bundle == NULL) {
        *report_fd = report_text(error.text);
        return NULL;
    }
    config_report_init(&report);
    snapshot = snapshot_load(bundle, reload->config_path, &means, &report);
    bundle_close(bundle);
    if (snapshot == NULL) {
        *report_fd = report_errors(&report);
    } else if (!log_targets_start(&snapshot->log_targets, &error)) {
        *report_fd = report_text(error.text);
        snapshot_release(snapshot);
        snapshot = NULL;
    }
    config_report_free(&report);
    return snapshot;
}

void reload_post(struct reload *reload, struct worker **workers, unsigned count)
{
    reload->followed = 0;
    reload->change_count = count;
    reload->changes = xcalloc(count, sizeof(*reload->changes));
    for (unsigned i = 0; i < count; i++) {
        reload->changes[i] = (struct worker_change){.worker = workers[i],
                                                    .snapshot = snapshot_hold(reload->snapshot),
                                                    .listen_fds = reload->next_fds,
                                                    .listen_count = reload->next_count};
        worker_post_follow(&reload->changes[i]);
    }
}

bool reload_load(struct reload *reload, const struct gateway_message *message,
                 const struct snapshot *present, int bundle_fd, int *report_fd)
{
    int *fds = reload->is_under_way ? NULL : choose_sockets(reload, message);

    *report_fd = -1;
    if (fds == NULL) {
        *report_fd = report_text("the gateway is not ready for another configuration; try again");
    } else {
        reload->snapshot = build(reload, present, bundle_fd, report_fd);
        if (reload->snapshot != NULL && !fits(reload->snapshot, (size_t)message->socket_count)) {
            *report_fd = report_text("the listeners of the configuration are not those bound");
            snapshot_release(reload->snapshot);
            reload->snapshot = NULL;
        }
    }
    close_if_open(bundle_fd);
    drop_logs(reload);
    if (fds == NULL || reload->snapshot == NULL) {
        free(fds);
        drop_offered(reload);
        return false;
    }
    free(reload->offered);
    reload->offered = NULL;
    reload->offered_count = 0;
    reload->next_fds = fds;
    reload->next_count = (size_t)message->socket_count;
    reload->is_under_way = true;
    return true;
}

/* ---- the end ---- */

static bool is_among(const int *fds, size_t count, int fd)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] == fd) {
            return true;
        }
    }
    return false;
}

bool reload_followed(struct reload *reload, struct snapshot **snapshot)
{
    if (!reload->is_under_way || ++reload->followed != reload->change_count) {
        return false;
    }
    for (size_t i = 0; i < reload->fd_count; i++) {
        if (!is_among(reload->next_fds, reload->next_count, reload->fds[i])) {
            (void)close(reload->fds[i]);
        }
    }
    free(reload->fds);
    reload->fds = reload->next_fds;
    reload->fd_count = reload->next_count;
    reload->next_fds = NULL;
    free(reload->changes);
    reload->changes = NULL;
    reload->is_under_way = false;
    *snapshot = reload->snapshot;
    reload->snapshot = NULL;
    return true;
}

void reload_free(struct reload *reload)
{
    for (unsigned i = 0; reload->is_under_way && i < reload->change_count; i++) {
        if (!reload->changes[i].is_taken) {
            snapshot_release(reload->changes[i].snapshot);
        }
    }
    if (reload->is_under_way) {
        snapshot_release(reload->snapshot);
    }
    drop_offered(reload);
    drop_logs(reload);
    free(reload->changes);
    free(reload->next_fds);
    free(reload->fds);
}
