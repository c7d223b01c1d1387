/* The listening sockets: bound once by the supervisor, kept across deaths of the gateway.
 *
 * One socket per `bind` of each listener, in the order of the file; ":443" is one dual-stack socket
 * ([::], or 0.0.0.0 where the machine has no IPv6). Non-blocking and close-on-exec. */
#ifndef TIDEGATE_PROCESS_LISTEN_H
#define TIDEGATE_PROCESS_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "io/sock.h"
#include "settings/settings.h"

struct listen_socket {
    int fd;
    struct sock_address where;
    char text[SOCK_TEXT_MAX]; /* "127.0.0.1:8080", "[::]:443" (the real port), "unix:/path" */
    char *name;               /* as the configuration has it: what it is known by in another one */
    char *unix_path;          /* to be removed at the end; NULL for TCP, and for others' */
    bool is_given;            /* somebody else has bound it */
    bool is_shared;           /* systemd has it, too: nobody is refused when it is closed here */
};

struct given_sockets;

struct listen_set {
    struct listen_socket *sockets;
    size_t count;
};

/* Binds all of them or none: on false all are closed again and `error` says which one could not be
 * bound, why, and what to do. A socket file left by a process that is gone is replaced; one that
 * somebody answers on, or a file that is no socket, is left alone. Those that are given already
 * are taken from there; NULL: none is. */
bool listen_open(struct listen_set *set, const struct address_list *addresses,
                 struct given_sockets *given, struct error *error) MUST_CHECK;
/* The sockets of another configuration: those of `present` that it has too, and new ones. places[i]
 * says which socket i of it is: its place in `present`, or -1, -2, ... for the first, second, ...
 * new one. On false nothing has changed. Then one of listen_take and listen_drop. */
bool listen_follow(struct listen_set *next, const struct listen_set *present,
                   const struct address_list *addresses, int32_t *places,
                   struct error *error) MUST_CHECK;
/* `present` becomes `next`; what is in that no more is closed, and refuses connections. */
void listen_take(struct listen_set *present, struct listen_set *next, const int32_t *places);
/* `present` stays; what is new in `next` is closed. */
void listen_drop(struct listen_set *next, const int32_t *places);
/* Before a gateway is started: whatever the one before did to the sockets that it shared, they
 * listen, at the same addresses. False when one could not be opened again; the rest stays. */
bool listen_revive(struct listen_set *set, struct error *error) MUST_CHECK;
/* Into systemd's store, as far as that has room; what is there already stays. */
void listen_keep(struct listen_set *set);
/* Another process has them, and goes on with them: closes without a trace. */
void listen_let_go(struct listen_set *set);
/* As if there had been no listen_open: those that were given are let go, the others closed. */
void listen_undo(struct listen_set *set);
/* Whether systemd has one of them. */
bool listen_is_shared(const struct listen_set *set);
/* New connections are refused from now on, also by processes that inherited the sockets, which may
 * not get round to closing them soon, but for those that systemd has, too: connections wait in
 * these for whoever it starts next. Then listen_close. */
void listen_stop(struct listen_set *set);
/* Closes all and removes the socket files. Can be called twice. */
void listen_close(struct listen_set *set);

#endif
