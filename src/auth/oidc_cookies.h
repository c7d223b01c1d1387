/* The cookies of a sign-in (RFC 6265): found in requests, cut into several where one would be too
 * large, written for responses, and taken out of what servers get. What is in them is sealed
 * (auth/oidc_box.h); here they are texts.
 *
 *   NAME, NAME.1, NAME.2, ...   the session: "COUNT.TEXT", and further texts
 *   NAME-in-XXXXXXXX            a sign-in that is under way, one for each tab
 *
 * Over https they are called __Host-NAME, which no other host and no plain HTTP can set. Pure. */
#ifndef TIDEGATE_AUTH_OIDC_COOKIES_H
#define TIDEGATE_AUTH_OIDC_COOKIES_H

#include "base/arena.h"
#include "http/message.h"

/* Of a cookie's value; browsers take 4,096 bytes with its name and attributes. */
#define OIDC_CHUNK_MAX 3800
#define OIDC_CHUNKS_MAX 9
/* Sign-ins of one browser at once; the oldest ones make room. */
#define OIDC_TABS_MAX 5
/* Behind "-in-": of its state. */
#define OIDC_TAB_LEN 8

struct oidc_cookies {
    const char *name;
    bool is_https;
};

/* Whether a cookie of that name is one of them; with https or without, as servers are to see
 * neither. */
bool oidc_cookie_is_own(const char *name, struct span cookie);
/* None of the gateway's cookies reaches servers. */
void oidc_cookies_strip(const char *name, struct http_fields *fields, struct arena *arena);

/* The whole text; ptr NULL: there is none, or not all of it, or a part of it is there twice.
 * *count: of the session's cookies that the request has, whether right or not. In the arena. */
struct span oidc_session_text(const struct oidc_cookies *cookies, const struct http_fields *fields,
                              size_t *count, struct arena *arena) MUST_CHECK;
/* Adds Set-Cookie for it, and for taking those away that it does not need of the `had` before it.
 * text.len 0: takes all away. False: it needs more than OIDC_CHUNKS_MAX. */
bool oidc_session_set(const struct oidc_cookies *cookies, struct span text, size_t had,
                      uint64_t age_s, struct http_fields *fields, struct arena *arena) MUST_CHECK;

/* ptr NULL: there is none, or more than one of that name. */
struct span oidc_tab_text(const struct oidc_cookies *cookies, const struct http_fields *fields,
                          struct span tab, struct arena *arena) MUST_CHECK;
/* text.len 0: takes it away. */
void oidc_tab_set(const struct oidc_cookies *cookies, struct span tab, struct span text,
                  uint64_t age_s, struct http_fields *fields, struct arena *arena);
/* The tabs that the request has, at most `most`; returns how many. */
size_t oidc_tabs(const struct oidc_cookies *cookies, const struct http_fields *fields,
                 struct span *tabs, size_t most);

#endif
