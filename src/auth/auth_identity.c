#include "auth/auth_identity.h"

#include <string.h>

int auth_claim_path_order(struct span one, struct span other)
{
    size_t len = one.len < other.len ? one.len : other.len;
    int order = len != 0 ? memcmp(one.ptr, other.ptr, len) : 0;

    return order != 0 ? order : (one.len > other.len) - (one.len < other.len);
}

static struct auth_claims of_path(const struct auth_claims *claims, struct span path)
{
    size_t low = 0;
    size_t high = claims->count;
    size_t end;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (auth_claim_path_order(claims->items[middle].path, path) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (end = low; end < claims->count && span_eq(claims->items[end].path, path); end++) {
    }
    return (struct auth_claims){claims->items + low, end - low};
}

struct auth_claims auth_identity_claims(const struct auth_identity *identity, struct span path)
{
    struct auth_claims found = {NULL, 0};

    for (; identity != NULL && found.count == 0; identity = identity->also) {
        if (identity->claims.count != 0) {
            found = of_path(&identity->claims, path);
        }
    }
    return found;
}

struct span auth_identity_claim_text(const struct auth_identity *identity, struct span path,
                                     struct arena *arena)
{
    struct auth_claims found = auth_identity_claims(identity, path);
    size_t len = 0;
    char *bytes;
    char *to;

    if (found.count <= 1) {
        return found.count == 1 ? found.items[0].value : span_make(NULL, 0);
    }
    for (size_t i = 0; i < found.count; i++) {
        len += found.items[i].value.len + 1;
    }
    bytes = to = arena_alloc(arena, len);
    for (size_t i = 0; i < found.count; i++) {
        struct span value = found.items[i].value;
        if (i != 0) {
            *to++ = ',';
        }
        if (value.len != 0) {
            memcpy(to, value.ptr, value.len);
            to += value.len;
        }
    }
    return span_make(bytes, (size_t)(to - bytes));
}

bool auth_list_has(const struct auth_list *list, struct span wanted)
{
    for (size_t i = 0; i < list->count; i++) {
        if (span_eq(list->items[i], wanted)) {
            return true;
        }
    }
    return false;
}
