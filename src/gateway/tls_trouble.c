#include "gateway/tls_trouble.h"

#include <stdio.h>

#include "tls/alert.h"
#include "tls/tls_conn.h"

/* An alert lies behind at most as much as the kernel keeps; nobody waits for more. */
#define LAST_READS_MAX 8

bool tls_trouble_of(const struct conn *conn, struct tls_trouble *out)
{
    struct tls_failure failure;

    if (conn_is_plain(conn)) {
        return false;
    }
    failure = tls_conn_failure(conn);
    if (failure.word == NULL) {
        return false;
    }
    (void)snprintf(out->text, sizeof(out->text), "%s", failure.sentence);
    out->trouble = (struct trouble){failure.word, out->text, failure.mend};
    out->by_peer = failure.alert_received != TLS_ALERT_NONE;
    return true;
}

bool tls_trouble_of_server(struct client *client, const struct conn *conn,
                           const struct backend *backend, size_t server, struct tls_trouble *out)
{
    if (!tls_trouble_of(conn, out)) {
        return false;
    }
    client->on_server_failure(&(struct server_failure){.who = out->by_peer ? "backend" : "gateway",
                                                       .reason = out->trouble.reason,
                                                       .detail = out->trouble.detail,
                                                       .mend = out->trouble.mend,
                                                       .backend = backend,
                                                       .server = server});
    return true;
}

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
