/* The certificate of the TLS handshake, which was verified there. */
#include "auth/auth.h"
#include "edge/route.h"

struct making {
    struct arena *arena;
    struct auth_claim *items;
    size_t count;
};

static void add(struct making *making, const char *path, struct span value)
{
    if (value.len != 0) {
        making->items[making->count++] = (struct auth_claim){
            span_from_cstr(path), arena_copy(making->arena, value), AUTH_CLAIM_TEXT};
    }
}

static void add_list(struct making *making, const char *path, const struct client_name_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        add(making, path, list->items[i]);
    }
}

/* By their paths, in order. */
static struct auth_claims claims_of(const struct client_names *names, struct arena *arena)
{
    size_t most = names->dns.count + names->uris.count + names->emails.count + names->ips.count + 4;
    struct making making = {arena, arena_alloc(arena, most * sizeof(struct auth_claim)), 0};

    add_list(&making, "dns", &names->dns);
    add_list(&making, "email", &names->emails);
    add(&making, "fingerprint", names->fingerprint);
    add_list(&making, "ip", &names->ips);
    add(&making, "issuer", names->issuer);
    /* With a second URI it is none (SPIFFE X.509-SVID section 2). */
    if (names->uris.count == 1 && span_istarts_with(names->uris.items[0], SPAN_OF("spiffe://"))) {
        add(&making, "spiffe", names->uris.items[0]);
    }
    add(&making, "subject", names->subject);
    add_list(&making, "uri", &names->uris);
    return (struct auth_claims){making.items, making.count};
}

static struct span first_of(const struct client_name_list *list)
{
    return list->count != 0 ? list->items[0] : span_make(NULL, 0);
}

static struct span user_of(const struct client_names *names, enum certificate_user user)
{
    switch (user) {
    case CERTIFICATE_USER_SUBJECT:
        return names->subject;
    case CERTIFICATE_USER_DNS:
        return first_of(&names->dns);
    case CERTIFICATE_USER_URI:
        return first_of(&names->uris);
    case CERTIFICATE_USER_EMAIL:
        return first_of(&names->emails);
    case CERTIFICATE_USER_FINGERPRINT:
        return names->fingerprint;
    }
    return span_make(NULL, 0);
}

static enum auth_outcome ask(const struct auth_method *method, struct auth_run *run)
{
    const struct auth_certificate_settings *settings = method->settings;
    const struct client_names *names = run->phases->owner->client_names(run->phases);
    struct auth_identity *identity;
    struct span user;

    if (names == NULL) {
        return AUTH_ABSENT;
    }
    if (names == &route_unverified_client) {
        return auth_wrong(run, "client_unverified", "the client's certificate was not verified",
                          "client_verdict of the line says what is wrong with the certificate");
    }
    user = user_of(names, settings->user);
    if (user.len == 0) {
        return auth_wrong(run, "client_not_allowed",
                          "the client's certificate has no name of the kind that is its user",
                          "see 'user' of client_certificate, and what the certificate has");
    }
    identity = auth_found(run, auth_client_certificate.name, user);
    identity->claims = claims_of(names, run->phases->arena);
    identity->expires = names->expires;
    return AUTH_KNOWN;
}

const struct auth_type auth_client_certificate = {
    .name = "client_certificate", .is_of_connection = true, .ask = ask};
