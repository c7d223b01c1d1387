#include "config/report.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/key_uri.h"
#include "base/strbuf.h"
#include "base/utf8.h"

/* Longer lines are shown in part, around the place. */
#define SHOWN_COLUMNS 100

struct colors {
    const char *error;
    const char *warning;
    const char *dim;
    const char *bold;
    const char *off;
};

static const struct colors no_colors = {"", "", "", "", ""};
static const struct colors ansi_colors = {"\x1b[1;31m", "\x1b[1;33m", "\x1b[34m", "\x1b[1m",
                                          "\x1b[0m"};

void config_report_init(struct config_report *report)
{
    *report = (struct config_report){0};
}

void config_report_free(struct config_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        free(report->messages[i].text);
        free(report->messages[i].hint);
    }
    free(report->messages);
    config_report_start(report);
    config_report_init(report);
}

void config_report_start(struct config_report *report)
{
    for (size_t i = 0; i < report->source_count; i++) {
        free(report->sources[i].name);
        free((void *)report->sources[i].text.ptr);
    }
    free(report->sources);
    report->sources = NULL;
    report->source_count = 0;
}

unsigned config_report_source(struct config_report *report, const char *file_name, struct span text)
{
    struct config_source_text *source;

    report->sources =
        xrealloc(report->sources, (report->source_count + 1) * sizeof(*report->sources));
    source = &report->sources[report->source_count];
    *source = (struct config_source_text){.name = xstrdup(file_name)};
    if (text.len != 0) {
        char *copy = memcpy(xmalloc(text.len), text.ptr, text.len);
        key_uri_hide_pins(copy, text.len);
        source->text = span_make(copy, text.len);
    }
    return (unsigned)report->source_count++;
}

/* NULL: no file is named yet. */
static const struct config_source_text *source_of(const struct config_report *report,
                                                  struct place place)
{
    return place.file < report->source_count ? &report->sources[place.file] : NULL;
}

static char *format(const char *fmt, va_list args)
{
    char *text = NULL;

    CHECK(vasprintf(&text, fmt, args) >= 0);
    return text;
}

/* What is written once and holds for several sites is complained of once. */
static bool is_known(const struct config_report *report, enum config_severity severity,
                     struct place place, const char *text)
{
    for (size_t i = 0; place.line != 0 && i < report->count; i++) {
        const struct config_message *other = &report->messages[i];

        if (other->severity == severity && other->place.file == place.file &&
            other->place.line == place.line && other->place.column == place.column &&
            strcmp(other->text, text) == 0) {
            return true;
        }
    }
    return false;
}

void config_report_add(struct config_report *report, enum config_severity severity,
                       struct place place, const char *fmt, ...)
{
    struct config_message *message;
    char *text;
    va_list args;

    va_start(args, fmt);
    text = format(fmt, args);
    va_end(args);
    report->is_repeated = is_known(report, severity, place, text);
    if (report->is_repeated) {
        free(text);
        return;
    }
    report->errors += severity == CONFIG_ERROR ? 1 : 0;
    report->warnings += severity == CONFIG_WARNING ? 1 : 0;
    if (report->errors + report->warnings > CONFIG_MESSAGES_MAX) {
        free(text);
        return;
    }
    if (report->count == report->capacity) {
        report->capacity = report->capacity != 0 ? 2 * report->capacity : 8;
        report->messages = xrealloc(report->messages, report->capacity * sizeof(*report->messages));
    }
    message = &report->messages[report->count];
    *message =
        (struct config_message){.place = place, .severity = severity, .order = report->count++};
    message->text = text;
}

void config_report_hint(struct config_report *report, const char *fmt, ...)
{
    va_list args;

    if (report->is_repeated || report->errors + report->warnings != report->count) {
        return; /* The message it belongs to was not kept. */
    }
    CHECK(report->count != 0);
    free(report->messages[report->count - 1].hint);
    va_start(args, fmt);
    report->messages[report->count - 1].hint = format(fmt, args);
    va_end(args);
}

bool config_report_is_full(const struct config_report *report)
{
    return report->errors + report->warnings >= CONFIG_MESSAGES_MAX;
}

bool config_report_has_errors(const struct config_report *report)
{
    return report->errors != 0;
}

static int by_place(const void *a, const void *b)
{
    const struct config_message *x = *(const struct config_message *const *)a;
    const struct config_message *y = *(const struct config_message *const *)b;

    if (x->place.file != y->place.file) {
        return x->place.file < y->place.file ? -1 : 1;
    }
    if (x->place.line != y->place.line) {
        return x->place.line < y->place.line ? -1 : 1;
    }
    if (x->place.column != y->place.column) {
        return x->place.column < y->place.column ? -1 : 1;
    }
    return x->order < y->order ? -1 : 1;
}

/* The messages in the order of the files; to be freed. */
static const struct config_message **sorted(const struct config_report *report)
{
    const struct config_message **list =
        xcalloc(report->count + 1, sizeof(struct config_message *));

    for (size_t i = 0; i < report->count; i++) {
        list[i] = &report->messages[i];
    }
    if (report->count > 1) {
        qsort(list, report->count, sizeof(*list), by_place);
    }
    return list;
}

static bool source_line(const struct config_report *report, struct place place, struct span *text)
{
    const struct config_source_text *source = source_of(report, place);
    struct span rest = source != NULL ? source->text : span_make(NULL, 0);
    int at = 0;

    while (span_split(&rest, '\n', text)) {
        if (++at == place.line) {
            if (text->len != 0 && text->ptr[text->len - 1] == '\r') {
                text->len--;
            }
            return true;
        }
    }
    return false;
}

/* The characters of a line, each of one column on a terminal (as far as we know): control bytes
 * and bytes that are not UTF-8 become '?'. */
static void show_characters(FILE *out, struct span line, size_t from, size_t count)
{
    uint32_t c = 0;

    for (size_t i = 0; line.len != 0 && i < from + count; i++) {
        size_t len = utf8_take(line, &c);

        if (i >= from) {
            if (len != 0 && c == '\t') {
                fputc(' ', out);
            } else if (len == 0 || c < 0x20 || (c >= 0x7F && c < 0xA0)) {
                fputc('?', out);
            } else {
                fprintf(out, "%.*s", (int)len, line.ptr);
            }
        }
        line = span_skip(line, len != 0 ? len : 1);
    }
}

static size_t count_characters(struct span s)
{
    size_t count = 0;
    uint32_t c;

    while (s.len != 0) {
        size_t len = utf8_take(s, &c);

        s = span_skip(s, len != 0 ? len : 1);
        count++;
    }
    return count;
}

/* From the place, whose column counts characters, to the line's end. */
static struct span behind_column(struct span line, struct place place)
{
    uint32_t c;

    for (int i = 1; i < place.column && line.len != 0; i++) {
        size_t len = utf8_take(line, &c);

        line = span_skip(line, len != 0 ? len : 1);
    }
    return line;
}

struct place config_report_inside(const struct config_report *report, struct place place,
                                  struct span value, size_t offset)
{
    struct span rest;

    if (offset == 0 || offset > value.len || place.line == 0 ||
        !source_line(report, place, &rest)) {
        return place;
    }
    rest = behind_column(rest, place);
    bool is_quoted = rest.len != 0 && (rest.ptr[0] == '"' || rest.ptr[0] == '\'');
    if (!span_starts_with(span_skip(rest, is_quoted ? 1 : 0), value)) {
        return place;
    }
    place.column += (int)count_characters(span_head(value, offset)) + (is_quoted ? 1 : 0);
    return place;
}

/* The word at the place: to its closing quote, or to what ends plain text in YAML. */
static size_t word_length(struct span s)
{
    size_t len = 0;

    if (s.len == 0) {
        return 0;
    }
    if (s.ptr[0] == '"' || s.ptr[0] == '\'') {
        len = 1 + span_find(span_skip(s, 1), s.ptr[0]);
        return len < s.len ? len + 1 : 1;
    }
    while (len < s.len && strchr(" \t,[]{}#\"'", s.ptr[len]) == NULL &&
           !(s.ptr[len] == ':' && (len + 1 == s.len || s.ptr[len + 1] == ' '))) {
        bool is_variable = s.ptr[len] == '$' && len + 1 < s.len && s.ptr[len + 1] == '{';
        size_t end = is_variable ? len + span_find(span_skip(s, len), '}') : len;
        len = end < s.len ? end + 1 : len + 1;
    }
    return len;
}

static void show_source(const struct config_report *report, struct place place, FILE *out,
                        const struct colors *colors)
{
    size_t column = place.column > 0 ? (size_t)place.column - 1 : 0;
    struct span line;
    struct span rest;
    size_t from;
    size_t carets;

    if (place.line == 0 || !source_line(report, place, &line)) {
        return;
    }
    rest = behind_column(line, place);
    from = column > SHOWN_COLUMNS - 20 ? column - (SHOWN_COLUMNS - 20) : 0;
    carets = count_characters(span_head(rest, word_length(rest)));
    carets = carets > from + SHOWN_COLUMNS - column ? from + SHOWN_COLUMNS - column : carets;
    fprintf(out, "%s%6d |%s ", colors->dim, place.line, colors->off);
    show_characters(out, line, from, SHOWN_COLUMNS);
    fprintf(out, "\n%s       |%s %*s%s^", colors->dim, colors->off, (int)(column - from), "",
            colors->error);
    for (size_t i = 1; i < carets; i++) {
        fputc('~', out);
    }
    fprintf(out, "%s\n", colors->off);
}

/* Messages quote the file, so they are cleaned as its lines are. */
static void show_text(FILE *out, const char *text)
{
    struct span rest = span_from_cstr(text);
    struct span line;

    while (span_split(&rest, '\n', &line)) {
        show_characters(out, line, 0, SIZE_MAX);
        if (rest.ptr != NULL) {
            fputc(' ', out);
        }
    }
    fputc('\n', out);
}

static void print_message(const struct config_report *report, const struct config_message *message,
                          FILE *out, const struct colors *colors)
{
    bool is_error = message->severity == CONFIG_ERROR;
    const struct config_source_text *source = source_of(report, message->place);

    fprintf(out, "%s%s:", colors->bold, source != NULL ? source->name : "configuration");
    if (message->place.line != 0) {
        fprintf(out, "%d:%d:", message->place.line, message->place.column);
    }
    fprintf(out, "%s %s%s:%s ", colors->off, is_error ? colors->error : colors->warning,
            is_error ? "error" : "warning", colors->off);
    show_text(out, message->text);
    show_source(report, message->place, out, colors);
    if (message->hint != NULL) {
        fprintf(out, "  %s= help:%s ", colors->dim, colors->off);
        show_text(out, message->hint);
    }
}

static void print_count(FILE *out, size_t count, const char *what)
{
    fprintf(out, "%zu %s%s", count, what, count == 1 ? "" : "s");
}

void config_report_print(const struct config_report *report, FILE *out, bool color)
{
    const struct colors *colors = color ? &ansi_colors : &no_colors;
    const struct config_message **list = sorted(report);
    size_t total = report->errors + report->warnings;

    for (size_t i = 0; i < report->count; i++) {
        print_message(report, list[i], out, colors);
    }
    free(list);
    if (total == 0) {
        return;
    }
    if (report->errors != 0) { /* the word is for those who have one */
        print_count(out, report->errors, "error");
        fputs(", ", out);
    }
    print_count(out, report->warnings, "warning");
    if (total > report->count) {
        fprintf(out, " (the first %zu are shown)", report->count);
    }
    fputc('\n', out);
}

static void add_json_or_null(struct strbuf *b, const char *text)
{
    if (text != NULL) {
        strbuf_add_json(b, span_from_cstr(text));
    } else {
        strbuf_add_cstr(b, "null");
    }
}

static void add_json_message(struct strbuf *b, const struct config_report *report,
                             const struct config_message *message)
{
    const struct config_source_text *source = source_of(report, message->place);

    strbuf_printf(b, "{\"severity\":\"%s\",\"file\":",
                  message->severity == CONFIG_ERROR ? "error" : "warning");
    add_json_or_null(b, source != NULL ? source->name : NULL);
    strbuf_printf(b, ",\"line\":%d,\"column\":%d,\"text\":", message->place.line,
                  message->place.column);
    strbuf_add_json(b, span_from_cstr(message->text));
    strbuf_add_cstr(b, ",\"hint\":");
    add_json_or_null(b, message->hint);
    strbuf_add_char(b, '}');
}

void config_report_print_json(const struct config_report *report, FILE *out)
{
    const struct config_message **list = sorted(report);
    struct strbuf b;

    strbuf_init(&b);
    strbuf_add_cstr(&b, "{\"file\":");
    add_json_or_null(&b, report->source_count != 0 ? report->sources[0].name : NULL);
    strbuf_add_cstr(&b, ",\"files\":[");
    for (size_t i = 0; i < report->source_count; i++) {
        strbuf_add_cstr(&b, i != 0 ? "," : "");
        strbuf_add_json(&b, span_from_cstr(report->sources[i].name));
    }
    strbuf_printf(&b, "],\"ok\":%s,\"errors\":%zu,\"warnings\":%zu,\"messages\":[",
                  report->errors == 0 ? "true" : "false", report->errors, report->warnings);
    for (size_t i = 0; i < report->count; i++) {
        if (i != 0) {
            strbuf_add_char(&b, ',');
        }
        add_json_message(&b, report, list[i]);
    }
    strbuf_add_cstr(&b, "]}\n");
    fwrite(b.ptr, 1, b.len, out);
    strbuf_free(&b);
    free(list);
}
