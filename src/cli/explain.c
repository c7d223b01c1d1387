#include "cli/explain.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tls/alert.h"

/* What is kept of a server that sends more than any should. */
enum { STEPS_MAX = 1000, LINES_MAX = 600 };

void explain_init(struct explain *ex, const struct explain_options *options)
{
    *ex = (struct explain){.options = options, .fd = -1, .alert_received = TLS_ALERT_NONE};
    arena_init(&ex->arena, 16384);
    ex->began_us = clock_us();
    ex->deadline_us = ex->began_us + options->timeout_ms * 1000;
}

void explain_free(struct explain *ex)
{
    explain_disconnect(ex);
    SSL_SESSION_free(ex->session);
    SSL_CTX_free(ex->ctx);
    free(ex->steps);
    arena_destroy(&ex->arena);
}

void explain_disconnect(struct explain *ex)
{
    if (ex->ssl != NULL) {
        if (ex->has_handshake && ex->failure.cause == NULL) {
            (void)SSL_shutdown(ex->ssl);
        }
        SSL_free(ex->ssl);
        ex->ssl = NULL;
    }
    if (ex->fd >= 0) {
        (void)close(ex->fd);
        ex->fd = -1;
    }
    sk_X509_pop_free(ex->sent, X509_free);
    ex->sent = NULL;
    ex->has_handshake = false;
    ex->was_asked = false;
}

/* ---- the record ---- */

struct explain_step *explain_step(struct explain *ex, enum explain_side side, const char *name,
                                  const char *title)
{
    struct explain_step *step;

    if (ex->step_count == STEPS_MAX) {
        /* A server that talks on and on: the last place is used again, and time is up. */
        ex->deadline_us = 0;
        ex->step_count--;
    }
    if (ex->step_count == ex->step_capacity) {
        ex->step_capacity = ex->step_capacity != 0 ? 2 * ex->step_capacity : 32;
        ex->steps = xrealloc(ex->steps, ex->step_capacity * sizeof(*ex->steps));
    }
    step = &ex->steps[ex->step_count++];
    *step = (struct explain_step){
        .side = side, .name = name, .title = title, .at_us = clock_us() - ex->began_us};
    return step;
}

static void note(struct explain *ex, struct explain_step *step, const char *label, const char *fmt,
                 va_list args)
{
    if (ex->step_count == STEPS_MAX || step->count == LINES_MAX) {
        return;
    }
    if (step->count == step->capacity) {
        size_t capacity = step->capacity != 0 ? 2 * step->capacity : 8;
        struct explain_line *lines = arena_calloc(&ex->arena, capacity * sizeof(*lines));
        if (step->count != 0) {
            memcpy(lines, step->lines, step->count * sizeof(*lines));
        }
        step->lines = lines;
        step->capacity = capacity;
    }
    step->lines[step->count].label = label;
    step->lines[step->count++].value = arena_vprintf(&ex->arena, fmt, args);
}

void explain_note(struct explain *ex, const char *label, const char *fmt, ...)
{
    va_list args;

    CHECK(ex->step_count != 0);
    va_start(args, fmt);
    note(ex, &ex->steps[ex->step_count - 1], label, fmt, args);
    va_end(args);
}

void explain_note_at(struct explain *ex, size_t step, const char *label, const char *fmt, ...)
{
    va_list args;

    CHECK(step < ex->step_count);
    va_start(args, fmt);
    note(ex, &ex->steps[step], label, fmt, args);
    va_end(args);
}

bool explain_fail(struct explain *ex, const struct handshake_cause *cause, const char *who,
                  const char *detail)
{
    if (ex->failure.cause == NULL) { /* the first reason is the one that matters */
        ex->failure.cause = cause;
        ex->failure.who = who != NULL ? who : "this client";
        ex->failure.why = cause->sentence;
        ex->failure.detail = detail != NULL ? arena_cstr(&ex->arena, span_from_cstr(detail)) : NULL;
    }
    return false;
}

const char *explain_server(struct explain *ex)
{
    return arena_printf(&ex->arena, "the server (%s)",
                        ex->server != NULL ? ex->server : ex->target.authority);
}

static const char *without_last_dot(struct explain *ex, const char *name)
{
    size_t len = strlen(name);

    return len > 1 && name[len - 1] == '.' ? arena_printf(&ex->arena, "%.*s", (int)len - 1, name)
                                           : name;
}

const char *explain_name(struct explain *ex)
{
    const char *sni = ex->options->sni;

    return without_last_dot(ex, sni != NULL && sni[0] != '\0' ? sni : ex->target.host);
}

size_t explain_certificate_step(const struct explain *ex)
{
    for (size_t i = ex->step_count; i > 0; i--) {
        if (ex->steps[i - 1].side == EXPLAIN_TO_CLIENT &&
            strcmp(ex->steps[i - 1].name, "certificate") == 0) {
            return i - 1;
        }
    }
    return ex->step_count;
}
