/* The JSON Schema of the configuration, made from the directive tables (draft 2020-12). Editors
 * complete and check with it; the loader stays the judge. */
#include "config/schema.h"

#include "base/strbuf.h"
#include "config/directives.h"

struct writer {
    struct strbuf out;
    unsigned depth;
    bool is_first; /* of the object or array being written */
};

static void new_line(struct writer *w)
{
    strbuf_add_char(&w->out, '\n');
    for (unsigned i = 0; i < w->depth; i++) {
        strbuf_add_cstr(&w->out, "  ");
    }
}

/* Before each member of an object or item of an array. */
static void next(struct writer *w)
{
    if (!w->is_first) {
        strbuf_add_char(&w->out, ',');
    }
    w->is_first = false;
    new_line(w);
}

static void text(struct writer *w, const char *s)
{
    strbuf_add_json(&w->out, span_from_cstr(s));
}

static void key(struct writer *w, const char *name)
{
    next(w);
    text(w, name);
    strbuf_add_cstr(&w->out, ": ");
}

static void open(struct writer *w, char bracket)
{
    strbuf_add_char(&w->out, bracket);
    w->depth++;
    w->is_first = true;
}

static void close(struct writer *w, char bracket)
{
    w->depth--;
    if (!w->is_first) {
        new_line(w);
    }
    strbuf_add_char(&w->out, bracket);
    w->is_first = false;
}

static void key_text(struct writer *w, const char *name, const char *value)
{
    key(w, name);
    text(w, value);
}

static void key_number(struct writer *w, const char *name, uint64_t value)
{
    key(w, name);
    strbuf_add_u64(&w->out, value);
}

static void ref(struct writer *w, const struct section *section)
{
    key(w, "$ref");
    strbuf_add_cstr(&w->out, "\"#/$defs/");
    strbuf_add_cstr(&w->out, section->title);
    strbuf_add_char(&w->out, '"');
}

static void pattern(struct writer *w, const char *regex)
{
    key_text(w, "type", "string");
    key_text(w, "pattern", regex);
}

/* A version as it may be written: "1.2", 1.2, TLSv1.2; 1.0 as 1 and TLSv1 too. */
static void tls_version(struct writer *w, const char *version)
{
    bool is_first = strcmp(version, "1.0") == 0;

    next(w);
    strbuf_add_cstr(&w->out, version);
    next(w);
    strbuf_printf(&w->out, "\"TLSv%s\"", version);
    if (is_first) {
        next(w);
        strbuf_add_cstr(&w->out, "\"TLSv1\"");
    }
}

static void words(struct writer *w, const struct directive *directive)
{
    key(w, "enum");
    open(w, '[');
    for (size_t i = 0; directive->words[i] != NULL; i++) {
        next(w);
        text(w, directive->words[i]);
        if ((directive->flags & DIRECTIVE_TLS_VERSION) != 0) {
            tls_version(w, directive->words[i]);
        }
    }
    if (directive_can_be_on(directive)) {
        next(w);
        strbuf_add_cstr(&w->out, "true");
    }
    if (directive_can_be_off(directive)) {
        next(w);
        strbuf_add_cstr(&w->out, "false");
    }
    close(w, ']');
}

/* What the file has as a text can be a number to who reads YAML, or `off` be false, as in YAML 1.1.
 * Patterns and lengths are about strings alone. */
static void scalar_types(struct writer *w, bool number, bool boolean)
{
    key(w, "type");
    strbuf_add_cstr(&w->out, number && boolean ? "[\"string\", \"number\", \"boolean\"]"
                             : number          ? "[\"string\", \"number\"]"
                             : boolean         ? "[\"string\", \"boolean\"]"
                                               : "\"string\"");
}

/* A text, as the directive's values or items are. */
static void single_text(struct writer *w, const struct directive *directive)
{
    bool is_path = directive->pattern != NULL && strncmp(directive->pattern, "^/", 2) == 0;

    scalar_types(w,
                 (directive->type == DIRECTIVE_TEXT && !is_path) ||
                     (directive->flags & DIRECTIVE_NUMERIC) != 0,
                 directive_can_be_off(directive));
    if (directive->type == DIRECTIVE_TEXT || directive->type == DIRECTIVE_PATH) {
        key_number(w, "minLength", directive->min);
        key_number(w, "maxLength", directive->max);
    }
    if (directive->pattern != NULL) {
        key_text(w, "pattern", directive->pattern);
    }
}

static void listen_address(struct writer *w)
{
    pattern(w, "^(unix:.+|([0-9.]*|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5})$");
}

static void server_address(struct writer *w)
{
    pattern(w, "^(unix:.+|([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5})$");
}

static void network(struct writer *w)
{
    pattern(w, "^(unix|[0-9A-Fa-f:.]+(/[0-9]{1,3})?)$");
}

/* A text that has a variable of the environment in it (config/variables.h): what the value will be
 * is known to the gateway alone. */
static void variable(struct writer *w)
{
    key(w, "$ref");
    strbuf_add_cstr(&w->out, "\"#/$defs/variable\"");
}

static void begin_choice(struct writer *w)
{
    key(w, "anyOf");
    open(w, '[');
}

static void begin_option(struct writer *w)
{
    next(w);
    open(w, '{');
}

static void list_item_alone(struct writer *w, const struct directive *directive)
{
    if (directive->type == DIRECTIVE_LISTEN) {
        listen_address(w);
    } else if (directive->type == DIRECTIVE_NETWORKS) {
        network(w);
    } else {
        single_text(w, directive);
    }
}

static void list_item(struct writer *w, const struct directive *directive)
{
    if (directive->type == DIRECTIVE_TEXTS && directive->pattern == NULL) {
        list_item_alone(w, directive);
        return;
    }
    begin_choice(w);
    begin_option(w);
    list_item_alone(w, directive);
    close(w, '}');
    begin_option(w);
    variable(w);
    close(w, '}');
    close(w, ']');
}

static void list_bounds(struct writer *w, const struct directive *directive)
{
    key_number(w, "minItems", directive->min);
    key_number(w, "maxItems", directive->max);
}

/* A list of texts, or one text. */
static void text_list(struct writer *w, const struct directive *directive)
{
    begin_choice(w);
    begin_option(w);
    list_item(w, directive);
    close(w, '}');
    begin_option(w);
    key_text(w, "type", "array");
    key(w, "items");
    open(w, '{');
    list_item(w, directive);
    close(w, '}');
    list_bounds(w, directive);
    close(w, '}');
    close(w, ']');
}

static void value(struct writer *w, const struct directive *directive);

/* What the text that is short for a section may be. */
static void short_text(struct writer *w, const struct section *section)
{
    value(w, section_find(section, span_from_cstr(section->scalar_name)));
}

/* A section, or the text that is short for it. */
static void section_or_text(struct writer *w, const struct section *section)
{
    if (section->scalar_name == NULL) {
        ref(w, section);
        return;
    }
    begin_choice(w);
    begin_option(w);
    short_text(w, section);
    close(w, '}');
    begin_option(w);
    ref(w, section);
    close(w, '}');
    close(w, ']');
}

static void section_list(struct writer *w, const struct directive *directive)
{
    key_text(w, "type", "array");
    key(w, "items");
    open(w, '{');
    section_or_text(w, directive->section);
    close(w, '}');
    list_bounds(w, directive);
}

static void sections(struct writer *w, const struct directive *directive)
{
    if (directive->section->scalar_name == NULL) {
        section_list(w, directive);
        return;
    }
    begin_choice(w);
    begin_option(w);
    short_text(w, directive->section);
    close(w, '}');
    begin_option(w);
    section_list(w, directive);
    close(w, '}');
    close(w, ']');
}

static void one_or_more(struct writer *w, const struct directive *directive)
{
    if (directive->type == DIRECTIVE_SECTION) {
        section_or_text(w, directive->section);
    } else {
        sections(w, directive);
    }
}

static void sections_or_off(struct writer *w, const struct directive *directive)
{
    if ((directive->flags & DIRECTIVE_OFF) == 0) {
        one_or_more(w, directive);
        return;
    }
    begin_choice(w);
    begin_option(w);
    key(w, "enum");
    strbuf_add_cstr(&w->out, "[\"off\", false]");
    close(w, '}');
    begin_option(w);
    one_or_more(w, directive);
    close(w, '}');
    close(w, ']');
}

static void backend(struct writer *w, const struct directive *directive)
{
    const struct directive *servers = section_find(directive->section, SPAN_OF("servers"));

    begin_choice(w);
    begin_option(w);
    key_text(w, "type", "string");
    close(w, '}');
    begin_option(w);
    section_list(w, servers);
    close(w, '}');
    begin_option(w);
    ref(w, directive->section);
    close(w, '}');
    close(w, ']');
}

static void integer(struct writer *w, const struct directive *directive)
{
    key_text(w, "type", "integer");
    key_number(w, "minimum", directive->min);
    key_number(w, "maximum", directive->max);
}

static void size(struct writer *w, const struct directive *directive)
{
    begin_choice(w);
    begin_option(w);
    integer(w, directive);
    close(w, '}');
    begin_option(w);
    pattern(w, (directive->flags & DIRECTIVE_UNLIMITED) != 0
                   ? "^([0-9]+([kKmMgGtT]([iI][bB])?)?|unlimited)$"
                   : "^[0-9]+([kKmMgGtT]([iI][bB])?)?$");
    close(w, '}');
    close(w, ']');
}

static void fields(struct writer *w, const struct directive *directive)
{
    key_text(w, "type", "object");
    key(w, "propertyNames");
    open(w, '{');
    pattern(w, directive->pattern != NULL ? directive->pattern : "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$");
    close(w, '}');
    key(w, "additionalProperties");
    open(w, '{');
    key(w, "type");
    strbuf_add_cstr(&w->out, "[\"string\", \"number\", \"boolean\"]");
    close(w, '}');
    key_number(w, "maxProperties", directive->max);
}

/* Whether its form is such that a variable's reference would not fit. */
static bool is_strict_text(const struct directive *directive)
{
    switch (directive->type) {
    case DIRECTIVE_BOOL:
    case DIRECTIVE_INTEGER:
    case DIRECTIVE_SIZE:
    case DIRECTIVE_DURATION:
    case DIRECTIVE_ENUM:
    case DIRECTIVE_WORD:
    case DIRECTIVE_ADDRESS:
        return true;
    default:
        return directive->pattern != NULL &&
               (directive->type == DIRECTIVE_TEXT || directive->type == DIRECTIVE_PATH);
    }
}

static void value_alone(struct writer *w, const struct directive *directive)
{
    switch (directive->type) {
    case DIRECTIVE_BOOL:
        key(w, "enum");
        strbuf_add_cstr(&w->out, "[true, false, \"on\", \"off\"]");
        return;
    case DIRECTIVE_INTEGER:
        integer(w, directive);
        return;
    case DIRECTIVE_SIZE:
        size(w, directive);
        return;
    case DIRECTIVE_DURATION:
        scalar_types(w, false, directive_can_be_off(directive));
        key_text(w, "pattern",
                 (directive->flags & DIRECTIVE_OFF) != 0 ? "^([0-9]+(ms|s|m|h|d)|off)$"
                                                         : "^[0-9]+(ms|s|m|h|d)$");
        return;
    case DIRECTIVE_ENUM:
    case DIRECTIVE_WORD:
        words(w, directive);
        return;
    case DIRECTIVE_TEXTS:
    case DIRECTIVE_LISTEN:
    case DIRECTIVE_NETWORKS:
        text_list(w, directive);
        return;
    case DIRECTIVE_ADDRESS:
        server_address(w);
        return;
    case DIRECTIVE_FIELDS:
        fields(w, directive);
        return;
    case DIRECTIVE_SECTION:
    case DIRECTIVE_SECTIONS:
        sections_or_off(w, directive);
        return;
    case DIRECTIVE_BACKEND:
        backend(w, directive);
        return;
    default:
        single_text(w, directive);
    }
}

static void value(struct writer *w, const struct directive *directive)
{
    if ((directive->flags & DIRECTIVE_JSON) != 0) {
        return; /* whatever it is */
    }
    if (!is_strict_text(directive)) {
        value_alone(w, directive);
        return;
    }
    begin_choice(w);
    begin_option(w);
    value_alone(w, directive);
    close(w, '}');
    begin_option(w);
    variable(w);
    close(w, '}');
    close(w, ']');
}

/* Numbers and booleans stand bare; what else a file would write is a text. */
static void fallback(struct writer *w, const struct directive *directive)
{
    struct span rest = span_from_cstr(directive->fallback);
    struct span item;

    key(w, "default");
    if (directive->type == DIRECTIVE_TEXTS || directive->type == DIRECTIVE_LISTEN) {
        open(w, '[');
        while (span_split(&rest, ' ', &item)) {
            next(w);
            strbuf_add_json(&w->out, item);
        }
        close(w, ']');
    } else if (directive->type == DIRECTIVE_BOOL || directive->type == DIRECTIVE_INTEGER) {
        strbuf_add_cstr(&w->out, directive->fallback);
    } else {
        text(w, directive->fallback);
    }
}

static void describe(struct writer *w, const struct directive *directive)
{
    key(w, directive->name);
    open(w, '{');
    key_text(w, "description", directive->doc);
    value(w, directive);
    if (directive->fallback != NULL) {
        fallback(w, directive);
    }
    close(w, '}');
}

/* What the top of the configuration needs may be in another of its files. */
static void required(struct writer *w, const struct section *section)
{
    bool any = false;

    if (section == &section_root) {
        key_number(w, "minProperties", 1);
        return;
    }
    for (size_t i = 0; i < section->count; i++) {
        any = any || (section->directives[i].flags & DIRECTIVE_REQUIRED) != 0;
    }
    if (!any) {
        return;
    }
    key(w, "required");
    open(w, '[');
    for (size_t i = 0; i < section->count; i++) {
        if ((section->directives[i].flags & DIRECTIVE_REQUIRED) != 0) {
            next(w);
            text(w, section->directives[i].name);
        }
    }
    close(w, ']');
}

static void members(struct writer *w, const struct section *section)
{
    key_text(w, "description", section->doc);
    key_text(w, "type", "object");
    key(w, "properties");
    open(w, '{');
    for (size_t i = 0; i < section->count; i++) {
        if (directive_is_usable(&section->directives[i])) {
            describe(w, &section->directives[i]);
        }
    }
    close(w, '}');
    required(w, section);
    key(w, "additionalProperties");
    strbuf_add_cstr(&w->out, "false");
}

static void define_variable(struct writer *w)
{
    key(w, "variable");
    open(w, '{');
    key_text(w, "description",
             "A text with a variable of the environment, as ${NAME} or ${NAME:-default}.");
    pattern(w, "\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^{}]*)?\\}");
    close(w, '}');
}

void config_schema_print(FILE *out)
{
    struct writer w = {0};

    open(&w, '{');
    key_text(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    key_text(&w, "title", "Tidegate configuration");
    members(&w, &section_root);
    key(&w, "$defs");
    open(&w, '{');
    define_variable(&w);
    for (size_t i = 0; all_sections[i] != NULL; i++) {
        if (all_sections[i] != &section_root) {
            key(&w, all_sections[i]->title);
            open(&w, '{');
            members(&w, all_sections[i]);
            close(&w, '}');
        }
    }
    close(&w, '}');
    close(&w, '}');
    strbuf_add_char(&w.out, '\n');
    fwrite(w.out.ptr, 1, w.out.len, out);
    strbuf_free(&w.out);
}
