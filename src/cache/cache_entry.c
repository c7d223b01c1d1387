#include "cache/cache_entry.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

struct cache_body *cache_body_make(size_t len)
{
    struct cache_body *body = xmalloc(sizeof(*body) + len);

    atomic_init(&body->references, 1);
    body->len = len;
    return body;
}

void cache_body_release(struct cache_body *body)
{
    if (body != NULL &&
        atomic_fetch_sub_explicit(&body->references, 1, memory_order_acq_rel) == 1) {
        free(body);
    }
}

struct cache_entry *cache_entry_hold(struct cache_entry *entry)
{
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    return entry;
}

void cache_entry_release(struct cache_entry *entry)
{
    if (entry == NULL ||
        atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (entry->sum != NULL) {
        atomic_fetch_sub_explicit(entry->sum, entry->bytes, memory_order_relaxed);
    }
    cache_body_release(entry->body);
    free(entry);
}

/* ---- Vary ---- */

/* Host is in the key, and has no field of its own in HTTP/2. */
static bool is_in_key(struct span name)
{
    return span_ieq(name, SPAN_OF("Host"));
}

/* In what is negotiated, neither blanks nor case mean anything; elsewhere they may. */
static size_t copy_normal(char *to, struct span name, struct span value)
{
    size_t len = 0;

    if (!span_istarts_with(name, SPAN_OF("Accept"))) {
        memcpy(to, value.ptr, value.len);
        return value.len;
    }
    for (size_t i = 0; i < value.len; i++) {
        char byte = value.ptr[i];
        if (byte != ' ' && byte != '\t') {
            to[len++] = byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
        }
    }
    return len;
}

/* The values of all lines of that name as one. False: it is longer than there is room. Two are
 * alike if and only if this gives the same for both. */
static bool vary_value(const struct http_request *request, struct span name, char *to, size_t room,
                       size_t *len)
{
    *len = 0;
    for (size_t i = 0; !is_in_key(name) && i < request->fields.count; i++) {
        const struct http_field *field = &request->fields.items[i];

        if (field->is_not_sent || !span_ieq(field->name, name)) {
            continue;
        }
        if (field->value.len + 1 > room - *len) {
            return false;
        }
        to[*len] = *len == 0 ? ':' : ','; /* one that is empty is none that is absent */
        *len += 1;
        if (field->value.len != 0) {
            *len += copy_normal(to + *len, name, field->value);
        }
    }
    return true;
}

bool cache_entry_fits(const struct cache_entry *entry, const struct http_request *request)
{
    char value[CACHE_VARY_BYTES_MAX];
    size_t len;

    for (size_t i = 0; i < entry->vary_count; i++) {
        if (!vary_value(request, entry->vary[i].name, value, sizeof(value), &len) ||
            !span_eq(entry->vary[i].value, span_make(value, len))) {
            return false;
        }
    }
    return true;
}

/* The names of the response's Vary, each once. False: they are too many. */
static bool vary_names(const struct http_fields *fields, struct cache_vary *vary, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < fields->count; i++) {
        struct span rest = fields->items[i].value;

        if (!span_ieq(fields->items[i].name, SPAN_OF("Vary"))) {
            continue;
        }
        while (rest.len != 0) {
            size_t comma = span_find(rest, ',');
            struct span name = span_trim(span_head(rest, comma));
            bool is_new = name.len != 0;

            for (size_t k = 0; k < *count; k++) {
                is_new &= !span_ieq(vary[k].name, name);
            }
            if (is_new && *count == CACHE_VARY_MAX) {
                return false;
            }
            if (is_new) {
                vary[(*count)++].name = name;
            }
            rest = span_skip(rest, comma < rest.len ? comma + 1 : comma);
        }
    }
    return true;
}

/* ---- making one ---- */

/* One block: the entry, its fields, their texts. */
struct block {
    struct cache_entry *entry;
    char *at;
};

static struct span put(struct block *block, struct span text)
{
    struct span copy = span_make(block->at, text.len);

    if (text.len != 0) {
        memcpy(block->at, text.ptr, text.len);
        block->at += text.len;
    }
    return copy;
}

static size_t text_bytes(const struct cache_key *key, const struct cache_vary *vary,
                         size_t vary_count, const struct http_fields *fields)
{
    size_t bytes = key->url.len + key->rest.len;

    for (size_t i = 0; i < vary_count; i++) {
        bytes += vary[i].name.len + vary[i].value.len;
    }
    for (size_t i = 0; i < fields->count; i++) {
        if (cache_keeps_field(&fields->items[i])) {
            bytes += fields->items[i].name.len + fields->items[i].value.len;
        }
    }
    return bytes;
}

static void put_fields(struct block *block, const struct http_fields *fields,
                       struct http_field *items)
{
    block->entry->fields = items;
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];

        if (cache_keeps_field(field)) {
            items[block->entry->field_count++] =
                (struct http_field){.name = put(block, field->name),
                                    .value = put(block, field->value),
                                    .id = field->id};
        }
    }
}

static struct cache_entry *make(const struct cache_key *key, const struct cache_vary *vary,
                                size_t vary_count, const struct http_fields *fields,
                                struct cache_body *body)
{
    size_t head = sizeof(struct cache_entry) + fields->count * sizeof(struct http_field);
    size_t bytes = head + text_bytes(key, vary, vary_count, fields);
    struct cache_entry *entry = xcalloc(1, bytes);
    struct block block = {entry, (char *)entry + head};

    atomic_init(&entry->references, 1);
    list_init(&entry->queue);
    entry->key.url = put(&block, key->url);
    entry->key.rest = put(&block, key->rest);
    for (size_t i = 0; i < vary_count; i++) {
        entry->vary[i].name = put(&block, vary[i].name);
        entry->vary[i].value = put(&block, vary[i].value);
    }
    entry->vary_count = vary_count;
    put_fields(&block, fields, (struct http_field *)(entry + 1));
    if (body != NULL) {
        atomic_fetch_add_explicit(&body->references, 1, memory_order_relaxed);
        entry->body = body;
    }
    entry->bytes = bytes + (body != NULL ? sizeof(*body) + body->len : 0);
    return entry;
}

struct cache_entry *cache_entry_make(const struct cache_key *key,
                                     const struct http_request *request,
                                     const struct http_response *response, struct cache_body *body,
                                     const struct cache_life *life, uint64_t now_us)
{
    struct cache_vary vary[CACHE_VARY_MAX];
    char values[CACHE_VARY_BYTES_MAX];
    struct cache_entry *entry;
    size_t count;
    size_t at = 0;
    size_t len;

    if (!vary_names(&response->fields, vary, &count)) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (!vary_value(request, vary[i].name, values + at, sizeof(values) - at, &len)) {
            return NULL;
        }
        vary[i].value = span_make(values + at, len);
        at += len;
    }
    entry = make(key, vary, count, &response->fields, body);
    entry->status = response->status;
    entry->life = *life;
    entry->since_us = now_us;
    return entry;
}

struct cache_entry *cache_entry_make_marker(const struct cache_key *key, uint64_t until_us)
{
    static const struct http_fields none;
    struct cache_entry *entry = make(key, NULL, 0, &none, NULL);

    entry->until_us = until_us;
    return entry;
}

/* ---- a 304 ---- */

/* ptr NULL: none. */
static struct span stored_tag(const struct cache_entry *entry)
{
    for (size_t i = 0; i < entry->field_count; i++) {
        if (span_ieq(entry->fields[i].name, SPAN_OF("ETag"))) {
            return entry->fields[i].value;
        }
    }
    return span_make(NULL, 0);
}

/* Without its weakness, which what compresses on the way adds. */
static struct span opaque_tag(struct span etag)
{
    return span_starts_with(etag, SPAN_OF("W/")) ? span_skip(etag, 2) : etag;
}

/* One that says to be of another representation updates nothing (section 4.3.4). */
static bool is_of_another(const struct cache_entry *old, const struct http_response *not_modified)
{
    const struct http_field *new = http_fields_find_name(&not_modified->fields, SPAN_OF("ETag"));
    struct span mine = stored_tag(old);

    return new != NULL &&mine.ptr != NULL && !span_eq(opaque_tag(new->value), opaque_tag(mine));
}

/* The tag stays as the response came with it. */
static bool is_replaced(const struct http_response *by, struct span name)
{
    if (span_ieq(name, SPAN_OF("ETag"))) {
        return false;
    }
    for (size_t i = 0; i < by->fields.count; i++) {
        if (cache_updates_field(&by->fields.items[i]) && span_ieq(by->fields.items[i].name, name)) {
            return true;
        }
    }
    return false;
}

void cache_entry_merge(const struct cache_entry *old, const struct http_response *not_modified,
                       struct arena *arena, struct http_response *merged)
{
    const struct http_response nothing = {.status = 304};

    *merged = (struct http_response){.version = not_modified->version, .status = old->status};
    not_modified = is_of_another(old, not_modified) ? &nothing : not_modified;
    for (size_t i = 0; i < old->field_count; i++) {
        const struct http_field *field = &old->fields[i];
        if (!is_replaced(not_modified, field->name)) {
            http_fields_add(&merged->fields, arena, field->id, field->name, field->value);
        }
    }
    for (size_t i = 0; i < not_modified->fields.count; i++) {
        const struct http_field *field = &not_modified->fields.items[i];
        bool is_tag = span_ieq(field->name, SPAN_OF("ETag"));
        if (cache_updates_field(field) && !(is_tag && stored_tag(old).ptr != NULL)) {
            http_fields_add(&merged->fields, arena, field->id, field->name, field->value);
        }
    }
}

struct cache_entry *cache_entry_freshen(const struct cache_entry *old,
                                        const struct http_response *merged,
                                        const struct cache_life *life, uint64_t now_us)
{
    struct cache_entry *entry =
        make(&old->key, old->vary, old->vary_count, &merged->fields, old->body);

    entry->status = old->status;
    entry->life = *life;
    entry->since_us = now_us;
    return entry;
}

/* ---- asking ---- */

bool cache_entry_is_like(const struct cache_entry *a, const struct cache_entry *b)
{
    if (!span_eq(a->key.url, b->key.url) || !span_eq(a->key.rest, b->key.rest) ||
        a->vary_count != b->vary_count) {
        return false;
    }
    for (size_t i = 0; i < a->vary_count; i++) {
        if (!span_ieq(a->vary[i].name, b->vary[i].name) ||
            !span_eq(a->vary[i].value, b->vary[i].value)) {
            return false;
        }
    }
    return true;
}

static bool has_word(struct span text, char mark, struct span word)
{
    while (text.len != 0) {
        size_t end = span_find(text, mark);
        if (span_eq(span_trim(span_head(text, end)), word)) {
            return true;
        }
        text = span_skip(text, end < text.len ? end + 1 : end);
    }
    return false;
}

bool cache_entry_has_tag(const struct cache_entry *entry, struct span tag)
{
    for (size_t i = 0; i < entry->field_count; i++) {
        const struct http_field *field = &entry->fields[i];
        if ((span_ieq(field->name, SPAN_OF("Cache-Tag")) && has_word(field->value, ',', tag)) ||
            (span_ieq(field->name, SPAN_OF("Surrogate-Key")) && has_word(field->value, ' ', tag))) {
            return true;
        }
    }
    return false;
}

void cache_entry_fields(const struct cache_entry *entry, struct arena *arena,
                        struct http_fields *fields)
{
    *fields = (struct http_fields){0};
    for (size_t i = 0; i < entry->field_count; i++) {
        const struct http_field *field = &entry->fields[i];
        http_fields_add(fields, arena, field->id, field->name, field->value);
    }
}
