#include "cli/failures_table.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "http/h2_budget.h"
#include "tls/handshake_error.h"

static const char head[] =
    "# Failures, and what to do\n"
    "\n"
    "Every way in which a connection or a handshake fails has a name. It is the `reason` of the "
    "access log, of\n"
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
        "Floods: each HTTP/2 connection has %d tokens, and gets %d back each second, %d "
        "for each frame of a body that it\n"
        "was sent and %d for each request that came to its end. What these things cost it "
        "is below. When it cannot pay, it is\n"
        "closed with ENHANCE_YOUR_CALM, and the reason names what it could not pay for: "
        "an attack, or a broken client.\n"
        "`h2_flood` is a limit of the HTTP/2 library, on entries of one SETTINGS frame "
        "or on answers that are not read.\n\n"
        "| reason | why | tokens each |\n|---|---|---|\n",
        H2_BUDGET_TOKENS, H2_BUDGET_PER_SECOND, H2_BUDGET_PER_FRAME, H2_BUDGET_PER_REQUEST);
    for (int event = 0; event < H2_EVENT_COUNT; event++) {
        (void)fprintf(out, "| `%s` | %s | %u%s |\n", h2_event_word((enum h2_event)event),
                      h2_event_text((enum h2_event)event), h2_event_price((enum h2_event)event),
                      event == H2_EVENT_LATE ? " for 16 KiB" : "");
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
    print_floods(out);
}
