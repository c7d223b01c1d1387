#include "edge/balance_key.h"

#include <string.h>

#include "http/cookie.h"

static struct span key_of_address(const uint8_t *ip)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    if (ip == NULL) {
        return (struct span){0};
    }
    if (memcmp(ip, mapped, sizeof(mapped)) == 0) {
        return span_make(ip + sizeof(mapped), 4);
    }
    return span_make(ip, 8);
}

static struct span key_of_query(struct span query, struct span name)
{
    struct span pair;

    while (query.ptr != NULL && span_split(&query, '&', &pair)) {
        size_t at = span_find(pair, '=');
        if (at < pair.len && span_eq(span_head(pair, at), name)) {
            return span_skip(pair, at + 1);
        }
    }
    return (struct span){0};
}

static struct span key_of_hash(const struct balance_hash_settings *hash,
                               const struct balance_facts *facts)
{
    const struct http_request *request = facts->request;
    const struct http_field *field;

    switch (hash->key) {
    case BALANCE_KEY_ADDRESS:
        return key_of_address(facts->ip);
    case BALANCE_KEY_SNI:
        return facts->sni;
    case BALANCE_KEY_PATH:
        return facts->path;
    case BALANCE_KEY_HEADER:
        field = request != NULL
                    ? http_fields_find_name(&request->fields, span_from_cstr(hash->header))
                    : NULL;
        return field != NULL ? field->value : (struct span){0};
    case BALANCE_KEY_COOKIE:
        return request != NULL ? http_cookie_find(&request->fields, span_from_cstr(hash->cookie))
                               : (struct span){0};
    case BALANCE_KEY_QUERY:
        return request != NULL ? key_of_query(request->query, span_from_cstr(hash->query))
                               : (struct span){0};
    case BALANCE_KEY_USER:
    case BALANCE_KEY_CLAIM:
        return facts->identity != NULL ? facts->identity(facts->asker, hash->claim)
                                       : (struct span){0};
    }
    return (struct span){0};
}

struct span balance_key_find(const struct balance_settings *balance,
                             const struct balance_facts *facts)
{
    switch (balance->strategy) {
    case BALANCE_SOURCE:
        return key_of_address(facts->ip);
    case BALANCE_HASH:
        return key_of_hash(balance->hash, facts);
    case BALANCE_STICKY:
        return facts->request != NULL ? http_cookie_find(&facts->request->fields,
                                                         span_from_cstr(balance->sticky->cookie))
                                      : (struct span){0};
    case BALANCE_ROUND_ROBIN:
    case BALANCE_LEAST_REQUESTS:
    case BALANCE_RANDOM_OF_TWO:
    case BALANCE_EWMA:
    case BALANCE_FIRST:
        break;
    }
    return (struct span){0};
}

static const char *words_of_hash(const struct balance_hash_settings *hash, struct arena *arena)
{
    switch (hash->key) {
    case BALANCE_KEY_ADDRESS:
        break;
    case BALANCE_KEY_SNI:
        return "the name asked for in TLS (SNI)";
    case BALANCE_KEY_PATH:
        return "the path";
    case BALANCE_KEY_HEADER:
        return arena_printf(arena, "the field '%s'", hash->header);
    case BALANCE_KEY_COOKIE:
        return arena_printf(arena, "the cookie '%s'", hash->cookie);
    case BALANCE_KEY_QUERY:
        return arena_printf(arena, "the query parameter '%s'", hash->query);
    case BALANCE_KEY_USER:
        return "the user";
    case BALANCE_KEY_CLAIM:
        return arena_printf(arena, "the claim '%s'", hash->claim);
    }
    return "the client's address";
}

const char *balance_key_words(const struct balance_settings *balance, struct arena *arena)
{
    switch (balance->strategy) {
    case BALANCE_SOURCE:
        return "the client's address";
    case BALANCE_HASH:
        return words_of_hash(balance->hash, arena);
    case BALANCE_STICKY:
        return arena_printf(arena, "the cookie '%s'", balance->sticky->cookie);
    case BALANCE_ROUND_ROBIN:
    case BALANCE_LEAST_REQUESTS:
    case BALANCE_RANDOM_OF_TWO:
    case BALANCE_EWMA:
    case BALANCE_FIRST:
        break;
    }
    return NULL;
}
