#include "config/variables.h"

#include "base/strbuf.h"
#include "base/utf8.h"
#include "config/complaint.h"

/* Of a variable's name. */
#define NAME_MAX_BYTES 255
/* What variables may add to one file: a value that is referred to very often, as the file itself.
 */
#define ADDED_BYTES_MAX CONFIG_FILE_BYTES_MAX

struct expansion {
    struct variables *variables;
    struct strbuf text;
    size_t added; /* in this file */
};

/* A reference, without `${` and `}`. */
struct reference {
    struct span name;
    struct span fallback;
    bool has_fallback;
};

static bool is_name_byte(char c, bool is_first)
{
    char lower = ascii_lower(c);

    return (lower >= 'a' && lower <= 'z') || c == '_' || (!is_first && ascii_is_digit(c));
}

static size_t name_length(struct span s)
{
    size_t len = 0;

    while (len < s.len && is_name_byte(s.ptr[len], len == 0)) {
        len++;
    }
    return len;
}

#define FORM_HINT "write ${NAME} or ${NAME:-default}; '$${' stands for '${' itself"

/* *rest begins behind the `${`, and goes on behind the `}`. */
static bool take_reference(struct span *rest, struct reference *reference,
                           struct complaint *complaint)
{
    size_t close = span_find(*rest, '}');
    struct span inner = span_head(*rest, close);
    size_t name_len = name_length(inner);
    struct span behind = span_skip(inner, name_len);

    *reference = (struct reference){.name = span_head(inner, name_len)};
    if (close == rest->len) {
        complain(complaint, "'${%.*s' has no '}'", SPAN_ARG(span_cut(inner, 60)));
        return complain_hint(complaint, FORM_HINT);
    }
    *rest = span_skip(*rest, close + 1);
    if (name_len == 0 || name_len > NAME_MAX_BYTES) {
        complain(complaint, "%s is not a name of an environment variable", quote(inner).text);
        return complain_hint(complaint, FORM_HINT);
    }
    if (behind.len == 0) {
        return true;
    }
    if (!span_starts_with(behind, SPAN_OF(":-"))) {
        complain(complaint, "'${%.*s}' is not understood", SPAN_ARG(span_cut(inner, 60)));
        return complain_hint(complaint, FORM_HINT);
    }
    reference->has_fallback = true;
    reference->fallback = span_skip(behind, 2);
    if (span_find(reference->fallback, '{') < reference->fallback.len) {
        complain(complaint, "the default of ${%.*s} has a '{'", SPAN_ARG(reference->name));
        return complain_hint(complaint, "a default is plain text, without references of its own");
    }
    return true;
}

/* The value as it was when the configuration was loaded, NULL when it is not set. */
static const char *look_up(struct variables *variables, struct span name)
{
    struct settings_origin *origin = &variables->settings->origin;
    struct arena *arena = &variables->settings->arena;
    struct settings_variable *known = origin->variables;
    const char *value;

    for (size_t i = 0; i < origin->variable_count; i++) {
        if (span_eq_cstr(name, known[i].name)) {
            return known[i].value;
        }
    }
    if (origin->variable_count == variables->capacity) {
        variables->capacity = variables->capacity != 0 ? 2 * variables->capacity : 8;
        known = arena_calloc(arena, variables->capacity * sizeof(*known));
        if (origin->variable_count != 0) {
            memcpy(known, origin->variables, origin->variable_count * sizeof(*known));
        }
        origin->variables = known;
    }
    known = &known[origin->variable_count++];
    known->name = arena_cstr(arena, name);
    value = variables->source->variable(variables->source->arg, known->name);
    known->value = value != NULL ? arena_cstr(arena, span_from_cstr(value)) : NULL;
    return known->value;
}

static bool is_utf8(struct span text)
{
    uint32_t c;

    while (text.len != 0) {
        size_t len = utf8_take(text, &c);

        if (len == 0) {
            return false;
        }
        text = span_skip(text, len);
    }
    return true;
}

static bool add_value(struct expansion *expansion, const struct reference *reference,
                      struct complaint *complaint)
{
    struct span name = reference->name;
    struct span value = span_from_cstr(look_up(expansion->variables, name));

    if (reference->has_fallback && value.len == 0) {
        value = reference->fallback;
    } else if (value.ptr == NULL) {
        complain(complaint, "the environment has no variable %s", quote(name).text);
        return complain_hint(complaint,
                             "set it where the gateway is started (systemd: Environment=), or "
                             "give a default: ${%.*s:-value}; '$${' stands for '${' itself",
                             SPAN_ARG(name));
    }
    if (!is_utf8(value)) {
        complain(complaint, "the environment variable %s is not UTF-8 text", quote(name).text);
        return complain_hint(complaint, "as the file itself, it must be");
    }
    expansion->added += value.len;
    if (expansion->added > ADDED_BYTES_MAX) {
        complain(complaint, "the environment's variables make the file larger than %zu MiB",
                 ADDED_BYTES_MAX >> 20);
        return complain_hint(complaint, "is %s what is meant?", quote(name).text);
    }
    strbuf_add(&expansion->text, value);
    return true;
}

static bool expand_text(struct expansion *expansion, struct span rest, struct complaint *complaint)
{
    while (rest.len != 0) {
        struct reference reference;
        size_t dollar = span_find(rest, '$');

        strbuf_add(&expansion->text, span_head(rest, dollar));
        rest = span_skip(rest, dollar);
        if (span_starts_with(rest, SPAN_OF("$${"))) {
            strbuf_add(&expansion->text, SPAN_OF("${"));
            rest = span_skip(rest, 3);
        } else if (!span_starts_with(rest, SPAN_OF("${"))) {
            strbuf_add(&expansion->text, span_cut(rest, 1));
            rest = span_skip(rest, rest.len != 0 ? 1 : 0);
        } else {
            rest = span_skip(rest, 2);
            if (!take_reference(&rest, &reference, complaint) ||
                !add_value(expansion, &reference, complaint)) {
                return false;
            }
        }
    }
    return true;
}

static void expand_value(struct expansion *expansion, struct yaml_node *node)
{
    struct variables *variables = expansion->variables;
    struct complaint complaint = {.hint = ""};

    if (memmem(node->text.ptr, node->text.len, "${", 2) == NULL) {
        return;
    }
    strbuf_clear(&expansion->text);
    if (expand_text(expansion, node->text, &complaint)) {
        node->text = arena_copy(variables->arena, strbuf_span(&expansion->text));
        return;
    }
    node->kind = YAML_WRONG;
    config_report_add(variables->report, CONFIG_ERROR, node->place, "%s", complaint.text);
    config_report_hint(variables->report, "%s", complaint.hint);
}

/* No deeper than YAML_DEPTH_MAX. */
static void expand_node(struct expansion *expansion, struct yaml_node *node)
{
    if (node->kind == YAML_TEXT) {
        expand_value(expansion, node);
        return;
    }
    for (struct yaml_node *child = node->first; child != NULL; child = child->next) {
        expand_node(expansion, child);
    }
}

void variables_expand(struct variables *variables, struct yaml_node *root)
{
    struct expansion expansion = {.variables = variables};

    expand_node(&expansion, root);
    strbuf_free(&expansion.text);
}
