#include "process/given_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "process/fd_store.h"

#define FIRST_FD 3

/* ---- one socket ---- */

/* Listening would give one without a port any. */
static bool has_address(int fd, struct sock_address *where)
{
    if (!sock_local_address(fd, where)) {
        return false;
    }
    switch (where->any.sa_family) {
    case AF_INET:
        return where->v4.sin_port != 0;
    case AF_INET6:
        return where->v6.sin6_port != 0;
    default:
        return where->any.sa_family == AF_UNIX && where->un.sun_path[0] != '\0';
    }
}

/* As sock_listen makes them. */
static bool prepare(int fd, struct sock_address *where, const char **why)
{
    int flags = fcntl(fd, F_GETFL);
    int kind = 0;
    int on = 1;
    socklen_t len = sizeof(kind);

    if (flags < 0) {
        *why = strerror(errno);
        return false;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &len) != 0 || kind != SOCK_STREAM) {
        *why = "it is no stream socket";
        return false;
    }
    if (!has_address(fd, where)) {
        *why = "it is bound to no address";
        return false;
    }
    /* What is connected cannot listen. */
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0) {
        *why = strerror(errno);
        return false;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* a Unix socket has none */
    return true;
}

void given_add(struct given_sockets *given, int fd, const char *name, const char *label,
               bool is_foreign)
{
    struct given_socket added = {.fd = fd, .is_foreign = is_foreign};
    const char *why = NULL;

    if (!prepare(fd, &added.where, &why)) {
        log_warn("descriptor %d%s%s, which this was started with, is closed: %s", fd,
                 label != NULL ? " " : "", label != NULL ? label : "", why);
        (void)close(fd);
        return;
    }
    (void)sock_address_text(&added.where, added.text);
    added.name = name != NULL ? xstrdup(name) : NULL;
    added.label = label != NULL ? xstrdup(label) : NULL;
    given->items = xrealloc(given->items, (given->count + 1) * sizeof(*given->items));
    given->items[given->count++] = added;
}

/* ---- systemd ---- */

/* The n-th of names with colons between them; the caller's; NULL: there are not so many. */
static char *name_at(const char *names, int n)
{
    size_t len;

    while (names != NULL && n-- > 0) {
        names = strchr(names, ':');
        names = names != NULL ? names + 1 : NULL;
    }
    if (names == NULL) {
        return NULL;
    }
    len = strcspn(names, ":");
    char *name = xmalloc(len + 1);
    memcpy(name, names, len);
    name[len] = '\0';
    return name;
}

static long number_in(const char *variable)
{
    const char *text = getenv(variable);
    char *end = NULL;
    long number = text != NULL ? strtol(text, &end, 10) : 0;

    return text != NULL && end != text && *end == '\0' ? number : 0;
}

void given_from_environment(struct given_sockets *given, int *count)
{
    long fds = number_in("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");

    *count = 0;
    if (number_in("LISTEN_PID") == (long)getpid() && fds > 0 && fds <= 65536) {
        *count = (int)fds;
    }
    for (int i = 0; i < *count; i++) {
        char *label = name_at(names, i);
        given_add(given, FIRST_FD + i, NULL, label != NULL ? label : "unknown", true);
        free(label);
    }
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
}

/* ---- who wants them ---- */

static bool is_same_address(const struct sock_address *a, const struct sock_address *b)
{
    if (a->any.sa_family != b->any.sa_family) {
        return false;
    }
    switch (a->any.sa_family) {
    case AF_INET:
        return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    case AF_INET6:
        return a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
               memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
    default: /* one of the abstract namespace is named by nobody's configuration */
        return a->un.sun_path[0] != '\0' &&
               strncmp(a->un.sun_path, b->un.sun_path, sizeof(a->un.sun_path)) == 0;
    }
}

struct given_socket *given_take(struct given_sockets *given, const char *name,
                                const struct sock_address *where)
{
    for (size_t i = 0; i < given->count; i++) {
        struct given_socket *one = &given->items[i];
        if (one->fd >= 0 && one->name != NULL && strcmp(one->name, name) == 0) {
            return one;
        }
    }
    for (size_t i = 0; i < given->count; i++) {
        struct given_socket *one = &given->items[i];
        if (one->fd >= 0 && is_same_address(&one->where, where)) {
            return one;
        }
    }
    return NULL;
}

void given_tell_unwanted(struct given_sockets *given)
{
    for (size_t i = 0; i < given->count; i++) {
        struct given_socket *one = &given->items[i];

        if (one->fd >= 0 && !one->is_unwanted) {
            one->is_unwanted = true;
            log_warn("the socket %s%s%s%s, which this was started with, is closed: no listener of "
                     "the configuration has that address",
                     one->text, one->label != NULL ? " (" : "",
                     one->label != NULL ? one->label : "", one->label != NULL ? ")" : "");
        }
    }
}

static void free_known(struct given_sockets *given)
{
    for (size_t i = 0; i < given->count; i++) {
        free(given->items[i].name);
        free(given->items[i].label);
    }
    free(given->items);
    *given = (struct given_sockets){0};
}

static void forget_in_store(const struct given_socket *one)
{
    char label[FD_STORE_LABEL_MAX];

    fd_store_label(one->text, label);
    fd_store_forget(one->label != NULL ? one->label : label);
}

void given_close(struct given_sockets *given)
{
    for (size_t i = 0; i < given->count; i++) {
        struct given_socket *one = &given->items[i];

        if (one->fd >= 0 && !one->is_foreign) {
            (void)shutdown(one->fd, SHUT_RDWR);
            if (one->where.any.sa_family == AF_UNIX) {
                (void)unlink(one->where.un.sun_path);
            }
        }
        if (one->fd >= 0) {
            forget_in_store(one);
            (void)close(one->fd);
        }
    }
    free_known(given);
}

void given_undo(struct given_sockets *given)
{
    given_let_go(given);
    free_known(given);
}

void given_let_go(const struct given_sockets *given)
{
    for (size_t i = 0; i < given->count; i++) {
        if (given->items[i].fd >= 0) {
            (void)close(given->items[i].fd);
        }
    }
}
