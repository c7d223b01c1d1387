/* Where the access log is written, as `to` of a log names it, and a datagram socket to it. */
#ifndef TIDEGATE_OBSERVE_LOG_PLACE_H
#define TIDEGATE_OBSERVE_LOG_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/error.h"
#include "base/span.h"
#include "io/sock.h"

enum log_place_kind {
    LOG_PLACE_FILE,   /* the one of `access`, or one that is named here */
    LOG_PLACE_STDOUT, /* lines, as those of the file */
    LOG_PLACE_SYSLOG, /* RFC 5424, each line a message */
    LOG_PLACE_JOURNAL /* systemd's journal: its native protocol */
};

enum log_transport {
    LOG_DATAGRAMS,
    LOG_TCP, /* RFC 6587 */
    LOG_TLS  /* RFC 5425 */
};

/* A name as DNS has it, with its NUL. */
#define LOG_HOST_SIZE 254

struct log_place {
    enum log_place_kind kind;
    enum log_transport transport;    /* of syslog */
    struct sockaddr_storage address; /* of the last two */
    socklen_t address_len;           /* 0: it is a name's, of LOG_TCP and LOG_TLS: */
    char host[LOG_HOST_SIZE];
    uint16_t port;
};

/* "file", "file:/a/file", "stdout", "syslog" (/dev/log), "syslog:127.0.0.1:514",
 * "syslog:[::1]:514", "syslog:/a/socket", "syslog+tcp:127.0.0.1:601",
 * "syslog+tls:logs.example:6514", "journal" (/run/systemd/journal/socket), "journal:/a/socket". */
bool log_place_parse(struct span text, struct log_place *place, struct error *error) MUST_CHECK;

/* Its name, or its address, without the port; not of a path. */
void log_place_host(const struct log_place *place, char text[LOG_HOST_SIZE]);

#define LOG_SOCKET_NAME_MAX 128

/* Of one thread. */
struct log_socket {
    char name[LOG_SOCKET_NAME_MAX]; /* for messages */
    struct sockaddr_storage address;
    socklen_t address_len;
    int fd;           /* -1: not connected */
    bool was_missing; /* in this batch: nothing more is tried */
    int last_error;
};

/* Nothing is opened yet. */
void log_socket_init(struct log_socket *socket, const char *name, const struct log_place *place);
/* What was missing before is looked for again. */
void log_socket_begin(struct log_socket *socket);
enum log_socket_result { LOG_SOCKET_SENT, LOG_SOCKET_LOST, LOG_SOCKET_FULL };
/* Never waits. LOG_SOCKET_FULL: poll `fd` for room, and call again. */
enum log_socket_result log_socket_send(struct log_socket *socket, const char *bytes,
                                       size_t len) MUST_CHECK;
void log_socket_close(struct log_socket *socket);

#endif
