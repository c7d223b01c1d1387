/* Listening sockets that somebody else has bound: systemd, by socket activation or out of its store
 * of descriptors (sd_listen_fds(3)), or the process whose place this one takes (handover.h). Each
 * goes to the listener that would have bound it; what no listener wants is closed, and said. */
#ifndef TIDEGATE_PROCESS_GIVEN_SOCKETS_H
#define TIDEGATE_PROCESS_GIVEN_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "io/sock.h"

/* Of every socket that is listened on. */
enum { LISTEN_BACKLOG = 4096 };

struct given_socket {
    int fd; /* -1: it was taken */
    struct sock_address where;
    char text[SOCK_TEXT_MAX];
    char *name;       /* what the configuration called it (struct listen_socket); NULL: unknown */
    char *label;      /* what systemd calls it; NULL: it is not systemd's */
    bool is_foreign;  /* its maker keeps it, and removes its file, if it has one */
    bool is_unwanted; /* it was said that nobody listens on it */
};

struct given_sockets {
    struct given_socket *items;
    size_t count;
};

/* What the environment says of this process (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES), which forgets
 * it; *count: so many descriptors from 3 on are taken. Those that are no sockets to listen on are
 * closed, and said. */
void given_from_environment(struct given_sockets *given, int *count);
/* One more: the descriptor is taken over, and closed where it is no socket to listen on. `name` and
 * `label` are copied; NULL is allowed. */
void given_add(struct given_sockets *given, int fd, const char *name, const char *label,
               bool is_foreign);
/* The one of that name, or else of that address; NULL: there is none. Whoever uses its descriptor
 * sets that to -1 here. */
struct given_socket *given_take(struct given_sockets *given, const char *name,
                                const struct sock_address *where);
/* Says which are left. */
void given_tell_unwanted(struct given_sockets *given);
/* Closes what is left; nobody can connect to it any more, where it is not foreign. May be called
 * twice. */
void given_close(struct given_sockets *given);
/* In a child: closes, and no more. */
void given_let_go(const struct given_sockets *given);
/* Whoever gave them goes on with them. */
void given_undo(struct given_sockets *given);

#endif
