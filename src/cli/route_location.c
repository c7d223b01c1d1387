#include "cli/route_location.h"

#include "edge/rewrite.h"

struct asked {
    const struct route_url *url;
    struct arena *arena;
};

static struct span lower(struct arena *arena, struct span text)
{
    char *copy = arena_cstr(arena, text);

    for (size_t i = 0; i < text.len; i++) {
        copy[i] = ascii_lower(copy[i]);
    }
    return span_from_cstr(copy);
}

static struct span value_of(void *owner, const struct template_part *part)
{
    const struct asked *asked = owner;
    const struct route_url *url = asked->url;
    struct span value;

    if (template_target_value(part, url->path, url->query, asked->arena, &value)) {
        return value;
    }
    switch (part->variable) {
    case VARIABLE_SCHEME:
        return url->is_https ? SPAN_OF("https") : SPAN_OF("http");
    case VARIABLE_HOST:
        return lower(asked->arena, url->host);
    case VARIABLE_PORT:
        return span_from_cstr(arena_printf(asked->arena, "%u", (unsigned)url->port));
    case VARIABLE_METHOD:
        return url->method;
    case VARIABLE_MATCH:
        return route_match_capture(url->match, url->match_path, part->text);
    default:
        return span_from_cstr(arena_printf(asked->arena, "{%s%.*s}",
                                           template_variable_name(part->variable),
                                           SPAN_ARG(part->text)));
    }
}

const char *route_location(const struct redirect_settings *redirect, const struct route_url *url,
                           struct arena *arena)
{
    struct asked asked = {url, arena};
    const struct template_values values = {value_of, &asked};
    struct template to;
    struct error error;

    CHECK(template_parse(span_from_cstr(redirect->to), false, arena, &to, &error));
    return arena_cstr(arena, redirect_location(&to, &values, TEMPLATE_FIELD, arena));
}

bool route_rewrite(const struct rewrite_settings *settings, const struct route_url *url,
                   struct path *path, struct arena *arena)
{
    struct asked asked = {url, arena};
    const struct template_values values = {value_of, &asked};

    return rewrite_path(rewrite_make(settings, arena), &values, path, arena);
}

const char *route_rewritten(const struct rewrite_settings *settings, const struct route_url *url,
                            const struct path *path, struct arena *arena)
{
    struct asked asked = {url, arena};
    const struct template_values values = {value_of, &asked};
    struct span query;

    if (settings->query == NULL) {
        return arena_printf(arena, "the path becomes %.*s", SPAN_ARG(path->forward));
    }
    query = rewrite_query(rewrite_make(settings, arena), &values, arena);
    if (query.len == 0) {
        query = SPAN_OF("none");
    }
    return arena_printf(arena, "the path becomes %.*s, the query %.*s", SPAN_ARG(path->forward),
                        SPAN_ARG(query));
}
