#include <math.h>

#include "auth/client_secret.h"
#include "auth/oidc.h"
#include "base/clock.h"
#include "jose/id_token.h"
#include "jose/json_strict.h"

/* Of what `expires_in` may say. */
#define EXPIRES_MAX_S INT64_C(315360000)

struct oidc_grant *oidc_grant_of(struct phases *phases)
{
    const struct auth_run *run = phases->waiting;

    return run->waiting;
}

static enum oidc_got fail(struct trouble *why, enum oidc_got got, const char *reason,
                          const char *detail, const char *mend)
{
    *why = (struct trouble){reason, detail, mend};
    return got;
}

/* ---- signatures ---- */

enum oidc_got oidc_verify(const struct oidc_visit *visit, const struct oidc_provider *provider,
                          struct jwt *jwt, struct oidc_verification *verification,
                          enum phase_verdict (*act)(struct phases *phases, void *arg),
                          struct trouble *why)
{
    struct jwk_set *keys = key_source_keys(provider->keys);
    uint64_t number = keys != NULL ? jwk_set_number(keys) : 0;
    const struct signature_terms terms = {.jwt = jwt,
                                          .keys = keys,
                                          .most = visit->oidc->settings->at_once,
                                          .most_of_client = visit->oidc->settings->at_once};
    enum signature_ask asked =
        keys != NULL ? signature_verify(&verification->signature, &terms, visit->phases, act)
                     : SIGNATURE_FOUND;
    enum jwt_signature found = keys != NULL ? verification->signature.found : JWT_KEY_UNKNOWN;

    jwk_set_release(keys);
    if (asked == SIGNATURE_WAIT) {
        return OIDC_WAIT;
    }
    if (asked != SIGNATURE_FOUND) {
        (void)signature_busy(asked, why);
        return OIDC_FAILED;
    }
    if (found == JWT_SIGNATURE_GOOD) {
        return OIDC_GOT;
    }
    if (found != JWT_KEY_UNKNOWN) {
        return fail(why, OIDC_WRONG, "sign_in_wrong",
                    found == JWT_SIGNATURE_WRONG
                        ? "the token's signature is not its issuer's"
                        : "the token's algorithm is none that its issuer's keys are for",
                    NULL);
    }
    if (!verification->has_awaited_keys) {
        verification->has_awaited_keys = true;
        switch (fetched_ask(provider->keys, number, visit->phases, act)) {
        case FETCHED_ASKED:
            return OIDC_WAIT;
        case FETCHED_NEWER:
            return oidc_verify(visit, provider, jwt, verification, act, why);
        case FETCHED_NO_USE:
        case FETCHED_TOO_MANY:
            break;
        }
    }
    return number == 0 ? fail(why, OIDC_FAILED, "issuer_keys_missing",
                              "the keys of the provider have not been had yet", NULL)
                       : fail(why, OIDC_WRONG, "sign_in_wrong",
                              "the token's key ('kid') is none of its issuer's keys", NULL);
}

/* ---- the answer ---- */

enum oidc_got oidc_grant_fail(struct oidc_grant *grant, enum oidc_got got, const char *reason,
                              const char *detail, const char *mend)
{
    return fail(&grant->why, got, reason, detail, mend);
}

enum oidc_got oidc_grant_wrong(struct oidc_grant *grant, const char *detail)
{
    return fail(&grant->why, OIDC_WRONG, "sign_in_wrong",
                arena_printf(grant->visit->phases->arena, "%s: %.400s",
                             grant->visit->oidc->settings->issuer, detail),
                NULL);
}

/* What the session's ID token says of who it is; ptr NULL: there is none yet. */
static struct span subject_of(const struct oidc_grant *grant, struct jwt *before)
{
    struct error error;

    *before = (struct jwt){.claims = NULL};
    if (grant->code.ptr != NULL ||
        !jwt_read(grant->session->id_token, grant->visit->phases->arena, before, &error)) {
        return span_make(NULL, 0);
    }
    return json_strict_text(before->claims, "sub");
}

static enum oidc_got check_token(struct oidc_grant *grant, struct span text,
                                 struct span access_token, struct jwt_times *times)
{
    const struct oidc_settings *settings = grant->visit->oidc->settings;
    struct jwt jwt;
    struct jwt before;
    struct error error;
    enum oidc_got got;

    if (!jwt_read(text, grant->visit->phases->arena, &jwt, &error)) {
        jwt_free(&jwt);
        return oidc_grant_wrong(
            grant, arena_printf(grant->visit->phases->arena, "the ID token: %.300s", error.text));
    }
    const struct id_token_rules rules = {
        .issuer = settings->issuer,
        .client_id = settings->client_id,
        .leeway_s = (int64_t)(settings->leeway_ms / 1000),
        .nonce = grant->nonce,
        .access_token = access_token,
        .subject = subject_of(grant, &before),
    };
    got = oidc_verify(grant->visit, grant->provider, &jwt, &grant->verification, grant->act,
                      &grant->why);
    if (got == OIDC_GOT &&
        id_token_check(&jwt, &rules, clock_wall_s(), times, &error) != JWT_GOOD) {
        got = oidc_grant_wrong(
            grant, arena_printf(grant->visit->phases->arena, "the ID token: %.300s", error.text));
    }
    jwt_free(&before);
    jwt_free(&jwt);
    return got;
}

static int64_t lifetime_of(const json_t *answer, int64_t otherwise)
{
    double number = json_number_value(json_object_get(answer, "expires_in"));

    return isfinite(number) && number >= 1 && number < (double)EXPIRES_MAX_S ? (int64_t)number
                                                                             : otherwise;
}

/* What is put into fields, of ours or of servers' (RFC 6750 section 2.1, RFC 6749 appendix A.12).
 */
static bool is_for_fields(struct span token)
{
    for (size_t i = 0; i < token.len; i++) {
        if (token.ptr[i] <= ' ' || token.ptr[i] >= 0x7f) {
            return false;
        }
    }
    return token.len != 0;
}

/* Where it is wanted. False: it cannot be used. */
static bool take_access_token(struct oidc_grant *grant, const json_t *answer)
{
    const struct oidc_settings *settings = grant->visit->oidc->settings;
    struct span token = json_strict_text(answer, "access_token");

    if (!settings->userinfo && settings->pass_token == NULL) {
        return true;
    }
    if (!span_ieq(json_strict_text(answer, "token_type"), SPAN_OF("Bearer")) ||
        !is_for_fields(token)) {
        return false;
    }
    grant->access_token = arena_copy(grant->visit->phases->arena, token);
    return true;
}

static enum oidc_got take(struct oidc_grant *grant, const json_t *answer)
{
    struct oidc_session *session = grant->session;
    struct arena *arena = grant->visit->phases->arena;
    struct span id_token = json_strict_text(answer, "id_token");
    struct span refresh_token = json_strict_text(answer, "refresh_token");
    int64_t now_s = clock_wall_s();
    int64_t lifetime_s = session->ends_s - session->made_s;
    struct jwt_times times;
    enum oidc_got got;

    if (id_token.ptr == NULL && grant->code.ptr != NULL) {
        return oidc_grant_wrong(
            grant, "the answer to the code has no ID token: is 'openid' allowed for the "
                   "client?");
    }
    if (!take_access_token(grant, answer)) {
        return oidc_grant_wrong(grant, "the answer has no access token of the type Bearer");
    }
    if (id_token.ptr != NULL) {
        got = check_token(grant, id_token, json_strict_text(answer, "access_token"), &times);
        if (got != OIDC_GOT) {
            return got;
        }
        session->id_token = arena_copy(arena, id_token);
        lifetime_s =
            times.expires - (int64_t)(grant->visit->oidc->settings->leeway_ms / 1000) - now_s;
    }
    if (refresh_token.ptr != NULL) {
        session->refresh_token = arena_copy(arena, refresh_token);
    }
    session->access_token =
        grant->visit->oidc->settings->pass_token != NULL ? grant->access_token : span_make(NULL, 0);
    session->made_s = now_s;
    session->seen_s = now_s;
    lifetime_s = lifetime_of(answer, lifetime_s);
    session->ends_s = now_s + (lifetime_s > 0 ? lifetime_s : 0);
    return OIDC_GOT;
}

static enum oidc_got judge(struct oidc_grant *grant)
{
    static const struct json_bounds bounds = {.depth = 10, .values = 1024};
    struct error error;
    json_t *answer = json_strict_object(grant->answer, &bounds, &error);
    enum oidc_got got;

    if (answer == NULL) {
        return oidc_grant_wrong(grant, arena_printf(grant->visit->phases->arena,
                                                    "the answer of its token endpoint: %.300s",
                                                    error.text));
    }
    grant->before = *grant->session;
    got = take(grant, answer);
    json_decref(answer);
    return got == OIDC_GOT && grant->visit->oidc->settings->userinfo ? grant->further(grant) : got;
}

enum oidc_got oidc_grant_unanswered(struct oidc_grant *grant, const char *where,
                                    const struct token_answer *answer, const char *mend)
{
    const char *detail =
        arena_printf(grant->visit->phases->arena, "the %s endpoint of '%s': %.300s", where,
                     grant->visit->oidc->settings->issuer, answer->problem.text);

    if (answer->how == TOKEN_REFUSED) {
        return fail(&grant->why, OIDC_REFUSED, "sign_in_refused", detail, mend);
    }
    return fail(&grant->why, OIDC_FAILED, answer->is_late ? "auth_timeout" : "auth_unreachable",
                detail, NULL);
}

static enum oidc_got hear(struct oidc_grant *grant, const struct token_answer *answer)
{
    if (answer->how == TOKEN_SAID) {
        grant->answer = arena_copy(grant->visit->phases->arena, answer->body);
        return judge(grant);
    }
    return oidc_grant_unanswered(grant, "token", answer,
                                 "see the provider's log: the code may have been used before, or "
                                 "the client is not set up as here");
}

/* ---- asked ---- */

static enum phase_verdict on_keys(struct phases *phases, void *arg)
{
    struct oidc_grant *grant = oidc_grant_of(phases);
    enum oidc_got got = judge(grant);

    (void)arg;
    return got == OIDC_WAIT ? PHASE_WAIT : grant->done(grant, got);
}

static enum phase_verdict on_answer(struct phases *phases, void *answer)
{
    struct oidc_grant *grant = oidc_grant_of(phases);
    enum oidc_got got = hear(grant, answer);

    return got == OIDC_WAIT ? PHASE_WAIT : grant->done(grant, got);
}

static void make_form(const struct oidc_grant *grant, struct strbuf *form)
{
    const struct oidc_settings *settings = grant->visit->oidc->settings;

    if (grant->code.ptr != NULL) {
        form_add_parameter(form, "grant_type", SPAN_OF("authorization_code"));
        form_add_parameter(form, "code", grant->code);
        form_add_parameter(form, "redirect_uri", oidc_site_url(grant->visit, settings->callback));
        form_add_parameter(form, "code_verifier", grant->verifier);
    } else {
        form_add_parameter(form, "grant_type", SPAN_OF("refresh_token"));
        form_add_parameter(form, "refresh_token", grant->session->refresh_token);
    }
    if (grant->visit->oidc->secret == NULL || settings->client_auth == OIDC_CLIENT_POST) {
        form_add_parameter(form, "client_id", span_from_cstr(settings->client_id));
    }
    if (grant->visit->oidc->secret != NULL && settings->client_auth == OIDC_CLIENT_POST) {
        strbuf_add_cstr(form, "&client_secret=");
        client_secret_add(form, grant->visit->oidc->secret);
    }
}

/* Requests of one session ask once; a code is asked about by whoever has it alone. */
static const struct remembered_key *key_of(const struct oidc_grant *grant,
                                           struct remembered_key *key)
{
    const struct span parts[] = {SPAN_OF("oidc refresh"),
                                 span_make(grant->visit->oidc->stamp, SHA256_BYTES),
                                 grant->session->refresh_token};

    return grant->code.ptr == NULL && remembered_key_make(parts, ARRAY_LEN(parts), key) ? key
                                                                                        : NULL;
}

enum oidc_got oidc_grant_ask_desk(struct oidc_grant *grant, const struct token_question *question,
                                  enum phase_verdict (*act)(struct phases *phases, void *answer),
                                  enum oidc_got (*on_known)(struct oidc_grant *grant,
                                                            const struct token_answer *answer))
{
    const struct token_answer *known;
    enum oidc_got got;

    switch (token_ask(question, grant->visit->phases, act, &known)) {
    case TOKEN_ASKED:
        return OIDC_WAIT;
    case TOKEN_KNOWN:
        got = on_known(grant, known);
        token_answer_release(known);
        return got;
    case TOKEN_BUSY:
        return fail(&grant->why, OIDC_FAILED, "auth_busy",
                    "too many requests wait for token endpoints",
                    "see why the provider is slow; 'at_once' of the method is how many may wait");
    case TOKEN_CROWD:
        return fail(&grant->why, OIDC_FAILED, "auth_busy",
                    "too many requests wait for the tokens of one session",
                    "see why the provider is slow; 'waiting' of the method is how many may");
    case TOKEN_NOBODY:
        break;
    }
    return fail(&grant->why, OIDC_FAILED, "auth_unreachable", "nobody asks here", NULL);
}

enum oidc_got oidc_grant_ask(struct oidc_grant *grant)
{
    const struct oidc *oidc = grant->visit->oidc;
    struct arena *arena = grant->visit->phases->arena;
    struct remembered_key key;
    struct strbuf form;
    enum oidc_got got;

    grant->act = on_keys;
    strbuf_init(&form);
    make_form(grant, &form);
    const struct token_question question = {
        .url = grant->provider->token,
        .ca = oidc->settings->ca,
        .timeout_ms = oidc->settings->timeout_ms,
        .form = strbuf_span(&form),
        .authorization = oidc->secret != NULL && oidc->settings->client_auth == OIDC_CLIENT_BASIC
                             ? client_secret_basic(oidc->settings->client_id, oidc->secret, arena)
                             : span_make(NULL, 0),
        .most = oidc->settings->at_once,
        .most_waiters = oidc->settings->waiting,
        .key = key_of(grant, &key),
    };
    got = oidc_grant_ask_desk(grant, &question, on_answer, hear);
    explicit_bzero(form.ptr, form.len);
    strbuf_free(&form);
    return got;
}
