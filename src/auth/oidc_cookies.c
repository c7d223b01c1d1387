#include "auth/oidc_cookies.h"

#include <string.h>

#include "auth/shown.h"

#define HOST_PREFIX "__Host-"
#define TAB_MARK "-in-"

static const char *prefix_of(const struct oidc_cookies *cookies)
{
    return cookies->is_https ? HOST_PREFIX : "";
}

static const char *chunk_name(const struct oidc_cookies *cookies, size_t at, struct arena *arena)
{
    return at == 0 ? arena_printf(arena, "%s%s", prefix_of(cookies), cookies->name)
                   : arena_printf(arena, "%s%s.%zu", prefix_of(cookies), cookies->name, at);
}

static const char *tab_name(const struct oidc_cookies *cookies, struct span tab,
                            struct arena *arena)
{
    return arena_printf(arena, "%s%s" TAB_MARK "%.*s", prefix_of(cookies), cookies->name,
                        SPAN_ARG(tab));
}

/* ---- whose a cookie is ---- */

/* What is behind the name; ptr NULL: it is another one. */
static struct span behind(struct span cookie, const char *prefix, const char *name)
{
    struct span rest = cookie;

    if (!span_starts_with(rest, span_from_cstr(prefix))) {
        return span_make(NULL, 0);
    }
    rest = span_skip(rest, strlen(prefix));
    return span_starts_with(rest, span_from_cstr(name)) ? span_skip(rest, strlen(name))
                                                        : span_make(NULL, 0);
}

static bool is_ours(struct span rest)
{
    return rest.ptr != NULL &&
           (rest.len == 0 || rest.ptr[0] == '.' || span_starts_with(rest, SPAN_OF(TAB_MARK)));
}

bool oidc_cookie_is_own(const char *name, struct span cookie)
{
    return is_ours(behind(cookie, "", name)) || is_ours(behind(cookie, HOST_PREFIX, name));
}

static struct span name_of(struct span pair)
{
    pair = span_trim(pair);
    return span_trim(span_head(pair, span_find(pair, '=')));
}

static struct span strip_list(const char *name, struct span list, struct arena *arena)
{
    char *bytes = arena_alloc(arena, list.len + 1);
    size_t len = 0;
    bool is_any = false;
    struct span rest = list;
    struct span pair;

    while (span_split(&rest, ';', &pair)) {
        if (oidc_cookie_is_own(name, name_of(pair))) {
            is_any = true;
            continue;
        }
        if (len != 0) {
            bytes[len++] = ';';
        }
        memcpy(bytes + len, pair.len != 0 ? pair.ptr : "", pair.len);
        len += pair.len;
    }
    return is_any ? span_trim(span_make(bytes, len)) : list;
}

void oidc_cookies_strip(const char *name, struct http_fields *fields, struct arena *arena)
{
    for (size_t i = 0; i < fields->count; i++) {
        struct http_field *field = &fields->items[i];
        if (field->id == FIELD_COOKIE) {
            field->value = strip_list(name, field->value, arena);
            field->is_not_sent |= field->value.len == 0;
        }
    }
}

/* ---- found ---- */

/* Which of the session's cookies has the name; OIDC_CHUNKS_MAX: none. */
static size_t chunk_of(const struct oidc_cookies *cookies, struct span name)
{
    struct span rest = behind(name, prefix_of(cookies), cookies->name);

    if (rest.ptr == NULL) {
        return OIDC_CHUNKS_MAX;
    }
    if (rest.len == 0) {
        return 0;
    }
    return rest.len == 2 && rest.ptr[0] == '.' && rest.ptr[1] >= '1' &&
                   rest.ptr[1] < '0' + OIDC_CHUNKS_MAX
               ? (size_t)(rest.ptr[1] - '0')
               : OIDC_CHUNKS_MAX;
}

struct chunk {
    struct span value;
    enum credential_place place;
};

static void take_chunks(const struct oidc_cookies *cookies, struct span list,
                        struct chunk chunks[OIDC_CHUNKS_MAX])
{
    struct span name;
    struct span value;

    while (credential_next(&list, ';', &name, &value)) {
        size_t at = chunk_of(cookies, name);
        if (at < OIDC_CHUNKS_MAX) {
            chunks[at].place =
                chunks[at].place == CREDENTIAL_ABSENT ? CREDENTIAL_ONE : CREDENTIAL_MANY;
            chunks[at].value = value;
        }
    }
}

/* Of "COUNT.TEXT", of which TEXT is left in the chunk; 0: it is none. */
static size_t take_count(struct chunk *first)
{
    struct span value = first->value;
    uint64_t count = 0;

    if (first->place != CREDENTIAL_ONE || value.len <= 2 || value.ptr[1] != '.' ||
        !span_to_u64(span_head(value, 1), OIDC_CHUNKS_MAX, &count)) {
        return 0;
    }
    first->value = span_skip(value, 2);
    return (size_t)count;
}

static struct span join(const struct chunk *chunks, size_t count, struct arena *arena)
{
    size_t len = 0;
    char *bytes;

    for (size_t i = 0; i < count; i++) {
        if (chunks[i].place != CREDENTIAL_ONE || chunks[i].value.len > OIDC_CHUNK_MAX) {
            return span_make(NULL, 0);
        }
        len += chunks[i].value.len;
    }
    bytes = arena_alloc(arena, len + 1);
    len = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(bytes + len, chunks[i].value.ptr, chunks[i].value.len);
        len += chunks[i].value.len;
    }
    return span_make(bytes, len);
}

struct span oidc_session_text(const struct oidc_cookies *cookies, const struct http_fields *fields,
                              size_t *count, struct arena *arena)
{
    struct chunk chunks[OIDC_CHUNKS_MAX] = {{{NULL, 0}, CREDENTIAL_ABSENT}};
    size_t wanted;

    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == FIELD_COOKIE) {
            take_chunks(cookies, fields->items[i].value, chunks);
        }
    }
    *count = 0;
    for (size_t i = 0; i < OIDC_CHUNKS_MAX; i++) {
        *count = chunks[i].place != CREDENTIAL_ABSENT ? i + 1 : *count;
    }
    wanted = take_count(&chunks[0]);
    return wanted != 0 ? join(chunks, wanted, arena) : span_make(NULL, 0);
}

static enum credential_place find(const struct http_fields *fields, const char *name,
                                  struct span *value)
{
    const struct http_request request = {.fields = *fields};
    const struct shown_places places = {.cookie = name};

    return shown_find(&request, &places, value);
}

struct span oidc_tab_text(const struct oidc_cookies *cookies, const struct http_fields *fields,
                          struct span tab, struct arena *arena)
{
    struct span value;

    return find(fields, tab_name(cookies, tab, arena), &value) == CREDENTIAL_ONE
               ? value
               : span_make(NULL, 0);
}

static size_t tabs_of_list(const struct oidc_cookies *cookies, struct span list, struct span *tabs,
                           size_t most)
{
    size_t count = 0;
    struct span pair;

    while (count < most && span_split(&list, ';', &pair)) {
        struct span rest = behind(name_of(pair), prefix_of(cookies), cookies->name);
        if (rest.ptr != NULL && rest.len == sizeof(TAB_MARK) - 1 + OIDC_TAB_LEN &&
            span_starts_with(rest, SPAN_OF(TAB_MARK))) {
            tabs[count++] = span_skip(rest, sizeof(TAB_MARK) - 1);
        }
    }
    return count;
}

size_t oidc_tabs(const struct oidc_cookies *cookies, const struct http_fields *fields,
                 struct span *tabs, size_t most)
{
    size_t count = 0;

    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == FIELD_COOKIE) {
            count += tabs_of_list(cookies, fields->items[i].value, tabs + count, most - count);
        }
    }
    return count;
}

/* ---- written ---- */

/* SameSite=Lax: the provider sends the browser back by a link, and no other site's page has
 * requests sent with them. */
static void set(const struct oidc_cookies *cookies, const char *name, struct span value,
                uint64_t age_s, struct http_fields *fields, struct arena *arena)
{
    const char *text = arena_printf(
        arena, "%s=%.*s; Path=/; Max-Age=%llu; HttpOnly; SameSite=Lax%s", name, SPAN_ARG(value),
        value.len != 0 ? (unsigned long long)age_s : 0ULL, cookies->is_https ? "; Secure" : "");

    http_fields_add(fields, arena, FIELD_SET_COOKIE, SPAN_OF("Set-Cookie"), span_from_cstr(text));
}

bool oidc_session_set(const struct oidc_cookies *cookies, struct span text, size_t had,
                      uint64_t age_s, struct http_fields *fields, struct arena *arena)
{
    size_t first = OIDC_CHUNK_MAX - 2;
    size_t count = text.len == 0       ? 0
                   : text.len <= first ? 1
                                       : 1 + (text.len - first - 1) / OIDC_CHUNK_MAX + 1;

    if (count > OIDC_CHUNKS_MAX) {
        return false;
    }
    for (size_t i = 0; i < count || i < had; i++) {
        struct span part = span_cut(text, i == 0 ? first : OIDC_CHUNK_MAX);
        text = span_skip(text, part.len);
        if (i == 0 && part.len != 0) {
            part = span_from_cstr(arena_printf(arena, "%zu.%.*s", count, SPAN_ARG(part)));
        }
        set(cookies, chunk_name(cookies, i, arena), part, age_s, fields, arena);
    }
    return true;
}

void oidc_tab_set(const struct oidc_cookies *cookies, struct span tab, struct span text,
                  uint64_t age_s, struct http_fields *fields, struct arena *arena)
{
    set(cookies, tab_name(cookies, tab, arena), text, age_s, fields, arena);
}
