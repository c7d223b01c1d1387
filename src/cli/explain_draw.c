#include "cli/explain_draw.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"
#include "cli/options.h"

/* Between the two lines that stand for client and server, and what stands left of them. */
enum { WIDTH = 66, WIDTH_MIN = 26, MARGIN = 11 };
/* Rows of one value; a list of thirty cipher suites is whole in the JSON alone. */
enum { ROWS_MAX = 6 };

struct pen {
    FILE *out;
    bool color;
    int width; /* WIDTH, or less on a narrow terminal */
    int label; /* of which the label of a line takes so much */
    int indent_client;
    int indent_server;
};

static struct pen make_pen(FILE *out, bool color)
{
    int width = options_columns(out) - MARGIN;

    if (width >= WIDTH) {
        return (struct pen){out, color, WIDTH, 15, 4, 12};
    }
    width = width < WIDTH_MIN ? WIDTH_MIN : width;
    return (struct pen){out, color, width, 14, 1, width < WIDTH - 16 ? 1 : 6};
}

static void paint(const struct pen *pen, const char *code)
{
    if (pen->color) {
        (void)fprintf(pen->out, "\033[%sm", code);
    }
}

/* Length of the UTF-8 character at `at` of `left` bytes; 0: none that may reach a terminal. What a
 * server sends must not be able to move a cursor. */
static size_t character(const char *at, size_t left)
{
    uint32_t code;
    size_t len = utf8_take(span_make(at, left), &code);

    return len != 0 && utf8_is_shown(code) ? len : 0;
}

/* Adds what fits into `width` columns to *line; returns the bytes used. Cuts behind a blank or a
 * comma where there is one. */
static size_t take_line(const char *text, size_t width, struct strbuf *line)
{
    size_t len = strlen(text);
    size_t at = 0;
    size_t columns = 0;
    size_t break_at = 0;
    size_t break_len = 0;

    while (at < len && columns < width) {
        size_t n = character(text + at, len - at);
        if (n == 0) {
            strbuf_add_char(line, '?');
            n = 1;
        } else {
            strbuf_add(line, span_make(text + at, n));
        }
        at += n;
        columns++;
        if (text[at - 1] == ' ' || text[at - 1] == ',') {
            break_at = at;
            break_len = line->len;
        }
    }
    if (at < len && break_at > width / 3) {
        line->len = break_len;
        return break_at;
    }
    return at;
}

static void print_time(const struct pen *pen, uint64_t at_us)
{
    paint(pen, "2");
    (void)fprintf(pen->out, "%8.1f ", (double)at_us / 1000);
    paint(pen, "0");
}

static void print_row(const struct pen *pen, int indent, const char *color, struct span text,
                      int columns)
{
    int fill = pen->width - indent - columns;

    (void)fprintf(pen->out, "%9s|%*s", "", indent, "");
    paint(pen, color);
    (void)fprintf(pen->out, "%.*s", SPAN_ARG(text));
    paint(pen, "0");
    (void)fprintf(pen->out, "%*s|\n", fill > 0 ? fill : 0, "");
}

static int columns_of(struct span text)
{
    int columns = 0;

    for (size_t i = 0; i < text.len; i++) {
        columns += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    }
    return columns;
}

/* "--- title -------->" or "<-------- title ---", in one row. */
static void print_arrow(const struct pen *pen, const struct explain_step *step)
{
    bool to_server = step->side == EXPLAIN_TO_SERVER;
    struct strbuf title;

    strbuf_init(&title);
    (void)take_line(step->title, (size_t)pen->width - 12, &title);
    int dashes = pen->width - columns_of(strbuf_span(&title)) - 3;
    print_time(pen, step->at_us);
    (void)fputc('|', pen->out);
    paint(pen, step->is_bad ? "1;31" : to_server ? "36" : "32");
    if (!to_server) {
        (void)fputc('<', pen->out);
    }
    for (int i = 0; i < (to_server ? 3 : dashes - 3); i++) {
        (void)fputc('-', pen->out);
    }
    paint(pen, step->is_bad ? "1;31" : "1");
    (void)fprintf(pen->out, " %.*s ", SPAN_ARG(strbuf_span(&title)));
    paint(pen, step->is_bad ? "0;1;31" : to_server ? "0;36" : "0;32");
    for (int i = 0; i < (to_server ? dashes - 3 : 3); i++) {
        (void)fputc('-', pen->out);
    }
    if (to_server) {
        (void)fputc('>', pen->out);
    }
    paint(pen, "0");
    (void)fputs("|\n", pen->out);
    strbuf_free(&title);
}

static void print_here(const struct pen *pen, const struct explain_step *step)
{
    struct strbuf title;

    strbuf_init(&title);
    (void)take_line(step->title, (size_t)pen->width - 4, &title);
    int fill = pen->width - 2 - columns_of(strbuf_span(&title));
    print_time(pen, step->at_us);
    (void)fputs("* ", pen->out);
    paint(pen, step->is_bad ? "1;31" : "1");
    (void)fprintf(pen->out, "%.*s", SPAN_ARG(strbuf_span(&title)));
    paint(pen, "0");
    (void)fprintf(pen->out, "%*s |\n", fill, "");
    strbuf_free(&title);
}

/* "label          value", the value over as many rows as it needs. */
static void print_line(const struct pen *pen, const struct explain_line *line, int indent,
                       bool repeats)
{
    const char *rest = line->value;
    int rows = 0;

    do {
        struct strbuf row;
        strbuf_init(&row);
        strbuf_printf(&row, "%-*s", pen->label, rows == 0 && !repeats ? line->label : "");
        rest += take_line(rest, (size_t)(pen->width - indent - pen->label - 1), &row);
        rest += strspn(rest, " ");
        if (++rows == ROWS_MAX && *rest != '\0') {
            strbuf_clear(&row);
            strbuf_printf(&row, "%-*s...", pen->label, "");
            rest = "";
        }
        print_row(pen, indent, "2", strbuf_span(&row), columns_of(strbuf_span(&row)));
        strbuf_free(&row);
    } while (*rest != '\0');
}

static void print_step(const struct pen *pen, const struct explain_step *step)
{
    int indent = step->side == EXPLAIN_TO_CLIENT ? pen->indent_server : pen->indent_client;

    if (step->side == EXPLAIN_HERE) {
        print_here(pen, step);
    } else {
        print_arrow(pen, step);
    }
    for (size_t i = 0; i < step->count; i++) {
        bool repeats = i > 0 && strcmp(step->lines[i].label, step->lines[i - 1].label) == 0;
        print_line(pen, &step->lines[i], indent, repeats);
    }
}

static void print_wrapped(const struct pen *pen, const char *label, const char *text)
{
    const char *rest = text;
    bool is_first = true;

    do {
        struct strbuf row;
        strbuf_init(&row);
        rest += take_line(rest, (size_t)(pen->width + MARGIN - 12), &row);
        paint(pen, "1");
        (void)fprintf(pen->out, "%-12s", is_first ? label : "");
        paint(pen, "0");
        (void)fprintf(pen->out, "%.*s\n", SPAN_ARG(strbuf_span(&row)));
        strbuf_free(&row);
        is_first = false;
    } while (*rest != '\0');
}

/* Three lines, not wrapped: a person greps for them, and copies them into a ticket. */
static void print_failure(const struct pen *pen, const struct explain_failure *failure)
{
    struct strbuf why;

    strbuf_init(&why);
    (void)take_line(failure->why, 4096, &why);
    if (failure->detail != NULL) {
        strbuf_add_cstr(&why, " (");
        (void)take_line(failure->detail, 1024, &why);
        strbuf_add_char(&why, ')');
    }
    strbuf_printf(&why, " [%s]", failure->cause->word);
    paint(pen, "1;31");
    (void)fputs("Failed.\n", pen->out);
    paint(pen, "0");
    (void)fprintf(pen->out, "  who refused: %s\n  why:         %.*s\n  what to do:  %s\n",
                  failure->who, SPAN_ARG(strbuf_span(&why)), failure->cause->mend);
    strbuf_free(&why);
}

void explain_draw(const struct explain *ex, FILE *out, bool color)
{
    struct pen pen = make_pen(out, color);

    paint(&pen, "1");
    (void)fprintf(out, "%6sms client%*s\n", "", pen.width - 4, "server");
    paint(&pen, "0");
    for (size_t i = 0; i < ex->step_count; i++) {
        print_step(&pen, &ex->steps[i]);
    }
    (void)fputc('\n', out);
    if (ex->failure.cause != NULL) {
        print_failure(&pen, &ex->failure);
        return;
    }
    if (ex->ended != NULL) {
        print_wrapped(&pen, "Fine:",
                      arena_printf((struct arena *)&ex->arena, "%s sent %llu bytes; %s", ex->server,
                                   (unsigned long long)ex->body_bytes, ex->ended));
        return;
    }
    print_wrapped(&pen, "Fine:",
                  arena_printf((struct arena *)&ex->arena, "%s answered %u over %s, %llu bytes",
                               ex->server, ex->status, ex->protocol,
                               (unsigned long long)ex->body_bytes));
}
