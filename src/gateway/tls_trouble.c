#include "gateway/tls_trouble.h"

#include "tls/tls_conn.h"

/* An alert lies behind at most as much as the kernel keeps; nobody waits for more. */
#define LAST_READS_MAX 8

const char *tls_trouble_of_client(struct session *session, const char *word)
{
    struct conn *conn = &session->conn;
    struct tls_trouble lost;
    struct span ignored;

    if (!conn_is_open(conn) || conn_is_plain(conn)) {
        return word;
    }
    for (int i = 0; i < LAST_READS_MAX && conn_can_read(conn); i++) {
        if (conn_read(conn, &ignored) == CONN_ERROR) {
            break;
        }
    }
    if (!tls_trouble_of(conn, &lost)) {
        return word;
    }
    session_log_end(session, &lost.trouble);
    return lost.trouble.reason;
}
