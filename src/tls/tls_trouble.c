#include "tls/tls_trouble.h"

#include <stdio.h>

#include "tls/alert.h"
#include "tls/tls_conn.h"

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
