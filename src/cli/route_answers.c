#include "cli/route_answers.h"

#include <string.h>

struct lines {
    size_t wanted;
    size_t count;
    const char *text;
    const char **word;
    struct place *place;
};

static void add(struct lines *lines, const char *word, struct place place, const char *text)
{
    if (lines->count++ == lines->wanted) {
        lines->text = text;
        *lines->word = word;
        *lines->place = place;
    }
}

static const char *join(const struct string_list *list, struct arena *arena)
{
    const char *text = "";

    for (size_t i = 0; i < list->count; i++) {
        text = arena_printf(arena, "%s%s%s", text, i == 0 ? "" : ", ", list->items[i]);
    }
    return text;
}

static void add_timeouts(struct lines *lines, const struct route_timeouts_settings *own,
                         struct arena *arena)
{
    const char *response = own->response_ms == UINT64_MAX
                               ? ""
                               : arena_printf(arena, ", the head of a response %llu ms",
                                              (unsigned long long)own->response_ms);

    add(lines, "timeouts", own->place,
        arena_printf(arena, "tunnels may be silent for %llu ms, responses for %llu ms%s",
                     (unsigned long long)own->tunnel_idle_ms,
                     (unsigned long long)own->stream_idle_ms, response));
}

const char *route_answers_line(const struct site_settings *site, const struct route_settings *route,
                               size_t index, struct arena *arena, const char **word,
                               struct place *place)
{
    struct lines lines = {.wanted = index, .word = word, .place = place};
    const struct cors_settings *cors =
        route->answers.cors != NULL ? route->answers.cors : site->answers.cors;
    const struct maintenance_settings *maintenance =
        route->answers.maintenance != NULL ? route->answers.maintenance : site->answers.maintenance;

    if (cors != NULL) {
        add(&lines, "cors", cors->place,
            arena_printf(arena,
                         "pages of %s may use the answers%s; preflights are answered here with 204",
                         join(&cors->origins, arena), cors->credentials ? ", as their users" : ""));
    }
    if (maintenance != NULL) {
        add(&lines, "maintenance", maintenance->place,
            maintenance->except.count != 0
                ? "all are answered 503, but for the clients of 'except'; for these:"
                : "all are answered 503; without it:");
    }
    if (route->timeouts != NULL) {
        add_timeouts(&lines, route->timeouts, arena);
    }
    if (route->early_hints.count != 0) {
        add(&lines, "early_hints", route->place,
            arena_printf(arena, "103 with %s", join(&route->early_hints, arena)));
    }
    return lines.text;
}

const char *route_host_words(struct arena *arena, const struct backend_settings *backend)
{
    switch (backend->host_from) {
    case BACKEND_HOST_SERVER:
        return ", with the server's own Host";
    case BACKEND_HOST_NAMED:
        return arena_printf(arena, ", Host %s", backend->host);
    case BACKEND_HOST_CLIENT:
        break;
    }
    return "";
}
