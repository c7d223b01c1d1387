#include "gateway/client_identity.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "client/dial.h"
#include "edge/route.h"
#include "gateway/snapshot.h"
#include "server/link.h"
#include "tls/tls_conn.h"
#include "tls/tls_peer.h"

struct client_identity {
    struct arena arena;
    bool has_certificate;
    bool has_fields;
    const char *verdict; /* what is wrong with it; NULL: it was verified */
    struct tls_peer peer;
    struct client_names names;
    struct span certificate; /* of the fields; ptr NULL: none */
    struct span chain;
    struct span forwarded;
};

static struct client_identity *identity_of(struct link *link)
{
    struct client_identity *identity = link->identity;
    struct conn *tls = link_tls(link);

    if (identity != NULL) {
        return identity;
    }
    if (tls == NULL || !tls_conn_has_peer_certificate(tls)) {
        return NULL;
    }
    identity = xcalloc(1, sizeof(*identity));
    arena_init(&identity->arena, 4096);
    link->identity = identity;
    identity->verdict = tls_conn_peer_verdict(tls);
    identity->has_certificate = tls_peer_read(tls, &identity->arena, &identity->peer);
    identity->names = (struct client_names){
        .subject = identity->peer.subject,
        .issuer = identity->peer.issuer,
        .dns = {identity->peer.dns, identity->peer.dns_count},
        .uris = {identity->peer.uris, identity->peer.uri_count},
        .emails = {identity->peer.emails, identity->peer.email_count},
        .ips = {identity->peer.ips, identity->peer.ip_count},
        .fingerprint = span_from_cstr(identity->peer.fingerprint),
        .expires = identity->peer.expires,
    };
    return identity;
}

const struct client_names *client_identity_names(struct link *link)
{
    struct client_identity *identity = identity_of(link);

    if (identity == NULL || !identity->has_certificate) {
        return NULL;
    }
    return identity->verdict == NULL ? &identity->names : &route_unverified_client;
}

/* ---- fields ---- */

/* What would end a value or an element is percent-encoded, so that a name cannot pose as another
 * part. */
static void add_escaped(struct strbuf *b, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"' || c == '\\' || c == ',' || c == ';' || c == '%') {
            strbuf_printf(b, "%%%02X", (unsigned)(unsigned char)c);
        } else {
            strbuf_add_char(b, c);
        }
    }
}

/* Hash=..;Subject="..";URI=..;DNS=.. as other proxies write it. The subject is quoted, with quotes
 * and backslashes in it escaped. */
static struct span forwarded_value(struct client_identity *identity)
{
    const struct tls_peer *peer = &identity->peer;
    struct strbuf b;
    struct span value;

    strbuf_init(&b);
    strbuf_printf(&b, "Hash=%s;Subject=\"", peer->fingerprint);
    for (size_t i = 0; i < peer->subject.len; i++) {
        char c = peer->subject.ptr[i];
        if (c == '"' || c == '\\') {
            strbuf_add_char(&b, '\\');
        }
        strbuf_add_char(&b, c);
    }
    strbuf_add_char(&b, '"');
    for (size_t i = 0; i < peer->uri_count; i++) {
        strbuf_add_cstr(&b, ";URI=");
        add_escaped(&b, peer->uris[i]);
    }
    for (size_t i = 0; i < peer->dns_count; i++) {
        strbuf_add_cstr(&b, ";DNS=");
        add_escaped(&b, peer->dns[i]);
    }
    value = arena_copy(&identity->arena, strbuf_span(&b));
    strbuf_free(&b);
    return value;
}

static void make_fields(struct link *link, struct client_identity *identity)
{
    struct conn *tls = link_tls(link);

    identity->has_fields = true;
    identity->certificate = tls_peer_certificate_field(tls, &identity->arena);
    if (identity->verdict != NULL) {
        return;
    }
    identity->chain = tls_peer_chain_field(tls, &identity->arena);
    identity->forwarded = forwarded_value(identity);
}

/* Where they are added. */
struct message_fields {
    struct http_fields *fields;
    struct arena *arena;
};

static void add(const struct message_fields *to, enum http_field_id id, struct span value)
{
    if (value.ptr != NULL && value.len != 0) {
        http_fields_add(to->fields, to->arena, id, http_field_name(id),
                        arena_copy(to->arena, value));
    }
}

static void add_named(const struct message_fields *to, struct span name, struct span value)
{
    if (value.ptr != NULL) {
        http_fields_add(to->fields, to->arena, FIELD_OTHER, name, arena_copy(to->arena, value));
    }
}

/* In the words that nginx and others have for it. */
static struct span verdict_of(const struct client_identity *identity, struct arena *arena)
{
    if (identity == NULL || !identity->has_certificate) {
        return SPAN_OF("NONE");
    }
    return identity->verdict == NULL
               ? SPAN_OF("SUCCESS")
               : span_from_cstr(arena_printf(arena, "FAILED:%s", identity->verdict));
}

struct span client_identity_value(struct link *link, enum client_identity_part part,
                                  struct arena *arena)
{
    const struct client_identity *identity = identity_of(link);
    bool is_verified = identity != NULL && identity->has_certificate && identity->verdict == NULL;

    if (part == CLIENT_IDENTITY_VERDICT) {
        return verdict_of(identity, arena);
    }
    if (!is_verified) {
        return span_make(NULL, 0);
    }
    switch (part) {
    case CLIENT_IDENTITY_ISSUER:
        return arena_copy(arena, identity->peer.issuer);
    case CLIENT_IDENTITY_SERIAL:
        return arena_copy(arena, identity->peer.serial);
    case CLIENT_IDENTITY_FINGERPRINT:
        return arena_copy(arena, span_from_cstr(identity->peer.fingerprint));
    default:
        return tls_peer_certificate_text(link_tls(link), arena);
    }
}

void client_identity_add_fields(struct link *link, const struct site *site,
                                const struct backend *backend, struct http_fields *fields,
                                struct arena *arena)
{
    const struct message_fields to = {fields, arena};
    const struct tls_settings *tls = site->settings->tls;
    bool tells_verdict =
        tls != NULL && tls->clients != NULL && tls->clients->verify == CLIENT_VERIFY_UNVERIFIED;
    struct client_identity *identity;

    if (!backend->client_certificate && !backend->forwarded_client_certificate && !tells_verdict) {
        return;
    }
    identity = identity_of(link);
    if (tells_verdict) {
        add_named(&to, SPAN_OF("Client-Cert-Verify"), verdict_of(identity, arena));
    }
    if (identity == NULL || !identity->has_certificate) {
        return;
    }
    if (!identity->has_fields) {
        make_fields(link, identity);
    }
    if (identity->verdict != NULL) {
        if (backend->client_certificate) {
            add_named(&to, SPAN_OF("Client-Cert-Unverified"), identity->certificate);
        }
        return;
    }
    if (backend->client_certificate) {
        add(&to, FIELD_CLIENT_CERT, identity->certificate);
        add(&to, FIELD_CLIENT_CERT_CHAIN, identity->chain);
    }
    if (backend->forwarded_client_certificate) {
        add(&to, FIELD_X_FORWARDED_CLIENT_CERT, identity->forwarded);
    }
}

/* One piece of memory, the texts behind the struct. */
static struct proxy_header_tls *tls_facts(struct link *link)
{
    const struct conn *conn = link_tls(link);
    struct proxy_header_tls *facts;
    char *name;

    if (conn == NULL || !tls_conn_is_established(conn)) {
        return NULL;
    }
    facts = xcalloc(1, sizeof(*facts) + 2 * (PROXY_HEADER_TEXT_MAX + 1));
    name = (char *)(facts + 1);
    facts->version = span_from_cstr(tls_conn_version(conn)); /* static, as is the cipher */
    facts->cipher = span_from_cstr(tls_conn_cipher(conn));
    facts->has_certificate = tls_conn_has_peer_certificate(conn);
    facts->is_verified = facts->has_certificate && tls_conn_peer_verdict(conn) == NULL;
    if (facts->is_verified) {
        size_t len = tls_conn_peer_common_name(conn, name, PROXY_HEADER_TEXT_MAX + 1);
        facts->common_name = span_make(name, len);
    }
    facts->alpn = span_cut(tls_conn_alpn(conn), PROXY_HEADER_TEXT_MAX);
    name += PROXY_HEADER_TEXT_MAX + 1;
    if (facts->alpn.len != 0) {
        memcpy(name, facts->alpn.ptr, facts->alpn.len);
    }
    facts->alpn.ptr = name;
    return facts;
}

void client_identity_describe(struct link *link, const struct backend *backend,
                              struct dial_client *who)
{
    *who = (struct dial_client){.peer = link->peer, .local = *link_local(link)};
    if (link->sni != NULL) {
        (void)snprintf(who->sni, sizeof(who->sni), "%s", link->sni);
    }
    if (backend->proxy_protocol == BACKEND_PROXY_V2_TLS) {
        who->tls = tls_facts(link);
    }
}

void client_identity_destroy(struct client_identity *identity)
{
    if (identity != NULL) {
        arena_destroy(&identity->arena);
        free(identity);
    }
}
