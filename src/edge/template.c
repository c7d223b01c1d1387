#include "edge/template.h"

#include <string.h>

#include "edge/path.h"

enum behind { NOTHING, NAME, NUMBER };
enum in { TEXT, PIECE, SEGMENTS, URL };
enum where { ALWAYS, RESPONSE, LOG };

static const struct {
    struct span name;
    enum behind behind;
    enum in in;
    enum where where;
    const char *doc;
} variables[VARIABLE_COUNT] = {
#define VARIABLE(id, name, behind, in, where, doc)                                                 \
    [VARIABLE_##id] = {SPAN(name), behind, in, where, doc},
#include "edge/variable_table.h"
#undef VARIABLE
};

/* Segments of a path that are counted. */
#define SEGMENT_MAX 99

/* ---- parsing ---- */

struct parser {
    struct template *template;
    struct arena *arena;
    struct error *error;
    enum where where; /* the text stands */
};

static struct template_part *add_part(struct parser *p, enum variable variable, struct span text)
{
    struct template *template = p->template;

    if (template->count == TEMPLATE_PARTS_MAX) {
        (void)error_set(p->error, "it has more than %d pieces", TEMPLATE_PARTS_MAX);
        return NULL;
    }
    if (template->count % 8 == 0) {
        struct template_part *parts =
            arena_calloc(p->arena, (template->count + 8) * sizeof(*template->parts));
        if (template->count != 0) {
            memcpy(parts, template->parts, template->count * sizeof(*parts));
        }
        template->parts = parts;
    }
    template->parts[template->count] = (struct template_part){variable, text, 0};
    return &template->parts[template->count++];
}

static bool read_number(struct span text, unsigned *number)
{
    uint64_t value;

    if (!span_to_u64(text, SEGMENT_MAX, &value) || value == 0) {
        return false;
    }
    *number = (unsigned)value;
    return true;
}

/* What no field's, cookie's or parameter's name has; claims may be named by URLs. */
static bool has_odd_byte(enum variable variable, struct span name)
{
    const char *odd = variable == VARIABLE_CLAIM ? "{}\"" : "{}\"(),/:;<=>?@[\\]";

    for (size_t i = 0; i < name.len; i++) {
        unsigned char byte = (unsigned char)name.ptr[i];
        if (byte <= ' ' || byte >= 0x7f || strchr(odd, byte) != NULL) {
            return true;
        }
    }
    return false;
}

/* What stands behind a variable's name, if it may. */
static bool fits(enum variable variable, struct span rest, unsigned *number)
{
    switch (variables[variable].behind) {
    case NOTHING:
        return rest.len == 0;
    case NAME:
        return rest.len != 0 && !has_odd_byte(variable, rest);
    case NUMBER:
        return read_number(rest, number);
    }
    return false;
}

/* VARIABLE_NONE: there is none. */
static enum variable find_variable(struct span name, unsigned *number)
{
    *number = 0;
    for (int i = VARIABLE_NONE + 1; i < VARIABLE_COUNT; i++) {
        if (span_starts_with(name, variables[i].name) &&
            fits((enum variable)i, span_skip(name, variables[i].name.len), number)) {
            return (enum variable)i;
        }
    }
    return VARIABLE_NONE;
}

static bool add_variable(struct parser *p, struct span name)
{
    unsigned number;
    enum variable variable = find_variable(name, &number);
    struct template_part *part;

    if (variable == VARIABLE_NONE) {
        return error_set(p->error,
                         "there is no variable {%.*s}; for a brace as such write it twice",
                         SPAN_ARG(span_cut(name, 64)));
    }
    if (variables[variable].where > p->where) {
        return error_set(p->error, "{%.*s} is known only %s", SPAN_ARG(name),
                         variables[variable].where == LOG ? "in the log's 'template'"
                                                          : "once there is a response");
    }
    part = add_part(p, variable, span_skip(name, variables[variable].name.len));
    if (part == NULL) {
        return false;
    }
    part->number = number;
    return true;
}

/* Up to the next brace that begins or ends something. */
static bool add_text(struct parser *p, struct span text)
{
    return text.len == 0 || add_part(p, VARIABLE_NONE, text) != NULL;
}

static bool is_doubled(struct span text, size_t at)
{
    return at + 1 < text.len && text.ptr[at + 1] == text.ptr[at];
}

static bool parse(struct parser *p, struct span text)
{
    size_t at = 0;

    *p->template = (struct template){NULL, 0};
    if (text.len > TEMPLATE_BYTES_MAX) {
        return error_set(p->error, "it is longer than %d bytes", TEMPLATE_BYTES_MAX);
    }
    while (at < text.len) {
        char byte = text.ptr[at];
        if (byte != '{' && byte != '}') {
            at++;
            continue;
        }
        if (is_doubled(text, at)) {
            if (!add_text(p, span_head(text, at + 1))) { /* with one of the two */
                return false;
            }
            text = span_skip(text, at + 2);
        } else {
            size_t end = span_find(text, '}');
            if (byte == '}' || end == text.len) {
                return error_set(p->error, "a brace has no other one to it; for a brace as such "
                                           "write it twice");
            }
            if (!add_text(p, span_head(text, at)) ||
                !add_variable(p, span_head(span_skip(text, at + 1), end - at - 1))) {
                return false;
            }
            text = span_skip(text, end + 1);
        }
        at = 0;
    }
    return add_text(p, text);
}

bool template_parse(struct span text, bool has_response, struct arena *arena,
                    struct template *template, struct error *error)
{
    struct parser p = {template, arena, error, has_response ? RESPONSE : ALWAYS};

    return parse(&p, text);
}

bool template_parse_line(struct span text, struct arena *arena, struct template *template,
                         struct error *error)
{
    struct parser p = {template, arena, error, LOG};

    return parse(&p, text);
}

/* What stands between a brace and its other one, and could be a variable's name. */
static bool is_name_like(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char byte = (unsigned char)name.ptr[i];
        if (byte <= ' ' || byte >= 0x7f || byte == '{') {
            return false;
        }
    }
    return name.len != 0 && name.len <= 128;
}

void template_parse_page(struct span text, struct arena *arena, struct template *template)
{
    struct error error;
    struct parser p = {template, arena, &error, RESPONSE};
    size_t at = 0;

    *template = (struct template){NULL, 0};
    while (at < text.len && template->count + 3 <= TEMPLATE_PARTS_MAX) {
        struct span rest = span_skip(text, at);
        size_t brace = span_find(rest, '{');
        struct span name = span_skip(rest, brace + (brace < rest.len ? 1 : 0));
        size_t end = span_find(name, '}');
        enum variable variable = VARIABLE_NONE;
        unsigned number;

        at += brace + 1;
        if (end < name.len && is_name_like(span_head(name, end))) {
            variable = find_variable(span_head(name, end), &number);
        }
        if (variable == VARIABLE_NONE || variables[variable].where > p.where) {
            continue;
        }
        (void)add_text(&p, span_head(text, at - 1));
        (void)add_variable(&p, span_head(name, end));
        text = span_skip(text, at + end + 1);
        at = 0;
    }
    (void)add_text(&p, text);
}

bool template_begins_with_path(const struct template *template)
{
    enum variable first = template->count != 0 ? template->parts[0].variable : VARIABLE_NONE;

    return first == VARIABLE_PATH || first == VARIABLE_TARGET || first == VARIABLE_MATCH;
}

/* ---- expanding ---- */

static bool is_unreserved(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

/* What is a piece of a URL has its triplets already. */
static bool stays(unsigned char byte, enum in in)
{
    switch (in) {
    case TEXT:
        return is_unreserved(byte);
    case PIECE:
        return is_unreserved(byte) || byte == '%';
    case SEGMENTS:
        return is_unreserved(byte) || byte == '%' || byte == '/';
    case URL:
        break;
    }
    return byte >= ' ' && byte != 0x7f;
}

/* Three bytes for each at most. */
static struct span encode(struct span value, enum in in, struct arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t odd = 0;
    char *bytes;
    char *to;

    for (size_t i = 0; i < value.len; i++) {
        odd += stays((unsigned char)value.ptr[i], in) ? 0 : 1;
    }
    if (odd == 0) {
        return value;
    }
    bytes = to = arena_alloc(arena, value.len + 2 * odd);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.ptr[i];
        if (stays(byte, in)) {
            *to++ = (char)byte;
        } else {
            *to++ = '%';
            *to++ = digits[byte >> 4];
            *to++ = digits[byte & 15];
        }
    }
    return span_make(bytes, (size_t)(to - bytes));
}

static const char *html_of(char byte)
{
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static struct span encode_html(struct span value, struct arena *arena)
{
    size_t len = 0;
    char *bytes;
    char *to;

    for (size_t i = 0; i < value.len; i++) {
        const char *text = html_of(value.ptr[i]);
        len += text != NULL ? strlen(text) : 1;
    }
    if (len == value.len) {
        return value;
    }
    bytes = to = arena_alloc(arena, len);
    for (size_t i = 0; i < value.len; i++) {
        const char *text = html_of(value.ptr[i]);
        size_t n = text != NULL ? strlen(text) : 1;
        memcpy(to, text != NULL ? text : &value.ptr[i], n);
        to += n;
    }
    return span_make(bytes, len);
}

struct span template_expand(const struct template *template, const struct template_values *values,
                            enum template_use use, struct arena *arena)
{
    struct span *pieces = arena_alloc(arena, (template->count + 1) * sizeof(*pieces));
    size_t len = 0;
    char *bytes;
    char *to;

    for (size_t i = 0; i < template->count; i++) {
        const struct template_part *part = &template->parts[i];
        enum in in = use == TEMPLATE_URL ? variables[part->variable].in : URL;

        pieces[i] = part->variable == VARIABLE_NONE
                        ? part->text
                        : encode(values->value(values->owner, part), in, arena);
        if (use == TEMPLATE_HTML && part->variable != VARIABLE_NONE) {
            pieces[i] = encode_html(pieces[i], arena);
        }
        len += pieces[i].len;
    }
    if (template->count == 1) {
        return pieces[0];
    }
    bytes = to = arena_alloc(arena, len + 1);
    for (size_t i = 0; i < template->count; i++) {
        if (pieces[i].len != 0) {
            memcpy(to, pieces[i].ptr, pieces[i].len);
            to += pieces[i].len;
        }
    }
    return span_make(bytes, len);
}

bool template_variable(size_t index, struct variable_line *line)
{
    static const char *const behind[] = {[NOTHING] = "", [NAME] = "NAME", [NUMBER] = "N"};

    if (index + 1 >= VARIABLE_COUNT) {
        return false;
    }
    *line =
        (struct variable_line){variables[index + 1].name.ptr, behind[variables[index + 1].behind],
                               variables[index + 1].where != ALWAYS, variables[index + 1].doc};
    return true;
}

const char *template_variable_name(enum variable variable)
{
    return variables[variable].name.ptr;
}

/* ---- values ---- */

/* From 1. */
static struct span segment(struct span path, unsigned number)
{
    for (unsigned i = 1; path.len != 0; i++) {
        size_t end;
        path = span_skip(path, path.ptr[0] == '/' ? 1 : 0);
        end = span_find(path, '/');
        if (i == number) {
            return span_head(path, end);
        }
        path = span_skip(path, end);
    }
    return span_make(NULL, 0);
}

/* Of "name=value" pairs with `mark` between them, the first of that name. */
static struct span find_pair(struct span text, char mark, struct span name)
{
    while (text.len != 0) {
        size_t end = span_find(text, mark);
        struct span pair = span_trim(span_head(text, end));
        size_t equals = span_find(pair, '=');

        if (span_eq(span_head(pair, equals), name)) {
            return span_skip(pair, equals < pair.len ? equals + 1 : equals);
        }
        text = span_skip(text, end < text.len ? end + 1 : end);
    }
    return span_make(NULL, 0);
}

static struct span with_query(struct span before, struct span query, struct arena *arena)
{
    if (query.ptr == NULL) {
        return before;
    }
    return span_from_cstr(arena_printf(arena, "%.*s?%.*s", SPAN_ARG(before), SPAN_ARG(query)));
}

bool template_target_value(const struct template_part *part, struct span path, struct span query,
                           struct arena *arena, struct span *value)
{
    if (span_eq(path, SPAN_OF("*"))) {
        path = SPAN_OF("/"); /* OPTIONS * */
    }
    query = path_encode(query, arena);
    switch (part->variable) {
    case VARIABLE_PATH:
        *value = path;
        return true;
    case VARIABLE_PATH_SEGMENT:
        *value = segment(path, part->number);
        return true;
    case VARIABLE_QUERY:
        *value = query;
        return true;
    case VARIABLE_QUERY_MARKED:
        *value = with_query(SPAN_OF(""), query, arena);
        return true;
    case VARIABLE_TARGET:
        *value = with_query(path, query, arena);
        return true;
    case VARIABLE_QUERY_PARAMETER:
        *value = find_pair(query, '&', part->text);
        return true;
    default:
        return false;
    }
}

struct span template_cookie(struct span cookies, struct span name)
{
    return find_pair(cookies, ';', name);
}
