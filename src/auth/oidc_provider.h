/* What a provider says of itself: the document behind its issuer (OpenID Connect Discovery section
 * 4), fetched as auth/fetched.h does it, and its keys with it. Objects are immutable and counted.
 *
 * What it names is only used where it is right: the issuer must be the one that was asked, and
 * nothing goes from https to http. */
#ifndef TIDEGATE_AUTH_OIDC_PROVIDER_H
#define TIDEGATE_AUTH_OIDC_PROVIDER_H

#include "auth/key_source.h"

#define OIDC_DOCUMENT_MAX ((size_t)64 * 1024)

struct oidc_provider {
    const char *sign_in;  /* authorization_endpoint */
    const char *token;    /* token_endpoint */
    const char *sign_out; /* end_session_endpoint; NULL: it has none */
    const char *userinfo; /* userinfo_endpoint; NULL: it has none that may be asked */
    struct fetched *keys;
};

/* settings->url: the issuer. */
struct fetched *oidc_provider_open(const struct fetched_settings *settings, struct arena *arena);
/* A reference for the caller; NULL: there was none yet. */
const struct oidc_provider *oidc_provider_hold(struct fetched *source) MUST_CHECK;
/* NULL is allowed. */
void oidc_provider_release(const struct oidc_provider *provider);

/* For its tests: of the document of the URL that `settings` has. NULL with an error. */
const struct oidc_provider *oidc_provider_parse(const struct fetched_settings *settings,
                                                struct span text, struct error *error) MUST_CHECK;

#endif
