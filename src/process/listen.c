#include "process/listen.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "io/sock.h"
#include "process/fd_store.h"
#include "process/given_sockets.h"
#include "process/port_owner.h"

/* A kernel without IPv6 refuses the socket itself. */
static bool machine_has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return false;
    }
    (void)close(fd);
    return true;
}

/* Looked up once, here, where waiting does no harm; the first address counts. Numbers come here
 * too when they have a scope, such as fe80::1%eth0. */
static bool resolve(struct sock_address *out, const struct address_setting *address,
                    struct error *error)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[8];
    int failed;

    (void)snprintf(port, sizeof(port), "%u", (unsigned)address->port);
    failed = getaddrinfo(address->host, port, &hints, &found);
    if (failed != 0) {
        return error_set(error,
                         "cannot listen on %s: %s; write the address in numbers, or :%u for all of "
                         "this machine's",
                         address->text, gai_strerror(failed), (unsigned)address->port);
    }
    *out = (struct sock_address){.len = found->ai_addrlen};
    CHECK(found->ai_addrlen <= sizeof(out->v6));
    memcpy(&out->any, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

static bool from_path(struct sock_address *out, const char *path, struct error *error)
{
    struct stat info;

    if (!sock_address_from_path(out, path)) {
        return error_set(error, "cannot listen on unix:%s: a socket's path has 1 to %zu bytes",
                         path, sizeof(out->un.sun_path) - 1);
    }
    if (lstat(path, &info) == 0 && !S_ISSOCK(info.st_mode)) {
        return error_set(error,
                         "cannot listen on unix:%s: a file is there that is no socket; it is left "
                         "alone, choose another path",
                         path);
    }
    return true;
}

static bool to_sock_address(struct sock_address *out, const struct address_setting *address,
                            struct error *error)
{
    switch (address->kind) {
    case ADDRESS_UNIX:
        return from_path(out, address->host, error);
    case ADDRESS_ANY:
        return sock_address_from_ip(out, machine_has_ipv6() ? "::" : "0.0.0.0", address->port);
    default:
        return sock_address_from_ip(out, address->host, address->port) ||
               resolve(out, address, error);
    }
}

/* "Already in use" is half an answer: say by whom, where it can be seen. */
static void name_owner(const struct address_setting *address, struct error *error)
{
    char owner[PORT_OWNER_TEXT_MAX];
    size_t len = strlen(error->text);

    if (address->kind != ADDRESS_UNIX && address->port != 0 &&
        port_owner_find(address->port, owner)) {
        (void)snprintf(error->text + len, sizeof(error->text) - len, "; port %u is held by %s",
                       (unsigned)address->port, owner);
    }
}

static int bind_to(const struct sock_address *where, struct error *error)
{
    mode_t old_mask = umask(0117); /* so that a socket's file never exists with wider rights */
    int fd = sock_listen(where, LISTEN_BACKLOG, error);

    (void)umask(old_mask);
    return fd;
}

/* Kind and port tell ":443" from a name that is so called. */
static char *name_of(const struct address_setting *address)
{
    struct strbuf name;

    strbuf_init(&name);
    strbuf_printf(&name, "%d %u %s", (int)address->kind, (unsigned)address->port, address->host);
    return name.ptr;
}

/* False: nobody gave one. */
static bool take_given(struct listen_socket *out, struct given_sockets *given, const char *name)
{
    struct given_socket *found = given != NULL ? given_take(given, name, &out->where) : NULL;

    if (found == NULL) {
        return false;
    }
    out->fd = found->fd;
    out->is_given = true;
    out->is_shared = found->is_foreign;
    found->fd = -1;
    return true;
}

static bool open_one(struct listen_socket *out, const struct address_setting *address,
                     struct given_sockets *given, struct error *error)
{
    *out = (struct listen_socket){.fd = -1};
    if (!to_sock_address(&out->where, address, error)) {
        return false;
    }
    out->name = name_of(address);
    if (!take_given(out, given, out->name)) {
        out->fd = bind_to(&out->where, error);
    }
    if (out->fd < 0) {
        name_owner(address, error);
        free(out->name);
        return false;
    }
    /* The address as it came to be: with the port that the system chose for port 0. */
    CHECK(sock_local_address(out->fd, &out->where));
    (void)sock_address_text(&out->where, out->text);
    out->unix_path =
        address->kind == ADDRESS_UNIX && !out->is_shared ? xstrdup(address->host) : NULL;
    return true;
}

static void forget_socket(struct listen_socket *s)
{
    (void)close(s->fd);
    free(s->unix_path);
    free(s->name);
}

static void close_socket(struct listen_socket *s)
{
    if (s->unix_path != NULL) {
        (void)unlink(s->unix_path);
    }
    forget_socket(s);
}

bool listen_open(struct listen_set *set, const struct address_list *addresses,
                 struct given_sockets *given, struct error *error)
{
    *set = (struct listen_set){.sockets = xcalloc(addresses->count + 1, sizeof(*set->sockets))};
    for (size_t i = 0; i < addresses->count; i++) {
        if (!open_one(&set->sockets[set->count], &addresses->items[i], given, error)) {
            listen_undo(set);
            return false;
        }
        set->count++;
    }
    return true;
}

/* ---- another configuration ---- */

/* The place in `present` of a socket of that name that is not taken yet; -1: none. Several with one
 * name (any free port) keep their order. */
static int32_t find_place(const struct listen_set *present, const char *name, const bool *taken)
{
    for (size_t i = 0; i < present->count; i++) {
        if (!taken[i] && strcmp(present->sockets[i].name, name) == 0) {
            return (int32_t)i;
        }
    }
    return -1;
}

bool listen_follow(struct listen_set *next, const struct listen_set *present,
                   const struct address_list *addresses, int32_t *places, struct error *error)
{
    bool *taken = xcalloc(present->count + 1, sizeof(*taken));
    int32_t fresh = 0;
    bool is_open = true;

    *next = (struct listen_set){.sockets = xcalloc(addresses->count + 1, sizeof(*next->sockets))};
    for (size_t i = 0; is_open && i < addresses->count; i++) {
        char *name = name_of(&addresses->items[i]);
        places[i] = find_place(present, name, taken);
        free(name);
        if (places[i] >= 0) {
            taken[places[i]] = true;
            next->sockets[next->count++] = present->sockets[places[i]];
        } else if (open_one(&next->sockets[next->count], &addresses->items[i], NULL, error)) {
            places[i] = --fresh;
            next->count++;
        } else {
            is_open = false;
        }
    }
    free(taken);
    if (!is_open) {
        listen_drop(next, places);
    }
    return is_open;
}

static void forget_in_store(const struct listen_socket *s)
{
    char label[FD_STORE_LABEL_MAX];

    fd_store_label(s->text, label);
    fd_store_forget(label);
}

void listen_take(struct listen_set *present, struct listen_set *next, const int32_t *places)
{
    bool *stays = xcalloc(present->count + 1, sizeof(*stays));

    for (size_t i = 0; i < next->count; i++) {
        if (places[i] >= 0) {
            stays[places[i]] = true;
        }
    }
    for (size_t i = 0; i < present->count; i++) {
        if (!stays[i]) {
            forget_in_store(&present->sockets[i]);
            (void)shutdown(present->sockets[i].fd, SHUT_RDWR);
            close_socket(&present->sockets[i]);
        }
    }
    free(stays);
    free(present->sockets);
    *present = *next;
    *next = (struct listen_set){0};
}

void listen_drop(struct listen_set *next, const int32_t *places)
{
    for (size_t i = 0; i < next->count; i++) {
        if (places[i] < 0) {
            close_socket(&next->sockets[i]);
        }
    }
    free(next->sockets);
    *next = (struct listen_set){0};
}

/* ---- life ---- */

static bool is_listening(int fd)
{
    int yes = 0;
    socklen_t len = sizeof(yes);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) == 0 && yes != 0;
}

bool listen_revive(struct listen_set *set, struct error *error)
{
    for (size_t i = 0; i < set->count; i++) {
        struct listen_socket *s = &set->sockets[i];
        int fd;

        if (is_listening(s->fd)) {
            continue;
        }
        fd = bind_to(&s->where, error);
        if (fd < 0) {
            return false;
        }
        log_warn("%s did not listen any more: the process before had shut it down; it was opened "
                 "again",
                 s->text);
        (void)close(s->fd);
        s->fd = fd;
    }
    return true;
}

void listen_stop(struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        /* On a listening socket this ends the listening, for every process that shares it. */
        if (!set->sockets[i].is_shared) {
            (void)shutdown(set->sockets[i].fd, SHUT_RDWR);
        }
    }
    listen_close(set);
}

void listen_keep(struct listen_set *set)
{
    size_t room = fd_store_room();

    for (size_t i = 0; i < set->count && i < room; i++) {
        struct listen_socket *s = &set->sockets[i];

        if (fd_store_keep(s->text, s->fd)) {
            s->is_shared = true;
            free(s->unix_path); /* whoever gets it next listens at this path */
            s->unix_path = NULL;
        }
    }
}

void listen_let_go(struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        forget_socket(&set->sockets[i]);
    }
    free(set->sockets);
    *set = (struct listen_set){0};
}

void listen_undo(struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->sockets[i].is_given) {
            forget_socket(&set->sockets[i]);
        } else {
            close_socket(&set->sockets[i]);
        }
    }
    free(set->sockets);
    *set = (struct listen_set){0};
}

bool listen_is_shared(const struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->sockets[i].is_shared) {
            return true;
        }
    }
    return false;
}

void listen_close(struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        close_socket(&set->sockets[i]);
    }
    free(set->sockets);
    *set = (struct listen_set){0};
}
