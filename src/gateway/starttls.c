#include "gateway/starttls.h"

#include <stdio.h>

#include "gateway/reasons.h"
#include "observe/failures.h"
#include "tls/cause.h"
#include "tls/postgres.h"

static void finish(struct starttls_greeting *greeting, const struct trouble *trouble)
{
    starttls_cancel(greeting);
    greeting->on_done(greeting, trouble);
}

/* mend NULL: the reason's own. */
static void fail(struct starttls_greeting *greeting, const char *word, const char *mend)
{
    const struct reason *reason = reasons_find(span_from_cstr(word));

    greeting->trouble = (struct trouble){word, greeting->text,
                                         mend != NULL || reason == NULL ? mend : reason->mend};
    failures_note(&(struct failure_note){.side = "backend",
                                         .who = reason != NULL ? reason->who : "network",
                                         .reason = word,
                                         .detail = greeting->text,
                                         .mend = greeting->trouble.mend,
                                         .name = greeting->backend->name,
                                         .peer = greeting->server});
    finish(greeting, &greeting->trouble);
}

static void fail_answer(struct starttls_greeting *greeting, const char *word, const char *what)
{
    (void)snprintf(greeting->text, sizeof(greeting->text), "%.100s %s", greeting->server, what);
    fail(greeting, word, NULL);
}

static void fail_error(struct starttls_greeting *greeting, struct span bytes)
{
    char said[128];
    struct span text = postgres_error_text(bytes, said, sizeof(said));

    (void)snprintf(greeting->text, sizeof(greeting->text),
                   "%.100s answered SSLRequest with an error: %.*s", greeting->server,
                   SPAN_ARG(text));
    fail(greeting, "postgres_error", NULL);
}

static void take_answer(struct starttls_greeting *greeting, struct span bytes)
{
    switch (postgres_parse_answer(bytes)) {
    case POSTGRES_ANSWER_MORE:
        break;
    case POSTGRES_ANSWER_TLS:
        finish(greeting, NULL);
        break;
    case POSTGRES_ANSWER_NO:
        fail_answer(greeting, "postgres_no_tls", "answered SSLRequest with N: it speaks no TLS");
        break;
    case POSTGRES_ANSWER_ERROR:
        fail_error(greeting, bytes);
        break;
    case POSTGRES_ANSWER_BAD:
        fail_answer(greeting, "postgres_bad_answer",
                    "answered SSLRequest with what no PostgreSQL server answers");
        break;
    }
}

static void on_readable(struct conn *conn)
{
    struct starttls_greeting *greeting = conn->owner;
    struct span bytes;

    switch (conn_can_read(conn) ? conn_read(conn, &bytes) : CONN_AGAIN) {
    case CONN_AGAIN:
        break;
    case CONN_OK:
        take_answer(greeting, bytes);
        break;
    case CONN_EOF:
        fail_answer(greeting, "server_closed",
                    "closed the connection instead of an answer to "
                    "SSLRequest");
        break;
    case CONN_ERROR:
        fail_answer(greeting, "server_reset",
                    "broke the connection instead of an answer to SSLRequest");
        break;
    }
}

static void on_writable(struct conn *conn)
{
    (void)conn; /* eight bytes; that the connection is broken, reading tells */
}

static const struct conn_handler handler = {
    .on_readable = on_readable,
    .on_writable = on_writable,
};

static void on_timer(struct timer *timer)
{
    struct starttls_greeting *greeting = CONTAINER_OF(timer, struct starttls_greeting, timer);

    (void)snprintf(greeting->text, sizeof(greeting->text),
                   "%.100s did not answer SSLRequest within %llu ms", greeting->server,
                   (unsigned long long)greeting->backend->connect_timeout_ms);
    fail(greeting, cause_words(CAUSE_SERVER_TIMEOUT)->word,
         cause_words(CAUSE_SERVER_TIMEOUT)->mend);
}

void starttls_greet(struct starttls_greeting *greeting, struct conn *conn,
                    const struct backend *backend, const char *server, void *owner,
                    void (*on_done)(struct starttls_greeting *, const struct trouble *))
{
    char request[POSTGRES_REQUEST_BYTES];

    *greeting = (struct starttls_greeting){
        .conn = conn, .backend = backend, .server = server, .owner = owner, .on_done = on_done};
    timer_init(&greeting->timer, on_timer);
    conn->handler = &handler;
    conn->owner = greeting;
    postgres_write_tls_request(request);
    conn_queue_copy(conn, span_make(request, sizeof(request)));
    conn_flush(conn);
    timer_set_ms(conn->loop, &greeting->timer, backend->connect_timeout_ms);
}

void starttls_cancel(struct starttls_greeting *greeting)
{
    if (greeting->conn != NULL) {
        timer_destroy(greeting->conn->loop, &greeting->timer);
        greeting->conn = NULL;
    }
}
