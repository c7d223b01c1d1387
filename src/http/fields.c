#include "http/fields.h"

#include "http/chars.h"

enum { HOP = 1, FIXED = 2 };

#define FIELD(id, name, first, near_last, traits)                                                  \
    | (((traits)&HOP) != 0 ? FIELD_BIT(id) : UINT64_C(0))
const uint64_t http_fields_hop_by_hop = UINT64_C(0)
#include "http/field_table.h"
    ;
#undef FIELD

#define FIELD(id, name, first, near_last, traits)                                                  \
    | (((traits)&FIXED) != 0 ? FIELD_BIT(id) : UINT64_C(0))
const uint64_t http_fields_fixed = UINT64_C(0)
#include "http/field_table.h"
    ;
#undef FIELD

static const struct span field_names[FIELD_ID_COUNT] = {
    [FIELD_OTHER] = {"", 0},
#define FIELD(id, name, first, near_last, traits) [id] = SPAN(name),
#include "http/field_table.h"
#undef FIELD
};

/* A perfect hash of length, first byte and last byte but one. Two names in one place would be two
 * initialisers of one element, which the compiler refuses (-Woverride-init). */
#define HASH_SIZE 256
#define HASH(len, first, near_last) (((len) + 3 * (first) + 18 * (near_last)) & (HASH_SIZE - 1))

static const uint8_t ids_by_hash[HASH_SIZE] = {
#define FIELD(id, name, first, near_last, traits) [HASH(sizeof(name) - 1, first, near_last)] = id,
#include "http/field_table.h"
#undef FIELD
};

static inline uint64_t load(const char *p, size_t n)
{
    uint64_t word = 0;

    memcpy(&word, p, n);
    return word;
}

/* Folds case by setting bit 5, but only where the registered name has a letter (bit 6 set): so
 * '\r' never equals '-'. */
static inline bool words_match(uint64_t a, uint64_t name)
{
    uint64_t fold = (name & HTTP_EACH_BYTE(0x40)) >> 1;

    return ((a ^ name) & ~fold) == 0;
}

static inline bool names_match(const char *a, const char *name, size_t len)
{
    if (len >= 8) {
        for (size_t i = 0; i + 8 < len; i += 8) {
            if (!words_match(load(a + i, 8), load(name + i, 8))) {
                return false;
            }
        }
        return words_match(load(a + len - 8, 8), load(name + len - 8, 8));
    }
    if (len >= 4) {
        return words_match(load(a, 4), load(name, 4)) &&
               words_match(load(a + len - 4, 4), load(name + len - 4, 4));
    }
    return words_match(load(a, 2), load(name, 2)) &&
           words_match(load(a + len - 2, 2), load(name + len - 2, 2));
}

enum http_field_id http_field_id(struct span name)
{
    if (name.len < 2) {
        return FIELD_OTHER;
    }
    unsigned first = (uint8_t)name.ptr[0] | 0x20U;
    unsigned near_last = (uint8_t)name.ptr[name.len - 2] | 0x20U;
    enum http_field_id id = ids_by_hash[HASH(name.len, first, near_last)];
    const struct span *registered = &field_names[id];

    if (registered->len == name.len && names_match(name.ptr, registered->ptr, name.len)) {
        return id;
    }
    return FIELD_OTHER;
}

struct span http_field_name(enum http_field_id id)
{
    CHECK(id < FIELD_ID_COUNT);
    return field_names[id];
}

#define FIRST_CAPACITY 16

void http_fields_grow(struct http_fields *fields, struct arena *arena)
{
    size_t capacity = fields->capacity != 0 ? fields->capacity * 2 : FIRST_CAPACITY;
    struct http_field *items = arena_alloc(arena, capacity * sizeof(*items));

    if (fields->count != 0) {
        memcpy(items, fields->items, fields->count * sizeof(*items));
    }
    fields->items = items;
    fields->capacity = capacity;
}

void http_fields_add(struct http_fields *fields, struct arena *arena, enum http_field_id id,
                     struct span name, struct span value)
{
    if (fields->count == fields->capacity) {
        http_fields_grow(fields, arena);
    }
    fields->items[fields->count++] = (struct http_field){
        .name = name,
        .value = value,
        .id = id,
        .is_not_sent = (http_fields_hop_by_hop >> id & 1) != 0,
    };
    /* FIELD_OTHER has its bit too: it tells nothing, and asking would cost a branch. */
    fields->present |= FIELD_BIT(id);
}

const struct http_field *http_fields_find(const struct http_fields *fields, enum http_field_id id)
{
    if (!http_fields_has(fields, id)) {
        return NULL;
    }
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == id) {
            return &fields->items[i];
        }
    }
    return NULL;
}

const struct http_field *http_fields_find_name(const struct http_fields *fields, struct span name)
{
    enum http_field_id id = http_field_id(name);

    if (id != FIELD_OTHER) {
        return http_fields_find(fields, id);
    }
    for (size_t i = 0; i < fields->count; i++) {
        if (span_ieq(fields->items[i].name, name)) {
            return &fields->items[i];
        }
    }
    return NULL;
}

struct span http_fields_last_value(const struct http_fields *fields, enum http_field_id id)
{
    for (size_t i = fields->count; i-- > 0;) {
        if (fields->items[i].id == id) {
            return fields->items[i].value;
        }
    }
    return span_make(NULL, 0);
}

static bool list_has(struct span list, struct span token)
{
    struct span part;

    while (span_split(&list, ',', &part)) {
        if (span_ieq(span_trim(part), token)) {
            return true;
        }
    }
    return false;
}

bool http_fields_list_has(const struct http_fields *fields, enum http_field_id id,
                          struct span token)
{
    if (!http_fields_has(fields, id)) {
        return false;
    }
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == id && list_has(fields->items[i].value, token)) {
            return true;
        }
    }
    return false;
}

void http_trailers_mark(struct http_fields *trailers, const struct http_fields *head)
{
    for (size_t i = 0; i < trailers->count; i++) {
        struct http_field *field = &trailers->items[i];
        if (http_fields_list_has(head, FIELD_CONNECTION, field->name)) {
            field->is_not_sent = true;
        }
    }
}

/* Known by id or by this list: what RFC 9110 section 6.5.1 keeps out of trailers and message.h has
 * no id for. */
bool http_field_may_be_trailer(const struct http_field *field)
{
    static const struct span refused[] = {
        SPAN("Age"),     SPAN("Cache-Control"), SPAN("Content-Encoding"), SPAN("Content-Range"),
        SPAN("Expires"), SPAN("Max-Forwards"),  SPAN("Pragma"),           SPAN("Retry-After"),
        SPAN("Vary"),    SPAN("Warning"),       SPAN("WWW-Authenticate")};

    if (field->id != FIELD_OTHER) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        if (span_ieq(field->name, refused[i])) {
            return false;
        }
    }
    return true;
}
