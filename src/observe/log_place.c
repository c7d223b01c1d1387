#include "observe/log_place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* A collector that rests for a moment should find what waits for it. */
#define SOCKET_BUFFER_BYTES (1 << 20)

static bool set_unix(struct span path, struct log_place *place, struct error *error)
{
    struct sockaddr_un *to = (struct sockaddr_un *)&place->address;

    if (path.len >= sizeof(to->sun_path)) {
        return error_set(error, "its path is longer than the %zu bytes that a socket's may have",
                         sizeof(to->sun_path) - 1);
    }
    *to = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(to->sun_path, path.ptr, path.len);
    place->address_len = sizeof(*to);
    return true;
}

static bool set_ip(struct span host, uint16_t port, struct log_place *place)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&place->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&place->address;
    char text[INET6_ADDRSTRLEN];

    if (host.len == 0 || host.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        place->address_len = sizeof(*v4);
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        place->address_len = sizeof(*v6);
        return true;
    }
    return false;
}

/* Labels of letters, digits and '-', the last of which is no number: that would be an address. */
static bool is_name(struct span host)
{
    size_t label = 0;
    bool is_number = true;

    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool is_digit = c >= '0' && c <= '9';
        if (c == '.' && label != 0) {
            label = 0;
            is_number = true;
            continue;
        }
        if (!is_digit && !(ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') &&
            !((c == '-' || c == '_') && label != 0)) {
            return false;
        }
        is_number &= is_digit;
        label++;
    }
    return label != 0 && !is_number && host.len < LOG_HOST_SIZE;
}

static bool set_name(struct span host, uint16_t port, struct log_place *place)
{
    if (place->transport == LOG_DATAGRAMS || !is_name(host)) {
        return false;
    }
    memcpy(place->host, host.ptr, host.len);
    place->port = port;
    return true;
}

/* "192.0.2.1:514", "[2001:db8::1]:514", and of streams "logs.example:514". */
static bool set_number(struct span text, struct log_place *place, struct error *error)
{
    size_t colon = text.len;
    struct span host;
    uint64_t port;

    while (colon != 0 && text.ptr[colon - 1] != ':') {
        colon--;
    }
    host = span_head(text, colon != 0 ? colon - 1 : 0);
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host = span_make(host.ptr + 1, host.len - 2);
    }
    if (!span_to_u64(span_skip(text, colon), UINT16_MAX, &port) || port == 0 ||
        (!set_ip(host, (uint16_t)port, place) && !set_name(host, (uint16_t)port, place))) {
        return place->transport == LOG_DATAGRAMS
                   ? error_set(error, "behind the colon stands neither a path nor a number's "
                                      "address with its port; names are for syslog+tcp and "
                                      "syslog+tls")
                   : error_set(error, "behind the colon stands no address or name with its port");
    }
    return true;
}

static bool set_address(struct span text, const char *usual, struct log_place *place,
                        struct error *error)
{
    if (text.len == 0) {
        return set_unix(span_from_cstr(usual), place, error);
    }
    text = span_skip(text, 1);
    return text.len != 0 && text.ptr[0] == '/' ? set_unix(text, place, error)
                                               : set_number(text, place, error);
}

static bool is_of(struct span text, struct span word)
{
    return span_starts_with(text, word) && (text.len == word.len || text.ptr[word.len] == ':');
}

static const struct {
    const char *word;
    enum log_transport transport;
} streams[] = {{"syslog+tcp:", LOG_TCP}, {"syslog+tls:", LOG_TLS}};

bool log_place_parse(struct span text, struct log_place *place, struct error *error)
{
    *place = (struct log_place){.kind = LOG_PLACE_FILE};
    if (is_of(text, SPAN_OF("file"))) {
        return text.len == 4 || (text.len > 6 && text.ptr[5] == '/') ||
               error_set(error, "behind file: stands the whole path of a file, from / on");
    }
    if (span_eq(text, SPAN_OF("stdout"))) {
        place->kind = LOG_PLACE_STDOUT;
        return true;
    }
    if (is_of(text, SPAN_OF("syslog"))) {
        place->kind = LOG_PLACE_SYSLOG;
        return set_address(span_skip(text, 6), "/dev/log", place, error);
    }
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        struct span word = span_from_cstr(streams[i].word);

        if (span_starts_with(text, word)) {
            place->kind = LOG_PLACE_SYSLOG;
            place->transport = streams[i].transport;
            return set_number(span_skip(text, word.len), place, error);
        }
    }
    if (is_of(text, SPAN_OF("journal"))) {
        place->kind = LOG_PLACE_JOURNAL;
        if (!set_address(span_skip(text, 7), "/run/systemd/journal/socket", place, error)) {
            return false;
        }
        return place->address.ss_family == AF_UNIX ||
               error_set(error, "the journal listens at a path alone");
    }
    return error_set(error, "it is none of those that are known");
}

void log_place_host(const struct log_place *place, char text[LOG_HOST_SIZE])
{
    struct sock_address address = {.len = place->address_len};
    struct peer peer;

    _Static_assert(SOCK_TEXT_MAX <= LOG_HOST_SIZE, "an address fits");
    if (place->address_len == 0) {
        memcpy(text, place->host, LOG_HOST_SIZE);
        return;
    }
    CHECK(place->address_len <= sizeof(address.un));
    memcpy(&address.any, &place->address, place->address_len);
    peer = peer_from(&address);
    text[peer_ip_text(&peer, text)] = '\0';
}

/* ---- the socket ---- */

void log_socket_init(struct log_socket *s, const char *name, const struct log_place *place)
{
    *s =
        (struct log_socket){.address = place->address, .address_len = place->address_len, .fd = -1};
    (void)snprintf(s->name, sizeof(s->name), "%s", name);
}

void log_socket_begin(struct log_socket *s)
{
    s->was_missing = false;
}

static bool open_socket(struct log_socket *s)
{
    int size = SOCKET_BUFFER_BYTES;
    int fd = socket(s->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        s->last_error = errno;
        return false;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (connect(fd, (const struct sockaddr *)&s->address, s->address_len) != 0) {
        s->last_error = errno;
        (void)close(fd);
        return false;
    }
    s->fd = fd;
    return true;
}

void log_socket_close(struct log_socket *s)
{
    if (s->fd >= 0) {
        (void)close(s->fd);
        s->fd = -1;
    }
}

/* Whether a new connection may do better: whoever listened there has gone, and may have come back;
 * or what is reported was of a datagram before (ICMP). */
static bool is_worth_another(int number)
{
    return number == ECONNREFUSED || number == ECONNRESET || number == ENOTCONN ||
           number == EPIPE || number == EBADF;
}

enum log_socket_result log_socket_send(struct log_socket *s, const char *bytes, size_t len)
{
    for (int i = 0; i < 2; i++) {
        if (s->was_missing || (s->fd < 0 && !open_socket(s))) {
            s->was_missing = true;
            return LOG_SOCKET_LOST;
        }
        if (send(s->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
            return LOG_SOCKET_SENT;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR) {
            return LOG_SOCKET_FULL;
        }
        s->last_error = errno;
        if (!is_worth_another(errno)) {
            return LOG_SOCKET_LOST;
        }
        log_socket_close(s);
    }
    return LOG_SOCKET_LOST;
}
