/* Somebody else is asked whether a request may pass, as nginx's auth_request, Traefik's ForwardAuth
 * and what is made for these do it: 2xx, it may; 401, 403 or 3xx, the client gets that answer; all
 * else, and none, and it may not. */
#include <stdatomic.h>
#include <string.h>

#include "auth/ask.h"
#include "auth/auth.h"
#include "auth/known.h"
#include "auth/oidc_sign_in.h"
#include "auth/outgoing.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "edge/template.h"

#define GROUPS_MAX 256

struct made {
    struct ask_line line;
    struct template sign_in; /* of settings->sign_in */
    uint64_t number;         /* of this opening alone: a reload asks anew */
};

struct attempt {
    struct auth_run *run;
    const struct auth_method *method;
    struct auth_outgoing outgoing;
    struct remembered_key key;
    bool has_key;
    struct ask_what what;
    struct ask *ask;
};

static bool open_forward(struct auth_method *method, struct arena *arena, struct error *error)
{
    static atomic_uint_fast64_t numbers;
    const struct auth_forward_settings *settings = method->settings;
    struct made *made = arena_calloc(arena, sizeof(*made));

    if (settings->sign_in != NULL &&
        !template_parse(span_from_cstr(settings->sign_in), false, arena, &made->sign_in, error)) {
        return false;
    }
    made->line.most = settings->at_once;
    made->number = atomic_fetch_add(&numbers, 1) + 1;
    method->made = made;
    return true;
}

/* ---- the question ---- */

static bool has_name(const struct string_list *names, struct span name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (span_ieq(name, span_from_cstr(names->items[i]))) {
            return true;
        }
    }
    return false;
}

static void make_question(struct attempt *attempt)
{
    const struct auth_forward_settings *settings = attempt->method->settings;
    struct arena *arena = attempt->run->phases->arena;
    const struct http_fields *fields = &attempt->outgoing.fields;
    struct span path = span_from_cstr(settings->path);
    size_t mark = span_find(path, '?');

    attempt->what = (struct ask_what){
        .backend = attempt->method->backend,
        .method = HTTP_GET,
        .method_name = SPAN_OF("GET"),
        .path = span_head(path, mark),
        .query = mark < path.len ? span_skip(path, mark + 1) : span_make(NULL, 0),
        .authority = attempt->outgoing.host,
        .fields = attempt->outgoing.own,
        .timeout_ms = settings->timeout_ms,
        .body_max = (size_t)settings->page_bytes,
        .body_may_be_cut = true,
    };
    for (size_t i = 0; i < fields->count; i++) {
        if (settings->send.count == 0 || has_name(&settings->send, fields->items[i].name)) {
            http_fields_add(&attempt->what.fields, arena, fields->items[i].id,
                            fields->items[i].name, fields->items[i].value);
        }
    }
}

/* ---- what is known already ---- */

static void add_part(struct strbuf *to, struct span part)
{
    strbuf_printf(to, "%zu:", part.len);
    strbuf_add(to, part);
}

/* Of the request's URL and method, and of the fields that decide. */
static bool make_key(struct attempt *attempt)
{
    const struct auth_forward_settings *settings = attempt->method->settings;
    const struct made *made = attempt->method->made;
    const struct http_fields *fields = &attempt->outgoing.fields;
    struct strbuf text;
    struct span parts[2] = {SPAN_OF("forward")};
    bool is_made;

    strbuf_init(&text);
    strbuf_printf(&text, "%llu,", (unsigned long long)made->number);
    add_part(&text, attempt->run->phases->request->method_name);
    add_part(&text, attempt->outgoing.scheme);
    add_part(&text, attempt->outgoing.host);
    add_part(&text, attempt->outgoing.target);
    for (size_t n = 0; n < settings->remember_by.count; n++) {
        for (size_t i = 0; i < fields->count; i++) {
            if (span_ieq(fields->items[i].name, span_from_cstr(settings->remember_by.items[n]))) {
                add_part(&text, fields->items[i].value);
            }
        }
        strbuf_add_char(&text, ';');
    }
    parts[1] = strbuf_span(&text);
    is_made = remembered_key_make(parts, ARRAY_LEN(parts), &attempt->key);
    strbuf_free(&text);
    return is_made;
}

/* ---- the answer ---- */

/* All lines of that name, as one list. */
static struct span value_of(const struct http_fields *fields, const char *name, struct arena *arena)
{
    struct span value = {NULL, 0};

    for (size_t i = 0; i < fields->count; i++) {
        if (!fields->items[i].is_not_sent &&
            span_ieq(fields->items[i].name, span_from_cstr(name))) {
            value = value.ptr == NULL
                        ? fields->items[i].value
                        : span_from_cstr(arena_printf(arena, "%.*s, %.*s", SPAN_ARG(value),
                                                      SPAN_ARG(fields->items[i].value)));
        }
    }
    return value;
}

static struct auth_list groups_of(struct span text, struct arena *arena)
{
    struct span *items = arena_alloc(arena, GROUPS_MAX * sizeof(*items));
    struct span rest = text;
    struct span one;
    size_t count = 0;

    while (rest.ptr != NULL && count < GROUPS_MAX && span_split(&rest, ',', &one)) {
        one = span_trim(one);
        if (one.len != 0) {
            items[count++] = one;
        }
    }
    return (struct auth_list){items, count};
}

static void sort_claims(struct auth_claim *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct auth_claim one = items[i];
        size_t at = i;
        for (; at != 0 && auth_claim_path_order(items[at - 1].path, one.path) > 0; at--) {
            items[at] = items[at - 1];
        }
        items[at] = one;
    }
}

/* What the answer says, by the fields of `receive`, of which each is a claim. */
static struct known *make_known(const struct auth_forward_settings *settings,
                                const struct http_fields *fields)
{
    struct known *known = known_create();
    struct auth_identity *identity = &known->identity;
    struct auth_claim *claims =
        arena_alloc(&known->arena, (settings->receive.count + 1) * sizeof(*claims));
    size_t count = 0;
    struct span user = value_of(fields, settings->user, &known->arena);
    struct span groups = value_of(fields, settings->groups, &known->arena);

    for (size_t i = 0; i < settings->receive.count; i++) {
        struct span value = value_of(fields, settings->receive.items[i], &known->arena);
        if (value.len != 0) {
            claims[count++] = (struct auth_claim){
                arena_copy(&known->arena, span_from_cstr(settings->receive.items[i])),
                arena_copy(&known->arena, value), AUTH_CLAIM_TEXT};
            known->bytes += 4 * value.len + 256;
        }
    }
    sort_claims(claims, count);
    identity->method = auth_forward.name;
    identity->user = user.len != 0 ? arena_copy(&known->arena, user) : SPAN_OF("anonymous");
    identity->groups = groups_of(arena_copy(&known->arena, groups), &known->arena);
    identity->claims = (struct auth_claims){claims, count};
    identity->expires = AUTH_NEVER_EXPIRES;
    known->bytes += sizeof(*known) + 4096 + groups.len;
    return known;
}

static void add_cookies(struct http_fields *to, const struct http_fields *from, struct arena *arena)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct http_field *field = &from->items[i];
        if (field->id == FIELD_SET_COOKIE) {
            http_fields_add(to, arena, field->id, field->name, field->value);
        }
    }
}

#define BIT(id) (UINT64_C(1) << (id))

static enum auth_outcome let_pass(struct attempt *attempt, const struct ask_result *result)
{
    const struct auth_forward_settings *settings = attempt->method->settings;
    struct phases *phases = attempt->run->phases;
    struct known *known = make_known(settings, result->fields);

    if (http_fields_find(result->fields, FIELD_SET_COOKIE) != NULL) {
        /* What another method has said stays. */
        add_cookies(auth_gained(phases), result->fields, phases->arena);
    } else if (attempt->has_key) { /* a cookie is for the one who gets it */
        known->until_us = clock_us() + settings->remember_ms * 1000;
        known_add(&attempt->key, known);
    }
    attempt->run->found = known_lend(known, phases->arena);
    return AUTH_KNOWN;
}

/* Whether the client gets it: all but what is of the connection or of the server, is the framing's,
 * or would have the answer kept. */
static bool is_passed(const struct http_field *field, bool has_body)
{
    static const struct span names[] = {SPAN("Cache-Control"), SPAN("Pragma"),
                                        SPAN("Expires"),       SPAN("Age"),
                                        SPAN("ETag"),          SPAN("Last-Modified")};
    static const uint64_t ids = BIT(FIELD_CONTENT_LENGTH) | BIT(FIELD_TRANSFER_ENCODING) |
                                BIT(FIELD_TRAILER) | BIT(FIELD_DATE) | BIT(FIELD_SERVER) |
                                BIT(FIELD_VIA) | BIT(FIELD_PERSISTENT_AUTH);

    if (field->is_not_sent || (ids >> field->id & 1) != 0) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (span_ieq(field->name, names[i])) {
            return false;
        }
    }
    return has_body || !span_istarts_with(field->name, SPAN_OF("Content-"));
}

static const struct http_fields *passed_fields(const struct http_fields *from, bool has_body,
                                               struct arena *arena)
{
    struct http_fields *to = arena_calloc(arena, sizeof(*to));

    for (size_t i = 0; i < from->count; i++) {
        const struct http_field *field = &from->items[i];
        if (is_passed(field, has_body)) {
            http_fields_add(to, arena, field->id, field->name, field->value);
        }
    }
    return to;
}

/* A browser that asks for a page: to where somebody can sign in, with the answer's cookies. */
static void send_to_sign_in(struct attempt *attempt, const struct ask_result *result)
{
    const struct made *made = attempt->method->made;
    struct auth_run *run = attempt->run;
    struct phases *phases = run->phases;
    struct http_fields *fields = arena_calloc(phases->arena, sizeof(*fields));

    add_cookies(fields, result->fields, phases->arena);
    http_fields_add(fields, phases->arena, FIELD_LOCATION, SPAN_OF("Location"),
                    phases->owner->location(phases, &made->sign_in));
    run->answer_status = 302;
    run->answer_fields = fields;
}

static enum auth_outcome turn_away(struct attempt *attempt, const struct ask_result *result)
{
    const struct auth_forward_settings *settings = attempt->method->settings;
    struct auth_run *run = attempt->run;
    bool has_body = !result->is_cut && result->body.len != 0;

    if (result->status == 401 && settings->sign_in != NULL &&
        oidc_is_navigation(run->phases->request)) {
        send_to_sign_in(attempt, result);
    } else {
        run->answer_status = result->status;
        run->answer_fields = passed_fields(result->fields, has_body, run->phases->arena);
        if (has_body) {
            run->answer_body = arena_copy(run->phases->arena, result->body);
        }
    }
    return auth_wrong(run, "auth_refused",
                      arena_printf(run->phases->arena,
                                   "whoever decides about the request has answered with %u",
                                   result->status),
                      NULL);
}

static enum auth_outcome fail(struct auth_run *run, const struct trouble *why)
{
    run->busy_status = 503;
    run->why = *why;
    return AUTH_BUSY;
}

static bool is_for_client(const struct ask_result *result)
{
    switch (result->status) {
    case 401:
    case 403:
        return true;
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        return http_fields_find(result->fields, FIELD_LOCATION) != NULL;
    default:
        return false;
    }
}

static enum auth_outcome judge(struct attempt *attempt, const struct ask_result *result)
{
    struct auth_run *run = attempt->run;

    if (!result->is_answered) {
        return fail(run, &result->trouble);
    }
    if (result->status / 100 == 2) {
        return let_pass(attempt, result);
    }
    if (is_for_client(result)) {
        return turn_away(attempt, result);
    }
    const struct trouble why = {
        "auth_answer_wrong",
        arena_printf(run->phases->arena,
                     "whoever decides about the request has answered with %u, which says nothing",
                     result->status),
        "see 'path' of forward, and that server's log"};
    return fail(run, &why);
}

static void on_answer(void *owner, const struct ask_result *result)
{
    struct attempt *attempt = owner;

    attempt->ask = NULL;
    auth_resume(attempt->run, judge(attempt, result));
}

/* ---- asked ---- */

static enum auth_outcome ask(const struct auth_method *method, struct auth_run *run)
{
    static const struct trouble too_many = {
        "auth_busy", "too many requests wait for whoever decides about them",
        "see why that server is slow; 'at_once' of the method is how many may wait"};
    const struct auth_forward_settings *settings = method->settings;
    struct made *made = (struct made *)(uintptr_t)method->made;
    struct attempt *attempt = arena_calloc(run->phases->arena, sizeof(*attempt));
    struct known *known = NULL;

    attempt->run = run;
    attempt->method = method;
    run->phases->owner->outgoing(run->phases, &attempt->outgoing);
    attempt->has_key = settings->remember_ms != 0 && make_key(attempt);
    if (attempt->has_key) {
        known = known_find(&attempt->key, clock_us());
    }
    if (known != NULL) {
        run->found = known_lend(known, run->phases->arena);
        return AUTH_KNOWN;
    }
    make_question(attempt);
    run->waiting = attempt;
    attempt->ask = ask_start(run->phases, &made->line, &attempt->what, attempt, on_answer);
    return attempt->ask != NULL ? AUTH_WAIT : fail(run, &too_many);
}

static void cancel(const struct auth_method *method, struct auth_run *run)
{
    struct attempt *attempt = run->waiting;

    (void)method;
    ask_cancel(attempt->ask);
}

/* Without what other methods have found. */
static struct auth_identity own_identity(const struct auth_run *run)
{
    const struct auth_identity *identity = run->first;
    struct auth_identity own = {.method = NULL};

    while (identity != NULL && identity->method != auth_forward.name) {
        identity = identity->also;
    }
    if (identity != NULL) {
        own = *identity;
        own.also = NULL;
    }
    return own;
}

/* What the client says of itself in the fields of the answer is taken out, whoever let it pass. */
static void strip(const struct auth_method *method, struct auth_run *run)
{
    const struct auth_forward_settings *settings = method->settings;
    const struct auth_identity identity = own_identity(run);
    struct phases *phases = run->phases;

    if (phases->given == NULL) {
        phases->given = arena_calloc(phases->arena, sizeof(*phases->given));
    }
    for (size_t i = 0; i < settings->receive.count; i++) {
        struct span name = span_from_cstr(settings->receive.items[i]);
        http_fields_add(phases->given, phases->arena, http_field_id(name), name,
                        auth_identity_claim_text(&identity, name, phases->arena));
    }
}

const struct auth_type auth_forward = {
    .name = "forward", .open = open_forward, .ask = ask, .cancel = cancel, .strip = strip};
