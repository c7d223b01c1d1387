/* The paths that the method answers in its site. Each is answered here, whatever it says: no route
 * stands behind them. */
#include <string.h>

#include "auth/client_secret.h"
#include "auth/ended_sessions.h"
#include "auth/oidc.h"
#include "base/strbuf.h"
#include "jose/id_token.h"

/* Of a logout token. */
#define LOGOUT_TOKEN_MAX ((size_t)16 * 1024)

struct errand {
    struct auth_run run; /* by which tickets find the way back */
    struct oidc_visit visit;
    struct oidc_session session;
    struct oidc_sign_in sign_in;
    struct oidc_grant grant;
    struct http_fields fields; /* of the answer */
    struct span logout_token;
    bool has_waited;                       /* for the provider's document */
    struct oidc_verification verification; /* of a logout token */
};

static enum phase_verdict answer(struct errand *errand, unsigned status, const char *reason,
                                 const char *detail, const char *mend)
{
    struct phases *phases = errand->run.phases;

    phases->refusal_fields = &errand->fields;
    return phases_refuse(phases, status, reason, detail, mend);
}

static enum phase_verdict go_to(struct errand *errand, struct span location, const char *reason,
                                const char *detail)
{
    http_fields_add(&errand->fields, errand->run.phases->arena, FIELD_LOCATION, SPAN_OF("Location"),
                    location);
    return answer(errand, 303, reason, detail, NULL);
}

/* The browser may try the same again. */
static enum phase_verdict fail(struct errand *errand, const struct trouble *why)
{
    errand->fields = (struct http_fields){0};
    return answer(errand, 503, why->reason, why->detail, why->mend);
}

/* ---- the provider's document ---- */

static enum phase_verdict take(struct errand *errand);

static enum phase_verdict on_document(struct phases *phases, void *arg)
{
    struct auth_run *run = phases->waiting;

    (void)arg;
    return take(CONTAINER_OF(run, struct errand, run));
}

/* NULL: *verdict is what comes of that. */
static const struct oidc_provider *find_provider(struct errand *errand, enum phase_verdict *verdict)
{
    const struct oidc_provider *provider;
    struct trouble why;
    enum oidc_got got =
        oidc_await_provider(&errand->visit, &errand->has_waited, on_document, &provider, &why);

    if (got != OIDC_GOT) {
        *verdict = got == OIDC_WAIT ? PHASE_WAIT : fail(errand, &why);
    }
    return provider;
}

/* ---- the callback ---- */

/* Else its browser would be sent to and fro: each of its requests is nobody's. */
static bool names_somebody(const struct errand *errand)
{
    struct known *known = oidc_known_of(&errand->visit, &errand->session);

    if (known == NULL) {
        return false;
    }
    known_release(known);
    return true;
}

static enum phase_verdict let_in(struct errand *errand)
{
    if (!names_somebody(errand)) {
        return answer(errand, 403, "sign_in_wrong",
                      arena_printf(errand->run.phases->arena,
                                   "no claim '%s', or more than one, says who has signed in",
                                   errand->visit.oidc->settings->user),
                      "see 'user', 'scopes' and 'userinfo' of the method");
    }
    if (!oidc_add_session(&errand->visit, &errand->session, &errand->fields)) {
        return answer(errand, 403, "session_too_large",
                      "the session is larger than 'size' of 'session', or cannot be sealed",
                      "let the provider put less into ID tokens, or 'size' be larger");
    }
    return go_to(errand, errand->sign_in.target, "signed_in", "somebody has signed in");
}

static enum phase_verdict after_code(struct errand *errand, enum oidc_got got)
{
    const struct trouble *why = &errand->grant.why;

    switch (got) {
    case OIDC_GOT:
        return let_in(errand);
    case OIDC_REFUSED:
    case OIDC_WRONG:
        return answer(errand, 403, why->reason, why->detail, why->mend);
    case OIDC_FAILED:
        return fail(errand, why);
    case OIDC_WAIT:
        break;
    }
    return PHASE_WAIT;
}

static enum phase_verdict on_granted(struct oidc_grant *grant, enum oidc_got got)
{
    return after_code(grant->owner, got);
}

/* Whose callback it is: the browser's own that was sent to the provider a while ago. False:
 * nobody's, and what lies there of it is gone. */
static bool find_sign_in(struct errand *errand, const struct oidc_callback *callback)
{
    const struct oidc_visit *visit = &errand->visit;
    const struct oidc_settings *settings = visit->oidc->settings;
    struct arena *arena = errand->run.phases->arena;
    struct span tab = span_cut(callback->state, OIDC_TAB_LEN);
    struct span text =
        oidc_tab_text(&visit->cookies, &errand->run.phases->request->fields, tab, arena);
    struct oidc_proofs proofs;

    if (text.ptr == NULL) {
        return false;
    }
    text = oidc_open(visit, OIDC_FOR_SIGN_IN, text);
    if (text.ptr == NULL || !oidc_sign_in_unpack(text, &errand->sign_in) ||
        visit->now_s - errand->sign_in.began_s > (int64_t)(settings->sign_in_ms / 1000)) {
        return false;
    }
    proofs = oidc_sign_in_proofs(&errand->sign_in, arena);
    if (!span_eq(proofs.state, callback->state)) {
        return false;
    }
    oidc_tab_set(&visit->cookies, tab, span_make(NULL, 0), 0, &errand->fields, arena);
    errand->grant.verifier = proofs.verifier;
    errand->grant.nonce = proofs.nonce;
    return true;
}

static enum phase_verdict denied(struct errand *errand, const struct oidc_callback *callback)
{
    return answer(errand, 403, "sign_in_denied",
                  arena_printf(errand->run.phases->arena, "%s says %.100s%s%.300s",
                               errand->visit.oidc->settings->issuer,
                               arena_cstr(errand->run.phases->arena, callback->error),
                               callback->description.len != 0 ? ": " : "",
                               callback->description.len != 0
                                   ? arena_cstr(errand->run.phases->arena, callback->description)
                                   : ""),
                  "the browser may begin anew; see what the provider asks of its users");
}

/* Somebody who has signed in goes back in the browser's history, to the provider, which knows the
 * browser and sends it here once more with what it was asked at first. */
static bool is_repeated(struct errand *errand)
{
    const struct oidc_visit *visit = &errand->visit;

    return oidc_find_session(&errand->visit, &errand->session) &&
           oidc_session_state(&errand->session, &visit->oidc->settings->session, visit->now_s) !=
               OIDC_SESSION_OVER;
}

static enum phase_verdict refuse_unknown(struct errand *errand)
{
    if (is_repeated(errand)) {
        return go_to(errand, SPAN_OF("/"), "sign_in_repeated",
                     "the browser has signed in already, and is sent to the site's first page");
    }
    return answer(errand, 400, "sign_in_unknown",
                  "this browser has not begun to sign in, or too long ago, or has done so already: "
                  "ask for the page again",
                  NULL);
}

static enum phase_verdict take_callback(struct errand *errand)
{
    struct phases *phases = errand->run.phases;
    struct oidc_callback callback;
    enum phase_verdict verdict;
    struct error error;

    if (!oidc_callback_read(phases->request->query, phases->arena, &callback, &error)) {
        return answer(errand, 400, "sign_in_malformed",
                      arena_printf(phases->arena, "the callback: %.300s", error.text), NULL);
    }
    errand->grant = (struct oidc_grant){.visit = &errand->visit,
                                        .session = &errand->session,
                                        .code = callback.code,
                                        .further = oidc_userinfo_ask,
                                        .done = on_granted,
                                        .owner = errand};
    if (!find_sign_in(errand, &callback)) {
        return refuse_unknown(errand);
    }
    if (callback.issuer.ptr != NULL &&
        !span_eq_cstr(callback.issuer, errand->visit.oidc->settings->issuer)) {
        return answer(errand, 403, "sign_in_wrong",
                      "the callback's 'iss' is another issuer than was asked (RFC 9207)", NULL);
    }
    if (callback.error.ptr != NULL) {
        return denied(errand, &callback);
    }
    errand->grant.provider = find_provider(errand, &verdict);
    if (errand->grant.provider == NULL) {
        return verdict;
    }
    errand->fields = (struct http_fields){0};
    oidc_tab_set(&errand->visit.cookies, span_cut(callback.state, OIDC_TAB_LEN), span_make(NULL, 0),
                 0, &errand->fields, phases->arena);
    /* What a session of before has left behind goes with it. */
    (void)!oidc_find_session(&errand->visit, &errand->session);
    oidc_session_begin(&errand->session, errand->visit.now_s);
    errand->run.waiting = &errand->grant;
    return after_code(errand, oidc_grant_ask(&errand->grant));
}

/* ---- signing out ---- */

static struct span provider_sign_out(const struct errand *errand,
                                     const struct oidc_provider *provider)
{
    const struct oidc_settings *settings = errand->visit.oidc->settings;
    struct arena *arena = errand->run.phases->arena;
    struct strbuf query;
    struct span location;

    strbuf_init(&query);
    form_add_parameter(&query, "id_token_hint", errand->session.id_token);
    form_add_parameter(&query, "client_id", span_from_cstr(settings->client_id));
    form_add_parameter(&query, "post_logout_redirect_uri",
                       oidc_site_url(&errand->visit, settings->signed_out));
    location = oidc_with_query(provider->sign_out, strbuf_span(&query), arena);
    strbuf_free(&query);
    return location;
}

static void note_end(const struct errand *errand, const char *kind, struct span name)
{
    const struct oidc *oidc = errand->visit.oidc;
    int64_t now_s = errand->visit.now_s;
    struct ended_session ended = {
        .at_s = now_s, .until_s = now_s + (int64_t)(oidc->settings->session.total_ms / 1000) + 1};

    if (name.len != 0 && oidc_ended_key(oidc, kind, name, &ended.key)) {
        ended_sessions_add(&ended);
    }
}

/* Nothing is waited for: where the provider is not known now, the session ends here alone. */
static enum phase_verdict take_sign_out(struct errand *errand)
{
    const struct oidc_settings *settings = errand->visit.oidc->settings;
    bool has_session = oidc_find_session(&errand->visit, &errand->session);
    const struct oidc_provider *provider;

    oidc_drop_session(&errand->visit, &errand->fields);
    if (!has_session) {
        return go_to(errand, span_from_cstr(settings->signed_out), "signed_out",
                     "there is no session to sign out of");
    }
    note_end(errand, "id", span_make(errand->session.id, sizeof(errand->session.id)));
    provider = oidc_provider_of(&errand->visit);
    return go_to(errand,
                 provider != NULL && provider->sign_out != NULL
                     ? provider_sign_out(errand, provider)
                     : span_from_cstr(settings->signed_out),
                 "signed_out", "somebody has signed out");
}

/* ---- the back channel ---- */

static enum phase_verdict refuse_logout(struct errand *errand, const char *detail)
{
    return answer(errand, 400, "logout_wrong",
                  arena_printf(errand->run.phases->arena, "the logout token: %.300s", detail),
                  NULL);
}

static enum phase_verdict on_keys(struct phases *phases, void *arg)
{
    return on_document(phases, arg);
}

static enum phase_verdict take_logout_token(struct errand *errand, struct jwt *jwt,
                                            const struct oidc_provider *provider)
{
    const struct oidc_settings *settings = errand->visit.oidc->settings;
    const struct id_token_rules rules = {
        .issuer = settings->issuer,
        .client_id = settings->client_id,
        .leeway_s = (int64_t)(settings->leeway_ms / 1000),
    };
    struct trouble why = {NULL, NULL, NULL};
    struct span subject;
    struct span session;
    struct error error;
    enum oidc_got got =
        oidc_verify(&errand->visit, provider, jwt, &errand->verification, on_keys, &why);

    if (got == OIDC_WAIT) {
        return PHASE_WAIT;
    }
    if (got != OIDC_GOT) {
        return got == OIDC_FAILED ? fail(errand, &why) : refuse_logout(errand, why.detail);
    }
    if (logout_token_check(jwt, &rules, errand->visit.now_s, &subject, &session, &error) !=
        JWT_GOOD) {
        return refuse_logout(errand, error.text);
    }
    if (session.ptr != NULL) {
        note_end(errand, "sid", session);
    } else {
        note_end(errand, "sub", subject);
    }
    return answer(errand, 200, "signed_out_elsewhere", "the provider says who has signed out",
                  NULL);
}

static enum phase_verdict take_back_channel(struct errand *errand)
{
    struct phases *phases = errand->run.phases;
    const struct oidc_provider *provider;
    enum phase_verdict verdict;
    struct error error;
    struct jwt jwt;

    if (!oidc_form_find(phases->owner->body(phases), "logout_token", LOGOUT_TOKEN_MAX,
                        phases->arena, &errand->logout_token) ||
        errand->logout_token.ptr == NULL) {
        return refuse_logout(errand, "it is not there, or twice, or too long");
    }
    provider = find_provider(errand, &verdict);
    if (provider == NULL) {
        return verdict;
    }
    verdict = jwt_read(errand->logout_token, phases->arena, &jwt, &error)
                  ? take_logout_token(errand, &jwt, provider)
                  : refuse_logout(errand, error.text);
    jwt_free(&jwt);
    return verdict;
}

/* ---- which ---- */

static enum phase_verdict take(struct errand *errand)
{
    const struct oidc_settings *settings = errand->visit.oidc->settings;
    const struct http_request *request = errand->run.phases->request;
    bool is_read = request->method == HTTP_GET || request->method == HTTP_HEAD;
    bool is_post = request->method == HTTP_POST;

    if (span_eq_cstr(request->path, settings->callback) && is_read) {
        return take_callback(errand);
    }
    if (span_eq_cstr(request->path, settings->sign_out) && (is_read || is_post)) {
        return take_sign_out(errand);
    }
    if (span_eq_cstr(request->path, settings->back_channel) && is_post) {
        return take_back_channel(errand);
    }
    return answer(errand, 404, "sign_in_malformed",
                  "the path is the gateway's own, and is asked for in another way", NULL);
}

static enum phase_verdict run_phase(const struct phase *phase, struct phases *phases)
{
    const struct auth_plan *plan = phase->settings;
    struct errand *errand = arena_calloc(phases->arena, sizeof(*errand));
    size_t at = 0;

    while (plan->methods[at].type != &auth_oidc) {
        at++;
    }
    errand->run = (struct auth_run){.phases = phases, .plan = plan, .at = at};
    phases->waiting = &errand->run;
    oidc_visit_begin(&errand->visit, plan->methods[at].made, phases);
    return take(errand);
}

const struct phase_type oidc_phase = {.name = "oidc", .run = run_phase};
