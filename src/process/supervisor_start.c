#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/account.h"
#include "base/log.h"
#include "gateway/deaths.h"
#include "process/child_signals.h"
#include "process/confine.h"
#include "process/inherited.h"
#include "process/load_first.h"
#include "process/supervisor_internal.h"

static const int handled_signals[] = {CHILD_SIGNALS};

static bool take_signals(struct supervisor *s)
{
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigset_t signals;

    (void)sigaction(SIGPIPE, &action, NULL);
    (void)sigemptyset(&signals);
    for (size_t i = 0; i < ARRAY_LEN(handled_signals); i++) {
        (void)sigaddset(&signals, handled_signals[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &signals, &s->old_signals);
    /* A mask inherited from whoever started us would keep the gateway from hearing anything. */
    for (size_t i = 0; i < ARRAY_LEN(handled_signals); i++) {
        (void)sigdelset(&s->old_signals, handled_signals[i]);
    }
    s->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signal_fd < 0) {
        log_error("cannot receive signals: %s", strerror(errno));
    }
    return s->signal_fd >= 0;
}

void supervisor_let_go(const struct supervisor *s)
{
    const int fds[] = {s->signal_fd, s->stand_in.fd, s->stand_in.other_fd};

    watcher_let_go(&s->watcher);
    upgrade_let_go(&s->upgrade);
    takeover_let_go(&s->takeover);
    given_let_go(&s->given);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
}

static void use_log_level(const struct supervisor *s)
{
    log_set_level(s->options->debug ? LOG_LEVEL_DEBUG : log_level_from(s->loaded.plan->log_level));
}

/* With the rights of the start, and before there is anything that it should not have. Without it
 * everything goes on but an upgrade. */
static void leave_starter(struct supervisor *s)
{
    struct error error;

    (void)sigprocmask(SIG_BLOCK, NULL, &s->old_signals);
    if (!starter_begin(&s->upgrade.starter, s->options->argv, &s->old_signals, &error)) {
        log_warn("upgrades take a restart: the process that starts new versions cannot be made: %s",
                 error.text);
    }
}

static bool open_sockets(struct supervisor *s, struct error *error)
{
    const struct plan *plan = s->loaded.plan;
    bool is_coming = s->takeover.state != TAKEOVER_NONE;

    if (!listen_open(&s->listening, &plan->sockets, &s->given, error) ||
        !control_socket_open(&s->admin, plan->control, is_coming, error)) {
        return false;
    }
    given_tell_unwanted(&s->given);
    if (!is_coming) {
        given_close(&s->given); /* or the process that is in charge still takes what waits there */
    }
    return true;
}

bool supervisor_set_up(struct supervisor *s)
{
    const struct plan *plan;
    struct error error;

    leave_starter(s);
    s->given = s->options->inherited->given;
    if (!takeover_begin(&s->takeover, s->options->inherited->link_fd, &s->given, &error)) {
        log_error("%s", error.text);
        return false;
    }
    s->orders_fd = s->takeover.orders_fd;
    s->takeover.orders_fd = -1;
    /* Everything that can be wrong is found before a socket is bound. */
    if (!load_first(s->options->config_path, s->options->color, s->keys, &s->loaded)) {
        return false;
    }
    use_log_level(s);
    plan = s->loaded.plan;
    if (!privileges_resolve(&s->privileges, account_to_become(plan->user), plan->group, &error) ||
        !open_sockets(s, &error)) {
        log_error("%s", error.text);
        return false;
    }
    s->privileges.keep_dumpable = s->options->debug;
    inherited_raise_limits();
    deaths_prepare();
    takeover_use_log(&s->takeover);
    for (size_t i = 0; i < s->listening.count; i++) {
        log_info("listening on %s", s->listening.sockets[i].text);
    }
    confine_supervisor(plan->is_confined, s->privileges.keep_dumpable);
    return take_signals(s) && supervisor_start_gateway(s);
}
