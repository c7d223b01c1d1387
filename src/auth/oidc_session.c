#include "auth/oidc_session.h"

#include <string.h>
#include <sys/random.h>

#include "base/check.h"

#define VERSION 2
#define TEXTS 4
#define TIMES 4
#define HEAD_BYTES (1 + OIDC_SESSION_ID_BYTES + TIMES * 8 + TEXTS * 4)
/* Tokens are refreshed so long before they end, or for the last quarter of a shorter time. */
#define REFRESH_BEFORE_S 60
/* The cookie is written anew after this part of `idle`. */
#define RENEWALS 8

void oidc_session_begin(struct oidc_session *session, int64_t now_s)
{
    *session = (struct oidc_session){.began_s = now_s, .seen_s = now_s, .made_s = now_s};
    CHECK(getrandom(session->id, sizeof(session->id), 0) == sizeof(session->id));
}

static char *put_bytes(char *to, const void *bytes, size_t len)
{
    if (len != 0) {
        memcpy(to, bytes, len);
    }
    return to + len;
}

struct span oidc_session_pack(const struct oidc_session *session, struct arena *arena)
{
    const int64_t times[TIMES] = {session->began_s, session->seen_s, session->made_s,
                                  session->ends_s};
    const struct span texts[TEXTS] = {session->id_token, session->refresh_token,
                                      session->access_token, session->userinfo};
    size_t len = HEAD_BYTES + session->id_token.len + session->refresh_token.len +
                 session->access_token.len + session->userinfo.len;
    char *bytes = arena_alloc(arena, len);
    char *to = big_endian_put(bytes, VERSION, 1);

    to = put_bytes(to, session->id, sizeof(session->id));
    for (size_t i = 0; i < TIMES; i++) {
        to = big_endian_put(to, (uint64_t)times[i], 8);
    }
    for (size_t i = 0; i < TEXTS; i++) {
        to = big_endian_put(to, texts[i].len, 4);
        to = put_bytes(to, texts[i].ptr, texts[i].len);
    }
    return span_make(bytes, len);
}

static bool get_time(struct cursor *cursor, int64_t *time_s)
{
    uint64_t number;

    if (!cursor_u64(cursor, &number)) {
        return false;
    }
    *time_s = (int64_t)number;
    return *time_s >= 0;
}

bool oidc_session_unpack(struct span text, struct oidc_session *session)
{
    struct cursor cursor = cursor_make(text);
    int64_t *const times[TIMES] = {&session->began_s, &session->seen_s, &session->made_s,
                                   &session->ends_s};
    struct span *const texts[TEXTS] = {&session->id_token, &session->refresh_token,
                                       &session->access_token, &session->userinfo};
    struct span id;
    uint8_t version;
    uint32_t len;

    if (!cursor_u8(&cursor, &version) || version != VERSION ||
        !cursor_bytes(&cursor, OIDC_SESSION_ID_BYTES, &id)) {
        return false;
    }
    memcpy(session->id, id.ptr, OIDC_SESSION_ID_BYTES);
    for (size_t i = 0; i < TIMES; i++) {
        if (!get_time(&cursor, times[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < TEXTS; i++) {
        if (!cursor_u32(&cursor, &len) || !cursor_bytes(&cursor, len, texts[i])) {
            return false;
        }
    }
    return cursor_left(&cursor) == 0;
}

/* ---- times ---- */

static int64_t seconds(uint64_t ms)
{
    return (int64_t)(ms / 1000);
}

static int64_t refresh_at_s(const struct oidc_session *session)
{
    int64_t quarter_s = (session->ends_s - session->made_s) / 4;

    return session->ends_s - (quarter_s < REFRESH_BEFORE_S ? quarter_s : REFRESH_BEFORE_S);
}

enum oidc_session_state oidc_session_state(const struct oidc_session *session,
                                           const struct oidc_session_settings *settings,
                                           int64_t now_s)
{
    bool can_refresh = session->refresh_token.len != 0;

    if (now_s - session->began_s >= seconds(settings->total_ms) ||
        now_s - session->seen_s >= seconds(settings->idle_ms)) {
        return OIDC_SESSION_OVER;
    }
    if (now_s >= session->ends_s) {
        return can_refresh ? OIDC_SESSION_ENDED : OIDC_SESSION_OVER;
    }
    return can_refresh && now_s >= refresh_at_s(session) ? OIDC_SESSION_REFRESH : OIDC_SESSION_GOOD;
}

bool oidc_session_wants_renewal(const struct oidc_session *session,
                                const struct oidc_session_settings *settings, int64_t now_s)
{
    return now_s - session->seen_s >= seconds(settings->idle_ms) / RENEWALS;
}

uint64_t oidc_session_left_s(const struct oidc_session *session,
                             const struct oidc_session_settings *settings, int64_t now_s)
{
    int64_t total_s = session->began_s + seconds(settings->total_ms) - now_s;
    int64_t idle_s = session->seen_s + seconds(settings->idle_ms) - now_s;
    int64_t left_s = total_s < idle_s ? total_s : idle_s;

    return left_s > 0 ? (uint64_t)left_s : 0;
}
