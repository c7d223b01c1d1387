#include "jose/jwk_set.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/base64.h"
#include "jose/json_strict.h"

/* Of one number of a key: RSA's, and a zero that some write in front. */
#define NUMBER_MAX (JWS_RSA_BITS_MAX / 8 + 1)

struct jwk_set {
    atomic_uint references;
    uint64_t number;
    struct arena arena; /* of the ids */
    struct jwk keys[JWK_SET_KEYS_MAX];
    size_t count;
};

/* ---- a key ---- */

struct numbers {
    unsigned char bytes[2][NUMBER_MAX];
    struct span values[2];
};

static bool read_number(const json_t *json, const char *name, struct numbers *numbers, size_t at,
                        struct error *error)
{
    struct span text = json_strict_text(json, name);
    size_t len;

    if (text.ptr == NULL ||
        !base64_decode(BASE64_URL, text, numbers->bytes[at], NUMBER_MAX, &len) || len == 0) {
        return error_set(error, "'%s' is missing, or is no base64url of at most %d bytes", name,
                         NUMBER_MAX);
    }
    numbers->values[at] = span_make(numbers->bytes[at], len);
    return true;
}

static struct jws_key *read_key(const json_t *json, struct error *error)
{
    struct span kind = json_strict_text(json, "kty");
    struct span curve = json_strict_text(json, "crv");
    struct numbers numbers = {0};

    if (span_eq(kind, SPAN_OF("RSA"))) {
        return read_number(json, "n", &numbers, 0, error) &&
                       read_number(json, "e", &numbers, 1, error)
                   ? jws_key_rsa(numbers.values[0], numbers.values[1], error)
                   : NULL;
    }
    if (span_eq(kind, SPAN_OF("EC"))) {
        return read_number(json, "x", &numbers, 0, error) &&
                       read_number(json, "y", &numbers, 1, error)
                   ? jws_key_ec(curve, numbers.values[0], numbers.values[1], error)
                   : NULL;
    }
    if (span_eq(kind, SPAN_OF("OKP"))) {
        return read_number(json, "x", &numbers, 0, error)
                   ? jws_key_okp(curve, numbers.values[0], error)
                   : NULL;
    }
    (void)error_set(error, "its kind '%.*s' verifies no signature without a secret",
                    SPAN_ARG(span_cut(kind, 32)));
    return NULL;
}

static bool is_for_signatures(const json_t *json)
{
    const json_t *use = json_object_get(json, "use");
    const json_t *operations = json_object_get(json, "key_ops");
    size_t i;
    const json_t *value;

    if (use != NULL && !span_eq(json_strict_text(json, "use"), SPAN_OF("sig"))) {
        return false;
    }
    if (operations == NULL) {
        return true;
    }
    json_array_foreach(operations, i, value)
    {
        if (json_is_string(value) && strcmp(json_string_value(value), "verify") == 0) {
            return true;
        }
    }
    return false;
}

/* False: passed over, with a reason. */
static bool add_key(struct jwk_set *set, const json_t *json, struct error *error)
{
    struct span id = json_strict_text(json, "kid");
    struct span name = json_strict_text(json, "alg");
    struct jwk jwk = {.algorithm = jws_algorithm_find(name)};

    if (!json_is_object(json)) {
        return error_set(error, "it is no object");
    }
    if (!is_for_signatures(json)) {
        return error_set(error, "it is for something else than signatures");
    }
    if (id.len > JWK_ID_MAX) {
        return error_set(error, "its id is longer than %d bytes", JWK_ID_MAX);
    }
    if (json_object_get(json, "alg") != NULL && jwk.algorithm == JWS_NONE) {
        return error_set(error, "its algorithm '%.*s' is none that is known here",
                         SPAN_ARG(span_cut(name, 32)));
    }
    jwk.key = read_key(json, error);
    if (jwk.key == NULL) {
        return false;
    }
    if (jwk.algorithm != JWS_NONE && !jws_key_takes(jwk.key, jwk.algorithm)) {
        jws_key_destroy(jwk.key);
        return error_set(error, "it is no key for its algorithm");
    }
    jwk.id = id.ptr != NULL ? arena_copy(&set->arena, id) : id;
    set->keys[set->count++] = jwk;
    return true;
}

/* ---- sets ---- */

static bool add_keys(struct jwk_set *set, const json_t *keys, struct error *error)
{
    struct error why = {""};
    size_t i;
    const json_t *key;

    if (!json_is_array(keys)) {
        return error_set(error, "its 'keys' is no array");
    }
    json_array_foreach(keys, i, key)
    {
        if (set->count == JWK_SET_KEYS_MAX) {
            return error_set(error, "it has more than %d keys", JWK_SET_KEYS_MAX);
        }
        (void)add_key(set, key, &why);
    }
    if (set->count == 0) {
        return error_set(error, "it has no key that verifies signatures%s%.300s",
                         why.text[0] != '\0' ? ": of the last one, " : "", why.text);
    }
    return true;
}

static bool read_json(struct jwk_set *set, struct span text, struct error *error)
{
    static const struct json_bounds bounds = {.depth = 8, .values = 4096};
    json_t *json = json_strict_object(text, &bounds, error);
    const json_t *keys = json_object_get(json, "keys");
    bool is_good;

    if (json == NULL) {
        return false;
    }
    is_good = keys != NULL                           ? add_keys(set, keys, error)
              : json_object_get(json, "kty") != NULL ? add_key(set, json, error)
                                                     : error_set(error, "it has no 'keys'");
    json_decref(json);
    return is_good;
}

struct pem_adder {
    struct jwk_set *set;
    bool has_too_many;
};

static void add_pem_key(void *arg, struct jws_key *key)
{
    struct pem_adder *adder = arg;

    if (adder->set->count == JWK_SET_KEYS_MAX) {
        adder->has_too_many = true;
        jws_key_destroy(key);
        return;
    }
    adder->set->keys[adder->set->count++] = (struct jwk){.key = key};
}

static bool read_pem(struct jwk_set *set, struct span text, struct error *error)
{
    struct pem_adder adder = {.set = set};

    if (!jws_key_each_of_pem(text, add_pem_key, &adder, error)) {
        return false;
    }
    if (adder.has_too_many) {
        return error_set(error, "it has more than %d keys", JWK_SET_KEYS_MAX);
    }
    return set->count != 0 || error_set(error, "it has neither a JWK set nor a public key in PEM");
}

struct jwk_set *jwk_set_parse(struct span text, struct error *error)
{
    static atomic_uint_fast64_t numbers;
    struct jwk_set *set;
    struct span start = text;

    if (text.len > JWK_SET_BYTES_MAX) {
        (void)error_set(error, "it has more than %d bytes", JWK_SET_BYTES_MAX);
        return NULL;
    }
    while (start.len != 0 && strchr(" \t\r\n", start.ptr[0]) != NULL && start.ptr[0] != '\0') {
        start = span_skip(start, 1);
    }
    set = xcalloc(1, sizeof(*set));
    atomic_init(&set->references, 1);
    set->number = atomic_fetch_add(&numbers, 1) + 1;
    arena_init(&set->arena, 1024);
    if (start.len != 0 && start.ptr[0] == '{' ? read_json(set, start, error)
                                              : read_pem(set, text, error)) {
        return set;
    }
    jwk_set_release(set);
    return NULL;
}

struct jwk_set *jwk_set_hold(struct jwk_set *set)
{
    (void)atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    return set;
}

void jwk_set_release(struct jwk_set *set)
{
    if (set == NULL || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        jws_key_destroy(set->keys[i].key);
    }
    arena_destroy(&set->arena);
    free(set);
}

uint64_t jwk_set_number(const struct jwk_set *set)
{
    return set->number;
}

size_t jwk_set_count(const struct jwk_set *set)
{
    return set->count;
}

const struct jwk *jwk_set_at(const struct jwk_set *set, size_t index)
{
    return &set->keys[index];
}

bool jwk_takes(const struct jwk *jwk, enum jws_algorithm algorithm)
{
    return (jwk->algorithm == JWS_NONE || jwk->algorithm == algorithm) &&
           jws_key_takes(jwk->key, algorithm);
}
