#include "cli/explain_json.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"

static void add_text(struct strbuf *b, const char *name, const char *value)
{
    strbuf_printf(b, ",\"%s\":", name);
    if (value != NULL) {
        strbuf_add_json(b, span_from_cstr(value));
    } else {
        strbuf_add_cstr(b, "null");
    }
}

static void add_key(struct strbuf *b, const char *label)
{
    strbuf_add_char(b, '"');
    for (; *label != '\0'; label++) {
        strbuf_add_char(b, *label == ' ' ? '_' : ascii_lower(*label));
    }
    strbuf_add_cstr(b, "\":");
}

/* A label that comes several times makes one array. */
static bool comes_again(const struct explain_step *step, size_t i)
{
    const char *label = step->lines[i].label;

    return (i > 0 && strcmp(step->lines[i - 1].label, label) == 0) ||
           (i + 1 < step->count && strcmp(step->lines[i + 1].label, label) == 0) ||
           strcmp(label, "field") == 0 || strcmp(label, "accepted CA") == 0;
}

static void add_lines(struct strbuf *b, const struct explain_step *step)
{
    strbuf_add_cstr(b, ",\"details\":{");
    for (size_t i = 0; i < step->count; i++) {
        bool is_list = comes_again(step, i);
        bool begins = i == 0 || strcmp(step->lines[i - 1].label, step->lines[i].label) != 0;
        bool ends =
            i + 1 == step->count || strcmp(step->lines[i + 1].label, step->lines[i].label) != 0;
        if (i != 0) {
            strbuf_add_char(b, ',');
        }
        if (begins) {
            add_key(b, step->lines[i].label);
        }
        if (is_list && begins) {
            strbuf_add_char(b, '[');
        }
        strbuf_add_json(b, span_from_cstr(step->lines[i].value));
        if (is_list && ends) {
            strbuf_add_char(b, ']');
        }
    }
    strbuf_add_char(b, '}');
}

static void add_steps(struct strbuf *b, const struct explain *ex)
{
    static const char *const sides[] = {
        [EXPLAIN_HERE] = "client", [EXPLAIN_TO_SERVER] = "client", [EXPLAIN_TO_CLIENT] = "server"};

    strbuf_add_cstr(b, ",\"steps\":[");
    for (size_t i = 0; i < ex->step_count; i++) {
        const struct explain_step *step = &ex->steps[i];
        strbuf_printf(b, "%s\n {\"step\":\"%s\",\"from\":\"%s\",\"ms\":%.3f,\"ok\":%s",
                      i == 0 ? "" : ",", step->name, sides[step->side], (double)step->at_us / 1000,
                      step->is_bad ? "false" : "true");
        add_text(b, "title", step->title);
        add_lines(b, step);
        strbuf_add_char(b, '}');
    }
    strbuf_add_cstr(b, "\n]");
}

static void add_failure(struct strbuf *b, const struct explain_failure *failure)
{
    if (failure->cause == NULL) {
        strbuf_add_cstr(b, ",\"failure\":null");
        return;
    }
    strbuf_printf(b, ",\"failure\":{\"reason\":\"%s\"", failure->cause->word);
    add_text(b, "who", failure->who);
    add_text(b, "why", failure->why);
    add_text(b, "what_to_do", failure->cause->mend);
    add_text(b, "detail", failure->detail);
    strbuf_add_char(b, '}');
}

void explain_print_json(const struct explain *ex, FILE *out)
{
    struct strbuf b;

    strbuf_init(&b);
    strbuf_printf(&b, "{\"ok\":%s", ex->failure.cause == NULL ? "true" : "false");
    add_text(&b, "url", ex->options->url);
    add_text(&b, "server", ex->server);
    add_text(&b, "protocol", ex->protocol);
    strbuf_printf(&b, ",\"status\":%u,\"body_bytes\":%llu,\"resumed\":%s", ex->status,
                  (unsigned long long)ex->body_bytes, ex->was_resumed ? "true" : "false");
    add_failure(&b, &ex->failure);
    add_steps(&b, ex);
    strbuf_add_cstr(&b, "}\n");
    (void)fwrite(b.ptr, 1, b.len, out);
    strbuf_free(&b);
}
