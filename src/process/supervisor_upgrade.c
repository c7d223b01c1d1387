#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "process/gateway_child.h"
#include "process/given_sockets.h"
#include "process/notify.h"
#include "process/supervisor_internal.h"

void supervisor_keep_sockets(struct supervisor *s)
{
    listen_keep(&s->listening);
    supervisor_send(s, listen_is_shared(&s->listening) ? GATEWAY_SHARE : GATEWAY_OWN, -1);
}

void supervisor_tell_ready(struct supervisor *s)
{
    char state[120];

    supervisor_keep_sockets(s);
    (void)snprintf(state, sizeof(state), "READY=1\nSTATUS=ready, listening on %zu address%s",
                   s->listening.count, s->listening.count == 1 ? "" : "es");
    notify_send(state);
}

/* ---- this process's place goes to another one ---- */

/* Why there can be no upgrade now; NULL: there can. */
static const char *obstacle(const struct supervisor *s)
{
    if (s->takeover.state == TAKEOVER_COMING || s->takeover.state == TAKEOVER_READY) {
        return "this process is just taking over";
    }
    if (s->change.state != CHANGE_NONE) {
        return "a reload is under way; try again in a moment";
    }
    if (s->state != SUPERVISOR_IS_UP) {
        return "the gateway is not up, or stops";
    }
    return NULL;
}

void supervisor_ask_for_upgrade(struct supervisor *s, int connection)
{
    struct upgrade_estate estate = {.listening = &s->listening,
                                    .stand_in_fd = s->takeover.stand_in_fd,
                                    .orders_fd = s->orders_fd,
                                    .is_apart = !notify_is_wanted(),
                                    .limit_ms = s->loaded.plan->upgrade_ms};
    const char *why = obstacle(s);
    char text[200];

    if (s->upgrade.state == UPGRADE_STARTING || s->upgrade.state == UPGRADE_COMMITTING ||
        s->upgrade.state == UPGRADE_LEAVING) {
        callers_add(&s->upgrade.callers, connection);
        return;
    }
    if (why != NULL) {
        log_warn("not upgraded: %s", why);
        (void)snprintf(text, sizeof(text), "tidegate: error: not upgraded: %s\n", why);
        if (connection >= 0) {
            callers_answer_one(connection, 503, text);
        }
        return;
    }
    if (!notify_is_wanted() && estate.stand_in_fd < 0 && stand_in_prepare(&s->stand_in)) {
        estate.stand_in_fd = s->stand_in.other_fd;
    }
    upgrade_begin(&s->upgrade, connection, &estate);
}

/* It is in charge from here on: what runs here is finished, and nothing new is taken. */
static void hand_over(struct supervisor *s)
{
    pid_t heir = s->upgrade.pid;

    log_info("process %d has taken over; finishing what runs here (up to %" PRIu64 " s)", (int)heir,
             s->loaded.plan->drain_ms / 1000);
    s->has_handed_over = true;
    if (s->stand_in.other_fd >= 0) {
        stand_in_begin(&s->stand_in, heir);
    } else if (s->takeover.stand_in_fd >= 0) {
        stand_in_tell(s->takeover.stand_in_fd, heir);
    }
    upgrade_leave(&s->upgrade);
    starter_let_go(&s->upgrade.starter);
    supervisor_send(s, GATEWAY_LEAVE, -1);
    listen_let_go(&s->listening);
    watcher_free(&s->watcher);
    control_socket_close(&s->admin);
    s->quiet_ms = 0;
    s->deadline_ms = clock_ms() + s->loaded.plan->drain_ms + GATEWAY_GRACE_MS;
    supervisor_set_state(s, s->gateway != 0 ? SUPERVISOR_DRAINING : SUPERVISOR_ENDED);
    if (s->gateway == 0) {
        supervisor_gateway_is_quiet(s);
    }
}

void supervisor_gateway_is_quiet(struct supervisor *s)
{
    if (s->upgrade.state == UPGRADE_LEAVING) {
        upgrade_quiet(&s->upgrade);
    }
}

void supervisor_read_link(struct supervisor *s)
{
    switch (upgrade_read_link(&s->upgrade)) {
    case UPGRADE_NO_NEWS:
        break;
    case UPGRADE_IS_READY:
        notify_main(s->upgrade.pid); /* before it says anything itself, which counts then */
        upgrade_commit(&s->upgrade, s->orders_fd);
        break;
    case UPGRADE_IS_OWNED:
        hand_over(s);
        break;
    }
}

void supervisor_follow_upgrade(struct supervisor *s)
{
    if (!s->is_reload_wanted || s->takeover.state == TAKEOVER_COMING ||
        s->takeover.state == TAKEOVER_READY) {
        return;
    }
    if (s->upgrade.state == UPGRADE_NONE) {
        s->is_reload_wanted = false;
        supervisor_ask_for_change(s, -1);
    } else if (s->has_handed_over) {
        s->is_reload_wanted = false;
        (void)kill(s->upgrade.pid, SIGHUP); /* it may have read the file before that was changed */
    }
}

/* ---- this process takes another one's place ---- */

static void pass_orders_on(struct supervisor *s)
{
    if (s->takeover.orders_fd < 0) {
        return;
    }
    if (s->orders_fd >= 0) {
        (void)close(s->orders_fd);
    }
    s->orders_fd = s->takeover.orders_fd;
    s->takeover.orders_fd = -1;
    supervisor_send(s, GATEWAY_ORDERS, s->orders_fd);
}

static void pass_legacy_on(struct supervisor *s)
{
    if (s->takeover.legacy_fd >= 0) {
        supervisor_send(s, GATEWAY_HEIR, s->takeover.legacy_fd);
        (void)close(s->takeover.legacy_fd);
        s->takeover.legacy_fd = -1;
    }
}

static void be_in_charge(struct supervisor *s)
{
    log_info("this process is in charge now");
    pass_orders_on(s);
    control_socket_settle(&s->admin);
    takeover_owned(&s->takeover);
    supervisor_tell_ready(s);
}

void supervisor_read_takeover(struct supervisor *s)
{
    switch (takeover_read(&s->takeover)) {
    case TAKEOVER_NO_NEWS:
        break;
    case TAKEOVER_IS_OURS:
        be_in_charge(s);
        break;
    case TAKEOVER_NEW_ORDERS:
        pass_orders_on(s);
        break;
    case TAKEOVER_LEGACY:
        pass_legacy_on(s);
        break;
    case TAKEOVER_IS_QUIET:
        given_close(&s->given);
        break;
    case TAKEOVER_IS_OFF:
        log_error("the process that runs stays in charge, or is gone: stopping");
        s->exit_status = 1;
        supervisor_stop(s, SIGTERM);
        break;
    }
}

/* It says nothing: this is its end. */
void supervisor_read_stand_in(struct supervisor *s)
{
    (void)close(s->takeover.stand_in_fd);
    s->takeover.stand_in_fd = -1;
    log_warn("the process that was started first is gone");
    if (!s->has_handed_over) {
        supervisor_stop(s, SIGTERM);
    }
}
