/* Which versions, ciphers, groups and signatures are agreed to: Mozilla's presets
 * (wiki.mozilla.org/Security/Server_Side_TLS) and what a site overrides of them. For tls/, and for
 * whoever checks a configuration.
 *
 * Names are the library's; ciphers may be given by their IANA names too. Everything given here is
 * borrowed for the call. Errors are for a person. */
#ifndef TIDEGATE_TLS_TLS_POLICY_H
#define TIDEGATE_TLS_TLS_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/error.h"
#include "settings/choices.h"

struct tls_names {
    const char *const *items;
    size_t count; /* 0: the preset's */
};

struct tls_overrides {
    const char *min_version; /* "1.0" to "1.3"; NULL: the preset's */
    const char *max_version;
    struct tls_names ciphers;       /* of TLS 1.2 and below, best first */
    struct tls_names cipher_suites; /* of TLS 1.3 */
    struct tls_names groups;
    struct tls_names signature_algorithms;
    bool prefer_client;  /* the client's order of ciphers counts, not ours */
    bool keys_only_sign; /* they are elsewhere: RSA key exchange, which decrypts, is left out */
};

/* Each false with an error that names the first word that the library does not take. */
bool tls_policy_check_ciphers(const struct tls_names *names, struct error *error) MUST_CHECK;
bool tls_policy_check_cipher_suites(const struct tls_names *names, struct error *error) MUST_CHECK;
bool tls_policy_check_groups(const struct tls_names *names, struct error *error) MUST_CHECK;
bool tls_policy_check_signatures(const struct tls_names *names, struct error *error) MUST_CHECK;
/* Of a list that was found right, how many have RSA key exchange (RFC 5246 section 7.4.7.1), and
 * the first of them; NULL: none. */
size_t tls_policy_count_decrypting(const struct tls_names *names, const char **first);
/* Whether the range of versions holds any, and whether the lists have something for it. */
bool tls_policy_check_versions(enum tls_policy policy, const struct tls_overrides *own,
                               struct error *error) MUST_CHECK;

/* As they are on the wire (RFC 8446 section 4.2.1), which is how libraries number them, too. */
enum tls_version {
    TLS_VERSION_1_0 = 0x0301,
    TLS_VERSION_1_1 = 0x0302,
    TLS_VERSION_1_2 = 0x0303,
    TLS_VERSION_1_3 = 0x0304
};

/* The range of versions, of enum tls_version. */
void tls_policy_versions(enum tls_policy policy, const struct tls_overrides *own, int *min,
                         int *max);

/* Whether the library has the hybrid post-quantum group X25519MLKEM768, which then comes first. */
bool tls_policy_has_post_quantum(void);

/* The library's object, for tls/ alone. */
struct ssl_ctx_st;
/* Sets all of it on a server's context. */
bool tls_policy_apply(struct ssl_ctx_st *ssl_ctx, enum tls_policy policy,
                      const struct tls_overrides *own, struct error *error) MUST_CHECK;
/* A client that takes all that the library has, and what `own` names: for tls/openssl/tls_trial.c.
 */
bool tls_policy_apply_all(struct ssl_ctx_st *ssl_ctx, const struct tls_overrides *own) MUST_CHECK;
/* Towards servers: TLS 1.2 and up, the intermediate preset. */
bool tls_policy_apply_client(struct ssl_ctx_st *ssl_ctx) MUST_CHECK;

/* The usual groups and P-521, the last of them: until TLS 1.2 the groups are also the curves of the
 * peer's certificate (RFC 8422 section 5.1.1), and a peer may have a key on that one. */
bool tls_policy_take_p521(struct ssl_ctx_st *ssl_ctx) MUST_CHECK;

#endif
