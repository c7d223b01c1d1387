#include "config/load_json.h"

#include "base/strbuf.h"

/* RFC 8259 section 6. */
static bool is_number(struct span text)
{
    size_t at = text.len != 0 && text.ptr[0] == '-' ? 1 : 0;
    size_t begin = at;

    while (at < text.len && ascii_is_digit(text.ptr[at])) {
        at++;
    }
    if (at == begin || (text.ptr[begin] == '0' && at - begin > 1)) {
        return false;
    }
    if (at < text.len && text.ptr[at] == '.') {
        begin = ++at;
        while (at < text.len && ascii_is_digit(text.ptr[at])) {
            at++;
        }
        if (at == begin) {
            return false;
        }
    }
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        at++;
        at += at < text.len && (text.ptr[at] == '+' || text.ptr[at] == '-') ? 1 : 0;
        begin = at;
        while (at < text.len && ascii_is_digit(text.ptr[at])) {
            at++;
        }
        if (at == begin) {
            return false;
        }
    }
    return at == text.len;
}

static void add_scalar(struct strbuf *out, const struct yaml_node *node)
{
    struct span text = node->text;

    if (!node->is_quoted && (span_eq(text, SPAN_OF("true")) || span_eq(text, SPAN_OF("false")) ||
                             span_eq(text, SPAN_OF("null")) || is_number(text))) {
        strbuf_add(out, text);
    } else {
        strbuf_add_json(out, text);
    }
}

/* As deep as YAML may be nested (YAML_DEPTH_MAX). */
static void add(struct strbuf *out, const struct yaml_node *node)
{
    bool is_mapping = node->kind == YAML_MAPPING;

    switch (node->kind) {
    case YAML_TEXT:
        add_scalar(out, node);
        return;
    case YAML_NOTHING:
    case YAML_WRONG:
        strbuf_add(out, SPAN_OF("null"));
        return;
    case YAML_LIST:
    case YAML_MAPPING:
        break;
    }
    strbuf_add_char(out, is_mapping ? '{' : '[');
    for (const struct yaml_node *item = node->first; item != NULL; item = item->next) {
        if (item != node->first) {
            strbuf_add(out, SPAN_OF(", "));
        }
        if (is_mapping) {
            strbuf_add_json(out, item->key->text);
            strbuf_add(out, SPAN_OF(": "));
        }
        add(out, item);
    }
    strbuf_add_char(out, is_mapping ? '}' : ']');
}

const char *load_json(const struct yaml_node *node, struct arena *arena)
{
    struct strbuf out;
    const char *text;

    strbuf_init(&out);
    add(&out, node);
    text = arena_cstr(arena, strbuf_span(&out));
    strbuf_free(&out);
    return text;
}
