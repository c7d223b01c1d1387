/* The reference manual in Markdown, made from the directive tables. */
#include "base/strbuf.h"
#include "config/directives.h"
#include "config/schema.h"
#include "config/values.h"
#include "edge/template.h"

static const char preface[] =
    "# The configuration file\n"
    "\n"
    "This page is made from the program itself: `tidegate schema --manual`. `tidegate schema` "
    "prints the same as a JSON Schema for editors, and `tidegate check` says whether a file is "
    "right.\n"
    "\n"
    "The file is YAML 1.2: `-c FILE`, else `./tidegate.yaml`, else "
    "`/etc/tidegate/tidegate.yaml`. The smallest useful one:\n"
    "\n"
    "```yaml\n"
    "sites:\n"
    "  - hosts: [shop.example.com]\n"
    "    tls: { certificate: shop.crt, key: shop.key }\n"
    "    backend: 127.0.0.1:8080\n"
    "```\n"
    "\n"
    "It listens on ports 80 and 443, ends TLS 1.2 and 1.3, sends plain HTTP to https, and passes "
    "requests on to one server.\n"
    "\n"
    "- Sizes are bytes, or a number with `k`, `M`, `G` or `T` (powers of 1024): `64k`.\n"
    "- Times are a whole number with `ms`, `s`, `m`, `h` or `d`: `30s`.\n"
    "- Relative paths are seen from the folder of the file that they are written in.\n"
    "- A configuration can be in several files: [`include`](#include).\n"
    "- `${NAME}` in a value stands for a variable of the environment in which the gateway was "
    "started, `${NAME:-default}` for `default` where it is not set or empty; without a default, "
    "one that is not set is an error. What the variable holds is always part of that one text, "
    "whatever is in it, and is checked as if it were written there. `$${` stands for `${` itself. "
    "In lists and sections with brackets YAML needs quotes around it: `[\"${NAME}\"]`.\n"
    "- Where a list of texts is expected, a single text may stand for a list of one.\n"
    "- Names with a `*` at the front and IPv6 addresses need quotes in YAML: `\"*.example.com\"`, "
    "`\"[::1]:443\"`.\n"
    "- Anchors, aliases, tags and several documents are not used.\n"
    "\n"
    "At the end is a table of [all numbers, sizes and times](#all-numbers-sizes-and-times) with "
    "their "
    "bounds.\n";

static void kind_of_section(struct strbuf *out, const struct directive *directive)
{
    strbuf_printf(out, "%s [%s](#section-%s)",
                  directive->type == DIRECTIVE_SECTIONS ? "a list of sections" : "a section",
                  directive->section->title, directive->section->title);
    if (directive->section->scalar_name != NULL) {
        strbuf_printf(out, ", or just its `%s`", directive->section->scalar_name);
    }
    if ((directive->flags & DIRECTIVE_OFF) != 0) {
        strbuf_add_cstr(out, ", or `off`");
    }
}

static void kind_of_words(struct strbuf *out, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        strbuf_printf(out, "%s`%s`", i == 0 ? "" : words[i + 1] != NULL ? ", " : " or ", words[i]);
    }
}

static void kind_of_number(struct strbuf *out, const struct directive *directive, const char *what)
{
    strbuf_printf(out, "%s from %s to %s", what, value_format(directive, directive->min).text,
                  value_format(directive, directive->max).text);
    if ((directive->flags & DIRECTIVE_OFF) != 0) {
        strbuf_add_cstr(out, ", or `off`");
    }
    if ((directive->flags & DIRECTIVE_UNLIMITED) != 0) {
        strbuf_add_cstr(out, ", or `unlimited`");
    }
}

static void kind(struct strbuf *out, const struct directive *directive)
{
    switch (directive->type) {
    case DIRECTIVE_BOOL:
        strbuf_add_cstr(out, "`true` or `false` (or `on`, `off`)");
        return;
    case DIRECTIVE_INTEGER:
        kind_of_number(out, directive, "a number");
        return;
    case DIRECTIVE_SIZE:
        kind_of_number(out, directive, "a size");
        return;
    case DIRECTIVE_DURATION:
        kind_of_number(out, directive, "a time");
        return;
    case DIRECTIVE_ENUM:
    case DIRECTIVE_WORD:
        kind_of_words(out, directive->words);
        return;
    case DIRECTIVE_PATH:
        strbuf_add_cstr(out, "a path");
        return;
    case DIRECTIVE_TEXTS:
        strbuf_add_cstr(out, "a list of texts");
        return;
    case DIRECTIVE_LISTEN:
        strbuf_add_cstr(out, "a list of addresses");
        return;
    case DIRECTIVE_ADDRESS:
        strbuf_add_cstr(out, "an address");
        return;
    case DIRECTIVE_NETWORKS:
        strbuf_add_cstr(out, "a list of networks");
        return;
    case DIRECTIVE_FIELDS:
        strbuf_add_cstr(out, "a section of names and texts");
        return;
    case DIRECTIVE_SECTION:
    case DIRECTIVE_SECTIONS:
        kind_of_section(out, directive);
        return;
    case DIRECTIVE_BACKEND:
        strbuf_printf(out,
                      "a name, an address, a list of addresses, or a section [%s](#section-%s)",
                      directive->section->title, directive->section->title);
        return;
    default:
        strbuf_add_cstr(out, "text");
    }
}

static void print_fallback(struct strbuf *out, const struct directive *directive)
{
    struct span rest = span_from_cstr(directive->fallback);
    struct span item;

    strbuf_add_cstr(out, "; default ");
    if (rest.len == 0) {
        strbuf_add_cstr(out, "empty");
        return;
    }
    if (directive->type != DIRECTIVE_TEXTS && directive->type != DIRECTIVE_LISTEN) {
        strbuf_printf(out, "`%s`", directive->fallback);
        return;
    }
    for (size_t i = 0; span_split(&rest, ' ', &item); i++) {
        strbuf_printf(out, "%s`%.*s`", i == 0 ? "" : " and ", SPAN_ARG(item));
    }
}

static void print_directive(struct strbuf *out, const struct directive *directive)
{
    strbuf_printf(out, "\n### `%s`\n\n%s\n\nValue: ", directive->name, directive->doc);
    kind(out, directive);
    if ((directive->flags & DIRECTIVE_REQUIRED) != 0) {
        strbuf_add_cstr(out, "; required");
    }
    if (directive->fallback != NULL) {
        print_fallback(out, directive);
    }
    strbuf_printf(out, ".\n\n```yaml\n%s\n```\n", directive->example);
    if ((directive->flags & DIRECTIVE_RESTART) != 0) {
        strbuf_add_cstr(out,
                        "\nA change takes a restart: a reload says so, and leaves it as it is.\n");
    }
    if (directive->more != NULL) {
        strbuf_printf(out, "\n%s\n", directive->more);
    }
}

static void print_later(struct strbuf *out, const struct section *section)
{
    bool any = false;

    for (size_t i = 0; i < section->count; i++) {
        const struct directive *directive = &section->directives[i];

        if (!directive_is_usable(directive)) {
            strbuf_printf(out, "%s`%s` (%s)",
                          any ? ", " : "\nNot in this version yet, and an error when written: ",
                          directive->name, directive->doc);
            any = true;
        }
    }
    if (any) {
        strbuf_add_cstr(out, ".\n");
    }
}

static void print_section(struct strbuf *out, const struct section *section)
{
    strbuf_printf(out, "\n## Section %s\n\n%s\n", section->title, section->doc);
    for (size_t i = 0; i < section->count; i++) {
        if (directive_is_usable(&section->directives[i])) {
            print_directive(out, &section->directives[i]);
        }
    }
    print_later(out, section);
}

static bool is_number(const struct directive *directive)
{
    return directive_is_usable(directive) &&
           (directive->type == DIRECTIVE_INTEGER || directive->type == DIRECTIVE_SIZE ||
            directive->type == DIRECTIVE_DURATION);
}

/* For those who ask what can be driven how far, and by which name it is set. */
static void print_numbers(struct strbuf *out)
{
    strbuf_add_cstr(out, "\n## All numbers, sizes and times\n\n"
                         "| section | name | default | least | most | what |\n"
                         "|---|---|---|---|---|---|\n");
    for (size_t i = 0; all_sections[i] != NULL; i++) {
        const struct section *section = all_sections[i];

        for (size_t j = 0; j < section->count; j++) {
            const struct directive *directive = &section->directives[j];

            if (is_number(directive)) {
                const char *given = directive->fallback;

                strbuf_printf(out, "| [%s](#section-%s) | `%s` | %s | %s | %s%s%s | %s |\n",
                              section->title, section->title, directive->name,
                              given != NULL ? given : "-",
                              value_format(directive, directive->min).text,
                              value_format(directive, directive->max).text,
                              (directive->flags & DIRECTIVE_OFF) != 0 ? ", `off`" : "",
                              (directive->flags & DIRECTIVE_UNLIMITED) != 0 ? ", `unlimited`" : "",
                              directive->doc);
            }
        }
    }
}

static void print_variables(struct strbuf *out)
{
    struct variable_line line;

    strbuf_add_cstr(
        out, "\n## Variables\n\n"
             "In the values of `request_fields`, `response_fields` and `redirect`, what stands in "
             "braces is taken from the request: `{client.address}`. `{{` and `}}` are braces as "
             "such. What a request does not have is empty. No value can end the field or the part "
             "of the URL that it is put into: control bytes are percent-encoded, and in a URL all "
             "that is not a part of one.\n\n"
             "| variable | what |\n|---|---|\n");
    for (size_t i = 0; template_variable(i, &line); i++) {
        strbuf_printf(out, "| `{%s%s}` | %s%s |\n", line.name, line.behind, line.doc,
                      line.of_response ? "; in `response_fields` alone" : "");
    }
}

void config_manual_print(FILE *out)
{
    struct strbuf text;

    strbuf_init(&text);
    strbuf_add_cstr(&text, preface);
    for (size_t i = 0; all_sections[i] != NULL; i++) {
        print_section(&text, all_sections[i]);
    }
    print_variables(&text);
    print_numbers(&text);
    fwrite(text.ptr, 1, text.len, out);
    strbuf_free(&text);
}
