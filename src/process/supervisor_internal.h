/* What the files of the supervisor have in common: supervisor.c (signals, time, the loop),
 * supervisor_gateway.c (the gateway process and what it says), supervisor_upgrade.c (from one
 * process of the program to the next) and supervisor_start.c (setting up). */
#ifndef TIDEGATE_PROCESS_SUPERVISOR_INTERNAL_H
#define TIDEGATE_PROCESS_SUPERVISOR_INTERNAL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/commands.h"
#include "process/backoff.h"
#include "process/change.h"
#include "process/control_socket.h"
#include "process/file_broker.h"
#include "process/given_sockets.h"
#include "process/key_service.h"
#include "process/listen.h"
#include "process/loaded.h"
#include "process/privileges.h"
#include "process/stand_in.h"
#include "process/supervisor.h"
#include "process/takeover.h"
#include "process/upgrade.h"
#include "process/watcher.h"

enum supervisor_state {
    SUPERVISOR_STARTING,
    SUPERVISOR_IS_UP,
    SUPERVISOR_WAITING,
    SUPERVISOR_DRAINING,
    SUPERVISOR_KILLING,
    SUPERVISOR_ENDED
};

struct supervisor {
    const struct supervisor_options *options;
    struct loaded loaded;
    struct change change;
    struct watcher watcher;
    const struct bundle_head *watched; /* whose files it watches */
    struct privileges privileges;
    struct listen_set listening;
    struct given_sockets given; /* what is left of them */
    struct control_socket admin;
    struct backoff backoff;
    enum supervisor_state state;
    bool was_ever_up;
    pid_t gateway;  /* 0: none */
    int control_fd; /* our end; -1: none */
    int orders_fd;  /* of people, as the gateway left them (gateway/kept_orders.h); -1: none */
    struct file_broker files;
    struct key_service *keys;
    int signal_fd;
    sigset_t old_signals;
    uint64_t started_ms;  /* when the gateway was forked */
    uint64_t deadline_ms; /* of WAITING, DRAINING and KILLING */
    uint64_t quiet_ms;    /* of DRAINING: the sockets are closed then at the latest; 0: they are */
    int exit_status;
    struct takeover takeover; /* of the place of the one before */
    struct upgrade upgrade;   /* to the one after */
    struct stand_in stand_in;
    bool has_handed_over;  /* DRAINING, KILLING or ENDED: another process is in charge */
    bool was_told_to_end;  /* since then */
    bool is_reload_wanted; /* by a signal during an upgrade */
};

/* supervisor.c */
void supervisor_set_state(struct supervisor *s, enum supervisor_state state);
void supervisor_stop(struct supervisor *s, int signal_number);
void supervisor_ask_for_change(struct supervisor *s, int connection);

/* supervisor_gateway.c */
bool supervisor_start_gateway(struct supervisor *s);
/* fd -1: the word alone. */
void supervisor_send(const struct supervisor *s, enum gateway_word word, int fd);
void supervisor_read_control(struct supervisor *s);
void supervisor_stop_listening(struct supervisor *s);
void supervisor_wait_and_restart(struct supervisor *s, uint64_t lived_ms);
void supervisor_gateway_ended(struct supervisor *s, int status);

/* supervisor_upgrade.c */
/* connection: who waits for the answer, taken over; -1: nobody. */
void supervisor_ask_for_upgrade(struct supervisor *s, int connection);
/* One of the three has something to say. */
void supervisor_read_link(struct supervisor *s);
void supervisor_read_takeover(struct supervisor *s);
void supervisor_read_stand_in(struct supervisor *s);
/* After each turn of the loop. */
void supervisor_follow_upgrade(struct supervisor *s);
/* Of this process's gateway. */
void supervisor_gateway_is_quiet(struct supervisor *s);
/* This process is in charge, and has a gateway that is up: to systemd, whose store gets the
 * sockets. */
void supervisor_tell_ready(struct supervisor *s);
/* Those that are listened on now into the store, of which the gateway is told. */
void supervisor_keep_sockets(struct supervisor *s);

/* supervisor_start.c */
bool supervisor_set_up(struct supervisor *s);
/* In a child: what is the supervisor's own, but for the sockets to listen on, which a gateway
 * needs.
 */
void supervisor_let_go(const struct supervisor *s);

#endif
