#include "files/listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "edge/file_rules.h"
#include "files/beneath.h"
#include "http/quality.h"
#include "settings/settings.h"

struct entry {
    const char *name;
    bool is_folder;
    uint64_t size;
    time_t modified;
};

struct entries {
    struct entry *items;
    size_t count;
    size_t capacity;
    bool is_cut;
};

/* ---- reading ---- */

/* Of a link what it leads to, where that would be served. */
static bool look_at(const struct file_lookup *lookup, int folder_fd, const char *folder,
                    const char *name, struct stat *st)
{
    if (fstatat(folder_fd, name, st, AT_SYMLINK_NOFOLLOW) != 0) {
        return false;
    }
    if (S_ISLNK(st->st_mode)) {
        const char *path =
            strcmp(folder, ".") == 0 ? name : arena_printf(lookup->arena, "%s%s", folder, name);
        int fd = beneath_open(lookup->ask->root_fd, path);
        bool ok = fd >= 0 && fstat(fd, st) == 0;
        if (fd >= 0) {
            (void)close(fd);
        }
        if (!ok) {
            return false;
        }
    }
    return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode);
}

/* Whether a URL could name it: one with control bytes is never served (edge/path.h). */
static bool is_nameable(const char *name)
{
    if (name[0] == '.') {
        return false;
    }
    for (size_t i = 0; name[i] != '\0'; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static void add(const struct file_lookup *lookup, struct entries *entries, const char *name,
                const struct stat *st)
{
    if (entries->count == entries->capacity) {
        size_t capacity = entries->capacity != 0 ? 2 * entries->capacity : 32;
        struct entry *items = arena_alloc(lookup->arena, capacity * sizeof(*items));
        if (entries->count != 0) {
            memcpy(items, entries->items, entries->count * sizeof(*items));
        }
        entries->items = items;
        entries->capacity = capacity;
    }
    entries->items[entries->count++] =
        (struct entry){.name = arena_cstr(lookup->arena, span_from_cstr(name)),
                       .is_folder = S_ISDIR(st->st_mode),
                       .size = (uint64_t)st->st_size,
                       .modified = st->st_mtim.tv_sec};
}

static int read_folder(const struct file_lookup *lookup, const char *folder,
                       struct entries *entries)
{
    int fd = beneath_open(lookup->ask->root_fd, folder);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *item;
    size_t looked_at = 0;
    int error = errno;

    if (stream == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return error;
    }
    while ((item = readdir(stream)) != NULL) {
        struct stat st;
        if (!is_nameable(item->d_name)) {
            continue;
        }
        /* What is left out costs a look, too. */
        if (entries->count == LISTING_MAX || looked_at++ == 4 * LISTING_MAX) {
            entries->is_cut = true;
            break;
        }
        if (look_at(lookup, fd, folder, item->d_name, &st)) {
            add(lookup, entries, item->d_name, &st);
        }
    }
    (void)closedir(stream);
    return 0;
}

/* Folders first; by bytes, as no locale is everybody's. */
static int compare(const void *a, const void *b)
{
    const struct entry *one = a;
    const struct entry *other = b;

    if (one->is_folder != other->is_folder) {
        return one->is_folder ? -1 : 1;
    }
    return strcmp(one->name, other->name);
}

static bool has_file(const struct entries *entries, struct span name, struct arena *arena)
{
    const struct entry wanted = {.name = arena_cstr(arena, name)};

    return bsearch(&wanted, entries->items, entries->count, sizeof(wanted), compare) != NULL;
}

/* A form of another file of the list, which that one's name gets. */
static bool is_coded_form(const struct file_lookup *lookup, const struct entries *entries,
                          const struct entry *entry)
{
    struct span name = span_from_cstr(entry->name);

    if (!lookup->ask->settings->precompressed || entry->is_folder) {
        return false;
    }
    for (size_t i = 0; i < FILE_CODING_COUNT; i++) {
        struct span suffix = file_suffix(file_codings[i]);
        if (name.len > suffix.len && span_ends_with(name, suffix) &&
            has_file(entries, span_head(name, name.len - suffix.len), lookup->arena)) {
            return true;
        }
    }
    return false;
}

/* ---- writing ---- */

static void add_html(struct strbuf *out, const char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        switch (text[i]) {
        case '<':
            strbuf_add_cstr(out, "&lt;");
            break;
        case '>':
            strbuf_add_cstr(out, "&gt;");
            break;
        case '&':
            strbuf_add_cstr(out, "&amp;");
            break;
        case '"':
            strbuf_add_cstr(out, "&quot;");
            break;
        case '\'':
            strbuf_add_cstr(out, "&#39;");
            break;
        default:
            strbuf_add_char(out, text[i]);
        }
    }
}

/* A segment of a URL: but for unreserved characters (RFC 3986 section 2.3) all are triplets, so
 * that it is nothing but a name, whatever it looks like. */
static void add_segment(struct strbuf *out, const char *name)
{
    for (size_t i = 0; name[i] != '\0'; i++) {
        char c = name[i];
        bool is_unreserved = ascii_is_digit(c) ||
                             (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '-' ||
                             c == '.' || c == '_' || c == '~';
        if (is_unreserved) {
            strbuf_add_char(out, c);
        } else {
            strbuf_printf(out, "%%%02X", (unsigned char)c);
        }
    }
}

static void add_time(struct strbuf *out, time_t when)
{
    struct tm tm;
    char text[32];

    if (gmtime_r(&when, &tm) != NULL &&
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) != 0) {
        strbuf_add_cstr(out, text);
    }
}

static void write_html_entry(struct strbuf *out, const struct entry *entry)
{
    const char *slash = entry->is_folder ? "/" : "";

    strbuf_add_cstr(out, "<tr><td><a href=\"./");
    add_segment(out, entry->name);
    strbuf_printf(out, "%s\">", slash);
    add_html(out, entry->name);
    strbuf_printf(out, "%s</a><td>", slash);
    if (!entry->is_folder) {
        strbuf_add_u64(out, entry->size);
    }
    strbuf_add_cstr(out, "<td>");
    add_time(out, entry->modified);
    strbuf_add_char(out, '\n');
}

static void write_html(const struct file_lookup *lookup, const struct entries *entries,
                       struct strbuf *out)
{
    const char *path = arena_cstr(lookup->arena, lookup->ask->asked);

    strbuf_add_cstr(out, "<!doctype html>\n<meta charset=\"utf-8\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    add_html(out, path);
    strbuf_add_cstr(out, "</title>\n<h1>");
    add_html(out, path);
    strbuf_add_cstr(out, "</h1>\n<table>\n<tr><th>Name<th>Bytes<th>Changed\n");
    if (lookup->ask->path.len > 1) {
        strbuf_add_cstr(out, "<tr><td><a href=\"../\">../</a><td><td>\n");
    }
    for (size_t i = 0; i < entries->count; i++) {
        if (!is_coded_form(lookup, entries, &entries->items[i])) {
            write_html_entry(out, &entries->items[i]);
        }
    }
    strbuf_printf(out, "</table>\n%s",
                  entries->is_cut ? "<p>There are more than these.</p>\n" : "");
}

static void write_json(const struct file_lookup *lookup, const struct entries *entries,
                       struct strbuf *out)
{
    const char *comma = "";

    strbuf_add_cstr(out, "{\"entries\":[");
    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *entry = &entries->items[i];
        if (is_coded_form(lookup, entries, entry)) {
            continue;
        }
        strbuf_printf(out, "%s\n{\"name\":", comma);
        strbuf_add_json(out, span_from_cstr(entry->name));
        strbuf_printf(out, ",\"type\":\"%s\"", entry->is_folder ? "folder" : "file");
        if (!entry->is_folder) {
            strbuf_add_cstr(out, ",\"size\":");
            strbuf_add_u64(out, entry->size);
        }
        strbuf_add_cstr(out, ",\"modified\":\"");
        add_time(out, entry->modified);
        strbuf_add_cstr(out, "\"}");
        comma = ",";
    }
    strbuf_printf(out, "],\"complete\":%s}\n", entries->is_cut ? "false" : "true");
}

/* ---- which ---- */

/* Of the most exact of what Accept names (RFC 9110 section 12.5.1): the type, its kind, anything.
 */
static unsigned weight_of(const struct http_fields *fields, struct span type, struct span kind)
{
    unsigned weights[3] = {0};
    bool has[3] = {false};

    for (size_t i = 0; i < fields->count; i++) {
        struct span list = fields->items[i].value;
        struct quality_item item;
        if (!span_ieq(fields->items[i].name, SPAN_OF("Accept"))) {
            continue;
        }
        while (quality_next(&list, &item) == QUALITY_ITEM) {
            size_t at = span_ieq(item.name, type)            ? 0
                        : span_ieq(item.name, kind)          ? 1
                        : span_eq(item.name, SPAN_OF("*/*")) ? 2
                                                             : 3;
            if (at < 3) {
                weights[at] = item.weight;
                has[at] = true;
            }
        }
    }
    return has[0] ? weights[0] : has[1] ? weights[1] : has[2] ? weights[2] : 0;
}

static bool wants_json(const struct http_fields *fields)
{
    return weight_of(fields, SPAN_OF("application/json"), SPAN_OF("application/*")) >
           weight_of(fields, SPAN_OF("text/html"), SPAN_OF("text/*"));
}

int listing_answer(const struct file_lookup *lookup, const char *folder)
{
    struct entries entries = {0};
    struct strbuf out;
    int error = read_folder(lookup, folder, &entries);
    bool is_json = wants_json(&lookup->ask->request->fields);

    if (error != 0) {
        return error;
    }
    if (entries.count != 0) {
        qsort(entries.items, entries.count, sizeof(*entries.items), compare);
    }
    strbuf_init(&out);
    if (is_json) {
        write_json(lookup, &entries, &out);
    } else {
        write_html(lookup, &entries, &out);
    }
    lookup->answer->status = 200;
    lookup->answer->text = arena_copy(lookup->arena, strbuf_span(&out));
    strbuf_free(&out);
    file_add_field(lookup, FIELD_CONTENT_TYPE, SPAN_OF("Content-Type"),
                   is_json ? SPAN_OF("application/json") : SPAN_OF("text/html; charset=utf-8"));
    file_add_field(lookup, FIELD_OTHER, SPAN_OF("Vary"), SPAN_OF("Accept"));
    file_add_field(lookup, FIELD_OTHER, SPAN_OF("Cache-Control"), SPAN_OF("no-cache"));
    /* What is in a name is shown, and never run. */
    file_add_field(lookup, FIELD_OTHER, SPAN_OF("Content-Security-Policy"),
                   SPAN_OF("default-src 'none'"));
    file_add_field(lookup, FIELD_OTHER, SPAN_OF("X-Content-Type-Options"), SPAN_OF("nosniff"));
    return 0;
}
