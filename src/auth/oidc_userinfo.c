/* Further claims of whoever signs in, from the provider's userinfo endpoint (OpenID Connect Core
 * section 5.3), and what a session says of its user by all of them. */
#include <stdlib.h>
#include <string.h>

#include "auth/claims.h"
#include "auth/known_claims.h"
#include "auth/oidc.h"
#include "jose/json_strict.h"

static const struct json_bounds bounds = {.depth = 10, .values = 1024};

/* ---- read ---- */

/* Whether the ID token has that member, or the one that a name with dots could be a path into
 * (auth/claims.h): what it says is signed, and counts. */
static bool is_said(const json_t *id_claims, const char *name)
{
    char part[CLAIM_PATH_MAX];

    if (json_object_get(id_claims, name) != NULL) {
        return true;
    }
    for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        size_t len = (size_t)(dot - name);
        if (len >= sizeof(part)) {
            return true; /* no claim has so long a path */
        }
        memcpy(part, name, len);
        part[len] = '\0';
        if (json_object_get(id_claims, part) != NULL) {
            return true;
        }
    }
    return false;
}

static struct span compact(const json_t *claims, struct arena *arena)
{
    char *text = json_dumps(claims, JSON_COMPACT);
    struct span copy = arena_copy(arena, span_from_cstr(text));

    free(text);
    return copy;
}

struct span oidc_userinfo_read(struct span answer, const json_t *id_claims, struct arena *arena,
                               struct error *error)
{
    json_t *claims = json_strict_object(answer, &bounds, error);
    struct span none = {NULL, 0};
    struct span subject;
    struct span text;
    const char *name;
    json_t *value;
    void *next;

    if (claims == NULL) {
        return none;
    }
    subject = json_strict_text(claims, "sub");
    if (subject.len == 0 || !span_eq(subject, json_strict_text(id_claims, "sub"))) {
        json_decref(claims);
        (void)error_set(error, "'sub' is not the ID token's");
        return none;
    }
    json_object_foreach_safe(claims, next, name, value)
    {
        if (is_said(id_claims, name)) {
            (void)json_object_del(claims, name);
        }
    }
    text = compact(claims, arena);
    json_decref(claims);
    return text;
}

/* ---- known ---- */

static void add_userinfo(struct span text, json_t *claims)
{
    struct error error;
    json_t *more = json_strict_object(text, &bounds, &error);

    if (more != NULL) {
        (void)json_object_update_missing(claims, more);
        json_decref(more);
    }
}

struct known *oidc_known_of(const struct oidc_visit *visit, const struct oidc_session *session)
{
    const struct oidc_settings *settings = visit->oidc->settings;
    const struct claim_names names = {settings->user, settings->groups, "scope"};
    struct known *known = NULL;
    struct error error;
    struct jwt jwt;

    /* It was verified when the session was made, and is sealed since. */
    if (jwt_read(session->id_token, visit->phases->arena, &jwt, &error)) {
        if (settings->userinfo) {
            add_userinfo(session->userinfo, jwt.claims);
        }
        known = known_from_claims(jwt.claims, &names, auth_oidc.name,
                                  session->id_token.len + session->userinfo.len);
    }
    jwt_free(&jwt);
    return known;
}

/* ---- asked ---- */

/* The session is as it was, so that it ends when it would have, and the next request tries again;
 * but the provider may have taken its refresh token for good. */
static enum oidc_got give_up(struct oidc_grant *grant)
{
    struct span refresh_token = grant->session->refresh_token;

    *grant->session = grant->before;
    grant->session->refresh_token = refresh_token;
    grant->has_rotated = grant->code.ptr == NULL;
    return OIDC_FAILED;
}

static enum oidc_got take(struct oidc_grant *grant, struct span answer)
{
    struct arena *arena = grant->visit->phases->arena;
    struct span text = {NULL, 0};
    struct error error;
    struct jwt jwt;

    if (jwt_read(grant->session->id_token, arena, &jwt, &error)) {
        text = oidc_userinfo_read(answer, jwt.claims, arena, &error);
    }
    jwt_free(&jwt);
    if (text.ptr == NULL) {
        return oidc_grant_wrong(grant, arena_printf(arena,
                                                    "the answer of its userinfo endpoint: "
                                                    "%.300s",
                                                    error.text));
    }
    grant->session->userinfo = text;
    return OIDC_GOT;
}

static enum oidc_got hear(struct oidc_grant *grant, const struct token_answer *answer)
{
    if (answer->how == TOKEN_SAID) {
        return take(grant, answer->body);
    }
    return oidc_grant_unanswered(
        grant, "userinfo", answer,
        "see the provider's log: it does not take the access token that it "
        "has just given");
}

static enum oidc_got after(struct oidc_grant *grant, enum oidc_got got)
{
    return got == OIDC_FAILED ? give_up(grant) : got;
}

static enum phase_verdict on_answer(struct phases *phases, void *answer)
{
    struct oidc_grant *grant = oidc_grant_of(phases);

    return grant->done(grant, after(grant, hear(grant, answer)));
}

/* Requests of one session have got the same token, and ask once. */
static const struct remembered_key *key_of(const struct oidc_grant *grant,
                                           struct remembered_key *key)
{
    const struct span parts[] = {SPAN_OF("oidc userinfo"),
                                 span_make(grant->visit->oidc->stamp, SHA256_BYTES),
                                 grant->access_token};

    return remembered_key_make(parts, ARRAY_LEN(parts), key) ? key : NULL;
}

enum oidc_got oidc_userinfo_ask(struct oidc_grant *grant)
{
    const struct oidc_settings *settings = grant->visit->oidc->settings;
    struct remembered_key key;
    const struct token_question question = {
        .url = grant->provider->userinfo,
        .ca = settings->ca,
        .timeout_ms = settings->timeout_ms,
        .form = span_make(NULL, 0),
        .authorization = span_from_cstr(arena_printf(grant->visit->phases->arena, "Bearer %.*s",
                                                     SPAN_ARG(grant->access_token))),
        .most = settings->at_once,
        .most_waiters = settings->waiting,
        .key = key_of(grant, &key),
    };

    if (question.url == NULL) {
        return oidc_grant_fail(
            grant, OIDC_WRONG, "sign_in_wrong",
            arena_printf(grant->visit->phases->arena,
                         "the document of '%s' has no 'userinfo_endpoint', or one that may not be "
                         "asked",
                         settings->issuer),
            "leave out 'userinfo', or see what the provider's document says");
    }
    return after(grant, oidc_grant_ask_desk(grant, &question, on_answer, hear));
}
