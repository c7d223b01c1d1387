#include "auth/key_source.h"

static void *parse(const struct fetched_settings *settings, struct span text, struct error *error)
{
    (void)settings;
    return jwk_set_parse(text, error);
}

static void *hold(void *keys)
{
    return jwk_set_hold(keys);
}

static void release(void *keys)
{
    jwk_set_release(keys);
}

static uint64_t number(const void *keys)
{
    return jwk_set_number(keys);
}

static const struct fetched_type type = {
    .what = "keys",
    .without = "its tokens cannot be verified",
    .accept = "application/jwk-set+json, application/json",
    .bytes_max = JWK_SET_BYTES_MAX,
    .parse = parse,
    .hold = hold,
    .release = release,
    .number = number,
};

struct fetched *key_source_open(const struct fetched_settings *settings)
{
    return fetched_open(&type, settings);
}

struct jwk_set *key_source_keys(struct fetched *source)
{
    return fetched_hold(source);
}
