#include "io/conn_acks.h"

#include <errno.h>
#include <linux/tcp.h> /* tcp_info of the kernel: libc's is older */
#include <netinet/in.h>
#include <sys/socket.h>

/* Of conn_probe. */
enum { PROBE_AFTER_S = 1, PROBE_EVERY_S = 1, PROBES = 2 };

bool conn_acks(const struct conn *conn, struct conn_acks *acks)
{
    struct tcp_info info = {0}; /* an older kernel fills less of it */
    socklen_t len = sizeof(info);

    if (!conn_is_open(conn) ||
        getsockopt(conn->watch.fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0) {
        return false;
    }
    *acks = (struct conn_acks){
        .unacked = info.tcpi_unacked,
        .unsent = info.tcpi_notsent_bytes,
        .again = info.tcpi_retransmits,
        .probes = info.tcpi_probes,
        .silent_ms = info.tcpi_last_ack_recv,
        .rtt_us = info.tcpi_rtt,
        .rtt_var_us = info.tcpi_rttvar,
    };
    return true;
}

void conn_lose(struct conn *conn)
{
    if (conn_is_open(conn)) {
        conn->is_lost = true;
        (void)shutdown(conn->watch.fd, SHUT_RDWR);
    }
}

void conn_probe(const struct conn *conn)
{
    static const struct {
        int level;
        int name;
        int value;
    } options[] = {
        {IPPROTO_TCP, TCP_KEEPIDLE, PROBE_AFTER_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, PROBE_EVERY_S},
        {IPPROTO_TCP, TCP_KEEPCNT, PROBES},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
    };

    for (size_t i = 0; conn_is_open(conn) && i < ARRAY_LEN(options); i++) {
        (void)setsockopt(conn->watch.fd, options[i].level, options[i].name, &options[i].value,
                         sizeof(options[i].value)); /* a Unix socket has none of it */
    }
}
