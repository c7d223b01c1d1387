#include "access/country_db.h"

#include <stdlib.h>
#include <string.h>

/* Maps and arrays in each other; real ones have 3. */
#define DEPTH_MAX 8
/* Values that one look-up passes over. */
#define VALUES_MAX 4096
/* Where its description begins, at most so far before the end. */
#define METADATA_MAX ((size_t)128 * 1024)
/* Zeros between the tree and the data. */
#define SEPARATOR 16

static const struct span metadata_mark = SPAN("\xab\xcd\xefMaxMind.com");

struct country_db {
    unsigned char *bytes;
    size_t len;
    size_t data_at;
    uint64_t node_count;
    unsigned record_bits; /* 24, 28 or 32 */
    bool is_ipv6;
    uint64_t ipv4_node; /* where IPv4 addresses begin */
};

/* ---- data ---- */

enum {
    TYPE_POINTER = 1,
    TYPE_TEXT = 2,
    TYPE_UINT16 = 5,
    TYPE_UINT32 = 6,
    TYPE_MAP = 7,
    TYPE_UINT64 = 9,
    TYPE_ARRAY = 11,
    TYPE_BOOL = 14
};

/* Of the data from `start` to `end`; pointers count from its start. */
struct reader {
    const unsigned char *start;
    size_t len;
    size_t at;
    unsigned values_left;
};

struct value {
    unsigned type;
    uint64_t size; /* bytes, or the entries of a map or an array */
    size_t at;     /* of its content */
};

static bool take(struct reader *r, size_t count, uint64_t *number)
{
    if (count > r->len - r->at) {
        return false;
    }
    *number = 0;
    for (size_t i = 0; i < count; i++) {
        *number = *number << 8 | r->start[r->at++];
    }
    return true;
}

static bool take_pointer(struct reader *r, unsigned control, uint64_t *to)
{
    static const uint64_t bases[] = {0, 2048, 526336, 0};
    unsigned bytes = (control >> 3 & 3) + 1;
    uint64_t low;

    if (!take(r, bytes, &low)) {
        return false;
    }
    *to = low + (bytes == 4 ? 0 : ((uint64_t)(control & 7) << 8 * bytes) + bases[bytes - 1]);
    return *to < r->len;
}

static bool take_size(struct reader *r, unsigned control, uint64_t *size)
{
    static const uint64_t bases[] = {29, 285, 65821};
    unsigned more = control & 31;

    *size = more;
    if (more < 29) {
        return true;
    }
    if (!take(r, more - 28, size)) {
        return false;
    }
    *size += bases[more - 29];
    return true;
}

/* What stands next, behind a pointer where it is one; the reader stands at the content of a map or
 * an array, and behind everything else. */
static bool read_value(struct reader *r, struct value *value)
{
    size_t back = 0;
    uint64_t control;
    uint64_t to;

    for (unsigned hops = 0; hops < 2; hops++) {
        if (r->values_left == 0 || !take(r, 1, &control)) {
            return false;
        }
        r->values_left--;
        value->type = (unsigned)(control >> 5);
        if (value->type == TYPE_POINTER) {
            if (hops != 0 || !take_pointer(r, (unsigned)control, &to)) {
                return false; /* a pointer to a pointer is none */
            }
            back = r->at;
            r->at = (size_t)to;
            continue;
        }
        if (value->type == 0) {
            if (!take(r, 1, &to)) {
                return false;
            }
            value->type = (unsigned)to + 7;
        }
        if (!take_size(r, (unsigned)control, &value->size)) {
            return false;
        }
        break;
    }
    value->at = r->at;
    if (value->type != TYPE_MAP && value->type != TYPE_ARRAY && value->type != TYPE_BOOL) {
        if (value->size > r->len - r->at) {
            return false;
        }
        r->at += (size_t)value->size;
    }
    r->at = back != 0 ? back : r->at;
    return true;
}

static bool skip_value(struct reader *r, unsigned depth);

static bool skip_content(struct reader *r, const struct value *value, unsigned depth)
{
    uint64_t count = value->type == TYPE_MAP     ? 2 * value->size
                     : value->type == TYPE_ARRAY ? value->size
                                                 : 0;

    for (uint64_t i = 0; i < count; i++) {
        if (!skip_value(r, depth + 1)) {
            return false;
        }
    }
    return true;
}

static bool skip_value(struct reader *r, unsigned depth)
{
    struct value value;

    if (depth > DEPTH_MAX || !read_value(r, &value)) {
        return false;
    }
    /* What a pointer leads to lies elsewhere, and the reader stands behind the pointer. */
    return r->at != value.at || skip_content(r, &value, depth);
}

static struct span text_of(const struct reader *r, const struct value *value)
{
    return value->type == TYPE_TEXT
               ? span_make((const char *)r->start + value->at, (size_t)value->size)
               : span_make(NULL, 0);
}

/* The member of a map; the reader goes with it. */
static bool find_member(struct reader *r, const struct value *map, struct span name,
                        struct value *member)
{
    struct value key;

    if (map->type != TYPE_MAP) {
        return false;
    }
    r->at = map->at;
    for (uint64_t i = 0; i < map->size; i++) {
        if (!read_value(r, &key)) {
            return false;
        }
        if (span_eq(text_of(r, &key), name)) {
            return read_value(r, member);
        }
        if (!skip_value(r, 0)) {
            return false;
        }
    }
    return false;
}

static bool find_number(struct reader *r, const struct value *map, struct span name,
                        uint64_t *number)
{
    struct value value;

    if (!find_member(r, map, name, &value) || value.size > 8 ||
        (value.type != TYPE_UINT16 && value.type != TYPE_UINT32 && value.type != TYPE_UINT64)) {
        return false;
    }
    r->at = value.at;
    return take(r, (size_t)value.size, number);
}

/* ---- the tree ---- */

static uint64_t child(const struct country_db *db, uint64_t node, unsigned bit)
{
    const unsigned char *p = db->bytes + node * (db->record_bits / 4);

    switch (db->record_bits) {
    case 24:
        p += bit * 3UL;
        return (uint64_t)p[0] << 16 | (uint64_t)p[1] << 8 | p[2];
    case 28:
        return bit == 0
                   ? (uint64_t)(p[3] >> 4) << 24 | (uint64_t)p[0] << 16 | (uint64_t)p[1] << 8 | p[2]
                   : (uint64_t)(p[3] & 15) << 24 | (uint64_t)p[4] << 16 | (uint64_t)p[5] << 8 |
                         p[6];
    default:
        p += bit * 4UL;
        return (uint64_t)p[0] << 24 | (uint64_t)p[1] << 16 | (uint64_t)p[2] << 8 | p[3];
    }
}

/* From a node by so many bits; a value that is no node's number ends it. */
static uint64_t descend(const struct country_db *db, uint64_t node, const uint8_t *bits,
                        unsigned count)
{
    for (unsigned i = 0; i < count && node < db->node_count; i++) {
        node = child(db, node, bits[i / 8] >> (7 - i % 8) & 1);
    }
    return node;
}

static bool is_mapped(const uint8_t *ip)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

    return memcmp(ip, prefix, sizeof(prefix)) == 0;
}

/* ISO 3166-1 alpha-2: nothing else is a country to rules, or is told. */
static bool is_code(struct span text)
{
    return text.len == 2 && text.ptr[0] >= 'A' && text.ptr[0] <= 'Z' && text.ptr[1] >= 'A' &&
           text.ptr[1] <= 'Z';
}

struct span country_db_find(const struct country_db *db, const uint8_t *ip)
{
    struct reader r = {db->bytes + db->data_at, db->len - db->data_at, 0, VALUES_MAX};
    struct value whole;
    struct value country;
    struct value code;
    struct span code_text;
    uint64_t node = 0;

    if (ip == NULL) {
        return span_make(NULL, 0);
    }
    if (is_mapped(ip)) {
        node = descend(db, db->ipv4_node, ip + 12, 32);
    } else if (db->is_ipv6) {
        node = descend(db, 0, ip, 128);
    }
    if (node < db->node_count + SEPARATOR || node - db->node_count - SEPARATOR >= r.len) {
        return span_make(NULL, 0);
    }
    r.at = (size_t)(node - db->node_count - SEPARATOR);
    if (!read_value(&r, &whole) ||
        (!find_member(&r, &whole, SPAN_OF("country"), &country) &&
         !find_member(&r, &whole, SPAN_OF("registered_country"), &country)) ||
        !find_member(&r, &country, SPAN_OF("iso_code"), &code)) {
        return span_make(NULL, 0);
    }
    code_text = text_of(&r, &code);
    return is_code(code_text) ? code_text : span_make(NULL, 0);
}

/* ---- the file ---- */

/* Behind the last mark. */
static bool find_metadata(struct span bytes, size_t *at)
{
    size_t from = bytes.len > METADATA_MAX ? bytes.len - METADATA_MAX : 0;

    for (size_t i = bytes.len; i >= from + metadata_mark.len; i--) {
        if (memcmp(bytes.ptr + i - metadata_mark.len, metadata_mark.ptr, metadata_mark.len) == 0) {
            *at = i;
            return true;
        }
    }
    return false;
}

static bool has_countries(struct span type)
{
    static const char *const words[] = {"Country", "City", "Enterprise"};

    for (size_t w = 0; w < ARRAY_LEN(words); w++) {
        size_t len = strlen(words[w]);
        for (size_t i = 0; i + len <= type.len; i++) {
            if (memcmp(type.ptr + i, words[w], len) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool read_metadata(struct country_db *db, struct span bytes, struct error *error)
{
    size_t at = 0;
    struct reader r;
    struct value map;
    struct value type;
    uint64_t version;
    uint64_t bits;
    uint64_t major;

    if (!find_metadata(bytes, &at)) {
        return error_set(error, "it is no MaxMind DB file, or is not whole");
    }
    r = (struct reader){(const unsigned char *)bytes.ptr + at, bytes.len - at, 0, VALUES_MAX};
    if (!read_value(&r, &map) || !find_number(&r, &map, SPAN_OF("node_count"), &db->node_count) ||
        !find_number(&r, &map, SPAN_OF("record_size"), &bits) ||
        !find_number(&r, &map, SPAN_OF("ip_version"), &version) ||
        !find_number(&r, &map, SPAN_OF("binary_format_major_version"), &major) ||
        !find_member(&r, &map, SPAN_OF("database_type"), &type)) {
        return error_set(error, "its description is not whole");
    }
    if (major != 2 || (bits != 24 && bits != 28 && bits != 32) || (version != 4 && version != 6)) {
        return error_set(error, "it has another format than version 2 of MaxMind's");
    }
    if (!has_countries(text_of(&r, &type))) {
        return error_set(error, "it is a database of '%.*s', which has no countries",
                         SPAN_ARG(text_of(&r, &type)));
    }
    db->record_bits = (unsigned)bits;
    db->is_ipv6 = version == 6;
    db->len = at - metadata_mark.len;
    if (db->node_count == 0 || db->node_count > db->len / (bits / 4) ||
        db->node_count * (bits / 4) + SEPARATOR > db->len) {
        return error_set(error, "it says that it has %llu nodes, which its size does not have",
                         (unsigned long long)db->node_count);
    }
    db->data_at = (size_t)(db->node_count * (bits / 4)) + SEPARATOR;
    return true;
}

static void *parse(struct span bytes, struct error *error)
{
    static const uint8_t zeros[12];
    struct country_db *db = xcalloc(1, sizeof(*db));

    if (!read_metadata(db, bytes, error)) {
        free(db);
        return NULL;
    }
    db->bytes = xmalloc(db->len);
    memcpy(db->bytes, bytes.ptr, db->len);
    db->ipv4_node = db->is_ipv6 ? descend(db, 0, zeros, 96) : 0;
    return db;
}

static void destroy(void *object)
{
    struct country_db *db = object;

    free(db->bytes);
    free(db);
}

const struct followed_type country_db_type = {.what = "a database of countries",
                                              .max_bytes = (size_t)256 << 20,
                                              .parse = parse,
                                              .destroy = destroy};
