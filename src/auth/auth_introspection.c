/* A token of which its issuer is asked (RFC 7662). */
#include <string.h>

#include "auth/ask.h"
#include "auth/bearer.h"
#include "auth/client_secret.h"
#include "auth/known_claims.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "jose/json_strict.h"

#define ANSWER_MAX ((size_t)64 * 1024)

struct made {
    struct ask_line line;
    unsigned char stamp[SHA256_BYTES]; /* of all that is said of it: what is known depends on it */
};

struct attempt {
    struct auth_run *run;
    const struct auth_method *method;
    struct span token;
    struct remembered_key active;
    struct remembered_key inactive;
    bool has_keys;
    struct ask_what what;
    struct ask *ask;
};

/* ---- opened ---- */

static bool open_introspection(struct auth_method *method, struct arena *arena, struct error *error)
{
    const struct auth_introspection_settings *settings = method->settings;
    struct made *made = arena_calloc(arena, sizeof(*made));
    struct strbuf all;
    struct span text;
    bool is_made;

    method->made = made;
    made->line.most = settings->at_once;
    strbuf_init(&all);
    strbuf_printf(&all, "%s\n%s\n%s\n%s\n%s\n%s\n", settings->backend->name, settings->path,
                  settings->client_id, settings->user, settings->groups, settings->scopes);
    for (size_t i = 0; i < settings->audience.count; i++) {
        strbuf_printf(&all, "%s\n", settings->audience.items[i]);
    }
    text = strbuf_span(&all);
    is_made = digest_sha256(&text, 1, made->stamp);
    strbuf_free(&all);
    return (is_made || error_set(error, "memory is out")) &&
           auth_method_follow(method, settings->client_secret, &client_secret_type, arena, error);
}

/* ---- the question ---- */

static void add_field(struct attempt *attempt, struct span name, struct span value)
{
    http_fields_add(&attempt->what.fields, attempt->run->phases->arena, http_field_id(name), name,
                    value);
}

static void make_question(struct attempt *attempt)
{
    const struct auth_introspection_settings *settings = attempt->method->settings;
    struct arena *arena = attempt->run->phases->arena;
    struct span path = span_from_cstr(settings->path);
    size_t mark = span_find(path, '?');
    struct strbuf form;

    strbuf_init(&form);
    strbuf_add_cstr(&form, "token=");
    form_add(&form, attempt->token);
    strbuf_add_cstr(&form, "&token_type_hint=access_token");
    attempt->what = (struct ask_what){
        .backend = attempt->method->backend,
        .method = HTTP_POST,
        .method_name = SPAN_OF("POST"),
        .path = span_head(path, mark),
        .query = mark < path.len ? span_skip(path, mark + 1) : span_make(NULL, 0),
        .authority = settings->host != NULL ? span_from_cstr(settings->host) : span_make(NULL, 0),
        .body = arena_copy(arena, strbuf_span(&form)),
        .timeout_ms = settings->timeout_ms,
        .body_max = ANSWER_MAX,
    };
    strbuf_free(&form);
    add_field(attempt, SPAN_OF("Authorization"),
              client_secret_basic(settings->client_id, attempt->method->files[0], arena));
    add_field(attempt, SPAN_OF("Content-Type"), SPAN_OF("application/x-www-form-urlencoded"));
    add_field(attempt, SPAN_OF("Accept"), SPAN_OF("application/json"));
    add_field(attempt, SPAN_OF("User-Agent"), SPAN_OF("tidegate"));
}

/* ---- the answer ---- */

static enum auth_outcome busy(struct auth_run *run, const struct trouble *why)
{
    run->busy_status = 503;
    run->why = *why;
    return AUTH_BUSY;
}

static enum auth_outcome bad_answer(struct auth_run *run, const char *detail)
{
    const struct trouble why = {
        "auth_answer_wrong",
        arena_printf(run->phases->arena, "the server that is asked about tokens: %.300s", detail),
        "see 'path', 'client_id' and 'client_secret' of introspection, and that server's log"};

    return busy(run, &why);
}

/* A date of the answer; `otherwise` where there is none. */
static int64_t time_of(const json_t *answer, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(answer, name);
    double number = json_number_value(value);

    return json_is_number(value) && number >= 0 && number < 9e15 ? (int64_t)number : otherwise;
}

static bool is_for(const struct string_list *audiences, const struct auth_identity *identity)
{
    struct auth_claims found = auth_identity_claims(identity, SPAN_OF("aud"));

    for (size_t i = 0; i < found.count; i++) {
        for (size_t a = 0; a < audiences->count; a++) {
            if (span_eq_cstr(found.items[i].value, audiences->items[a])) {
                return true;
            }
        }
    }
    return audiences->count == 0;
}

static void remember(const struct attempt *attempt, struct known *known, int64_t now_s)
{
    const struct auth_introspection_settings *settings = attempt->method->settings;
    uint64_t most_s = settings->remember_ms / 1000;
    uint64_t left_s =
        known->expires == AUTH_NEVER_EXPIRES ? most_s : (uint64_t)(known->expires - now_s);

    if (attempt->has_keys && settings->remember_ms != 0) {
        known->until_us = clock_us() + (left_s < most_s ? left_s : most_s) * 1000000;
        known_add(&attempt->active, known);
    }
}

static enum auth_outcome refuse(const struct attempt *attempt, const char *reason,
                                const char *detail)
{
    const struct auth_introspection_settings *settings = attempt->method->settings;

    if (attempt->has_keys && settings->remember_inactive_ms != 0) {
        remembered_add(&attempt->inactive, clock_us() + settings->remember_inactive_ms * 1000);
    }
    return auth_wrong(attempt->run, reason, detail, NULL);
}

static enum auth_outcome take(struct attempt *attempt, const json_t *answer, size_t bytes)
{
    const struct auth_introspection_settings *settings = attempt->method->settings;
    const struct claim_names names = {settings->user, settings->groups, settings->scopes};
    int64_t now_s = clock_wall_s();
    struct known *known = known_from_claims(answer, &names, auth_introspection.name, bytes);

    if (known == NULL) {
        return bad_answer(attempt->run, "the claim of 'user' names nobody");
    }
    known->identity.expires = known->expires = time_of(answer, "exp", AUTH_NEVER_EXPIRES);
    known->not_before = time_of(answer, "nbf", 0);
    if (known->expires <= now_s || known->not_before > now_s ||
        !is_for(&settings->audience, &known->identity)) {
        bool is_for_others = known->expires > now_s && known->not_before <= now_s;
        known_release(known);
        return refuse(attempt, is_for_others ? "credentials_wrong" : "credentials_expired",
                      is_for_others ? "the token's 'aud' is for somebody else, or missing"
                                    : "the token has expired, or is not good yet");
    }
    remember(attempt, known, now_s);
    attempt->run->found = known_lend(known, attempt->run->phases->arena);
    return AUTH_KNOWN;
}

static enum auth_outcome judge(struct attempt *attempt, const struct ask_result *result)
{
    static const struct json_bounds bounds = {.depth = 10, .values = 1024};
    struct auth_run *run = attempt->run;
    const json_t *active;
    enum auth_outcome outcome;
    struct error error;
    json_t *answer;

    if (!result->is_answered) {
        return busy(run, &result->trouble);
    }
    if (result->status != 200) {
        return bad_answer(
            run, arena_printf(run->phases->arena, "it answered with status %u", result->status));
    }
    answer = json_strict_object(result->body, &bounds, &error);
    active = json_object_get(answer, "active");
    if (answer == NULL || !json_is_boolean(active)) {
        json_decref(answer);
        return bad_answer(run, answer == NULL ? error.text : "its answer has no 'active'");
    }
    outcome = json_is_true(active) ? take(attempt, answer, result->body.len)
                                   : refuse(attempt, "credentials_wrong",
                                            "the token is not active, as its issuer says");
    json_decref(answer);
    return outcome;
}

static void on_answer(void *owner, const struct ask_result *result)
{
    struct attempt *attempt = owner;

    attempt->ask = NULL;
    auth_resume(attempt->run, judge(attempt, result));
}

/* ---- asked ---- */

static bool is_still_good(const struct known *known)
{
    int64_t now_s = clock_wall_s();

    return known->expires > now_s && known->not_before <= now_s;
}

/* AUTH_WAIT: nothing is known of it. */
static enum auth_outcome recall(struct attempt *attempt)
{
    const struct made *made = attempt->method->made;
    struct span parts[] = {SPAN_OF("introspection"), span_make(made->stamp, sizeof(made->stamp)),
                           attempt->token, SPAN_OF("active")};
    struct known *known;

    attempt->has_keys = remembered_key_make(parts, ARRAY_LEN(parts), &attempt->active);
    parts[3] = SPAN_OF("inactive");
    attempt->has_keys &= remembered_key_make(parts, ARRAY_LEN(parts), &attempt->inactive);
    if (!attempt->has_keys) {
        return AUTH_WAIT;
    }
    known = known_find(&attempt->active, clock_us());
    if (known != NULL && is_still_good(known)) {
        attempt->run->found = known_lend(known, attempt->run->phases->arena);
        return AUTH_KNOWN;
    }
    if (known != NULL) {
        known_release(known);
    }
    return remembered_has(&attempt->inactive, clock_us())
               ? auth_wrong(attempt->run, "credentials_wrong",
                            "the token was not taken a moment ago", NULL)
               : AUTH_WAIT;
}

static enum auth_outcome ask(const struct auth_method *method, struct auth_run *run)
{
    static const struct trouble too_many = {
        "auth_busy", "too many requests wait for whoever decides about them",
        "see why that server is slow; 'at_once' of the method is how many may wait"};
    struct made *made = (struct made *)(uintptr_t)method->made;
    struct attempt *attempt;
    struct span token;
    enum auth_outcome outcome = bearer_find(method, run, &token);

    if (outcome != AUTH_KNOWN) {
        return outcome;
    }
    if (token.len == 0) {
        return auth_wrong(run, "credentials_malformed", "the token is empty", NULL);
    }
    attempt = arena_calloc(run->phases->arena, sizeof(*attempt));
    attempt->run = run;
    attempt->method = method;
    attempt->token = token;
    outcome = recall(attempt);
    if (outcome != AUTH_WAIT) {
        return outcome;
    }
    make_question(attempt);
    run->waiting = attempt;
    attempt->ask = ask_start(run->phases, &made->line, &attempt->what, attempt, on_answer);
    return attempt->ask != NULL ? AUTH_WAIT : busy(run, &too_many);
}

static void cancel(const struct auth_method *method, struct auth_run *run)
{
    struct attempt *attempt = run->waiting;

    (void)method;
    ask_cancel(attempt->ask);
}

const struct auth_type auth_introspection = {.name = "introspection",
                                             .open = open_introspection,
                                             .ask = ask,
                                             .cancel = cancel,
                                             .challenge = bearer_challenge,
                                             .strip = bearer_strip,
                                             .passes = bearer_passes};
