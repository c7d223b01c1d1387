/* What a client of PostgreSQL says in plain before TLS begins, and what it is answered: its part of
 * the session's peek. The messages themselves are tls/postgres.h's. */
#include "gateway/reasons.h"
#include "gateway/session_internal.h"
#include "tls/postgres.h"

/* By the reason's own sentence and mend, in the server's way of saying it. */
static enum starttls_result refuse(struct session *session, const char *word, const char *code)
{
    const struct reason *reason = reasons_find(span_from_cstr(word));
    char message[POSTGRES_ERROR_MAX];

    CHECK(reason != NULL);
    session_log_trouble(session, &(struct trouble){.reason = word});
    conn_queue_copy(
        &session->conn,
        span_make(message, postgres_write_error(message, code, reason->sentence, reason->mend)));
    return STARTTLS_REFUSED;
}

/* TLS begins with what comes after the answer: bytes from before it could be anybody's. */
static enum starttls_result answer(struct session *session, struct span bytes, bool yes)
{
    if (bytes.len != POSTGRES_REQUEST_BYTES) {
        return refuse(session, "postgres_bytes_too_early", "08P01");
    }
    if (yes) {
        session->starttls = STARTTLS_POSTGRES;
    } else if (session->asked_for_gss) {
        return refuse(session, "postgres_malformed", "08P01");
    }
    session->asked_for_gss |= !yes;
    conn_queue_copy(&session->conn, yes ? SPAN_OF("S") : SPAN_OF("N"));
    conn_flush(&session->conn);
    return STARTTLS_ANSWERED;
}

enum starttls_result session_take_starttls(struct session *session, struct span bytes)
{
    switch (postgres_parse_start(bytes)) {
    case POSTGRES_START_NOT:
        break;
    case POSTGRES_START_MORE:
        return STARTTLS_MORE;
    case POSTGRES_START_TLS:
        return answer(session, bytes, true);
    case POSTGRES_START_GSS:
        return answer(session, bytes, false);
    case POSTGRES_START_CANCEL:
        return refuse(session, "postgres_cancel_without_tls", "0A000");
    case POSTGRES_START_SESSION:
        return refuse(session, "postgres_without_tls", "28000");
    case POSTGRES_START_BAD:
        return refuse(session, "postgres_malformed", "08P01");
    }
    return STARTTLS_NOT;
}
