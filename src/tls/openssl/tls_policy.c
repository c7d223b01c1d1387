#include "tls/tls_policy.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "base/strbuf.h"

/* AES-128-GCM first: as safe as the rest, and the cheapest handshake and record. */
static const char all_tls13_suites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"
    "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256";
static const char tls13_suites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/* Mozilla's lists. Finite-field Diffie-Hellman is left out: what needs it is gone, and one client
 * can make it cost a server dear. Who names such ciphers gets them. */
static const char intermediate_ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char old_ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:"
    "ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:"
    "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:"
    "AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA";

static const struct preset {
    int min_version;
    const char *ciphers;
} presets[] = {
    [TLS_POLICY_INTERMEDIATE] = {TLS1_2_VERSION, intermediate_ciphers},
    [TLS_POLICY_MODERN] = {TLS1_3_VERSION, intermediate_ciphers},
    [TLS_POLICY_OLD] = {TLS1_VERSION, old_ciphers},
};

static bool library_failed(struct error *error, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    (void)error_set(error, "%s: %s", what, reason != NULL ? reason : "the TLS library refused it");
    ERR_clear_error();
    return false;
}

/* ---- versions ---- */

static int version_number(const char *text, int fallback)
{
    static const struct {
        const char *text;
        int number;
    } versions[] = {{"1.0", TLS1_VERSION},
                    {"1.1", TLS1_1_VERSION},
                    {"1.2", TLS1_2_VERSION},
                    {"1.3", TLS1_3_VERSION}};

    for (size_t i = 0; text != NULL && i < ARRAY_LEN(versions); i++) {
        if (strcmp(text, versions[i].text) == 0) {
            return versions[i].number;
        }
    }
    return fallback;
}

static int lowest(enum tls_policy policy, const struct tls_overrides *own)
{
    return version_number(own->min_version, presets[policy].min_version);
}

void tls_policy_versions(enum tls_policy policy, const struct tls_overrides *own, int *min,
                         int *max)
{
    *min = lowest(policy, own);
    *max = version_number(own->max_version, TLS1_3_VERSION);
}

bool tls_policy_check_versions(enum tls_policy policy, const struct tls_overrides *own,
                               struct error *error)
{
    int min = lowest(policy, own);
    int max = version_number(own->max_version, TLS1_3_VERSION);

    if (min > max) {
        return error_set(error, "no TLS version is left between %s and %s",
                         own->min_version != NULL ? own->min_version : "the policy's lowest",
                         own->max_version != NULL ? own->max_version : "1.3");
    }
    if (own->ciphers.count != 0 && min > TLS1_2_VERSION) {
        return error_set(error, "'ciphers' is for TLS 1.2 and below, which are not spoken here; "
                                "those of TLS 1.3 are 'cipher_suites'");
    }
    if (own->cipher_suites.count != 0 && max < TLS1_3_VERSION) {
        return error_set(error, "'cipher_suites' is for TLS 1.3, which is not spoken here; those "
                                "of TLS 1.2 are 'ciphers'");
    }
    return true;
}

/* ---- names, one by one ---- */

/* The library's object of a cipher by either of its names; NULL: it has none. */
static const SSL_CIPHER *find_cipher(SSL_CTX *ssl_ctx, const char *name, bool is_tls13)
{
    const STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(ssl_ctx);

    for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(all, i);
        const char *standard = SSL_CIPHER_standard_name(cipher);
        bool has_name = strcmp(SSL_CIPHER_get_name(cipher), name) == 0 ||
                        (standard != NULL && strcmp(standard, name) == 0);
        if (has_name && (SSL_CIPHER_get_kx_nid(cipher) == NID_kx_any) == is_tls13) {
            return cipher;
        }
    }
    return NULL;
}

/* A context that knows every cipher that there is, also those without any protection. */
static SSL_CTX *know_all_ciphers(void)
{
    SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_method());

    if (ssl_ctx != NULL) {
        SSL_CTX_set_security_level(ssl_ctx, 0);
        (void)SSL_CTX_set_cipher_list(ssl_ctx, "ALL:COMPLEMENTOFALL:@SECLEVEL=0");
        (void)SSL_CTX_set_ciphersuites(ssl_ctx, all_tls13_suites);
    }
    ERR_clear_error();
    return ssl_ctx;
}

static bool check_cipher(SSL_CTX *all, const char *name, struct error *error)
{
    const SSL_CIPHER *cipher = find_cipher(all, name, false);

    if (cipher == NULL && find_cipher(all, name, true) != NULL) {
        return error_set(error, "'%s' belongs to TLS 1.3: write it into 'cipher_suites'", name);
    }
    if (cipher == NULL) {
        return error_set(error, "the TLS library has no cipher '%s'; see: openssl ciphers -v ALL",
                         name);
    }
    if (SSL_CIPHER_get_cipher_nid(cipher) == NID_undef ||
        SSL_CIPHER_get_auth_nid(cipher) == NID_auth_null) {
        return error_set(error, "the cipher '%s' protects nothing: it has no %s", name,
                         SSL_CIPHER_get_cipher_nid(cipher) == NID_undef ? "encryption"
                                                                        : "authentication");
    }
    return true;
}

static bool check_suite(SSL_CTX *all, const char *name, struct error *error)
{
    if (find_cipher(all, name, true) != NULL) {
        return true;
    }
    if (find_cipher(all, name, false) != NULL) {
        return error_set(error, "'%s' belongs to TLS 1.2: write it into 'ciphers'", name);
    }
    return error_set(error,
                     "the TLS library has no cipher suite '%s'; those of TLS 1.3 are "
                     "TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384 and "
                     "TLS_CHACHA20_POLY1305_SHA256",
                     name);
}

/* The library's lists have a grammar of their own, which is not wanted in a single name. */
static bool is_plain_name(const char *name)
{
    return name[strspn(
               name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+")] == '\0';
}

static bool check_group(SSL_CTX *ssl_ctx, const char *name, struct error *error)
{
    return (is_plain_name(name) && SSL_CTX_set1_groups_list(ssl_ctx, name) == 1) ||
           error_set(error,
                     "the TLS library has no group '%s'; tidegate version lists those that "
                     "it has",
                     name);
}

static bool check_signature(SSL_CTX *ssl_ctx, const char *name, struct error *error)
{
    return (is_plain_name(name) && SSL_CTX_set1_sigalgs_list(ssl_ctx, name) == 1) ||
           error_set(error,
                     "the TLS library has no signature algorithm '%s'; they are called for "
                     "example ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256 and ed25519",
                     name);
}

static bool check_names(const struct tls_names *names,
                        bool (*check)(SSL_CTX *, const char *, struct error *), struct error *error)
{
    SSL_CTX *ssl_ctx = know_all_ciphers();
    bool ok = ssl_ctx != NULL || library_failed(error, "the TLS library cannot start");

    for (size_t i = 0; ok && i < names->count; i++) {
        ok = check(ssl_ctx, names->items[i], error);
    }
    SSL_CTX_free(ssl_ctx);
    ERR_clear_error();
    return ok;
}

bool tls_policy_check_ciphers(const struct tls_names *names, struct error *error)
{
    return check_names(names, check_cipher, error);
}

bool tls_policy_check_cipher_suites(const struct tls_names *names, struct error *error)
{
    return check_names(names, check_suite, error);
}

bool tls_policy_check_groups(const struct tls_names *names, struct error *error)
{
    return check_names(names, check_group, error);
}

bool tls_policy_check_signatures(const struct tls_names *names, struct error *error)
{
    return check_names(names, check_signature, error);
}

static bool decrypts(const SSL_CIPHER *cipher)
{
    return SSL_CIPHER_get_kx_nid(cipher) == NID_kx_rsa;
}

size_t tls_policy_count_decrypting(const struct tls_names *names, const char **first)
{
    SSL_CTX *all = know_all_ciphers();
    size_t count = 0;

    *first = NULL;
    for (size_t i = 0; all != NULL && i < names->count; i++) {
        const SSL_CIPHER *cipher = find_cipher(all, names->items[i], false);
        if (cipher != NULL && decrypts(cipher)) {
            *first = count++ == 0 ? names->items[i] : *first;
        }
    }
    SSL_CTX_free(all);
    ERR_clear_error();
    return count;
}

/* ---- setting them ---- */

static const char *as_text(struct strbuf *list)
{
    strbuf_add_char(list, '\0');
    return list->ptr;
}

static bool set_list(SSL_CTX *ssl_ctx, const struct tls_names *names,
                     int (*set)(SSL_CTX *, const char *))
{
    struct strbuf list;
    bool ok;

    strbuf_init(&list);
    for (size_t i = 0; i < names->count; i++) {
        strbuf_printf(&list, "%s%s", i == 0 ? "" : ":", names->items[i]);
    }
    ok = set(ssl_ctx, as_text(&list)) == 1;
    strbuf_free(&list);
    return ok;
}

static bool set_ciphers(SSL_CTX *ssl_ctx, const struct tls_names *names, bool keys_only_sign)
{
    SSL_CTX *all = know_all_ciphers();
    struct strbuf list;
    bool ok = all != NULL;

    strbuf_init(&list);
    for (size_t i = 0; ok && i < names->count; i++) {
        const SSL_CIPHER *cipher = find_cipher(all, names->items[i], false);
        ok = cipher != NULL;
        if (ok && SSL_CIPHER_get_kx_nid(cipher) == NID_kx_dhe) {
            (void)SSL_CTX_set_dh_auto(ssl_ctx, 1); /* groups of the library, as strong as the key */
        }
        if (ok && !(keys_only_sign && decrypts(cipher))) {
            strbuf_printf(&list, "%s%s", list.len == 0 ? "" : ":", SSL_CIPHER_get_name(cipher));
        }
    }
    ok = ok && SSL_CTX_set_cipher_list(ssl_ctx, as_text(&list)) == 1;
    strbuf_free(&list);
    SSL_CTX_free(all);
    return ok;
}

static int set_groups(SSL_CTX *ssl_ctx, const char *list)
{
    return (int)SSL_CTX_set1_groups_list(ssl_ctx, list);
}

static int set_signatures(SSL_CTX *ssl_ctx, const char *list)
{
    return (int)SSL_CTX_set1_sigalgs_list(ssl_ctx, list);
}

/* The library says which groups it knows only by refusing a list that has another. */
static bool set_usual_groups(SSL_CTX *ssl_ctx)
{
    if (SSL_CTX_set1_groups_list(ssl_ctx, "X25519MLKEM768:X25519:P-256:P-384") == 1) {
        return true;
    }
    ERR_clear_error();
    return SSL_CTX_set1_groups_list(ssl_ctx, "X25519:P-256:P-384") == 1;
}

bool tls_policy_take_p521(SSL_CTX *ssl_ctx)
{
    if (SSL_CTX_set1_groups_list(ssl_ctx, "X25519MLKEM768:X25519:P-256:P-384:P-521") == 1) {
        return true;
    }
    ERR_clear_error();
    return SSL_CTX_set1_groups_list(ssl_ctx, "X25519:P-256:P-384:P-521") == 1;
}

bool tls_policy_has_post_quantum(void)
{
    SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_method());
    bool has_it = ssl_ctx != NULL && SSL_CTX_set1_groups_list(ssl_ctx, "X25519MLKEM768") == 1;

    SSL_CTX_free(ssl_ctx);
    ERR_clear_error();
    return has_it;
}

static bool set_usual_ciphers(SSL_CTX *ssl_ctx, const char *usual, bool keys_only_sign)
{
    struct strbuf list;
    bool ok;

    strbuf_init(&list);
    strbuf_printf(&list, "%s%s", usual, keys_only_sign ? ":!kRSA" : "");
    ok = SSL_CTX_set_cipher_list(ssl_ctx, as_text(&list)) == 1;
    strbuf_free(&list);
    return ok;
}

bool tls_policy_apply(SSL_CTX *ssl_ctx, enum tls_policy policy, const struct tls_overrides *own,
                      struct error *error)
{
    int min = lowest(policy, own);
    /* Below 1.2 handshakes are signed with SHA-1, and the newer ciphers do not exist. */
    bool is_old = min < TLS1_2_VERSION;
    const char *usual = is_old ? old_ciphers : presets[policy].ciphers;
    bool ok;

    SSL_CTX_set_security_level(ssl_ctx, is_old ? 0 : 2);
    if (!own->prefer_client) {
        SSL_CTX_set_options(ssl_ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    }
    ok = SSL_CTX_set_min_proto_version(ssl_ctx, min) == 1 &&
         SSL_CTX_set_max_proto_version(ssl_ctx, version_number(own->max_version, 0)) == 1 &&
         (own->cipher_suites.count != 0
              ? set_list(ssl_ctx, &own->cipher_suites, SSL_CTX_set_ciphersuites)
              : SSL_CTX_set_ciphersuites(ssl_ctx, tls13_suites) == 1) &&
         (own->ciphers.count != 0 ? set_ciphers(ssl_ctx, &own->ciphers, own->keys_only_sign)
                                  : set_usual_ciphers(ssl_ctx, usual, own->keys_only_sign)) &&
         (own->groups.count != 0 ? set_list(ssl_ctx, &own->groups, set_groups)
                                 : set_usual_groups(ssl_ctx)) &&
         (own->signature_algorithms.count == 0 ||
          set_list(ssl_ctx, &own->signature_algorithms, set_signatures));
    return ok || library_failed(error, "the TLS library does not take the policy");
}

bool tls_policy_apply_all(SSL_CTX *ssl_ctx, const struct tls_overrides *own)
{
    return SSL_CTX_set_ciphersuites(ssl_ctx, all_tls13_suites) == 1 &&
           SSL_CTX_set_cipher_list(ssl_ctx, "ALL:@SECLEVEL=0") == 1 &&
           (own->groups.count != 0
                ? set_list(ssl_ctx, &own->groups, set_groups)
                : SSL_CTX_set1_groups_list(ssl_ctx, "X25519:P-256:P-384:P-521:X448") == 1) &&
           (own->signature_algorithms.count == 0 ||
            set_list(ssl_ctx, &own->signature_algorithms, set_signatures));
}

bool tls_policy_apply_client(SSL_CTX *ssl_ctx)
{
    return SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ssl_ctx, 0) == 1 &&
           SSL_CTX_set_ciphersuites(ssl_ctx, tls13_suites) == 1 && tls_policy_take_p521(ssl_ctx) &&
           SSL_CTX_set_cipher_list(ssl_ctx, intermediate_ciphers) == 1;
}
