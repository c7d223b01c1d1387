#include "server/link.h"

#include "tls/tls_conn.h"
#include "tls/tls_trouble.h"

/* An alert lies behind at most as much as the kernel keeps; nobody waits for more. */
#define LAST_READS_MAX 8

bool link_is_early(const struct link *link)
{
    const struct conn *tls = link_tls(link);

    return tls != NULL && tls_conn_is_early(tls);
}

const char *link_asked_name(const struct link *link)
{
    return link->sni != NULL ? link->sni : link->sni_sent;
}

const char *link_loss(struct link *link, struct conn *conn, const char *word)
{
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
    link_tell(link, &lost.trouble);
    return lost.trouble.reason;
}
