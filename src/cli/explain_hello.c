#include "cli/explain_hello.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"

enum {
    EXTENSION_SNI = 0,
    EXTENSION_GROUPS = 10,
    EXTENSION_ALPN = 16,
    EXTENSION_PSK = 41,
    EXTENSION_VERSIONS = 43,
    EXTENSION_AUTHORITIES = 47,
    EXTENSION_KEY_SHARE = 51,
    EXTENSION_SIGNATURES = 13
};
/* Names of authorities that are shown; a server may send hundreds. */
enum { AUTHORITIES_SHOWN = 8 };

static const struct {
    uint16_t id;
    const char *name;
} signatures[] = {
    {0x0403, "ecdsa_secp256r1_sha256"},
    {0x0503, "ecdsa_secp384r1_sha384"},
    {0x0603, "ecdsa_secp521r1_sha512"},
    {0x0804, "rsa_pss_rsae_sha256"},
    {0x0805, "rsa_pss_rsae_sha384"},
    {0x0806, "rsa_pss_rsae_sha512"},
    {0x0809, "rsa_pss_pss_sha256"},
    {0x080a, "rsa_pss_pss_sha384"},
    {0x080b, "rsa_pss_pss_sha512"},
    {0x0807, "ed25519"},
    {0x0808, "ed448"},
    {0x0401, "rsa_pkcs1_sha256"},
    {0x0501, "rsa_pkcs1_sha384"},
    {0x0601, "rsa_pkcs1_sha512"},
    {0x0201, "rsa_pkcs1_sha1"},
    {0x0203, "ecdsa_sha1"},
    {0x0904, "mldsa44"},
    {0x0905, "mldsa65"},
    {0x0906, "mldsa87"},
};

/* The library knows names only of those that it has. */
static const struct {
    uint16_t id;
    const char *name;
} groups[] = {
    {0x11ec, "X25519MLKEM768"},
    {0x11eb, "SecP256r1MLKEM768"},
    {0x11ed, "SecP384r1MLKEM1024"},
    {0x001d, "X25519"},
    {0x0017, "P-256"},
    {0x0018, "P-384"},
    {0x0019, "P-521"},
    {0x001e, "X448"},
    {0x0100, "ffdhe2048"},
    {0x0101, "ffdhe3072"},
    {0x0102, "ffdhe4096"},
    {0x0103, "ffdhe6144"},
    {0x0104, "ffdhe8192"},
};

static const char *version_name(uint16_t version)
{
    switch (version) {
    case 0x0304:
        return "TLS 1.3";
    case 0x0303:
        return "TLS 1.2";
    case 0x0302:
        return "TLS 1.1";
    case 0x0301:
        return "TLS 1.0";
    default:
        return NULL;
    }
}

/* Adds ", NAME", or the number where there is no name. */
static void add_name(struct strbuf *list, const char *name, unsigned number)
{
    if (list->len != 0) {
        strbuf_add_cstr(list, ", ");
    }
    if (name != NULL) {
        strbuf_add_cstr(list, name);
    } else {
        strbuf_printf(list, "0x%04x", number);
    }
}

static void note_list(struct explain *ex, const char *label, struct strbuf *list)
{
    if (list->len != 0) {
        explain_note(ex, label, "%.*s", SPAN_ARG(strbuf_span(list)));
    }
    strbuf_free(list);
}

static const char *group_name(unsigned id)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (groups[i].id == id) {
            return groups[i].name;
        }
    }
    return NULL;
}

static const char *signature_name(unsigned id)
{
    for (size_t i = 0; i < ARRAY_LEN(signatures); i++) {
        if (signatures[i].id == id) {
            return signatures[i].name;
        }
    }
    return NULL;
}

static bool find_extension(struct cursor extensions, uint16_t wanted, struct cursor *body)
{
    uint16_t type;

    while (cursor_u16(&extensions, &type) && cursor_vector16(&extensions, body)) {
        if (type == wanted) {
            return true;
        }
    }
    return false;
}

static void note_suites(struct explain *ex, struct cursor suites)
{
    struct strbuf list;
    uint16_t id;

    strbuf_init(&list);
    while (cursor_u16(&suites, &id)) {
        unsigned char bytes[2] = {(unsigned char)(id >> 8), (unsigned char)id};
        const SSL_CIPHER *cipher = SSL_CIPHER_find(ex->ssl, bytes);
        if (id != 0x00ff) { /* a signal, no suite (RFC 5746) */
            add_name(&list, cipher != NULL ? SSL_CIPHER_standard_name(cipher) : NULL, id);
        }
    }
    note_list(ex, "cipher suites", &list);
}

static void note_versions(struct explain *ex, struct cursor extensions, uint16_t legacy)
{
    struct cursor body;
    struct cursor versions;
    struct strbuf list;
    uint16_t version;

    strbuf_init(&list);
    if (find_extension(extensions, EXTENSION_VERSIONS, &body) && cursor_vector8(&body, &versions)) {
        while (cursor_u16(&versions, &version)) {
            add_name(&list, version_name(version), version);
        }
    } else {
        add_name(&list, version_name(legacy), legacy);
    }
    note_list(ex, "versions", &list);
}

static void note_groups(struct explain *ex, struct cursor extensions)
{
    struct cursor body;
    struct cursor ids;
    struct strbuf list;
    uint16_t id;

    strbuf_init(&list);
    if (find_extension(extensions, EXTENSION_GROUPS, &body) && cursor_vector16(&body, &ids)) {
        while (cursor_u16(&ids, &id)) {
            add_name(&list, group_name(id), id);
        }
    }
    note_list(ex, "groups", &list);
    strbuf_init(&list);
    if (find_extension(extensions, EXTENSION_KEY_SHARE, &body) && cursor_vector16(&body, &ids)) {
        struct cursor key;
        while (cursor_u16(&ids, &id) && cursor_vector16(&ids, &key)) {
            add_name(&list, group_name(id), id);
        }
    }
    note_list(ex, "key share", &list);
}

static void note_signatures(struct explain *ex, struct cursor ids)
{
    struct strbuf list;
    uint16_t id;

    strbuf_init(&list);
    while (cursor_u16(&ids, &id)) {
        if (signature_name(id) != NULL) {
            add_name(&list, signature_name(id), id);
        }
    }
    note_list(ex, "signatures", &list);
}

static void note_protocols(struct explain *ex, struct cursor extensions)
{
    struct cursor body;
    struct cursor names;
    struct cursor name;
    struct strbuf list;

    strbuf_init(&list);
    if (find_extension(extensions, EXTENSION_ALPN, &body) && cursor_vector16(&body, &names)) {
        while (cursor_vector8(&names, &name)) {
            if (list.len != 0) {
                strbuf_add_cstr(&list, ", ");
            }
            strbuf_add(&list, span_make(name.at, cursor_left(&name)));
        }
    }
    note_list(ex, "ALPN", &list);
}

static void note_server_name(struct explain *ex, struct cursor extensions)
{
    struct cursor body;
    struct cursor names;
    struct cursor name;
    uint8_t kind;

    if (find_extension(extensions, EXTENSION_SNI, &body) && cursor_vector16(&body, &names) &&
        cursor_u8(&names, &kind) && cursor_vector16(&names, &name)) {
        explain_note(ex, "server name", "%.*s", (int)cursor_left(&name), (const char *)name.at);
    } else {
        explain_note(ex, "server name", "none sent");
    }
}

void explain_client_hello(struct explain *ex, struct span message)
{
    struct cursor c = cursor_make(message);
    struct cursor session;
    struct cursor suites;
    struct cursor compressions;
    struct cursor extensions;
    struct cursor body;
    struct cursor ids;
    struct span random;
    uint16_t legacy;

    if (!cursor_u16(&c, &legacy) || !cursor_bytes(&c, 32, &random) ||
        !cursor_vector8(&c, &session) || !cursor_vector16(&c, &suites) ||
        !cursor_vector8(&c, &compressions) || !cursor_vector16(&c, &extensions)) {
        return;
    }
    note_versions(ex, extensions, legacy);
    note_server_name(ex, extensions);
    note_protocols(ex, extensions);
    note_suites(ex, suites);
    note_groups(ex, extensions);
    if (find_extension(extensions, EXTENSION_SIGNATURES, &body) && cursor_vector16(&body, &ids)) {
        note_signatures(ex, ids);
    }
    if (ex->session != NULL && ex->is_second) {
        explain_note(ex, "session", "a ticket of the first connection");
    }
}

/* RFC 8446 section 4.1.3: this random means "say hello again". */
static const unsigned char retry_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

void explain_server_hello(struct explain *ex, struct span message)
{
    struct cursor c = cursor_make(message);
    struct cursor session;
    struct cursor extensions = {NULL, NULL};
    struct cursor body;
    struct span random;
    uint8_t compression;
    uint16_t version;
    uint16_t suite;
    uint16_t group;

    if (!cursor_u16(&c, &version) || !cursor_bytes(&c, 32, &random) ||
        !cursor_vector8(&c, &session) || !cursor_u16(&c, &suite) || !cursor_u8(&c, &compression)) {
        return;
    }
    if (!cursor_vector16(&c, &extensions)) {
        extensions = (struct cursor){NULL, NULL};
    }
    if (memcmp(random.ptr, retry_random, sizeof(retry_random)) == 0) {
        ex->steps[ex->step_count - 1].title = "HelloRetryRequest (another key share, please)";
    }
    if (find_extension(extensions, EXTENSION_VERSIONS, &body)) {
        (void)!cursor_u16(&body, &version);
    }
    struct strbuf text;
    strbuf_init(&text);
    add_name(&text, version_name(version), version);
    note_list(ex, "version", &text);
    unsigned char bytes[2] = {(unsigned char)(suite >> 8), (unsigned char)suite};
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ex->ssl, bytes);
    add_name(&text, cipher != NULL ? SSL_CIPHER_standard_name(cipher) : NULL, suite);
    note_list(ex, "cipher suite", &text);
    if (find_extension(extensions, EXTENSION_KEY_SHARE, &body) && cursor_u16(&body, &group)) {
        strbuf_init(&text);
        add_name(&text, group_name(group), group);
        note_list(ex, "group", &text);
    }
    note_protocols(ex, extensions);
    if (find_extension(extensions, EXTENSION_PSK, &body)) {
        explain_note(ex, "session", "the ticket is taken");
    }
}

void explain_encrypted_extensions(struct explain *ex, struct span message)
{
    struct cursor c = cursor_make(message);
    struct cursor extensions;

    if (cursor_vector16(&c, &extensions)) {
        note_protocols(ex, extensions);
    }
}

static void note_authorities(struct explain *ex, struct cursor names)
{
    struct cursor one;
    int count = 0;

    while (cursor_vector16(&names, &one)) {
        const unsigned char *at = one.at;
        X509_NAME *name =
            count < AUTHORITIES_SHOWN ? d2i_X509_NAME(NULL, &at, (long)cursor_left(&one)) : NULL;
        char text[256];
        if (name != NULL) {
            explain_note(ex, "accepted CA", "%s", X509_NAME_oneline(name, text, sizeof(text)));
            X509_NAME_free(name);
        }
        count++;
    }
    if (count > AUTHORITIES_SHOWN) {
        explain_note(ex, "accepted CA", "and %d more", count - AUTHORITIES_SHOWN);
    }
    if (count == 0) {
        explain_note(ex, "accepted CA", "any: the server names none");
    }
}

/* TLS 1.2: RFC 5246 section 7.4.4; 1.3: RFC 8446 section 4.3.2. */
void explain_certificate_request(struct explain *ex, struct span message, bool is_tls13)
{
    struct cursor c = cursor_make(message);
    struct cursor first;
    struct cursor body;
    struct cursor names = {NULL, NULL};
    struct cursor ids = {NULL, NULL};

    if (!cursor_vector8(&c, &first)) {
        return;
    }
    if (is_tls13) {
        struct cursor extensions;
        if (cursor_vector16(&c, &extensions)) {
            if (find_extension(extensions, EXTENSION_AUTHORITIES, &body)) {
                (void)!cursor_vector16(&body, &names);
            }
            if (find_extension(extensions, EXTENSION_SIGNATURES, &body)) {
                (void)!cursor_vector16(&body, &ids);
            }
        }
    } else {
        (void)!(cursor_vector16(&c, &ids) && cursor_vector16(&c, &names));
    }
    note_authorities(ex, names);
    note_signatures(ex, ids);
}

void explain_signature_used(struct explain *ex, struct span message)
{
    struct cursor c = cursor_make(message);
    uint16_t id;

    if (cursor_u16(&c, &id) && signature_name(id) != NULL) {
        explain_note(ex, "signature", "%s", signature_name(id));
    }
}
