#include "process/gateway_child.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/bundle.h"
#include "base/log.h"
#include "config/report.h"
#include "gateway/gateway.h"
#include "gateway/kept_orders.h"
#include "gateway/memory_watch.h"
#include "gateway/snapshot.h"
#include "process/child_signals.h"
#include "process/confine.h"
#include "process/file_broker.h"

struct orphan_sockets {
    size_t count;
    int fds[];
};

/* For the signal handler alone. */
static struct {
    volatile sig_atomic_t limit_s;
    _Atomic(struct orphan_sockets *) listening;
    struct orphan_sockets *before;  /* kept, as the handler may be looking at them */
    volatile sig_atomic_t is_owner; /* nobody else goes on with them */
    int admin_fd;
    pid_t parent;
} orphan;

static void set_ownership(bool is_owner)
{
    orphan.is_owner = is_owner;
}

static void set_orphan_sockets(const int *fds, size_t count)
{
    struct orphan_sockets *sockets = xmalloc(sizeof(*sockets) + count * sizeof(int));

    sockets->count = count;
    memcpy(sockets->fds, fds, count * sizeof(int));
    free(orphan.before);
    orphan.before = atomic_exchange(&orphan.listening, sockets);
}

/* The supervisor is gone, if it is: any process of this user can send the signal, too. The control
 * socket's end makes the gateway drain; this lets the next supervisor have the ports at once, and
 * makes sure that the gateway ends even when it hangs. getppid, shutdown and alarm are
 * async-signal-safe, and SIGALRM's default is to end. */
static void on_parent_death(int signal_number)
{
    const struct orphan_sockets *sockets = atomic_load(&orphan.listening);
    int number = errno;

    (void)signal_number;
    if (getppid() == orphan.parent) {
        return;
    }
    for (size_t i = 0; i < sockets->count && orphan.is_owner; i++) {
        (void)shutdown(sockets->fds[i], SHUT_RDWR);
    }
    if (orphan.admin_fd >= 0) {
        (void)shutdown(orphan.admin_fd, SHUT_RDWR);
    }
    (void)alarm((unsigned)orphan.limit_s);
    errno = number;
}

/* After the change of user: the kernel forgets the parent-death signal in it. */
static void follow_parent(const struct gateway_child *child)
{
    struct sigaction action = {.sa_handler = on_parent_death, .sa_flags = SA_RESTART};
    uint64_t limit_s = (child->loaded->plan->drain_ms + GATEWAY_GRACE_MS) / 1000 + 1;

    orphan.is_owner = child->is_owner;
    orphan.limit_s = limit_s < 86400 ? (sig_atomic_t)limit_s : 86400;
    orphan.admin_fd = child->admin_fd;
    orphan.parent = child->parent;
    (void)sigaction(SIGUSR2, &action, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGUSR2, 0, 0, 0);
    if (getppid() != child->parent) {
        on_parent_death(SIGUSR2);
    }
}

/* Of the bundle, with the rights of the start. NULL: it was said why not. */
static struct snapshot *build_snapshot(const struct gateway_child *child)
{
    struct snapshot_means means = {
        .logs = {child->loaded->log_fds, child->loaded->plan->logs.count},
        .is_started_again = child->is_started_again};
    struct snapshot *snapshot = NULL;
    struct config_report report;
    struct error error;
    struct bundle *bundle = bundle_open(child->loaded->bundle_fd, &error);

    if (bundle == NULL) {
        log_error("%s", error.text);
        return NULL;
    }
    config_report_init(&report);
    snapshot = snapshot_load(bundle, child->config_path, &means, &report);
    bundle_close(bundle);
    if (snapshot == NULL) {
        config_report_print(&report, stderr, false);
    }
    config_report_free(&report);
    return snapshot;
}

static int serve(const struct gateway_child *child, struct gateway_start *start)
{
    struct gateway_companion companion;
    struct admin *admin;
    int status;

    if (child->admin_fd < 0) {
        return gateway_main(start);
    }
    admin = admin_create(child->admin_fd, child->version, start->control_fd);
    companion = admin_companion(admin);
    start->companion = &companion;
    status = gateway_main(start);
    start->companion = NULL;
    admin_destroy(admin);
    return status;
}

void gateway_child_be(const struct gateway_child *child)
{
    const struct listen_set *listening = child->listening;
    struct gateway_start start = {.config_path = child->config_path,
                                  .listen_count = listening->count,
                                  .control_fd = child->control_fd,
                                  .on_sockets = set_orphan_sockets,
                                  .on_ownership = set_ownership};
    struct error error;
    int *fds = xcalloc(listening->count + 1, sizeof(*fds));
    int status;

    log_set_role("gateway");
    child_signals_ignore(child->signals);
    for (size_t i = 0; i < listening->count; i++) {
        fds[i] = listening->sockets[i].fd;
    }
    set_orphan_sockets(fds, listening->count);
    start.listen_fds = fds;
    key_service_in_gateway(child->keys);
    if (child->orders_fd >= 0) {
        kept_orders_take(child->orders_fd);
    }
    start.snapshot = build_snapshot(child);
    if (start.snapshot == NULL) {
        exit(1);
    }
    (void)close(child->loaded->bundle_fd);
    if (!privileges_drop(child->privileges, &error)) {
        log_error("%s", error.text);
        exit(1);
    }
    follow_parent(child);
    memory_watch_open();
    file_broker_use(child->files_fd);
    confine_gateway(start.snapshot, child->privileges->keep_dumpable);
    if (child->is_started_again) {
        trust_follow(&start.snapshot->trust);
    }
    status = serve(child, &start);
    free(fds);
    exit(status);
}
