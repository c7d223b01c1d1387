#include "base/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file_opener.h"
#include "base/pem_private.h"
#include "base/strbuf.h"

#define MAGIC UINT64_C(0x54474255314e444c)
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define SLOTS_MIN 64
/* The head of a bundle has the names of its files alone. */
#define HEAD_MAX ((uint64_t)256 << 20)

/* As it stands in the file: the head is a struct header, the entries, and texts (paths and the
 * note), then come the files' bytes. */
struct header {
    uint64_t magic;
    uint64_t head_len; /* where the bytes of files begin */
    uint64_t total_len;
    uint64_t entry_count;
    uint64_t note_at;
    uint64_t note_len;
};

struct entry {
    struct file_stamp stamp;
    uint64_t path_at; /* ends in a NUL */
    uint64_t bytes_at;
    uint64_t bytes_len;
    int32_t error; /* errno; 0: it was read */
    uint8_t kind;
    uint8_t is_unread; /* it was looked at alone: a key's file that somebody else reads */
    uint16_t zero;     /* where padding would lie: what is written is defined to its last byte */
};
_Static_assert(sizeof(struct entry) == sizeof(struct file_stamp) + 4 * sizeof(uint64_t), "padding");

/* ---- entries by path ---- */

static uint32_t hash_of(const char *path)
{
    uint32_t hash = 2166136261u;

    for (const char *at = path; *at != '\0'; at++) {
        hash = (hash ^ (unsigned char)*at) * 16777619u; /* FNV-1a */
    }
    return hash;
}

/* Numbers of entries from 1 on, by their paths; open addressing, less than half full. */
struct paths {
    uint32_t *slots;
    size_t mask;
    size_t count;
};

typedef const char *path_of_fn(const void *owner, size_t entry);

static uint32_t *slot_of(const struct paths *paths, const char *path, path_of_fn *path_of,
                         const void *owner)
{
    size_t i = hash_of(path) & paths->mask;

    while (paths->slots[i] != 0 && strcmp(path_of(owner, paths->slots[i] - 1), path) != 0) {
        i = (i + 1) & paths->mask;
    }
    return &paths->slots[i];
}

static void add_path(struct paths *paths, size_t entry, path_of_fn *path_of, const void *owner)
{
    if (paths->slots == NULL || 2 * (paths->count + 1) > paths->mask) {
        struct paths old = *paths;
        size_t size = old.slots == NULL ? SLOTS_MIN : 2 * (old.mask + 1);
        *paths = (struct paths){xcalloc(size, sizeof(*paths->slots)), size - 1, old.count};
        for (size_t i = 0; old.slots != NULL && i <= old.mask; i++) {
            if (old.slots[i] != 0) {
                const char *path = path_of(owner, old.slots[i] - 1);
                *slot_of(paths, path, path_of, owner) = old.slots[i];
            }
        }
        free(old.slots);
    }
    *slot_of(paths, path_of(owner, entry), path_of, owner) = (uint32_t)entry + 1;
    paths->count++;
}

/* SIZE_MAX: there is none. */
static size_t find_path(const struct paths *paths, const char *path, path_of_fn *path_of,
                        const void *owner)
{
    uint32_t found = paths->slots != NULL ? *slot_of(paths, path, path_of, owner) : 0;

    return found != 0 ? found - 1 : SIZE_MAX;
}

/* ---- bytes behind a descriptor ---- */

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* -1 with errno. */
static int fd_of(struct span bytes)
{
    int fd = memfd_create("tidegate-file", MFD_CLOEXEC);

    if (fd >= 0 && (!write_all(fd, bytes.ptr, bytes.len) || lseek(fd, 0, SEEK_SET) != 0)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static int open_entry(const struct entry *entry, const char *bytes)
{
    if (entry->error != 0) {
        errno = entry->error;
        return -1;
    }
    return fd_of(span_make(bytes, (size_t)entry->bytes_len));
}

/* ---- making one ---- */

struct kept {
    struct entry entry;
    char *path;
    char *bytes; /* NULL: none */
    off_t size;  /* when it was looked at */
};

struct bundle_maker {
    struct file_view view;
    struct kept *kept;
    size_t count;
    struct paths paths;
    bool hides_keys;
};

static const char *path_of_kept(const void *owner, size_t entry)
{
    const struct bundle_maker *maker = owner;

    return maker->kept[entry].path;
}

static struct kept *keep(struct bundle_maker *maker, const char *path, enum bundle_kind kind)
{
    struct kept *kept;

    if ((maker->count & (maker->count - 1)) == 0) { /* at each power of two */
        size_t room = maker->count == 0 ? 1 : 2 * maker->count;
        maker->kept = xrealloc(maker->kept, room * sizeof(*maker->kept));
    }
    kept = &maker->kept[maker->count];
    *kept = (struct kept){.entry = {.kind = (uint8_t)kind}, .path = xstrdup(path)};
    add_path(&maker->paths, maker->count++, path_of_kept, maker);
    return kept;
}

/* Under which a folder's names are kept; to be freed. */
static char *names_path(const char *folder)
{
    struct strbuf path;

    strbuf_init(&path);
    strbuf_printf(&path, "%s/", folder[0] != '\0' ? folder : ".");
    return path.ptr;
}

static struct kept *find_kept(struct bundle_maker *maker, const char *path)
{
    size_t found = find_path(&maker->paths, path, path_of_kept, maker);

    return found != SIZE_MAX ? &maker->kept[found] : NULL;
}

/* To its end, in memory of its own; `hint` of the length. NULL with errno, or with EFBIG. */
static char *read_whole(int fd, size_t hint, size_t *len)
{
    size_t room = hint + 1;
    char *bytes = xmalloc(room);
    int number = EFBIG;
    ssize_t n;

    *len = 0;
    while (*len <= BUNDLE_FILE_MAX) {
        n = read(fd, bytes + *len, room - *len);
        if (n == 0) {
            return bytes;
        }
        if (n < 0 && errno != EINTR) {
            number = errno;
            break;
        }
        *len += n > 0 ? (size_t)n : 0;
        if (*len == room) {
            room *= 2;
            bytes = xrealloc(bytes, room);
        }
    }
    free(bytes);
    errno = number;
    return NULL;
}

void bundle_maker_hide_keys(struct bundle_maker *maker)
{
    maker->hides_keys = true;
}

/* False: it is nothing to keep. */
static bool read_kept(const struct bundle_maker *maker, struct kept *kept)
{
    int fd = file_opener_open_at(AT_FDCWD, kept->path);
    size_t hint = kept->size > 0 ? (size_t)kept->size : 4095;
    size_t len = 0;

    kept->entry.is_unread = 0;
    kept->bytes = fd >= 0 ? read_whole(fd, hint, &len) : NULL;
    kept->entry.error = kept->bytes != NULL ? 0 : errno;
    kept->entry.bytes_len = kept->bytes != NULL ? len : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (kept->bytes != NULL && maker->hides_keys) {
        (void)pem_private_hide(kept->bytes, len);
    }
    if (fd >= 0 && kept->entry.error == EFBIG) {
        kept->entry.error = 0;
        kept->entry.is_unread = 1;
        return false;
    }
    return true;
}

/* Looks at it, unless it is known or is nothing to keep: NULL then. What it is read for comes
 * later, so that it is what it was then, or newer. */
static struct kept *look_up(struct bundle_maker *maker, const char *path)
{
    struct kept *kept = find_kept(maker, path);
    struct stat st;

    if (kept != NULL) {
        return kept->entry.kind == BUNDLE_FILE ? kept : NULL;
    }
    if (stat(path, &st) != 0) {
        int number = errno;
        kept = keep(maker, path, BUNDLE_FILE);
        kept->entry.error = number;
        return kept;
    }
    if (S_ISDIR(st.st_mode) || st.st_size > (off_t)BUNDLE_FILE_MAX) {
        return NULL;
    }
    kept = keep(maker, path, BUNDLE_FILE);
    kept->entry.stamp = file_stamp_from(&st);
    kept->entry.is_unread = 1;
    kept->size = st.st_size;
    return kept;
}

static bool maker_open(void *arg, const char *path, int *fd)
{
    struct kept *kept = look_up(arg, path);

    if (kept == NULL || (kept->entry.is_unread != 0 && !read_kept(arg, kept))) {
        return false;
    }
    *fd = open_entry(&kept->entry, kept->bytes);
    return true;
}

static bool maker_stamp(void *arg, const char *path, struct file_stamp *stamp)
{
    const struct kept *kept = look_up(arg, path);

    if (kept == NULL) {
        return false;
    }
    *stamp = kept->entry.stamp;
    return true;
}

/* What is on the disk, whatever view is set. */
static bool list_disk(const char *folder, struct strbuf *names)
{
    const struct file_view *view = file_opener_set_view(NULL);
    bool ok = file_opener_list(folder, names);
    int number = errno;

    (void)file_opener_set_view(view);
    errno = number;
    return ok;
}

static struct kept *keep_names(struct bundle_maker *maker, const char *folder, const char *path)
{
    struct kept *kept = keep(maker, path, BUNDLE_NAMES);
    struct strbuf names;
    struct stat st;

    strbuf_init(&names);
    if (stat(path, &st) != 0 || !list_disk(folder, &names)) {
        kept->entry.error = errno;
        strbuf_free(&names);
        return kept;
    }
    kept->entry.stamp = file_stamp_from(&st);
    kept->entry.bytes_len = names.len;
    kept->bytes = names.ptr;
    return kept;
}

static bool give_names(const struct entry *entry, const char *bytes, struct strbuf *names)
{
    strbuf_add(names, span_make(bytes, (size_t)entry->bytes_len));
    errno = entry->error;
    return entry->error == 0;
}

static bool maker_list(void *arg, const char *folder, struct strbuf *names, bool *ok)
{
    char *path = names_path(folder);
    const struct kept *kept = find_kept(arg, path);

    if (kept == NULL) {
        kept = keep_names(arg, folder, path);
    }
    free(path);
    *ok = give_names(&kept->entry, kept->bytes, names);
    return true;
}

struct bundle_maker *bundle_maker_create(void)
{
    struct bundle_maker *maker = xcalloc(1, sizeof(*maker));

    maker->view = (struct file_view){maker_open, maker_stamp, maker_list, maker};
    return maker;
}

const struct file_view *bundle_maker_view(struct bundle_maker *maker)
{
    return &maker->view;
}

void bundle_maker_add_folder(struct bundle_maker *maker, const char *path, bool has_files)
{
    if (find_kept(maker, path) == NULL) {
        (void)keep(maker, path, has_files ? BUNDLE_FOLDER : BUNDLE_ROOT);
    }
}

/* Header, entries and texts, with what was not known before filled in. */
static void write_head(const struct bundle_maker *maker, struct span note, struct strbuf *out)
{
    size_t texts_at = sizeof(struct header) + maker->count * sizeof(struct entry);
    struct header header = {.magic = MAGIC, .entry_count = maker->count, .note_len = note.len};
    struct strbuf texts;

    strbuf_init(&texts);
    header.head_len = texts_at + note.len;
    for (size_t i = 0; i < maker->count; i++) {
        header.head_len += strlen(maker->kept[i].path) + 1;
    }
    header.total_len = header.head_len;
    strbuf_add(out, span_make((const char *)&header, sizeof(header)));
    for (size_t i = 0; i < maker->count; i++) {
        struct entry entry = maker->kept[i].entry;
        entry.path_at = texts_at + texts.len;
        entry.bytes_at = header.total_len;
        header.total_len += entry.bytes_len;
        strbuf_add(&texts, span_make(maker->kept[i].path, strlen(maker->kept[i].path) + 1));
        strbuf_add(out, span_make((const char *)&entry, sizeof(entry)));
    }
    header.note_at = texts_at + texts.len;
    strbuf_add(&texts, note);
    strbuf_add(out, strbuf_span(&texts));
    memcpy(out->ptr, &header, sizeof(header));
    strbuf_free(&texts);
}

bool bundle_maker_write(const struct bundle_maker *maker, struct span note, int fd)
{
    struct strbuf head;
    bool is_written;

    strbuf_init(&head);
    write_head(maker, note, &head);
    is_written = write_all(fd, head.ptr, head.len);
    for (size_t i = 0; is_written && i < maker->count; i++) {
        const struct kept *kept = &maker->kept[i];
        is_written = write_all(fd, kept->bytes, (size_t)kept->entry.bytes_len);
    }
    strbuf_free(&head);
    return is_written && fcntl(fd, F_ADD_SEALS, SEALS) == 0;
}

void bundle_maker_destroy(struct bundle_maker *maker)
{
    if (maker == NULL) {
        return;
    }
    for (size_t i = 0; i < maker->count; i++) {
        if (maker->kept[i].bytes != NULL) {
            explicit_bzero(maker->kept[i].bytes, (size_t)maker->kept[i].entry.bytes_len);
        }
        free(maker->kept[i].bytes);
        free(maker->kept[i].path);
    }
    free(maker->kept);
    free(maker->paths.slots);
    free(maker);
}

/* ---- its head ---- */

struct bundle_head {
    struct header header;
    char *bytes; /* head_len of them, and a NUL */
    struct paths paths;
};

static struct entry entry_of(const struct bundle_head *head, size_t i)
{
    struct entry entry;

    memcpy(&entry, head->bytes + sizeof(struct header) + i * sizeof(entry), sizeof(entry));
    return entry;
}

static const char *path_of_head(const void *owner, size_t entry)
{
    const struct bundle_head *head = owner;

    return head->bytes + entry_of(head, entry).path_at;
}

static bool is_within(uint64_t at, uint64_t len, uint64_t end)
{
    return at <= end && len <= end - at;
}

static bool is_whole(const struct header *header, off_t size)
{
    return header->magic == MAGIC && size >= 0 && header->total_len == (uint64_t)size &&
           header->head_len <= HEAD_MAX && header->head_len <= header->total_len &&
           header->head_len >= sizeof(*header) &&
           header->entry_count <= (header->head_len - sizeof(*header)) / sizeof(struct entry) &&
           is_within(header->note_at, header->note_len, header->head_len);
}

static bool take_entries(struct bundle_head *head)
{
    for (size_t i = 0; i < head->header.entry_count; i++) {
        struct entry entry = entry_of(head, i);
        if (entry.path_at >= head->header.head_len ||
            !is_within(entry.bytes_at, entry.bytes_len, head->header.total_len)) {
            return false;
        }
        add_path(&head->paths, i, path_of_head, head);
    }
    return true;
}

struct bundle_head *bundle_head_read(int fd, struct error *error)
{
    struct bundle_head *head = xcalloc(1, sizeof(*head));
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;

    if (seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &st) == 0 &&
        pread(fd, &head->header, sizeof(head->header), 0) == (ssize_t)sizeof(head->header) &&
        is_whole(&head->header, st.st_size)) {
        size_t len = (size_t)head->header.head_len;
        head->bytes = xcalloc(len + 1, 1);
        if (pread(fd, head->bytes, len, 0) == (ssize_t)len && take_entries(head)) {
            return head;
        }
    }
    bundle_head_free(head);
    (void)error_set(error, "what was loaded of the configuration is not whole");
    return NULL;
}

struct span bundle_head_note(const struct bundle_head *head)
{
    return span_make(head->bytes + head->header.note_at, (size_t)head->header.note_len);
}

bool bundle_head_names(const struct bundle_head *head, const char *path)
{
    size_t found = find_path(&head->paths, path, path_of_head, head);

    return found != SIZE_MAX && entry_of(head, found).kind != BUNDLE_NAMES;
}

void bundle_head_each(const struct bundle_head *head, bundle_named_fn *each, void *arg)
{
    for (size_t i = 0; i < head->header.entry_count; i++) {
        struct entry entry = entry_of(head, i);
        each(arg, &(struct bundle_named){path_of_head(head, i), (enum bundle_kind)entry.kind,
                                         entry.stamp});
    }
}

void bundle_head_free(struct bundle_head *head)
{
    if (head != NULL) {
        free(head->bytes);
        free(head->paths.slots);
        free(head);
    }
}

/* ---- reading it ---- */

struct bundle {
    struct file_view view;
    struct bundle_head *head;
    const char *map;
    size_t len;
};

static bool find_file(const struct bundle *bundle, const char *path, struct entry *entry)
{
    size_t found = find_path(&bundle->head->paths, path, path_of_head, bundle->head);

    if (found == SIZE_MAX) {
        return false;
    }
    *entry = entry_of(bundle->head, found);
    return entry->kind == BUNDLE_FILE;
}

static bool view_open(void *arg, const char *path, int *fd)
{
    const struct bundle *bundle = arg;
    struct entry entry;

    if (!find_file(bundle, path, &entry) || entry.is_unread != 0) {
        return false;
    }
    *fd = open_entry(&entry, bundle->map + entry.bytes_at);
    return true;
}

static bool view_stamp(void *arg, const char *path, struct file_stamp *stamp)
{
    struct entry entry;

    if (!find_file(arg, path, &entry)) {
        return false;
    }
    *stamp = entry.stamp;
    return true;
}

static bool view_list(void *arg, const char *folder, struct strbuf *names, bool *ok)
{
    const struct bundle *bundle = arg;
    char *path = names_path(folder);
    size_t found = find_path(&bundle->head->paths, path, path_of_head, bundle->head);
    struct entry entry;

    free(path);
    if (found == SIZE_MAX) {
        return false;
    }
    entry = entry_of(bundle->head, found);
    *ok = give_names(&entry, bundle->map + entry.bytes_at, names);
    return true;
}

struct bundle *bundle_open(int fd, struct error *error)
{
    struct bundle_head *head = bundle_head_read(fd, error);
    struct bundle *bundle;
    void *map;

    if (head == NULL) {
        return NULL;
    }
    map = mmap(NULL, (size_t)head->header.total_len, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        (void)error_set_errno(error, errno, "what was loaded of the configuration cannot be read");
        bundle_head_free(head);
        return NULL;
    }
    bundle = xcalloc(1, sizeof(*bundle));
    *bundle = (struct bundle){.head = head, .map = map, .len = (size_t)head->header.total_len};
    bundle->view = (struct file_view){view_open, view_stamp, view_list, bundle};
    return bundle;
}

const struct file_view *bundle_view(struct bundle *bundle)
{
    return &bundle->view;
}

void bundle_close(struct bundle *bundle)
{
    if (bundle != NULL) {
        (void)munmap((void *)(uintptr_t)bundle->map, bundle->len);
        bundle_head_free(bundle->head);
        free(bundle);
    }
}
