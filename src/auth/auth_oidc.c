/* Whoever has signed in at a provider of OpenID Connect (auth/oidc.h). */
#include <string.h>

#include "auth/client_secret.h"
#include "auth/ended_sessions.h"
#include "auth/oidc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "jose/json_strict.h"
#include "jose/jwt.h"
#include "tls/tls_context.h"

#define REMEMBER_US UINT64_C(3600000000)

/* ---- open and closed ---- */

/* Of whose sessions they are: other words there, and nobody's cookie is good for this. */
static bool make_stamps(struct oidc *oidc)
{
    const struct oidc_settings *settings = oidc->settings;
    const struct span parts[] = {
        span_make(settings->issuer, strlen(settings->issuer) + 1),
        span_make(settings->client_id, strlen(settings->client_id) + 1),
        span_from_cstr(settings->cookie),
    };

    if (!digest_sha256(parts, ARRAY_LEN(parts), oidc->stamp)) {
        return false;
    }
    for (int i = 0; i < OIDC_PURPOSES; i++) {
        oidc->purposes[i][0] = (unsigned char)i;
        memcpy(oidc->purposes[i] + 1, oidc->stamp, sizeof(oidc->stamp));
    }
    return true;
}

static bool follow(struct auth_method *method, const char *path, const struct followed_type *type,
                   struct arena *arena, struct followed **file, struct error *error)
{
    if (path == NULL) {
        return true;
    }
    if (!auth_method_follow(method, path, type, arena, error)) {
        return false;
    }
    *file = method->files[method->file_count - 1];
    return true;
}

static bool open_oidc(struct auth_method *method, struct arena *arena, struct error *error)
{
    const struct oidc_settings *settings = method->settings;
    struct oidc *oidc = arena_calloc(arena, sizeof(*oidc));
    const char **paths = arena_calloc(arena, sizeof(*paths));

    method->made = oidc;
    method->paths = paths;
    oidc->settings = settings;
    oidc_secrets_of_process(&oidc->own);
    if (!make_stamps(oidc)) {
        return error_set(error, "memory is out");
    }
    if (!follow(method, settings->client_secret, &client_secret_type, arena, &oidc->secret,
                error) ||
        !follow(method, settings->session.keys, &oidc_secrets_type, arena, &oidc->keys, error)) {
        return false;
    }
    if (settings->ca != NULL) {
        paths[method->path_count++] = settings->ca;
        if (!tls_context_check_authorities(settings->ca, error)) {
            return false;
        }
    }
    oidc->provider =
        oidc_provider_open(&(struct fetched_settings){.url = settings->issuer,
                                                      .ca = settings->ca,
                                                      .timeout_ms = settings->timeout_ms,
                                                      .every_ms = settings->every_ms,
                                                      .pause_ms = settings->pause_ms},
                           arena);
    return true;
}

static void close_oidc(const struct auth_method *method)
{
    const struct oidc *oidc = method->made;

    fetched_close(oidc->provider);
}

/* ---- one request ---- */

struct attempt {
    struct auth_run *run;
    struct oidc_visit visit;
    struct oidc_session session;
    struct oidc_grant grant;
    bool is_good_still; /* the session, whatever comes of refreshing it */
    bool has_waited;    /* for the provider's document */
};

static enum auth_outcome busy(struct attempt *attempt, const struct trouble *why)
{
    attempt->run->busy_status = 503;
    attempt->run->why = *why;
    return AUTH_BUSY;
}

/* ---- to the provider ---- */

static struct span scope_of(const struct oidc_settings *settings, struct arena *arena)
{
    const char *scope = "openid";

    for (size_t i = 0; i < settings->scopes.count; i++) {
        if (strcmp(settings->scopes.items[i], "openid") != 0) {
            scope = arena_printf(arena, "%s %s", scope, settings->scopes.items[i]);
        }
    }
    return span_from_cstr(scope);
}

static struct span location_of(const struct oidc_visit *visit, const struct oidc_provider *provider,
                               const struct oidc_proofs *proofs)
{
    const struct oidc_settings *settings = visit->oidc->settings;
    struct arena *arena = visit->phases->arena;
    struct strbuf query;
    struct span location;

    strbuf_init(&query);
    form_add_parameter(&query, "response_type", SPAN_OF("code"));
    form_add_parameter(&query, "client_id", span_from_cstr(settings->client_id));
    form_add_parameter(&query, "redirect_uri", oidc_site_url(visit, settings->callback));
    form_add_parameter(&query, "scope", scope_of(settings, arena));
    form_add_parameter(&query, "state", proofs->state);
    form_add_parameter(&query, "nonce", proofs->nonce);
    form_add_parameter(&query, "code_challenge", proofs->challenge);
    form_add_parameter(&query, "code_challenge_method", SPAN_OF("S256"));
    location = oidc_with_query(provider->sign_in, strbuf_span(&query), arena);
    strbuf_free(&query);
    return location;
}

/* What lies there of sign-ins that came to nothing would make requests too large: the oldest, and
 * what cannot be opened, makes room for the new one. */
static void make_room(const struct oidc_visit *visit, struct http_fields *fields)
{
    struct span tabs[2 * OIDC_TABS_MAX];
    int64_t began[2 * OIDC_TABS_MAX];
    struct arena *arena = visit->phases->arena;
    const struct http_fields *has = &visit->phases->request->fields;
    size_t count = oidc_tabs(&visit->cookies, has, tabs, ARRAY_LEN(tabs));

    for (size_t i = 0; i < count; i++) {
        struct span text = oidc_tab_text(&visit->cookies, has, tabs[i], arena);
        struct oidc_sign_in sign_in;
        text = text.ptr != NULL ? oidc_open(visit, OIDC_FOR_SIGN_IN, text) : text;
        began[i] =
            text.ptr != NULL && oidc_sign_in_unpack(text, &sign_in) ? sign_in.began_s : INT64_MIN;
    }
    while (count >= OIDC_TABS_MAX) {
        size_t oldest = 0;
        for (size_t i = 1; i < count; i++) {
            oldest = began[i] < began[oldest] ? i : oldest;
        }
        oidc_tab_set(&visit->cookies, tabs[oldest], span_make(NULL, 0), 0, fields, arena);
        tabs[oldest] = tabs[--count];
        began[oldest] = began[count];
    }
}

/* The page that was asked for is come back to. */
static struct span target_of(const struct oidc_visit *visit)
{
    struct auth_outgoing out;

    visit->phases->owner->outgoing(visit->phases, &out);
    return out.target;
}

static bool send_to_provider(struct attempt *attempt, const struct oidc_provider *provider,
                             struct http_fields *fields)
{
    const struct oidc_visit *visit = &attempt->visit;
    const struct oidc_settings *settings = visit->oidc->settings;
    struct arena *arena = visit->phases->arena;
    struct oidc_sign_in sign_in;
    struct oidc_proofs proofs;
    struct span sealed;

    oidc_sign_in_begin(&sign_in, target_of(visit), visit->now_s);
    proofs = oidc_sign_in_proofs(&sign_in, arena);
    sealed = oidc_seal(visit, OIDC_FOR_SIGN_IN, oidc_sign_in_pack(&sign_in, arena));
    if (sealed.ptr == NULL) {
        return false;
    }
    http_fields_add(fields, arena, FIELD_LOCATION, SPAN_OF("Location"),
                    location_of(visit, provider, &proofs));
    make_room(visit, fields);
    oidc_tab_set(&visit->cookies, span_head(proofs.state, OIDC_TAB_LEN), sealed,
                 settings->sign_in_ms / 1000, fields, arena);
    return true;
}

static enum auth_outcome ask_again(struct attempt *attempt);

static enum phase_verdict on_document(struct phases *phases, void *arg)
{
    struct auth_run *run = phases->waiting;

    (void)arg;
    return auth_go_on(run, ask_again(run->waiting));
}

/* NULL: *outcome is what comes of that. */
static const struct oidc_provider *find_provider(struct attempt *attempt,
                                                 enum auth_outcome *outcome)
{
    const struct oidc_provider *provider;
    struct trouble why;
    enum oidc_got got =
        oidc_await_provider(&attempt->visit, &attempt->has_waited, on_document, &provider, &why);

    if (got != OIDC_GOT) {
        *outcome = got == OIDC_WAIT ? AUTH_WAIT : busy(attempt, &why);
    }
    return provider;
}

/* There is no session, or it is none any more. A browser is sent to sign in, unless another method
 * knows who it is, or nobody need be known. drops: what the browser has is not to come again. */
static enum auth_outcome turn_away(struct attempt *attempt, bool drops, const struct trouble *why)
{
    struct auth_run *run = attempt->run;
    struct http_fields *fields = arena_calloc(run->phases->arena, sizeof(*fields));
    const struct oidc_provider *provider;
    enum auth_outcome outcome = AUTH_ABSENT;

    if (run->plan->is_optional) {
        return AUTH_ABSENT;
    }
    if (drops) {
        oidc_drop_session(&attempt->visit, fields);
    }
    if (oidc_is_navigation(run->phases->request)) {
        provider = find_provider(attempt, &outcome);
        if (provider == NULL) {
            return outcome;
        }
        if (!send_to_provider(attempt, provider, fields)) {
            static const struct trouble broken = {"provider_unknown",
                                                  "the cookie of a sign-in cannot be sealed", NULL};
            return busy(attempt, &broken);
        }
    }
    run->answer_status = http_fields_find(fields, FIELD_LOCATION) != NULL ? 302 : 401;
    run->answer_fields = fields;
    run->answer_why = *why;
    return AUTH_ABSENT;
}

static enum auth_outcome sign_in(struct attempt *attempt)
{
    static const struct trouble why = {"sign_in_needed",
                                       "the request comes without a session of somebody who has "
                                       "signed in",
                                       NULL};

    return turn_away(attempt, false, &why);
}

static enum auth_outcome is_over(struct attempt *attempt, const char *detail)
{
    const struct trouble why = {"session_over", detail, NULL};

    return turn_away(attempt, true, &why);
}

/* ---- whose a session is ---- */

static bool name_has_ended(const struct attempt *attempt, const char *kind, struct span name)
{
    struct remembered_key key;

    return name.len != 0 && oidc_ended_key(attempt->visit.oidc, kind, name, &key) &&
           ended_sessions_has(&key, attempt->session.began_s, attempt->visit.now_s);
}

static bool has_ended(const struct attempt *attempt, const struct auth_identity *identity)
{
    struct arena *arena = attempt->run->phases->arena;

    return !ended_sessions_is_empty() &&
           (name_has_ended(attempt, "id",
                           span_make(attempt->session.id, sizeof(attempt->session.id))) ||
            name_has_ended(attempt, "sid",
                           auth_identity_claim_text(identity, SPAN_OF("sid"), arena)) ||
            name_has_ended(attempt, "sub",
                           auth_identity_claim_text(identity, SPAN_OF("sub"), arena)));
}

static struct known *find_known(const struct attempt *attempt)
{
    const struct oidc_settings *settings = attempt->visit.oidc->settings;
    const struct span parts[] = {SPAN_OF("oidc"),
                                 span_make(attempt->visit.oidc->stamp, SHA256_BYTES),
                                 span_from_cstr(settings->user),
                                 span_from_cstr(settings->groups),
                                 attempt->session.id_token,
                                 settings->userinfo ? attempt->session.userinfo : SPAN_OF("")};
    struct remembered_key key;
    bool has_key = remembered_key_make(parts, ARRAY_LEN(parts), &key);
    struct known *known = has_key ? known_find(&key, clock_us()) : NULL;

    if (known != NULL) {
        return known;
    }
    known = oidc_known_of(&attempt->visit, &attempt->session);
    if (known != NULL && has_key) {
        known->until_us = clock_us() + REMEMBER_US;
        known_add(&key, known);
    }
    return known;
}

static enum auth_outcome let_in(struct attempt *attempt, bool is_new)
{
    const struct oidc_session_settings *settings = &attempt->visit.oidc->settings->session;
    struct phases *phases = attempt->run->phases;
    struct known *known = find_known(attempt);
    struct auth_identity *identity;

    if (known == NULL) {
        return is_over(attempt, "no claim, or more than one, is 'user'");
    }
    identity = known_lend(known, phases->arena);
    if (has_ended(attempt, identity)) {
        return is_over(attempt, "its user has signed out");
    }
    if (is_new || oidc_session_wants_renewal(&attempt->session, settings, attempt->visit.now_s)) {
        attempt->session.seen_s = attempt->visit.now_s;
        if (!oidc_add_session(&attempt->visit, &attempt->session, auth_gained(phases))) {
            return is_over(attempt, "with newer tokens it is larger than 'size' of 'session'");
        }
    }
    attempt->run->session_token = attempt->session.access_token;
    attempt->run->found = identity;
    return AUTH_KNOWN;
}

/* ---- refreshed ---- */

static enum auth_outcome after_failure(struct attempt *attempt)
{
    if (attempt->grant.has_rotated) {
        /* One that does not fit is tried with the next request once more. */
        (void)!oidc_add_session(&attempt->visit, &attempt->session,
                                auth_gained(attempt->run->phases));
    }
    return busy(attempt, &attempt->grant.why);
}

static enum auth_outcome after_refresh(struct attempt *attempt, enum oidc_got got)
{
    switch (got) {
    case OIDC_GOT:
        return let_in(attempt, true);
    case OIDC_REFUSED:
    case OIDC_WRONG:
        return is_over(attempt, attempt->grant.why.detail);
    case OIDC_FAILED:
        return attempt->is_good_still ? let_in(attempt, attempt->grant.has_rotated)
                                      : after_failure(attempt);
    case OIDC_WAIT:
        break;
    }
    return AUTH_WAIT;
}

/* `is_over` may want the provider's document, and has waited for nothing else then. */
static enum phase_verdict on_refreshed(struct oidc_grant *grant, enum oidc_got got)
{
    struct attempt *attempt = grant->owner;

    attempt->run->waiting = attempt;
    return auth_go_on(attempt->run, after_refresh(attempt, got));
}

static enum auth_outcome refresh(struct attempt *attempt)
{
    const struct oidc_provider *provider;
    enum auth_outcome outcome = AUTH_WAIT;
    enum oidc_got got;

    provider = attempt->is_good_still ? oidc_provider_of(&attempt->visit)
                                      : find_provider(attempt, &outcome);
    if (provider == NULL) {
        return attempt->is_good_still ? let_in(attempt, false) : outcome;
    }
    attempt->grant = (struct oidc_grant){.visit = &attempt->visit,
                                         .provider = provider,
                                         .session = &attempt->session,
                                         .nonce = span_make(NULL, 0),
                                         .further = oidc_userinfo_ask,
                                         .done = on_refreshed,
                                         .owner = attempt};
    got = oidc_grant_ask(&attempt->grant);
    attempt->run->waiting = got == OIDC_WAIT ? (void *)&attempt->grant : attempt;
    return after_refresh(attempt, got);
}

/* ---- asked ---- */

/* A session may be of before the configuration has asked for these. */
static bool lacks_something(const struct attempt *attempt)
{
    const struct oidc_settings *settings = attempt->visit.oidc->settings;

    return (settings->userinfo && attempt->session.userinfo.len == 0) ||
           (settings->pass_token != NULL && attempt->session.access_token.len == 0);
}

static enum oidc_session_state state_of(const struct attempt *attempt)
{
    enum oidc_session_state state = oidc_session_state(
        &attempt->session, &attempt->visit.oidc->settings->session, attempt->visit.now_s);

    if (state == OIDC_SESSION_OVER || !lacks_something(attempt)) {
        return state;
    }
    return attempt->session.refresh_token.len != 0 ? OIDC_SESSION_ENDED : OIDC_SESSION_OVER;
}

static enum auth_outcome ask_again(struct attempt *attempt)
{

    if (!oidc_find_session(&attempt->visit, &attempt->session)) {
        return sign_in(attempt);
    }
    switch (state_of(attempt)) {
    case OIDC_SESSION_GOOD:
        return let_in(attempt, false);
    case OIDC_SESSION_REFRESH:
        attempt->is_good_still = true;
        return refresh(attempt);
    case OIDC_SESSION_ENDED:
        return refresh(attempt);
    case OIDC_SESSION_OVER:
        break;
    }
    return is_over(attempt, "its time is over");
}

static enum auth_outcome ask(const struct auth_method *method, struct auth_run *run)
{
    struct attempt *attempt = arena_calloc(run->phases->arena, sizeof(*attempt));

    attempt->run = run;
    run->waiting = attempt;
    oidc_visit_begin(&attempt->visit, method->made, run->phases);
    return ask_again(attempt);
}

/* No scheme is registered for it, and browsers ask nobody for what they do not know. */
static struct span challenge(const struct auth_method *method, struct auth_run *run)
{
    (void)method;
    (void)run;
    return SPAN_OF("Cookie realm=\"sign-in\"");
}

/* Whether another method has let the request pass by its Authorization, and servers are to get
 * that. */
static bool is_passed_by_another(const struct auth_run *run)
{
    for (size_t i = 0; i < run->plan->count; i++) {
        const struct auth_method *method = &run->plan->methods[i];
        struct span scheme = run->outcomes[i] == AUTH_KNOWN && method->type->passes != NULL
                                 ? method->type->passes(method)
                                 : span_make(NULL, 0);
        struct span value;
        struct auth_run look = *run;
        if (scheme.ptr != NULL && auth_credentials(&look, scheme, &value) == AUTH_KNOWN) {
            return true;
        }
    }
    return false;
}

/* Servers get the field from here alone: with the token, or not at all. */
static void give_token(const struct oidc_settings *settings, struct auth_run *run)
{
    struct phases *phases = run->phases;
    struct span name = span_from_cstr(settings->pass_token);
    enum http_field_id id = http_field_id(name);
    struct span value = run->session_token;

    if (value.len != 0 && id == FIELD_AUTHORIZATION) {
        value = span_from_cstr(arena_printf(phases->arena, "Bearer %.*s", SPAN_ARG(value)));
    } else if (value.len == 0 && id == FIELD_AUTHORIZATION && is_passed_by_another(run)) {
        return;
    }
    if (phases->given == NULL) {
        phases->given = arena_calloc(phases->arena, sizeof(*phases->given));
    }
    http_fields_add(phases->given, phases->arena, id, name, value);
    phases->given->items[phases->given->count - 1].is_untold = true;
}

static void strip(const struct auth_method *method, struct auth_run *run)
{
    const struct oidc_settings *settings = method->settings;

    oidc_cookies_strip(settings->cookie, &run->phases->request->fields, run->phases->arena);
    if (settings->pass_token != NULL) {
        give_token(settings, run);
    }
}

const struct auth_type auth_oidc = {.name = "oidc",
                                    .open = open_oidc,
                                    .close = close_oidc,
                                    .ask = ask,
                                    .challenge = challenge,
                                    .strip = strip};
