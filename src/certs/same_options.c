#include "certs/same_options.h"

#include <stddef.h>
#include <string.h>

static bool same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool same_names(const struct tls_names *one, const struct tls_names *other)
{
    if (one->count != other->count) {
        return false;
    }
    for (size_t i = 0; i < one->count; i++) {
        if (!same_text(one->items[i], other->items[i])) {
            return false;
        }
    }
    return true;
}

static bool same_overrides(const struct tls_overrides *one, const struct tls_overrides *other)
{
    return same_text(one->min_version, other->min_version) &&
           same_text(one->max_version, other->max_version) &&
           same_names(&one->ciphers, &other->ciphers) &&
           same_names(&one->cipher_suites, &other->cipher_suites) &&
           same_names(&one->groups, &other->groups) &&
           same_names(&one->signature_algorithms, &other->signature_algorithms) &&
           one->prefer_client == other->prefer_client;
}

static bool same_certificates(const struct tls_server_options *one,
                              const struct tls_server_options *other)
{
    if (one->certificate_count != other->certificate_count) {
        return false;
    }
    for (size_t i = 0; i < one->certificate_count; i++) {
        const struct tls_certificate_files *a = &one->certificates[i];
        const struct tls_certificate_files *b = &other->certificates[i];
        if (!same_text(a->certificate, b->certificate) || !same_text(a->key, b->key) ||
            !same_text(a->ocsp, b->ocsp) || a->signer != b->signer) {
            return false;
        }
    }
    return true;
}

/* Whoever adds a member compares it below, and changes this number. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct tls_server_options) == 208,
               "a member is not compared");

bool same_options(const struct tls_server_options *one, const struct tls_server_options *other)
{
    return one->store == other->store && one->client_crl == other->client_crl &&
           same_certificates(one, other) && one->ocsp == other->ocsp &&
           one->ocsp_fetch == other->ocsp_fetch && one->policy == other->policy &&
           one->clients == other->clients && same_text(one->client_ca, other->client_ca) &&
           one->protocols == other->protocols && one->is_not_http == other->is_not_http &&
           same_names(&one->others, &other->others) && one->client_depth == other->client_depth &&
           one->keep_client_chain == other->keep_client_chain && one->tickets == other->tickets &&
           one->session_cache == other->session_cache &&
           one->early_data_max == other->early_data_max && same_text(one->scope, other->scope) &&
           same_overrides(&one->overrides, &other->overrides);
}

static bool same_pins(const struct tls_client_options *one, const struct tls_client_options *other)
{
    return same_names(&(struct tls_names){one->pins, one->pin_count},
                      &(struct tls_names){other->pins, other->pin_count});
}

_Static_assert(sizeof(void *) != 8 || sizeof(struct tls_client_options) == 72,
               "a member is not compared");

bool same_client_options(const struct tls_client_options *one,
                         const struct tls_client_options *other)
{
    return same_text(one->ca, other->ca) && same_text(one->certificate, other->certificate) &&
           same_text(one->key, other->key) && one->signer == other->signer &&
           one->protocols == other->protocols && one->skip_verify == other->skip_verify &&
           one->crl == other->crl && same_pins(one, other) && one->only_tls13 == other->only_tls13;
}
