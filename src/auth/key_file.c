#include "auth/key_file.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"

struct key_file {
    struct arena arena;
    struct key_entry *entries; /* by the first bytes of their digests */
    size_t count;
};

/* The order goes by these alone, whose time tells nothing of a key. */
#define ORDER_BYTES 8

static int by_order(const void *a, const void *b)
{
    const struct key_entry *one = a;
    const struct key_entry *other = b;

    return memcmp(one->digest, other->digest, ORDER_BYTES);
}

static int digit(char c)
{
    c = ascii_lower(c);
    return ascii_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_digest(struct span text, unsigned char digest[SHA256_BYTES])
{
    if (text.len != (size_t)2 * SHA256_BYTES) {
        return false;
    }
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        int high = digit(text.ptr[2 * i]);
        int low = digit(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        digest[i] = (unsigned char)(high * 16 + low);
    }
    return true;
}

static bool read_time(struct span text, struct arena *arena, int64_t *time)
{
    const char *copy = arena_cstr(arena, text);
    struct tm tm = {0};
    const char *end = strptime(copy, "%Y-%m-%dT%H:%M:%SZ", &tm);

    if (end == NULL) {
        tm = (struct tm){0};
        end = strptime(copy, "%Y-%m-%d", &tm);
    }
    if (end == NULL || *end != '\0') {
        return false;
    }
    *time = (int64_t)timegm(&tm);
    return true;
}

static bool read_scopes(struct span text, struct arena *arena, struct auth_list *scopes)
{
    struct span *items = arena_alloc(arena, KEY_SCOPES_MAX * sizeof(*items));
    struct span scope;
    size_t count = 0;

    while (span_split(&text, ',', &scope)) {
        if (scope.len == 0 || count == KEY_SCOPES_MAX) {
            return false;
        }
        items[count++] = arena_copy(arena, scope);
    }
    *scopes = (struct auth_list){items, count};
    return true;
}

static bool read_more(struct key_file *file, struct span word, struct key_entry *entry,
                      size_t number, struct error *error)
{
    if (span_starts_with(word, SPAN_OF("scopes="))) {
        return read_scopes(span_skip(word, 7), &file->arena, &entry->scopes) ||
               error_set(error, "line %zu: 'scopes=' has up to %d names with commas between them",
                         number, KEY_SCOPES_MAX);
    }
    if (span_starts_with(word, SPAN_OF("expires="))) {
        return read_time(span_skip(word, 8), &file->arena, &entry->expires) ||
               error_set(error,
                         "line %zu: 'expires=' is a day, 2027-01-31, or a moment, "
                         "2027-01-31T12:00:00Z",
                         number);
    }
    return error_set(error, "line %zu: '%.*s' is neither 'scopes=' nor 'expires='", number,
                     SPAN_ARG(span_cut(word, 60)));
}

/* The next word of *line. */
static bool take_word(struct span *line, struct span *word)
{
    *line = span_trim(*line);
    return line->len != 0 && span_split(line, ' ', word);
}

static bool take_line(struct key_file *file, struct span line, size_t number, struct error *error)
{
    struct key_entry *entry = &file->entries[file->count];
    struct span word;

    if (file->count == KEY_FILE_KEYS_MAX) {
        return error_set(error, "line %zu: there are more than %d keys", number, KEY_FILE_KEYS_MAX);
    }
    *entry = (struct key_entry){.expires = INT64_MAX};
    if (!take_word(&line, &word) || word.len > 255) {
        return error_set(error, "line %zu has no name, or one of more than 255 bytes", number);
    }
    entry->name = arena_copy(&file->arena, word);
    if (!take_word(&line, &word) || !read_digest(word, entry->digest)) {
        return error_set(error,
                         "line %zu: behind the name '%.*s' stand no 64 hex digits: 'tidegate "
                         "key new NAME' prints a line",
                         number, SPAN_ARG(entry->name));
    }
    while (take_word(&line, &word)) {
        if (!read_more(file, word, entry, number, error)) {
            return false;
        }
    }
    file->count++;
    return true;
}

static bool take_lines(struct key_file *file, struct span bytes, struct error *error)
{
    struct span line;
    size_t number = 0;

    while (span_split(&bytes, '\n', &line)) {
        line.len -= line.len != 0 && line.ptr[line.len - 1] == '\r';
        line = span_trim(line);
        number++;
        if (line.len != 0 && line.ptr[0] != '#' && !take_line(file, line, number, error)) {
            return false;
        }
    }
    qsort(file->entries, file->count, sizeof(*file->entries), by_order);
    for (size_t i = 1; i < file->count; i++) {
        if (memcmp(file->entries[i - 1].digest, file->entries[i].digest, SHA256_BYTES) == 0) {
            return error_set(error, "'%.*s' and '%.*s' have the same key",
                             SPAN_ARG(file->entries[i - 1].name), SPAN_ARG(file->entries[i].name));
        }
    }
    return true;
}

struct key_file *key_file_parse(struct span bytes, struct error *error)
{
    struct key_file *file = xcalloc(1, sizeof(*file));
    size_t lines = 2;

    arena_init(&file->arena, 4096);
    for (size_t i = 0; i < bytes.len && lines <= KEY_FILE_KEYS_MAX; i++) {
        lines += bytes.ptr[i] == '\n';
    }
    file->entries = xcalloc(lines, sizeof(*file->entries));
    if (!take_lines(file, bytes, error)) {
        key_file_destroy(file);
        return NULL;
    }
    return file;
}

void key_file_destroy(struct key_file *file)
{
    free(file->entries);
    arena_destroy(&file->arena);
    free(file);
}

static bool is_equal(const unsigned char *one, const unsigned char *other)
{
    unsigned differs = 0;

    for (size_t i = 0; i < SHA256_BYTES; i++) {
        differs |= one[i] ^ other[i];
    }
    return differs == 0;
}

const struct key_entry *key_file_find(const struct key_file *file,
                                      const unsigned char digest[SHA256_BYTES])
{
    size_t low = 0;
    size_t high = file->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(file->entries[middle].digest, digest, ORDER_BYTES) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < file->count && memcmp(file->entries[low].digest, digest, ORDER_BYTES) == 0;
         low++) {
        if (is_equal(file->entries[low].digest, digest)) {
            return &file->entries[low];
        }
    }
    return NULL;
}

static void *parse(struct span bytes, struct error *error)
{
    return key_file_parse(bytes, error);
}

static void destroy(void *file)
{
    key_file_destroy(file);
}

const struct followed_type key_file_type = {
    .what = "a file of keys",
    .max_bytes = (size_t)32 * 1024 * 1024,
    .parse = parse,
    .destroy = destroy,
};
