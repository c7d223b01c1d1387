/* A signed token of an issuer (jose/jwt.h), in Authorization (RFC 6750), a field or a cookie. */
#include <string.h>

#include "auth/auth.h"
#include "auth/bearer.h"
#include "auth/key_source.h"
#include "auth/known_claims.h"
#include "auth/signature_pool.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "jose/jwt.h"
#include "tls/tls_context.h"

struct issuer {
    const struct jwt_issuer_settings *settings;
    struct jwt_rules rules;
    uint32_t algorithms;   /* as jwt_verify has them */
    struct followed *file; /* one of the two */
    struct fetched *source;
};

struct made {
    struct issuer *issuers;
    size_t count;
    unsigned char
        stamp[SHA256_BYTES]; /* of all that is said of them: what is known depends on it */
};

/* ---- open and closed ---- */

static void *parse_keys(struct span bytes, struct error *error)
{
    return jwk_set_parse(bytes, error);
}

static void release_keys(void *keys)
{
    jwk_set_release(keys);
}

static const struct followed_type keys_file_type = {
    .what = "a file of an issuer's keys",
    .max_bytes = JWK_SET_BYTES_MAX,
    .parse = parse_keys,
    .destroy = release_keys,
};

static void set_rules(struct issuer *issuer)
{
    static const char *const usual_types[] = {"JWT", "at+jwt"};
    const struct jwt_issuer_settings *settings = issuer->settings;

    issuer->rules = (struct jwt_rules){
        .issuer = settings->issuer,
        .audiences = {settings->audience.items, settings->audience.count},
        .types = {settings->types.items, settings->types.count},
        .needs_type = settings->types.count != 0,
        .leeway_s = (int64_t)(settings->leeway_ms / 1000),
    };
    if (settings->types.count == 0) {
        issuer->rules.types = (struct jwt_texts){usual_types, ARRAY_LEN(usual_types)};
    }
    for (size_t i = 0; i < settings->algorithms.count; i++) {
        issuer->algorithms |= UINT32_C(1)
                              << jws_algorithm_find(span_from_cstr(settings->algorithms.items[i]));
    }
}

static bool open_issuer(struct auth_method *method, struct issuer *issuer, struct arena *arena,
                        struct error *error)
{
    const struct jwt_issuer_settings *settings = issuer->settings;

    set_rules(issuer);
    if (settings->keys != NULL) {
        if (!auth_method_follow(method, settings->keys, &keys_file_type, arena, error)) {
            return false;
        }
        issuer->file = method->files[method->file_count - 1];
        return true;
    }
    if (settings->ca != NULL && !tls_context_check_authorities(settings->ca, error)) {
        return false;
    }
    issuer->source = key_source_open(&(struct fetched_settings){.url = settings->keys_url,
                                                                .ca = settings->ca,
                                                                .timeout_ms = settings->timeout_ms,
                                                                .every_ms = settings->every_ms,
                                                                .pause_ms = settings->pause_ms});
    return true;
}

/* Of the texts that decide what a token is taken for. */
static bool make_stamp(const struct jwt_settings *settings, struct made *made)
{
    struct strbuf all;
    struct span text;
    bool is_made;

    strbuf_init(&all);
    for (size_t i = 0; i < settings->issuer_count; i++) {
        const struct jwt_issuer_settings *issuer = &settings->issuers[i];
        const struct string_list *lists[] = {&issuer->audience, &issuer->types,
                                             &issuer->algorithms};
        strbuf_printf(&all, "%s\n%s\n%s\n%s\n%s\n%s\n%llu\n", issuer->issuer,
                      issuer->keys != NULL ? issuer->keys : "",
                      issuer->keys_url != NULL ? issuer->keys_url : "", issuer->user,
                      issuer->groups, issuer->scopes, (unsigned long long)issuer->leeway_ms);
        for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
            for (size_t t = 0; t < lists[l]->count; t++) {
                strbuf_printf(&all, "%s\n", lists[l]->items[t]);
            }
            strbuf_add_char(&all, '\n');
        }
    }
    text = strbuf_span(&all);
    is_made = digest_sha256(&text, 1, made->stamp);
    strbuf_free(&all);
    return is_made;
}

static bool open_jwt(struct auth_method *method, struct arena *arena, struct error *error)
{
    const struct jwt_settings *settings = method->settings;
    struct made *made = arena_calloc(arena, sizeof(*made));
    const char **paths = arena_calloc(arena, settings->issuer_count * sizeof(*paths));

    method->made = made;
    method->paths = paths;
    made->issuers = arena_calloc(arena, settings->issuer_count * sizeof(*made->issuers));
    for (size_t i = 0; i < settings->issuer_count; i++) {
        made->issuers[i].settings = &settings->issuers[i];
        made->count++;
        if (!open_issuer(method, &made->issuers[i], arena, error)) {
            return false;
        }
        if (settings->issuers[i].ca != NULL) {
            paths[method->path_count++] = settings->issuers[i].ca;
        }
    }
    return make_stamp(settings, made) || error_set(error, "memory is out");
}

static void close_jwt(const struct auth_method *method)
{
    const struct made *made = method->made;

    for (size_t i = 0; i < made->count; i++) {
        fetched_close(made->issuers[i].source);
    }
}

/* ---- keys ---- */

/* A reference to those of now; NULL: there are none yet. */
static struct jwk_set *keys_of(const struct issuer *issuer)
{
    struct followed_object *file;
    struct jwk_set *keys;

    if (issuer->source != NULL) {
        return key_source_keys(issuer->source);
    }
    file = followed_get(issuer->file);
    keys = jwk_set_hold((struct jwk_set *)(uintptr_t)followed_read(file));
    followed_put(file);
    return keys;
}

static enum auth_outcome no_keys(struct auth_run *run, const struct issuer *issuer)
{
    struct error problem;

    run->busy_status = 503;
    run->why = (struct trouble){
        "issuer_keys_missing",
        arena_printf(run->phases->arena, "the keys of '%s' have not been had from %s yet%s%.300s",
                     issuer->settings->issuer, issuer->settings->keys_url,
                     fetched_problem(issuer->source, &problem) ? ": " : "", problem.text),
        NULL};
    return AUTH_BUSY;
}

/* ---- a token ---- */

struct attempt {
    struct span token;
    struct remembered_key key;
    struct signature_check signature;
    bool has_key;
    bool has_waited; /* for keys */
};

static enum auth_outcome wrong(struct auth_run *run, const char *reason, const char *detail,
                               const char *mend)
{
    return auth_wrong(run, reason, arena_printf(run->phases->arena, "the token: %s", detail), mend);
}

static enum auth_outcome ask_token(const struct auth_method *method, struct auth_run *run,
                                   struct attempt *attempt);

/* There are keys, or it is known whose signature it is. */
static enum phase_verdict look_again(struct phases *phases, void *arg)
{
    struct auth_run *run = phases->waiting;

    (void)arg;
    return auth_go_on(run, ask_token(&run->plan->methods[run->at], run, run->waiting));
}

/* The keys of now do not help; number 0: there are none. */
static enum auth_outcome await_keys(const struct auth_method *method, struct auth_run *run,
                                    struct attempt *attempt, const struct issuer *issuer,
                                    uint64_t number)
{
    enum fetched_ask asked = FETCHED_NO_USE;

    if (issuer->source != NULL && !attempt->has_waited) {
        attempt->has_waited = true;
        asked = fetched_ask(issuer->source, number, run->phases, look_again);
    }
    switch (asked) {
    case FETCHED_ASKED:
        run->waiting = attempt;
        return AUTH_WAIT;
    case FETCHED_NEWER:
        return ask_token(method, run, attempt);
    case FETCHED_NO_USE:
    case FETCHED_TOO_MANY:
        break;
    }
    return number == 0 ? no_keys(run, issuer)
                       : wrong(run, "credentials_wrong",
                               "its key ('kid') is none of its issuer's keys", NULL);
}

static const struct issuer *find_issuer(const struct made *made, const struct jwt *jwt)
{
    const char *name = json_string_value(json_object_get(jwt->claims, "iss"));

    for (size_t i = 0; name != NULL && i < made->count; i++) {
        if (strcmp(name, made->issuers[i].settings->issuer) == 0) {
            return &made->issuers[i];
        }
    }
    return NULL;
}

/* NULL: nothing in it names anybody. */
static struct known *make_known(const struct jwt *jwt, const struct jwt_times *times,
                                const struct issuer *issuer, const struct made *made,
                                const struct attempt *attempt)
{
    const struct jwt_issuer_settings *settings = issuer->settings;
    const struct claim_names names = {settings->user, settings->groups, settings->scopes};
    struct known *known = known_from_claims(jwt->claims, &names, auth_jwt.name, attempt->token.len);

    if (known != NULL) {
        known->identity.expires = times->expires;
        known->not_before = times->not_before;
        known->expires = times->expires;
        known->which = (unsigned)(issuer - made->issuers);
    }
    return known;
}

static void remember(const struct jwt_settings *settings, const struct attempt *attempt,
                     struct known *known, int64_t now_s)
{
    uint64_t left_ms = (uint64_t)(known->expires - now_s) * 1000;

    if (attempt->has_key) {
        known->until_us =
            clock_us() + 1000 * (left_ms < settings->remember_ms ? left_ms : settings->remember_ms);
        known_add(&attempt->key, known);
    }
}

static enum auth_outcome take(const struct auth_method *method, struct auth_run *run,
                              const struct attempt *attempt, const struct jwt *jwt,
                              const struct issuer *issuer, uint64_t keys)
{
    int64_t now_s = clock_wall_s();
    struct jwt_times times;
    struct error error;
    struct known *known;
    enum jwt_verdict verdict = jwt_check(jwt, &issuer->rules, now_s, &times, &error);

    if (verdict != JWT_GOOD) {
        return wrong(run,
                     verdict == JWT_EXPIRED ? "credentials_expired"
                     : verdict == JWT_EARLY ? "credentials_early"
                                            : "credentials_wrong",
                     error.text, NULL);
    }
    known = make_known(jwt, &times, issuer, method->made, attempt);
    if (known == NULL) {
        return wrong(
            run, "credentials_wrong",
            arena_printf(run->phases->arena, "its claim '%s' names nobody", issuer->settings->user),
            "'user' of the issuer says which claim is the name");
    }
    known->keys = keys;
    remember(method->settings, attempt, known, now_s);
    run->found = known_lend(known, run->phases->arena);
    return AUTH_KNOWN;
}

static enum auth_outcome after_signature(const struct auth_method *method, struct auth_run *run,
                                         struct attempt *attempt, const struct jwt *jwt,
                                         const struct issuer *issuer, uint64_t keys)
{
    switch (attempt->signature.found) {
    case JWT_SIGNATURE_GOOD:
        return take(method, run, attempt, jwt, issuer, keys);
    case JWT_KEY_UNKNOWN:
        return await_keys(method, run, attempt, issuer, keys);
    case JWT_ALGORITHM_REFUSED:
        return wrong(run, "credentials_wrong",
                     arena_printf(run->phases->arena,
                                  "its algorithm '%.*s' is none that its issuer's keys are for",
                                  SPAN_ARG(span_cut(jwt->algorithm_name, 32))),
                     NULL);
    case JWT_SIGNATURE_WRONG:
        break;
    }
    return wrong(run, "credentials_wrong", "its signature is not its issuer's", NULL);
}

/* Its signature first: what it says is not looked at otherwise, but for whose it is said to be. */
static enum auth_outcome judge(const struct auth_method *method, struct auth_run *run,
                               struct attempt *attempt, const struct jwt *jwt)
{
    const struct issuer *issuer = find_issuer(method->made, jwt);
    const struct jwt_settings *settings = method->settings;
    struct jwk_set *keys;
    enum auth_outcome outcome;

    if (issuer == NULL) {
        return wrong(run, "credentials_wrong", "its 'iss' is none of the route's issuers", NULL);
    }
    keys = keys_of(issuer);
    if (keys == NULL) {
        return await_keys(method, run, attempt, issuer, 0);
    }
    const struct signature_terms terms = {.jwt = jwt,
                                          .keys = keys,
                                          .algorithms = issuer->algorithms,
                                          .most = settings->waiting,
                                          .most_of_client = settings->waiting_per_client};
    enum signature_ask asked =
        signature_verify(&attempt->signature, &terms, run->phases, look_again);
    switch (asked) {
    case SIGNATURE_FOUND:
        outcome = after_signature(method, run, attempt, jwt, issuer, jwk_set_number(keys));
        break;
    case SIGNATURE_WAIT:
        run->waiting = attempt;
        outcome = AUTH_WAIT;
        break;
    default:
        run->busy_status = signature_busy(asked, &run->why);
        outcome = AUTH_BUSY;
        break;
    }
    jwk_set_release(keys);
    return outcome;
}

static enum auth_outcome ask_token(const struct auth_method *method, struct auth_run *run,
                                   struct attempt *attempt)
{
    struct error error;
    enum auth_outcome outcome;
    struct jwt jwt;

    if (!jwt_read(attempt->token, run->phases->arena, &jwt, &error)) {
        jwt_free(&jwt);
        return wrong(run, "credentials_malformed", error.text, NULL);
    }
    outcome = judge(method, run, attempt, &jwt);
    jwt_free(&jwt);
    return outcome;
}

/* ---- what is known already ---- */

static bool is_current(const struct made *made, const struct known *known)
{
    struct jwk_set *keys = keys_of(&made->issuers[known->which]);
    bool is_same = keys != NULL && jwk_set_number(keys) == known->keys;
    const struct jwt_times times = {known->not_before, known->expires};

    jwk_set_release(keys);
    return is_same && jwt_check_times(&times, clock_wall_s()) == JWT_GOOD;
}

/* False: it is to be looked at. */
static bool is_known(const struct auth_method *method, struct auth_run *run,
                     struct attempt *attempt)
{
    const struct jwt_settings *settings = method->settings;
    const struct made *made = method->made;
    const struct span parts[] = {SPAN_OF("jwt"), span_make(made->stamp, sizeof(made->stamp)),
                                 attempt->token};
    struct known *known;

    attempt->has_key =
        settings->remember_ms != 0 && remembered_key_make(parts, ARRAY_LEN(parts), &attempt->key);
    known = attempt->has_key ? known_find(&attempt->key, clock_us()) : NULL;
    if (known == NULL) {
        return false;
    }
    if (!is_current(made, known)) {
        known_release(known);
        return false;
    }
    run->found = known_lend(known, run->phases->arena);
    return true;
}

/* ---- asked ---- */

/* Whether somebody else is asked about what does not look like a signed token. */
static bool is_anothers(const struct auth_run *run, struct span token)
{
    size_t dots = 0;

    for (size_t i = 0; i < token.len; i++) {
        dots += token.ptr[i] == '.';
    }
    for (size_t i = 0; dots != 2 && !run->plan->needs_all && i < run->plan->count; i++) {
        if (run->plan->methods[i].type == &auth_introspection) {
            return true;
        }
    }
    return false;
}

static enum auth_outcome ask(const struct auth_method *method, struct auth_run *run)
{
    struct attempt *attempt;
    struct span token;
    enum auth_outcome outcome = bearer_find(method, run, &token);

    if (outcome != AUTH_KNOWN) {
        return outcome;
    }
    if (is_anothers(run, token)) {
        return AUTH_ABSENT;
    }
    attempt = arena_calloc(run->phases->arena, sizeof(*attempt));
    attempt->token = token;
    if (is_known(method, run, attempt)) {
        return AUTH_KNOWN;
    }
    return ask_token(method, run, attempt);
}

const struct auth_type auth_jwt = {.name = "jwt",
                                   .open = open_jwt,
                                   .close = close_jwt,
                                   .ask = ask,
                                   .challenge = bearer_challenge,
                                   .strip = bearer_strip,
                                   .passes = bearer_passes};
