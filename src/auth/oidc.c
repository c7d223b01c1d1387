#include "auth/oidc.h"

#include <string.h>

#include "base/clock.h"

void oidc_visit_begin(struct oidc_visit *visit, const struct oidc *oidc, struct phases *phases)
{
    *visit = (struct oidc_visit){
        .oidc = oidc,
        .phases = phases,
        .cookies = {oidc->settings->cookie, phases->owner->is_https(phases)},
        .now_s = clock_wall_s(),
    };
}

/* ---- sealed ---- */

static struct oidc_box box_of(const struct oidc_visit *visit, enum oidc_purpose purpose,
                              const struct oidc_secrets *secrets)
{
    const struct oidc_settings *settings = visit->oidc->settings;

    return (struct oidc_box){
        .secrets = secrets,
        .purpose = span_make(visit->oidc->purposes[purpose], 1 + SHA256_BYTES),
        .rotate_s = settings->session.rotate_ms / 1000,
        .keep_s =
            (purpose == OIDC_FOR_SESSION ? settings->session.total_ms : settings->sign_in_ms) /
            1000,
    };
}

/* With the keys as the file has them now; NULL: they are the process's own. */
struct held_box {
    struct followed_object *file;
    struct oidc_box box;
};

static void hold_box(const struct oidc_visit *visit, enum oidc_purpose purpose,
                     struct held_box *held)
{
    const struct oidc_secrets *secrets = &visit->oidc->own;

    held->file = visit->oidc->keys != NULL ? followed_get(visit->oidc->keys) : NULL;
    if (held->file != NULL) {
        secrets = followed_read(held->file);
    }
    held->box = box_of(visit, purpose, secrets);
}

static void let_go_box(const struct held_box *held)
{
    if (held->file != NULL) {
        followed_put(held->file);
    }
}

struct span oidc_seal(const struct oidc_visit *visit, enum oidc_purpose purpose, struct span text)
{
    struct held_box held;
    struct span sealed;

    hold_box(visit, purpose, &held);
    sealed = oidc_box_seal(&held.box, text, visit->now_s, visit->phases->arena);
    let_go_box(&held);
    return sealed;
}

struct span oidc_open(const struct oidc_visit *visit, enum oidc_purpose purpose, struct span sealed)
{
    struct held_box held;
    struct span text;

    hold_box(visit, purpose, &held);
    text = oidc_box_open(&held.box, sealed, visit->now_s, visit->phases->arena);
    let_go_box(&held);
    return text;
}

/* ---- sessions ---- */

bool oidc_find_session(struct oidc_visit *visit, struct oidc_session *session)
{
    struct span text = oidc_session_text(&visit->cookies, &visit->phases->request->fields,
                                         &visit->cookie_count, visit->phases->arena);

    if (text.ptr == NULL || text.len > visit->oidc->settings->session.bytes) {
        return false;
    }
    text = oidc_open(visit, OIDC_FOR_SESSION, text);
    return text.ptr != NULL && oidc_session_unpack(text, session);
}

bool oidc_add_session(const struct oidc_visit *visit, const struct oidc_session *session,
                      struct http_fields *fields)
{
    const struct oidc_session_settings *settings = &visit->oidc->settings->session;
    struct arena *arena = visit->phases->arena;
    struct span text = oidc_seal(visit, OIDC_FOR_SESSION, oidc_session_pack(session, arena));

    return text.ptr != NULL && text.len <= settings->bytes &&
           oidc_session_set(&visit->cookies, text, visit->cookie_count,
                            oidc_session_left_s(session, settings, visit->now_s), fields, arena);
}

void oidc_drop_session(const struct oidc_visit *visit, struct http_fields *fields)
{
    /* None is too many to be taken away. */
    (void)!oidc_session_set(&visit->cookies, span_make(NULL, 0), visit->cookie_count, 0, fields,
                            visit->phases->arena);
}

bool oidc_ended_key(const struct oidc *oidc, const char *kind, struct span name,
                    struct remembered_key *key)
{
    const struct span parts[] = {SPAN_OF("oidc ended"), span_from_cstr(kind),
                                 span_make(oidc->stamp, sizeof(oidc->stamp)), name};

    return remembered_key_make(parts, ARRAY_LEN(parts), key);
}

/* ---- URLs ---- */

struct span oidc_site_url(const struct oidc_visit *visit, const char *path)
{
    struct auth_outgoing out;

    visit->phases->owner->outgoing(visit->phases, &out);
    return span_from_cstr(arena_printf(visit->phases->arena, "%.*s://%.*s%s", SPAN_ARG(out.scheme),
                                       SPAN_ARG(out.host), path));
}

struct span oidc_with_query(const char *url, struct span query, struct arena *arena)
{
    return span_from_cstr(arena_printf(arena, "%s%c%.*s", url, strchr(url, '?') != NULL ? '&' : '?',
                                       SPAN_ARG(query)));
}

/* ---- the provider ---- */

static void let_go(void *provider)
{
    oidc_provider_release(provider);
}

const struct oidc_provider *oidc_provider_of(const struct oidc_visit *visit)
{
    const struct oidc_provider *provider = oidc_provider_hold(visit->oidc->provider);

    if (provider != NULL) {
        arena_on_reset(visit->phases->arena, let_go, (void *)(uintptr_t)provider);
    }
    return provider;
}

static struct trouble provider_trouble(const struct oidc_visit *visit)
{
    struct error problem;
    bool has_problem = fetched_problem(visit->oidc->provider, &problem);

    return (struct trouble){
        "provider_unknown",
        arena_printf(visit->phases->arena, "the document of '%s' has not been had yet%s%.300s",
                     visit->oidc->settings->issuer, has_problem ? ": " : "", problem.text),
        "see whether the issuer can be reached from this machine"};
}

enum oidc_got oidc_await_provider(const struct oidc_visit *visit, bool *has_waited,
                                  enum phase_verdict (*act)(struct phases *phases, void *arg),
                                  const struct oidc_provider **provider, struct trouble *why)
{
    *provider = oidc_provider_of(visit);
    if (*provider != NULL) {
        return OIDC_GOT;
    }
    if (!*has_waited) {
        *has_waited = true;
        switch (fetched_ask(visit->oidc->provider, 0, visit->phases, act)) {
        case FETCHED_ASKED:
            return OIDC_WAIT;
        case FETCHED_NEWER:
            return oidc_await_provider(visit, has_waited, act, provider, why);
        case FETCHED_NO_USE:
        case FETCHED_TOO_MANY:
            break;
        }
    }
    *why = provider_trouble(visit);
    return OIDC_FAILED;
}
