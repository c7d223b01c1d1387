#include "edge/credential.h"

#include <string.h>

/* What has no '=' is a name alone. */
static bool read_pair(struct span part, struct span *name, struct span *value)
{
    struct span rest = span_trim(part);

    if (!span_split(&rest, '=', name)) {
        return false;
    }
    *value = rest.ptr != NULL ? rest : SPAN_OF("");
    return true;
}

static bool is_pair_of(struct span part, struct span name, struct span *value)
{
    struct span found;
    struct span what;

    if (!read_pair(part, &found, &what) || !span_eq(found, name)) {
        return false;
    }
    *value = what;
    return true;
}

bool credential_next(struct span *text, char separator, struct span *name, struct span *value)
{
    struct span part;

    while (span_split(text, separator, &part)) {
        if (read_pair(part, name, value)) {
            return true;
        }
    }
    return false;
}

enum credential_place credential_find(struct span text, char separator, struct span name,
                                      struct span *value)
{
    enum credential_place place = CREDENTIAL_ABSENT;
    struct span part;
    struct span ignored;

    while (span_split(&text, separator, &part)) {
        if (is_pair_of(part, name, place == CREDENTIAL_ABSENT ? value : &ignored)) {
            if (place == CREDENTIAL_ONE) {
                return CREDENTIAL_MANY;
            }
            place = CREDENTIAL_ONE;
        }
    }
    return place;
}

struct span credential_remove(struct span text, char separator, struct span name,
                              struct arena *arena)
{
    char *bytes = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    struct span part;
    struct span value;

    while (span_split(&text, separator, &part)) {
        if (is_pair_of(part, name, &value)) {
            continue;
        }
        if (len != 0) {
            bytes[len++] = separator;
        }
        memcpy(bytes + len, part.len != 0 ? part.ptr : "", part.len);
        len += part.len;
    }
    return span_trim(span_make(bytes, len));
}
