#include "config/yaml.h"

#include <libfyaml.h>

#include "base/strbuf.h"
#include "config/foreign.h"
#include "config/text_check.h"

struct frame {
    struct yaml_node *node;
    struct yaml_node *last; /* the newest child */
    struct yaml_node *key;  /* of a mapping: read, and waiting for its value */
};

struct yaml_reader {
    struct span text;
    unsigned file;
    struct arena *arena;
    struct config_report *report;
    struct yaml_node *root;
    struct frame frames[YAML_DEPTH_MAX];
    size_t depth;
    /* How far line and column were counted: marks come in order, so each byte is counted once. */
    size_t counted_to;
    struct place counted;
    unsigned documents;
};

static bool fail(struct yaml_reader *reader, struct place place, const char *text, const char *hint)
{
    config_report_add(reader->report, CONFIG_ERROR, place, "%s", text);
    config_report_hint(reader->report, "%s", hint);
    return false;
}

static bool starts_character(char c)
{
    return ((unsigned char)c & 0xC0U) != 0x80;
}

static void count_forward(struct yaml_reader *reader, size_t offset)
{
    for (; reader->counted_to < offset; reader->counted_to++) {
        char c = reader->text.ptr[reader->counted_to];

        if (c == '\n') {
            reader->counted.line++;
            reader->counted.column = 1;
        } else if (starts_character(c)) {
            reader->counted.column++;
        }
    }
}

static int column_from(const char *text, size_t offset)
{
    int column = 1;

    for (; offset > 0 && text[offset - 1] != '\n'; offset--) {
        column += starts_character(text[offset - 1]) ? 1 : 0;
    }
    return column;
}

/* A mapping in a list, `[a: b]`, is known as one only after its key was read. It is near, but its
 * line may be long, so a line is counted from its start only when it is another one. */
static void count_back(struct yaml_reader *reader, size_t offset)
{
    const char *text = reader->text.ptr;
    int line = reader->counted.line;

    for (; reader->counted_to > offset; reader->counted_to--) {
        char c = text[reader->counted_to - 1];

        reader->counted.line -= c == '\n' ? 1 : 0;
        reader->counted.column -= starts_character(c) ? 1 : 0;
    }
    if (reader->counted.line != line) {
        reader->counted.column = column_from(text, offset);
    }
}

/* Columns count characters, not bytes. */
static struct place place_at(struct yaml_reader *reader, size_t offset)
{
    offset = offset < reader->text.len ? offset : reader->text.len;
    if (offset < reader->counted_to) {
        count_back(reader, offset);
    } else {
        count_forward(reader, offset);
    }
    return reader->counted;
}

static struct place empty_place(const struct yaml_reader *reader)
{
    const struct frame *top = reader->depth != 0 ? &reader->frames[reader->depth - 1] : NULL;

    if (top != NULL && top->key != NULL) {
        return top->key->place;
    }
    return top != NULL ? top->node->place : (struct place){1, 1, reader->file};
}

static struct place event_place(struct yaml_reader *reader, struct fy_event *event, size_t back)
{
    const struct fy_mark *mark = fy_event_start_mark(event);

    return mark != NULL ? place_at(reader, mark->input_pos >= back ? mark->input_pos - back : 0)
                        : empty_place(reader);
}

static bool set_key(struct yaml_reader *reader, struct frame *top, struct yaml_node *node)
{
    if (node->kind != YAML_TEXT) {
        return fail(reader, node->place, "a key must be plain text",
                    "write 'name: value'; an address such as \"[::1]:80\" needs quotes");
    }
    top->key = node;
    return true;
}

/* Puts a complete scalar or an opened mapping or list where it belongs. */
static bool attach(struct yaml_reader *reader, struct yaml_node *node)
{
    struct frame *top;

    if (reader->depth == 0) {
        reader->root = node;
        return true;
    }
    top = &reader->frames[reader->depth - 1];
    if (top->node->kind == YAML_MAPPING && top->key == NULL) {
        return set_key(reader, top, node);
    }
    node->key = top->key;
    top->key = NULL;
    if (top->last != NULL) {
        top->last->next = node;
    } else {
        top->node->first = node;
    }
    top->last = node;
    top->node->count++;
    return true;
}

static struct yaml_node *node_create(struct yaml_reader *reader, enum yaml_kind kind,
                                     struct place place)
{
    struct yaml_node *node = arena_calloc(reader->arena, sizeof(*node));

    node->kind = kind;
    node->place = place;
    return node;
}

static bool is_nothing(struct span text)
{
    return text.len == 0 || span_eq_cstr(text, "~") || span_eq_cstr(text, "null");
}

/* Piece by piece: fy_token_get_text loses memory on texts with many escapes (libfyaml issue 233).
 */
static struct span token_text(struct fy_token *token, struct arena *arena)
{
    struct fy_token_iter *iter = fy_token_iter_create(token);
    const struct fy_iter_chunk *chunk = NULL;
    struct strbuf text;
    struct span copy;

    CHECK(iter != NULL);
    strbuf_init(&text);
    while ((chunk = fy_token_iter_chunk_next(iter, chunk, NULL)) != NULL) {
        strbuf_add(&text, span_make(chunk->str, chunk->len));
    }
    fy_token_iter_destroy(iter);
    copy = arena_copy(arena, strbuf_span(&text));
    strbuf_free(&text);
    return copy;
}

static bool on_scalar(struct yaml_reader *reader, struct fy_event *event)
{
    enum fy_scalar_style style = fy_token_scalar_style(event->scalar.value);
    bool in_quotes = style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
    struct yaml_node *node;

    node = node_create(reader, YAML_TEXT, event_place(reader, event, in_quotes ? 1 : 0));
    node->text = event->scalar.value != NULL ? token_text(event->scalar.value, reader->arena)
                                             : arena_copy(reader->arena, SPAN_OF(""));
    node->is_quoted = event->scalar.value != NULL && style != FYSS_PLAIN;
    if (!node->is_quoted && is_nothing(node->text)) {
        node->kind = YAML_NOTHING;
        if (node->text.len == 0) {
            /* Where their key is: older versions of the library mark no place for them. */
            node->place = empty_place(reader);
        }
    }
    return attach(reader, node);
}

static bool on_open(struct yaml_reader *reader, struct fy_event *event, enum yaml_kind kind)
{
    struct yaml_node *node = node_create(reader, kind, event_place(reader, event, 0));

    if (reader->depth == YAML_DEPTH_MAX) {
        return fail(reader, node->place, "lists and sections are nested too deeply",
                    "no directive needs more than a few levels; look for a stray '[' or '{'");
    }
    if (!attach(reader, node)) {
        return false;
    }
    reader->frames[reader->depth++] = (struct frame){.node = node};
    return true;
}

static bool on_close(struct yaml_reader *reader)
{
    CHECK(reader->depth != 0);
    reader->depth--;
    return true;
}

/* Of the '&' in front of the name. */
static struct place token_place(struct yaml_reader *reader, struct fy_event *event,
                                struct fy_token *token)
{
    const struct fy_mark *mark = fy_token_start_mark(token);

    return mark != NULL && mark->input_pos != 0 ? place_at(reader, mark->input_pos - 1)
                                                : event_place(reader, event, 0);
}

/* '*' starts an alias, which is what an unquoted wildcard turns into. */
static bool on_alias(struct yaml_reader *reader, struct fy_event *event)
{
    return fail(reader, event_place(reader, event, 1),
                "'*' at the start of a value means a YAML alias, which is not used here",
                "put a name with a wildcard in quotes: \"*.example.com\"");
}

static bool refuse_anchor(struct yaml_reader *reader, struct fy_event *event)
{
    struct fy_token *anchor = NULL;
    struct fy_token *tag = NULL;

    switch (event->type) {
    case FYET_SCALAR:
        anchor = event->scalar.anchor;
        tag = event->scalar.tag;
        break;
    case FYET_SEQUENCE_START:
        anchor = event->sequence_start.anchor;
        tag = event->sequence_start.tag;
        break;
    case FYET_MAPPING_START:
        anchor = event->mapping_start.anchor;
        tag = event->mapping_start.tag;
        break;
    default:
        break;
    }
    if (anchor != NULL) {
        return fail(reader, token_place(reader, event, anchor),
                    "YAML anchors ('&name') are not used, nor aliases ('*name') and merges ('<<')",
                    "write the values out at each place where they are wanted, without '&name'; a "
                    "text that begins with '&' needs quotes");
    }
    if (tag != NULL) {
        return fail(reader, event_place(reader, event, 0), "YAML tags ('!name') are not used",
                    "leave the tag out, or put the value in quotes when it starts with '!'");
    }
    return true;
}

static bool on_document(struct yaml_reader *reader, struct fy_event *event)
{
    if (++reader->documents > 1) {
        return fail(reader, event_place(reader, event, 0), "a second document starts here",
                    "one file holds one configuration; remove the '---' line");
    }
    return true;
}

static bool on_event(struct yaml_reader *reader, struct fy_event *event)
{
    if (!refuse_anchor(reader, event)) {
        return false;
    }
    switch (event->type) {
    case FYET_DOCUMENT_START:
        return on_document(reader, event);
    case FYET_SCALAR:
        return on_scalar(reader, event);
    case FYET_ALIAS:
        return on_alias(reader, event);
    case FYET_SEQUENCE_START:
        return on_open(reader, event, YAML_LIST);
    case FYET_MAPPING_START:
        return on_open(reader, event, YAML_MAPPING);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        return on_close(reader);
    default:
        return true;
    }
}

/* What the library says, and what to do about it. The first entry whose words occur wins; the last
 * one matches everything. */
static const struct {
    const char *words;
    const char *hint;
} mends[] = {
    {"tab character", "indent with spaces; YAML does not allow tabs there"},
    {"invalid alias", "'*' starts a YAML alias: put a name with a wildcard in quotes, \"*\" or "
                      "\"*.example.com\""},
    {"missing comma",
     "put a comma between two items; close the list with ']', the section with '}'"},
    {"closing quote", "close the quotation mark"},
    {"wrongly indented double-quoted", "close the quotation mark"},
    {"wrongly indented single-quoted", "close the quotation mark"},
    {"closing bracket", "close the list with ']' or the section with '}'"},
    {"closing brace", "close the section with '}'"},
    {"nested block mapping on the same line",
     "put the inner 'key: value' on a line of its own, indented, or put the value in quotes"},
    {"indentation", "give the keys of one section the same indentation"},
    {"invalid value after mapping", "an address such as \"[::1]:80\" needs quotes"},
    {"cannot start with", "put the value in quotes"},
    {"did not find expected key", "write 'key: value', with the keys of a section aligned"},
    {"escape", "in double quotes a backslash must be written twice; single quotes take it as it "
               "is"},
    {"", "check the indentation, quotes and brackets here and on the line before"},
};

static const char *mend_for(const char *message)
{
    size_t i = 0;

    while (strstr(message, mends[i].words) == NULL) {
        i++;
    }
    return mends[i].hint;
}

/* The line that begins at or before `offset`. */
static struct span line_at(struct span text, size_t offset)
{
    size_t start = offset < text.len ? offset : text.len;
    size_t end = start;

    while (start > 0 && text.ptr[start - 1] != '\n') {
        start--;
    }
    while (end < text.len && text.ptr[end] != '\n') {
        end++;
    }
    return span_make(text.ptr + start, end - start);
}

static int count_lines(struct span text, size_t from, size_t to)
{
    int count = 0;

    for (; from < to; from++) {
        count += text.ptr[from] == '\n' ? 1 : 0;
    }
    return count;
}

static size_t offset_of_line(struct span text, int line)
{
    size_t at = 0;

    for (int i = 1; i < line && at < text.len; at++) {
        i += text.ptr[at] == '\n' ? 1 : 0;
    }
    return at;
}

/* Whether the line begins as "hosts:[a]" or "- hosts:[a]": the blank behind the colon is missing.
 * *colon is how far it goes up to the colon. */
static bool lacks_blank(struct span line, size_t *colon)
{
    size_t at = 0;

    while (at < line.len && (line.ptr[at] == ' ' || line.ptr[at] == '-')) {
        at++;
    }
    size_t start = at;
    while (at < line.len &&
           ((ascii_lower(line.ptr[at]) >= 'a' && ascii_lower(line.ptr[at]) <= 'z') ||
            line.ptr[at] == '_')) {
        at++;
    }
    *colon = at;
    return at != start && at + 1 < line.len && line.ptr[at] == ':' && line.ptr[at + 1] != ' ' &&
           line.ptr[at + 1] != '\r';
}

/* The innermost '[' or '{' that is open at the end of `text`, or text.len. Quotes and comments are
 * skipped; what is nested deeper than a configuration can be counts as not open. */
static size_t find_open(struct span text)
{
    size_t open[YAML_DEPTH_MAX];
    size_t depth = 0;
    char quote = '\0';

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_start = i == 0 || strchr(" \n[{,:", text.ptr[i - 1]) != NULL;

        if (quote != '\0') {
            quote = c == quote ? '\0' : quote;
        } else if ((c == '"' || c == '\'') && is_start) {
            quote = c;
        } else if (c == '#' && (i == 0 || text.ptr[i - 1] == ' ' || text.ptr[i - 1] == '\n')) {
            while (i + 1 < text.len && text.ptr[i + 1] != '\n') {
                i++;
            }
        } else if ((c == '[' || c == '{') && depth < ARRAY_LEN(open)) {
            open[depth++] = i;
        } else if ((c == ']' || c == '}') && depth != 0) {
            depth--;
        }
    }
    return depth != 0 ? open[depth - 1] : text.len;
}

/* Whether the '{' at the column, counted from 1, belongs to "${NAME}". */
static bool is_variable_at(struct span line, int column)
{
    return column >= 2 && (size_t)column <= line.len && line.ptr[column - 1] == '{' &&
           line.ptr[column - 2] == '$';
}

static struct span variable_text(struct span line, int column)
{
    struct span rest = span_skip(line, (size_t)column - 2);
    size_t close = span_find(rest, '}');

    return close < rest.len ? span_head(rest, close + 1) : rest;
}

/* The library says where it lost the thread, which is often behind the mistake. True: reported. */
static bool report_cause(struct yaml_reader *reader, const struct fy_diag_error *error)
{
    size_t start = offset_of_line(reader->text, error->line);
    struct span line = line_at(reader->text, start);
    size_t colon;

    if (lacks_blank(line, &colon) && strstr(error->msg, "quot") == NULL) {
        struct span rest = span_skip(line, colon + 1);

        config_report_add(reader->report, CONFIG_ERROR,
                          (struct place){error->line, (int)colon + 1, reader->file},
                          "not valid YAML: there is no blank behind the ':'");
        config_report_hint(reader->report, "write %.*s: %.*s", SPAN_ARG(span_head(line, colon)),
                           (int)(rest.len < 100 ? rest.len : 100), rest.ptr);
        return true;
    }
    if (strstr(error->msg, "missing comma") != NULL && is_variable_at(line, error->column)) {
        config_report_add(reader->report, CONFIG_ERROR,
                          (struct place){error->line, error->column - 1, reader->file},
                          "not valid YAML: '${' within brackets needs quotes");
        config_report_hint(reader->report, "write \"%.*s\"",
                           SPAN_ARG(span_cut(variable_text(line, error->column), 100)));
        return true;
    }
    size_t open = strstr(error->msg, "missing comma") != NULL ||
                          strstr(error->msg, "without a closing") != NULL
                      ? find_open(span_head(reader->text, start))
                      : start;
    if (open >= start) {
        return false;
    }
    bool is_list = reader->text.ptr[open] == '[';
    struct span begun = line_at(reader->text, open);
    config_report_add(reader->report, CONFIG_ERROR,
                      (struct place){error->line - count_lines(reader->text, open, start),
                                     column_from(reader->text.ptr, open), reader->file},
                      "not valid YAML: this '%c' is not closed", is_list ? '[' : '{');
    config_report_hint(reader->report, "close the %s with '%c': %.*s%s%c",
                       is_list ? "list" : "section", is_list ? ']' : '}',
                       (int)(begun.len < 100 ? begun.len : 100), begun.ptr,
                       begun.len < 100 ? "" : "...", is_list ? ']' : '}');
    return true;
}

static void report_syntax(struct yaml_reader *reader, struct fy_diag *diag)
{
    const char *other = foreign_text(reader->text);
    struct fy_diag_error *error;
    void *at = NULL;
    bool found = false;

    while ((error = fy_diag_errors_iterate(diag, &at)) != NULL) {
        if (error->type != FYET_ERROR || error->msg == NULL) {
            continue;
        }
        if (report_cause(reader, error)) {
            found = true;
            continue;
        }
        config_report_add(reader->report, CONFIG_ERROR,
                          (struct place){error->line, error->column, reader->file},
                          "not valid YAML: %s", error->msg);
        config_report_hint(reader->report, "%s", other != NULL ? other : mend_for(error->msg));
        found = true;
    }
    if (!found) {
        fail(reader, place_at(reader, reader->counted_to), "not valid YAML",
             "check the text from here on; it must be YAML 1.2");
    }
}

static bool read_events(struct yaml_reader *reader, struct fy_parser *parser, struct fy_diag *diag)
{
    struct fy_event *event;
    bool ended = false;
    bool ok = true;

    while (ok && (event = fy_parser_parse(parser)) != NULL) {
        ended = event->type == FYET_STREAM_END;
        ok = on_event(reader, event);
        fy_parser_event_free(parser, event);
    }
    if (ok && (fy_parser_get_stream_error(parser) || !ended)) {
        report_syntax(reader, diag);
        return false;
    }
    return ok;
}

struct yaml_node *yaml_parse(struct span text, unsigned file, struct arena *arena,
                             struct config_report *report)
{
    struct yaml_reader reader = {
        .text = text, .file = file, .arena = arena, .report = report, .counted = {1, 1, file}};
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE};
    struct fy_diag_cfg diag_cfg;
    struct fy_parser *parser;
    bool ok;

    if (!text_check(text, file, report)) {
        return NULL;
    }
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    cfg.diag = fy_diag_create(&diag_cfg);
    CHECK(cfg.diag != NULL);
    fy_diag_set_collect_errors(cfg.diag, true);
    parser = fy_parser_create(&cfg);
    CHECK(parser != NULL);
    ok = fy_parser_set_string(parser, text.len != 0 ? text.ptr : "\n",
                              text.len != 0 ? text.len : 1) == 0 &&
         read_events(&reader, parser, cfg.diag);
    fy_parser_destroy(parser);
    fy_diag_destroy(cfg.diag);
    if (!ok) {
        return NULL;
    }
    return reader.root != NULL ? reader.root
                               : node_create(&reader, YAML_NOTHING, (struct place){1, 1, file});
}
