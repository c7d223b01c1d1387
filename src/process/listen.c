#include "process/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* What a bind setting becomes. */
struct bind_address {
    struct sockaddr_storage storage;
    socklen_t len;
};

static bool explain(struct error *error, const struct address_setting *address, int number)
{
    if (number == EACCES && address->kind != ADDRESS_UNIX) {
        return error_set(error,
                         "cannot listen on %s: permission denied; ports below 1024 need root: run "
                         "as root, or: setcap cap_net_bind_service=+ep $(command -v tidegate), or "
                         "choose a port above 1023",
                         address->text);
    }
    if (number == EADDRINUSE && address->kind != ADDRESS_UNIX) {
        return error_set(error,
                         "cannot listen on %s: another program has this port already; see which "
                         "with: ss -ltnp 'sport = :%u', then stop it or choose another port",
                         address->text, (unsigned)address->port);
    }
    if (number == EADDRNOTAVAIL) {
        return error_set(error,
                         "cannot listen on %s: this machine does not have that address; see which "
                         "it has with: ip address, or write :%u for all of them",
                         address->text, (unsigned)address->port);
    }
    if (number == EAFNOSUPPORT) {
        return error_set(error,
                         "cannot listen on %s: this machine has no IPv6; use an IPv4 address",
                         address->text);
    }
    return error_set_errno(error, number, "cannot listen on %s", address->text);
}

static void set_any(struct bind_address *out, int family, uint16_t port)
{
    *out = (struct bind_address){0};
    if (family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->storage;

        v6->sin6_family = AF_INET6;
        v6->sin6_addr = in6addr_any;
        v6->sin6_port = htons(port);
        out->len = sizeof(*v6);
    } else {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&out->storage;

        v4->sin_family = AF_INET;
        v4->sin_addr.s_addr = htonl(INADDR_ANY);
        v4->sin_port = htons(port);
        out->len = sizeof(*v4);
    }
}

/* Numbers, and names too: they are looked up once, here, where waiting does no harm. The first
 * address counts. getaddrinfo also knows scopes such as fe80::1%eth0. */
static bool set_host(struct bind_address *out, const struct address_setting *address,
                     struct error *error)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8];
    int failed;

    hints.ai_flags = AI_NUMERICSERV | (address->kind == ADDRESS_NAME ? 0 : AI_NUMERICHOST);
    (void)snprintf(port, sizeof(port), "%u", (unsigned)address->port);
    failed = getaddrinfo(address->host, port, &hints, &found);
    if (failed != 0) {
        return error_set(error,
                         "cannot listen on %s: %s; write the address in numbers, or :%u for all of "
                         "this machine's",
                         address->text, gai_strerror(failed), (unsigned)address->port);
    }
    *out = (struct bind_address){.len = found->ai_addrlen};
    memcpy(&out->storage, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

static bool set_unix(struct bind_address *out, const struct address_setting *address,
                     struct error *error)
{
    struct sockaddr_un *path = (struct sockaddr_un *)&out->storage;
    size_t len = strlen(address->host);

    *out = (struct bind_address){.len = sizeof(*path)};
    if (len == 0 || len >= sizeof(path->sun_path)) {
        return error_set(error, "cannot listen on %s: a socket's path has 1 to %zu bytes",
                         address->text, sizeof(path->sun_path) - 1);
    }
    path->sun_family = AF_UNIX;
    memcpy(path->sun_path, address->host, len + 1);
    return true;
}

/* Removes the socket file of a process that is gone. Whether it is gone is seen by connecting. */
static bool clear_stale_unix(const struct address_setting *address,
                             const struct bind_address *where, struct error *error)
{
    struct stat info;
    int fd;
    int number;

    if (lstat(address->host, &info) != 0) {
        return true; /* bind says it better when it is more than a missing file */
    }
    if (!S_ISSOCK(info.st_mode)) {
        return error_set(error,
                         "cannot listen on %s: a file is there that is no socket; it is left "
                         "alone, choose another path",
                         address->text);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return error_set_errno(error, errno, "cannot listen on %s", address->text);
    }
    number = connect(fd, (const struct sockaddr *)&where->storage, where->len) == 0 ? 0 : errno;
    (void)close(fd);
    if (number != ECONNREFUSED) {
        return error_set(error,
                         "cannot listen on %s: another program answers there; see which with: ss "
                         "-lxp, then stop it or choose another path",
                         address->text);
    }
    (void)unlink(address->host);
    return true;
}

static bool set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

/* -1 with errno set. */
static int try_bind(const struct bind_address *where, bool dual_stack)
{
    int family = where->storage.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = fd >= 0;
    int number;

    if (ok && family != AF_UNIX) {
        ok = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    }
    if (ok && family == AF_INET6) {
        ok = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, dual_stack ? 0 : 1);
    }
    ok = ok && bind(fd, (const struct sockaddr *)&where->storage, where->len) == 0;
    ok = ok && listen(fd, LISTEN_BACKLOG) == 0;
    if (ok) {
        return fd;
    }
    number = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = number;
    return -1;
}

static bool bind_any(struct listen_socket *out, const struct address_setting *address,
                     struct error *error)
{
    struct bind_address where;

    set_any(&where, AF_INET6, address->port);
    out->fd = try_bind(&where, true);
    if (out->fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
        set_any(&where, AF_INET, address->port);
        out->fd = try_bind(&where, false);
    }
    return out->fd >= 0 || explain(error, address, errno);
}

static bool bind_unix(struct listen_socket *out, const struct address_setting *address,
                      struct error *error)
{
    struct bind_address where;
    mode_t old_mask;

    if (!set_unix(&where, address, error) || !clear_stale_unix(address, &where, error)) {
        return false;
    }
    old_mask = umask(0117); /* so that the file never exists with wider rights */
    out->fd = try_bind(&where, false);
    (void)umask(old_mask);
    if (out->fd < 0) {
        return explain(error, address, errno);
    }
    out->unix_path = address->host;
    return true;
}

static bool bind_host(struct listen_socket *out, const struct address_setting *address,
                      struct error *error)
{
    struct bind_address where;

    if (!set_host(&where, address, error)) {
        return false;
    }
    out->fd = try_bind(&where, false);
    return out->fd >= 0 || explain(error, address, errno);
}

/* The address as it came to be: with the port that the system chose for port 0. */
static void describe(struct listen_socket *out)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof(name);
    char host[INET6_ADDRSTRLEN + 20];
    char port[8];

    if (out->unix_path != NULL) {
        (void)snprintf(out->text, sizeof(out->text), "unix:%s", out->unix_path);
        return;
    }
    if (getsockname(out->fd, (struct sockaddr *)&name, &len) != 0 ||
        getnameinfo((struct sockaddr *)&name, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        (void)snprintf(out->text, sizeof(out->text), "fd %d", out->fd);
        return;
    }
    (void)snprintf(out->text, sizeof(out->text), name.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
                   host, port);
}

static bool open_one(struct listen_socket *out, const struct address_setting *address,
                     struct error *error)
{
    bool ok;

    *out = (struct listen_socket){.fd = -1};
    if (address->kind == ADDRESS_ANY) {
        ok = bind_any(out, address, error);
    } else if (address->kind == ADDRESS_UNIX) {
        ok = bind_unix(out, address, error);
    } else {
        ok = bind_host(out, address, error);
    }
    if (ok) {
        describe(out);
    }
    return ok;
}

bool listen_open(struct listen_set *set, const struct settings *settings, struct error *error)
{
    size_t total = 0;

    for (size_t i = 0; i < settings->listener_count; i++) {
        total += settings->listeners[i].bind.count;
    }
    *set = (struct listen_set){.sockets = xcalloc(total + 1, sizeof(*set->sockets))};
    for (size_t i = 0; i < settings->listener_count; i++) {
        const struct address_list *bind_list = &settings->listeners[i].bind;

        for (size_t k = 0; k < bind_list->count; k++) {
            if (!open_one(&set->sockets[set->count], &bind_list->items[k], error)) {
                listen_close(set);
                return false;
            }
            set->count++;
        }
    }
    return true;
}

void listen_close(struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        struct listen_socket *s = &set->sockets[i];

        (void)close(s->fd);
        if (s->unix_path != NULL) {
            (void)unlink(s->unix_path);
        }
    }
    free(set->sockets);
    *set = (struct listen_set){0};
}
