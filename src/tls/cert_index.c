#include "tls/cert_index.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_opener.h"
#include "base/strbuf.h"
#include "base/thread.h"
#include "tls/cert_listing.h"
#include "tls/pem_kind.h"

/* A certificate's file of an index; larger ones are not looked into. */
#define FILE_MAX (256 * 1024)
#define THREADS_MAX 8
/* Fewer files than these are read faster than a thread is started. */
#define FILES_PER_THREAD 64

/* ---- entries ---- */

struct cert_entry *cert_entry_hold(struct cert_entry *entry)
{
    (void)atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    return entry;
}

void cert_entry_release(struct cert_entry *entry)
{
    if (atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    CHECK(entry->loaded == NULL);
    for (size_t i = 0; i < CERT_FILE_COUNT; i++) {
        free(entry->files[i]);
    }
    free(entry->names);
    free(entry->complaint);
    free(entry->explanation);
    free(entry->trouble);
    free(entry);
}

/* ---- one file ---- */

struct reader {
    const char *folder;
    int folder_fd;
    char text[FILE_MAX];
    char der[FILE_MAX];
    struct strbuf names;
};

static void complain(struct cert_entry *entry, const char *what)
{
    free(entry->complaint);
    entry->complaint = xstrdup(what);
}

/* By the folder's descriptor, or as somebody who may. */
static int open_in(const char *folder, int folder_fd, const char *file)
{
    int fd = file_opener_open_at(folder_fd, file);
    char path[PATH_MAX];

    if (fd < 0 && errno == EACCES &&
        snprintf(path, sizeof(path), "%s/%s", folder, file) < (int)sizeof(path)) {
        fd = file_opener_open(path);
    }
    return fd;
}

static struct file_stamp stamp_in(const char *folder, int folder_fd, const char *file)
{
    char path[PATH_MAX];
    struct stat st;

    if (fstatat(folder_fd, file, &st, 0) == 0) {
        return file_stamp_from(&st);
    }
    return errno == EACCES &&
                   snprintf(path, sizeof(path), "%s/%s", folder, file) < (int)sizeof(path)
               ? file_opener_stamp(path)
               : (struct file_stamp){0};
}

static bool read_text(struct reader *reader, struct cert_entry *entry, struct span *text)
{
    int fd = open_in(reader->folder, reader->folder_fd, entry->files[CERT_FILE_CERTIFICATE]);
    ssize_t len;

    if (fd < 0) {
        complain(entry, errno == EACCES ? "may not be read" : "cannot be opened");
        return false;
    }
    len = read(fd, reader->text, sizeof(reader->text));
    (void)close(fd);
    if (len <= 0 || (size_t)len == sizeof(reader->text)) {
        complain(entry, len < 0 ? "cannot be read" : len == 0 ? "is empty" : "is too large");
        return false;
    }
    *text = span_make(reader->text, (size_t)len);
    return true;
}

/* A host name, or one with '*' as its whole first label. */
static bool is_host(struct span name)
{
    struct span rest =
        name.len > 2 && name.ptr[0] == '*' && name.ptr[1] == '.' ? span_skip(name, 2) : name;

    for (size_t i = 0; i < rest.len; i++) {
        char c = rest.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '.' || c == '_')) {
            return false;
        }
    }
    return rest.len != 0 && name.len <= 253;
}

static void take_names(struct reader *reader, struct cert_entry *entry, struct cert_scan *scan)
{
    struct span name;

    strbuf_clear(&reader->names);
    while (entry->name_count < CERT_NAMES_MAX && cert_scan_next_name(scan, &name)) {
        if (!is_host(name)) {
            continue;
        }
        for (size_t i = 0; i < name.len; i++) {
            char c = name.ptr[i];
            strbuf_add_char(&reader->names, c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c);
        }
        strbuf_add_char(&reader->names, '\0');
        entry->name_count++;
    }
    if (entry->name_count == 0) {
        complain(entry, "has no DNS names (subjectAltName)");
        return;
    }
    entry->names = xmalloc(reader->names.len);
    memcpy(entry->names, reader->names.ptr, reader->names.len);
    entry->is_usable = true;
}

/* What else a file without a certificate may be is told by its bytes. */
static void explain(const struct reader *reader, struct cert_entry *entry, struct span text,
                    bool has_certificate)
{
    char path[PATH_MAX];
    struct error error;
    bool is_explained;

    if (snprintf(path, sizeof(path), "%s/%s", reader->folder,
                 entry->files[CERT_FILE_CERTIFICATE]) >= (int)sizeof(path)) {
        return;
    }
    is_explained = has_certificate ? !pem_kind_check_blocks(path, text, &error)
                                   : !pem_kind_explain(path, text, PEM_WANTS_CERTIFICATE, &error);
    if (is_explained) {
        free(entry->explanation);
        entry->explanation = xstrdup(error.text);
    }
}

/* Many tools call the files of keys, and of what belongs to them, .pem too. */
static bool is_of_another_kind(const struct cert_entry *entry, struct span text)
{
    static const struct span labels[] = {SPAN("PRIVATE KEY-----"), SPAN("PUBLIC KEY-----"),
                                         SPAN("PARAMETERS-----"), SPAN(" CRL-----"),
                                         SPAN("REQUEST-----")};
    const char *dot = strrchr(entry->files[CERT_FILE_CERTIFICATE], '.');

    for (size_t i = 0; strcmp(dot, ".pem") == 0 && i < ARRAY_LEN(labels); i++) {
        if (memmem(text.ptr, text.len, labels[i].ptr, labels[i].len) != NULL) {
            return true;
        }
    }
    return false;
}

static void read_entry(struct reader *reader, struct cert_entry *entry)
{
    struct span text;
    struct span der;
    struct cert_scan scan;

    if (!read_text(reader, entry, &text)) {
        return;
    }
    if (memmem(text.ptr, text.len, "BEGIN CERTIFICATE-----", 22) == NULL) {
        if (!is_of_another_kind(entry, text)) {
            complain(entry, "holds no PEM certificate");
            explain(reader, entry, text, false);
        }
        return;
    }
    if (!cert_scan_pem(text, reader->der, sizeof(reader->der), &der) ||
        !cert_scan_der(der, &scan)) {
        complain(entry, "holds a damaged certificate");
        explain(reader, entry, text, true);
        return;
    }
    if (entry->files[CERT_FILE_KEY] == NULL &&
        memmem(text.ptr, text.len, "PRIVATE KEY-----", 16) == NULL) {
        complain(entry, "has no key, neither in it nor beside it in a .key file");
        return;
    }
    if (scan.is_odd_curve) {
        complain(entry, "has a key on a curve that TLS does not use (make one on P-256)");
        return;
    }
    entry->kind = scan.kind;
    entry->not_before = scan.not_before;
    entry->not_after = scan.not_after;
    take_names(reader, entry, &scan);
}

/* ---- all of them, by several threads ---- */

struct reading {
    struct cert_index *index;
    const char *folder;
    int folder_fd;
    atomic_size_t next;
};

static void *read_entries(void *arg)
{
    struct reading *reading = arg;
    struct reader *reader = xcalloc(1, sizeof(*reader));
    size_t i;

    reader->folder = reading->folder;
    reader->folder_fd = reading->folder_fd;
    while ((i = atomic_fetch_add_explicit(&reading->next, 1, memory_order_relaxed)) <
           reading->index->count) {
        if (reading->index->entries[i]->is_new) {
            read_entry(reader, reading->index->entries[i]);
        }
    }
    strbuf_free(&reader->names);
    explicit_bzero(reader->text, sizeof(reader->text)); /* a certificate's key may be beside it */
    free(reader);
    return NULL;
}

static size_t count_threads(size_t files)
{
    cpu_set_t cpus;
    size_t count = 1;

    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) {
        count = (size_t)CPU_COUNT(&cpus);
    }
    count = count < THREADS_MAX ? count : THREADS_MAX;
    return count < files / FILES_PER_THREAD ? count : files / FILES_PER_THREAD;
}

static void read_new(struct cert_index *index, const char *folder, int folder_fd, size_t new_count)
{
    struct reading reading = {.index = index, .folder = folder, .folder_fd = folder_fd};
    pthread_t threads[THREADS_MAX];
    size_t wanted = count_threads(new_count);
    size_t started = 0;

    atomic_init(&reading.next, 0);
    while (started + 1 < wanted &&
           thread_start(&threads[started], "certificates", read_entries, &reading) == 0) {
        started++;
    }
    if (new_count != 0) {
        (void)read_entries(&reading);
    }
    for (size_t i = 0; i < started; i++) {
        thread_join(threads[i]);
    }
}

/* ---- what is as it was ---- */

/* What belongs to a certificate, as it is now. */
struct present {
    const char *files[CERT_FILE_COUNT]; /* the listing's */
    struct file_stamp stamps[CERT_FILE_COUNT];
};

static struct present look_at(const struct cert_listing *listing, size_t at, const char *folder,
                              int folder_fd)
{
    struct present present = {{[CERT_FILE_CERTIFICATE] = listing->names[at],
                               [CERT_FILE_KEY] = cert_listing_sibling(listing, at, ".key"),
                               [CERT_FILE_OCSP] = cert_listing_sibling(listing, at, ".ocsp")},
                              {{0}}};

    if (present.files[CERT_FILE_KEY] == NULL &&
        strcmp(cert_listing_base_name(listing->names[at]), "fullchain.pem") == 0) {
        present.files[CERT_FILE_KEY] = cert_listing_beside(listing, at, "privkey.pem");
    }
    for (size_t i = 0; i < CERT_FILE_COUNT; i++) {
        if (present.files[i] != NULL) {
            present.stamps[i] = stamp_in(folder, folder_fd, present.files[i]);
        }
    }
    return present;
}

static bool is_same(const struct cert_entry *before, const struct present *present)
{
    for (size_t i = 0; i < CERT_FILE_COUNT; i++) {
        if ((before->files[i] == NULL) != (present->files[i] == NULL) ||
            !file_stamp_equal(&before->stamps[i], &present->stamps[i])) {
            return false;
        }
    }
    return true;
}

static struct cert_entry *entry_create(const struct present *present)
{
    struct cert_entry *entry = xcalloc(1, sizeof(*entry));

    atomic_init(&entry->references, 1);
    entry->is_new = true;
    for (size_t i = 0; i < CERT_FILE_COUNT; i++) {
        entry->files[i] = present->files[i] != NULL ? xstrdup(present->files[i]) : NULL;
        entry->stamps[i] = present->stamps[i];
    }
    return entry;
}

/* The entry of that file; both are gone through in the order of their names. NULL: none. */
static struct cert_entry *find_before(const struct cert_index *old, size_t *at, const char *file)
{
    int order = 1;

    while (old != NULL && *at < old->count &&
           (order = strcmp(old->entries[*at]->files[CERT_FILE_CERTIFICATE], file)) < 0) {
        (*at)++;
    }
    return order == 0 ? old->entries[*at] : NULL;
}

static void add_entry(struct cert_index *index, const struct present *present,
                      struct cert_entry *before)
{
    struct cert_entry *entry;

    if (before != NULL && is_same(before, present)) {
        entry = cert_entry_hold(before);
        entry->is_new = false;
    } else {
        entry = entry_create(present);
        *(before != NULL ? &index->changed : &index->added) += 1;
    }
    index->entries[index->count++] = entry;
}

static void add_entries(struct cert_index *index, const struct cert_listing *listing,
                        const char *folder, int folder_fd, const struct cert_index *old)
{
    size_t before_at = 0;

    index->entries = xcalloc(listing->count + 1, sizeof(struct cert_entry *));
    for (size_t i = 0; i < listing->count; i++) {
        if (cert_listing_is_certificate(listing->names[i]) &&
            !cert_listing_is_part_of_chain(listing, i)) {
            struct present present = look_at(listing, i, folder, folder_fd);
            add_entry(index, &present, find_before(old, &before_at, listing->names[i]));
        }
    }
}

struct cert_index *cert_index_read(const char *folder, const struct cert_index *old,
                                   struct error *error)
{
    int fd = file_opener_open(folder);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct cert_index *index;
    struct cert_listing listing;

    if (dir == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        (void)error_set_errno(error, errno, "the folder of certificates '%s' cannot be opened",
                              folder);
        return NULL;
    }
    if (!cert_listing_read(&listing, folder, dir)) {
        (void)error_set_errno(error, errno,
                              "the folder of certificates '%s', or a folder in it, cannot be read",
                              folder);
        cert_listing_free(&listing);
        (void)closedir(dir);
        return NULL;
    }
    index = xcalloc(1, sizeof(*index));
    map_init(&index->names);
    add_entries(index, &listing, folder, dirfd(dir), old);
    index->removed = old != NULL ? old->count - (index->count - index->added) : 0;
    read_new(index, folder, dirfd(dir), index->added + index->changed);
    cert_listing_free(&listing);
    (void)closedir(dir);
    return index;
}

/* ---- the table of names ---- */

static void add_name(struct cert_index *index, struct cert_choice *choice, const char *name)
{
    struct cert_choice *first = map_add(&index->names, span_from_cstr(name), choice);

    if (first != NULL) {
        choice->next = first->next;
        first->next = choice;
    }
}

void cert_index_arrange(struct cert_index *index)
{
    size_t names = 0;
    size_t used = 0;

    index->usable = 0;
    for (size_t i = 0; i < index->count; i++) {
        names += index->entries[i]->is_usable ? index->entries[i]->name_count : 0;
        index->usable += index->entries[i]->is_usable ? 1 : 0;
    }
    index->choices = xcalloc(names + 1, sizeof(*index->choices));
    for (size_t i = 0; i < index->count; i++) {
        struct cert_entry *entry = index->entries[i];
        const char *name = entry->names;
        for (size_t n = 0; entry->is_usable && n < entry->name_count; n++) {
            index->choices[used].entry = entry;
            add_name(index, &index->choices[used++], name);
            name += strlen(name) + 1;
        }
    }
}

void cert_index_destroy(struct cert_index *index)
{
    if (index == NULL) {
        return;
    }
    for (size_t i = 0; i < index->count; i++) {
        cert_entry_release(index->entries[i]);
    }
    map_free(&index->names);
    free(index->choices);
    free(index->entries);
    free(index);
}

/* Those with the wildcard of the host's parent domain; NULL: none. */
static const struct cert_choice *find_wildcard(const struct cert_index *index, struct span host)
{
    const char *dot = host.len != 0 ? memchr(host.ptr, '.', host.len) : NULL;
    char wildcard[256] = "*";
    size_t rest;

    if (dot == NULL || dot == host.ptr) {
        return NULL;
    }
    rest = (size_t)(host.ptr + host.len - dot);
    if (rest > sizeof(wildcard) - 1) {
        return NULL;
    }
    memcpy(wildcard + 1, dot, rest);
    return map_find(&index->names, span_make(wildcard, rest + 1));
}

bool cert_index_has(const struct cert_index *index, struct span host)
{
    return map_find(&index->names, host) != NULL || find_wildcard(index, host) != NULL;
}

static void rank(const struct cert_choice *choice, enum cert_cover cover, int64_t now,
                 bool skip_troubled, struct cert_ranking *ranking)
{
    for (; choice != NULL; choice = choice->next) {
        struct cert_entry *entry = choice->entry;
        if (!skip_troubled || entry->trouble == NULL || entry->try_again <= now) {
            cert_ranking_add(ranking, entry,
                             cert_rank_of(cover, entry->not_before, entry->not_after, now),
                             entry->kind, entry->not_before);
        }
    }
}

void cert_index_rank(const struct cert_index *index, struct span host, int64_t now,
                     bool skip_troubled, struct cert_ranking *ranking)
{
    *ranking = (struct cert_ranking){0};
    rank(map_find(&index->names, host), CERT_COVER_EXACT, now, skip_troubled, ranking);
    rank(find_wildcard(index, host), CERT_COVER_WILDCARD, now, skip_troubled, ranking);
}

struct cert_entry *cert_index_entry(const struct cert_index *index, const char *file)
{
    size_t from = 0;
    size_t to = index->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = strcmp(file, index->entries[middle]->files[CERT_FILE_CERTIFICATE]);
        if (order == 0) {
            return index->entries[middle];
        }
        if (order < 0) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    return NULL;
}
