#include "cli/failures_table.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "gateway/reasons.h"
#include "http/h2_budget.h"
#include "tls/handshake_error.h"

static const char head[] =
    "# Failures, and what to do\n"
    "\n"
    "Every way in which a connection, a handshake or a request fails has a name. It is the "
    "`reason` of the access log, of\n"
    "`tidegate status --handshakes` and of `tidegate explain`, which say the same about it as this "
    "table. The words are\n"
    "stable; the sentences may become clearer. `tidegate help failures` prints this page.\n";

static const struct {
    const char *side;
    const char *title;
    const char *text;
} parts[] = {
    {"client", "Between a client and the gateway", "In the gateway's log, about its clients."},
    {"backend", "Between the gateway and a backend",
     "In the gateway's log, about the servers behind it; the client is answered 502 or 504."},
    {"server", "Between you and a server", "From `tidegate explain`, which is the client."},
    {"any", "Wherever TLS is spoken", "With any of the three; \"the peer\" is the other side."},
};

/* Whether the table of this side had that row before: several of the library's reasons mean the
 * same. */
static bool came_before(size_t at, const char *side, const struct handshake_cause *cause)
{
    const struct handshake_cause *other;
    const char *other_side;

    for (size_t i = 0; i < at && (other = handshake_cause_at(i, &other_side)) != NULL; i++) {
        if (strcmp(side, other_side) == 0 && strcmp(other->word, cause->word) == 0 &&
            strcmp(other->sentence, cause->sentence) == 0) {
            return true;
        }
    }
    return false;
}

/* A bar would end the cell. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|') {
            (void)fputc('\\', out);
        }
        (void)fputc(*text, out);
    }
}

static void print_rows(FILE *out, const char *side)
{
    const struct handshake_cause *cause;
    const char *of;

    for (size_t i = 0; (cause = handshake_cause_at(i, &of)) != NULL; i++) {
        if (strcmp(of, side) == 0 && !came_before(i, of, cause)) {
            (void)fprintf(out, "| `%s` | ", cause->word);
            print_cell(out, cause->sentence);
            (void)fputs(" | ", out);
            print_cell(out, cause->mend);
            (void)fputs(" |\n", out);
        }
    }
}

static void print_floods(FILE *out)
{
    (void)fprintf(
        out,
        "\n## HTTP/2 of clients\n\n"
        "`h2_protocol_error`: the client broke a rule of HTTP/2 that ends the connection; "
        "`detail` says which.\n\n"
        "Floods: each HTTP/2 connection has `limits.h2_tokens`, and gets "
        "`limits.h2_tokens_per_second` back, %d for each frame of a body\n"
        "that it was sent and %d for each request that came to its end. What these things "
        "cost it is below. When it cannot pay, it is\n"
        "closed with ENHANCE_YOUR_CALM, and the reason names what it could not pay for: "
        "an attack, or a broken client.\n"
        "`h2_flood` is a limit of the HTTP/2 library, on entries of one SETTINGS frame "
        "or on answers that are not read.\n\n"
        "| reason | why | tokens | for each |\n|---|---|---|---|\n",
        H2_BUDGET_PER_FRAME, H2_BUDGET_PER_REQUEST);
    for (int event = 0; event < H2_EVENT_COUNT; event++) {
        (void)fprintf(out, "| `%s` | %s | %u | %s |\n", h2_event_word((enum h2_event)event),
                      h2_event_text((enum h2_event)event), h2_event_price((enum h2_event)event),
                      h2_event_unit((enum h2_event)event));
    }
}

static const struct {
    enum reason_part part;
    const char *title;
    const char *text;
} http_parts[] = {
    {REASON_REQUEST, "Requests that are refused",
     "Well-formed requests that the configuration or a limit does not let through. The client gets "
     "an error page with the request's id."},
    {REASON_CLIENT, "Clients", "What clients do with their connections and requests."},
    {REASON_SERVER, "Servers", "What came of forwarding; the client is answered 502, 503 or 504."},
    {REASON_TUNNEL, "Tunnels", "Passthrough, WebSocket and other upgrades."},
    {REASON_HELLO, "ClientHellos that are none",
     "The gateway answers with an alert. The client, or something on the way, is broken, or does "
     "not speak TLS; if it should work, look at its own log and version."},
    {REASON_PATH, "Paths that are refused",
     "Answered 400, because two servers could read them differently. "
     "[strictness.md](strictness.md) says what can be loosened."},
    {REASON_H1, "Malformed HTTP/1.1",
     "A client that sends it is answered with the status that fits (400 in most cases); when a "
     "server does, its client is answered 502. Whoever sent it, or something on the way, builds "
     "the message wrongly. [strictness.md](strictness.md) says what can be loosened."},
    {REASON_H2, "Malformed HTTP/2",
     "The stream is reset, or answered with the status that fits; when a server sends it, its "
     "client is answered 502."},
};

/* In the parts where the same is to be done about all, the text above says it. */
static bool has_mends(enum reason_part part)
{
    return part <= REASON_TUNNEL;
}

static void print_reasons(FILE *out, enum reason_part part)
{
    const struct reason *reason;

    (void)fputs(has_mends(part) ? "| reason | ended by | why | what to do |\n|---|---|---|---|\n"
                                : "| reason | why |\n|---|---|\n",
                out);
    for (size_t i = 0; (reason = reasons_at(i)) != NULL; i++) {
        if (reason->part != part) {
            continue;
        }
        (void)fprintf(out, "| `%s` | ", reason->word);
        if (has_mends(part)) {
            (void)fprintf(out, "%s | ", reason->who);
        }
        print_cell(out, reason->sentence);
        if (has_mends(part)) {
            (void)fputs(" | ", out);
            print_cell(out, reason->mend);
        }
        (void)fputs(" |\n", out);
    }
}

void failures_table_print(FILE *out)
{
    (void)fputs(head, out);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        (void)fprintf(out, "\n## %s\n\n%s\n\n| reason | why | what to do |\n|---|---|---|\n",
                      parts[i].title, parts[i].text);
        print_rows(out, parts[i].side);
    }
    for (size_t i = 0; i < ARRAY_LEN(http_parts); i++) {
        (void)fprintf(out, "\n## %s\n\n%s\n\n", http_parts[i].title, http_parts[i].text);
        print_reasons(out, http_parts[i].part);
    }
    print_floods(out);
}
