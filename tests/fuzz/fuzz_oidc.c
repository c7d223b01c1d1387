/* What strangers send to sign-in: the first byte says what the others are. C, cookies; B, a sealed
 * text; S, I: a session, a sign-in, as they are sealed; Q, the query of a callback; T, a page to
 * come back to; D, a provider's document; U, an answer of its userinfo endpoint. Nothing of it is
 * ever taken for sealed here, and no page is another site's. */
#include <string.h>
#include <strings.h>

#include "auth/oidc.h"
#include "auth/oidc_box.h"
#include "auth/oidc_cookies.h"
#include "auth/oidc_provider.h"
#include "auth/oidc_session.h"
#include "auth/oidc_sign_in.h"

#define BYTES_MAX 65536
#define NOW INT64_C(1700000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_cookies(struct span text, struct arena *arena)
{
    const struct oidc_cookies cookies = {"t", text.len % 2 == 0};
    struct http_fields fields = {0};
    struct span tabs[OIDC_TABS_MAX];
    struct span session;
    size_t count;

    http_fields_add(&fields, arena, FIELD_COOKIE, SPAN_OF("Cookie"), text);
    session = oidc_session_text(&cookies, &fields, &count, arena);
    CHECK(count <= OIDC_CHUNKS_MAX && session.len <= text.len);
    count = oidc_tabs(&cookies, &fields, tabs, ARRAY_LEN(tabs));
    CHECK(count <= ARRAY_LEN(tabs));
    for (size_t i = 0; i < count; i++) {
        CHECK(tabs[i].len == OIDC_TAB_LEN);
        CHECK(oidc_tab_text(&cookies, &fields, tabs[i], arena).len < text.len);
    }
    oidc_cookies_strip("t", &fields, arena);
    CHECK(fields.items[0].value.len <= text.len);
    CHECK(oidc_session_text(&cookies, &fields, &count, arena).ptr == NULL && count == 0);
    CHECK(oidc_tabs(&cookies, &fields, tabs, ARRAY_LEN(tabs)) == 0);
}

static void look_at_box(struct span text, struct arena *arena)
{
    struct oidc_secrets secrets = {.count = 1};
    const struct oidc_box box = {&secrets, SPAN_OF("session"), 3600, 86400};
    struct span sealed;
    struct span opened;

    CHECK(oidc_box_open(&box, text, NOW, arena).ptr == NULL);
    sealed = oidc_box_seal(&box, text, NOW, arena);
    opened = oidc_box_open(&box, sealed, NOW, arena);
    CHECK(opened.ptr != NULL && span_eq(opened, text));
}

static bool is_of_site(struct span target)
{
    return target.len != 0 && target.ptr[0] == '/' &&
           (target.len == 1 || (target.ptr[1] != '/' && target.ptr[1] != '\\')) &&
           memchr(target.ptr, '\r', target.len) == NULL &&
           memchr(target.ptr, '\n', target.len) == NULL &&
           memchr(target.ptr, '\t', target.len) == NULL && target.len <= OIDC_TARGET_MAX;
}

static void look_at_packed(char kind, struct span text, struct arena *arena)
{
    struct oidc_sign_in sign_in;
    struct oidc_session session;

    if (kind == 'S') {
        if (oidc_session_unpack(text, &session)) {
            struct span again = oidc_session_pack(&session, arena);
            CHECK(span_eq(again, text));
        }
        return;
    }
    if (oidc_sign_in_unpack(text, &sign_in)) {
        CHECK(is_of_site(sign_in.target));
        CHECK(oidc_sign_in_proofs(&sign_in, arena).state.len >= OIDC_TAB_LEN);
    }
}

static void look_at_query(struct span text, struct arena *arena)
{
    struct oidc_callback callback;
    struct error error = {""};

    if (!oidc_callback_read(text, arena, &callback, &error)) {
        CHECK(error.text[0] != '\0');
        return;
    }
    CHECK(callback.state.len != 0 && callback.state.len <= OIDC_WORD_MAX);
    CHECK((callback.code.len != 0) != (callback.error.len != 0));
    CHECK(callback.code.len <= OIDC_CODE_MAX && callback.error.len <= OIDC_WORD_MAX);
}

static void look_at_document(struct span text)
{
    const struct fetched_settings settings = {
        .url = "https://i/.well-known/openid-configuration", .every_ms = 1000, .pause_ms = 1000};
    struct error error = {""};
    const struct oidc_provider *provider = oidc_provider_parse(&settings, text, &error);

    CHECK(provider != NULL || error.text[0] != '\0');
    CHECK(provider == NULL ||
          (strncasecmp(provider->sign_in, "https://", 8) == 0 &&
           strncasecmp(provider->token, "https://", 8) == 0 &&
           (provider->userinfo == NULL || strncasecmp(provider->userinfo, "https://", 8) == 0)));
    oidc_provider_release(provider);
}

static void look_at_userinfo(struct span text, struct arena *arena)
{
    struct error error = {""};
    json_t *claims = json_pack("{s:s, s:{s:s}}", "sub", "ann", "realm", "roles", "staff");
    struct span read = oidc_userinfo_read(text, claims, arena, &error);

    CHECK(read.ptr != NULL || error.text[0] != '\0');
    CHECK(read.ptr == NULL || (read.len >= 2 && read.ptr[0] == '{'));
    if (read.ptr != NULL) {
        json_t *again = json_loadb(read.ptr, read.len, 0, NULL);
        const char *name;
        json_t *value;
        json_object_foreach(again, name, value)
        {
            CHECK(strcmp(name, "sub") != 0 && strcmp(name, "realm") != 0 &&
                  strncmp(name, "realm.", 6) != 0);
        }
        json_decref(again);
    }
    json_decref(claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_make((const char *)data, size);
    struct arena arena;

    if (size == 0 || size > BYTES_MAX) {
        return 0;
    }
    arena_init(&arena, 4096);
    rest = span_skip(rest, 1);
    switch (data[0]) {
    case 'C':
        look_at_cookies(rest, &arena);
        break;
    case 'B':
        look_at_box(rest, &arena);
        break;
    case 'S':
    case 'I':
        look_at_packed((char)data[0], rest, &arena);
        break;
    case 'Q':
        look_at_query(rest, &arena);
        break;
    case 'T':
        CHECK(is_of_site(oidc_return_target(rest)));
        break;
    case 'D':
        look_at_document(rest);
        break;
    case 'U':
        look_at_userinfo(rest, &arena);
        break;
    default:
        break;
    }
    arena_destroy(&arena);
    return 0;
}
