#include "files/static_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "edge/conditional.h"
#include "edge/file_rules.h"
#include "edge/path.h"
#include "files/beneath.h"
#include "files/file_lookup.h"
#include "files/listing.h"
#include "http/date.h"

/* What the arena closes, and what a file is known by when it is opened again. */
struct file_identity {
    int fd; /* -1: closed */
    const char *name;
    struct stat st;
};

/* What was found: an open regular file. */
struct found {
    int fd;
    const char *name; /* what type and Cache-Control are told from */
    struct stat st;
    enum coding coding; /* that it was compressed in beforehand */
};

static void close_file(void *arg)
{
    const struct file_identity *identity = arg;

    if (identity->fd >= 0) {
        (void)close(identity->fd);
    }
}

static void fail(const struct file_lookup *lookup, unsigned status, const char *detail)
{
    lookup->answer->status = status;
    lookup->answer->detail = detail;
}

/* A refusal that depends on what lies outside the root must look as if nothing were there. */
static void fail_errno(const struct file_lookup *lookup, int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        fail(lookup, 404, "no such file");
        return;
    case EXDEV:
    case ELOOP:
        fail(lookup, 404, "a link that leads out of the root, or in a circle");
        return;
    case ENXIO:
    case ENODEV:
        fail(lookup, 404, "not a regular file");
        return;
    case EACCES:
    case EPERM:
        fail(lookup, 403, "the gateway's user may not read the file");
        return;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
        fail(lookup, 503, "out of file descriptors or memory");
        return;
    default:
        fail(lookup, 500, "the file cannot be opened");
        return;
    }
}

/* Opens and stats; the arena closes. Returns the fd or -1 with errno. */
static int open_entry(const struct file_lookup *lookup, const char *name, struct stat *st)
{
    int fd = beneath_open(lookup->ask->root_fd, name);

    if (fd < 0) {
        return -1;
    }
    struct file_identity *identity = arena_alloc(lookup->arena, sizeof(*identity));
    *identity = (struct file_identity){.fd = fd, .name = name};
    arena_on_reset(lookup->arena, close_file, identity);
    if (fstat(fd, st) != 0) {
        return -1;
    }
    identity->st = *st;
    lookup->answer->identity = identity;
    return fd;
}

/* The folder's name was asked for without its '/': relative links in its index would go astray. The
 * location begins with one '/', since path has no runs of them, so it never names another host. */
static void redirect_to_folder(const struct file_lookup *lookup)
{
    struct span query = path_encode(lookup->ask->request->query, lookup->arena);
    struct span path = path_encode(lookup->ask->asked, lookup->arena);
    const char *location = query.ptr != NULL ? arena_printf(lookup->arena, "%.*s/?%.*s",
                                                            SPAN_ARG(path), SPAN_ARG(query))
                                             : arena_printf(lookup->arena, "%.*s/", SPAN_ARG(path));

    lookup->answer->status = 308;
    file_add_field(lookup, FIELD_LOCATION, SPAN_OF("Location"), span_from_cstr(location));
}

/* The first of the index files that is there, or the folder's list. False: the answer is made. */
static bool open_index(const struct file_lookup *lookup, const char *folder, struct found *found)
{
    const struct string_list *indexes = &lookup->ask->settings->index;
    bool is_root = lookup->ask->path.len == 1;

    for (size_t i = 0; i < indexes->count; i++) {
        found->name = arena_printf(lookup->arena, "%s%s", is_root ? "" : folder, indexes->items[i]);
        found->fd = open_entry(lookup, found->name, &found->st);
        if (found->fd >= 0) {
            return true;
        }
        if (errno != ENOENT) {
            break;
        }
    }
    if (errno == ENOENT && lookup->ask->settings->listing) {
        int error = listing_answer(lookup, folder);
        if (error != 0) {
            fail_errno(lookup, error);
        }
        return false;
    }
    fail_errno(lookup, errno);
    return false;
}

/* From the request's path to an open regular file. False: the answer is made. */
static bool open_file(const struct file_lookup *lookup, struct found *found)
{
    if (!path_to_file(lookup->ask->path, lookup->arena, &found->name)) {
        fail(lookup, 404, "a hidden or impossible file name");
        return false;
    }
    bool is_folder_name = span_ends_with(lookup->ask->path, SPAN_OF("/"));
    if (is_folder_name && !span_ends_with(lookup->ask->asked, SPAN_OF("/"))) {
        redirect_to_folder(lookup); /* all of it was a prefix that is not looked for */
        return false;
    }
    if (is_folder_name) {
        if (!open_index(lookup, found->name, found)) {
            return false;
        }
    } else {
        found->fd = open_entry(lookup, found->name, &found->st);
        if (found->fd < 0) {
            fail_errno(lookup, errno);
            return false;
        }
    }
    if (S_ISDIR(found->st.st_mode) && !is_folder_name) {
        redirect_to_folder(lookup);
        return false;
    }
    if (!S_ISREG(found->st.st_mode)) {
        fail(lookup, 404, "not a regular file");
        return false;
    }
    return true;
}

static bool is_older(const struct stat *a, const struct stat *b)
{
    return a->st_mtim.tv_sec < b->st_mtim.tv_sec;
}

/* The same file as it lies beside it, compressed: one that the client takes, and that is no older
 * than what it was made of. What cannot be opened, for whatever reason, is not there. */
static void choose_coded(const struct file_lookup *lookup, struct found *found)
{
    const struct http_fields *asked = &lookup->ask->request->fields;
    enum coding left[FILE_CODING_COUNT];
    size_t count = FILE_CODING_COUNT;
    struct file_identity *plain = lookup->answer->identity;

    memcpy(left, file_codings, sizeof(left));
    while (count != 0) {
        enum coding coding = accept_encoding_choose(asked, left, count);
        struct stat st;
        if (coding == CODING_IDENTITY) {
            return;
        }
        const char *name =
            arena_printf(lookup->arena, "%s%.*s", found->name, SPAN_ARG(file_suffix(coding)));
        int fd = open_entry(lookup, name, &st);
        if (fd >= 0 && S_ISREG(st.st_mode) && st.st_size != 0 && !is_older(&st, &found->st)) {
            found->fd = fd;
            found->st = st;
            found->coding = coding;
            return;
        }
        lookup->answer->identity = plain;
        size_t kept = 0;
        for (size_t i = 0; i < count; i++) {
            if (left[i] != coding) {
                left[kept++] = left[i];
            }
        }
        count = kept;
    }
}

/* A file that changed within the last second may change again without its time changing (clocks
 * tick coarser than writes), so its tag is weak until then (RFC 9110 section 8.8.1). */
static struct validators validators_of(const struct found *found, struct arena *arena)
{
    const struct stat *st = &found->st;
    struct span coding =
        found->coding != CODING_IDENTITY ? coding_name(found->coding) : span_make("", 0);
    struct timespec now = clock_wall();
    struct validators v = {0};

    /* A time in the future is not told to anyone (RFC 9110 section 8.8.2.1). */
    v.last_modified = st->st_mtim.tv_sec < now.tv_sec ? st->st_mtim.tv_sec : now.tv_sec;
    if (v.last_modified < 0) {
        v.last_modified = 0;
    }
    int64_t age_ms = ((int64_t)now.tv_sec - st->st_mtim.tv_sec) * 1000 +
                     (now.tv_nsec - st->st_mtim.tv_nsec) / 1000000;
    v.is_date_strong = age_ms >= 2000; /* the date counts whole seconds */
    v.etag = span_from_cstr(arena_printf(
        arena, "%s\"%llx.%lx-%llx%s%.*s\"", age_ms >= 1000 ? "" : "W/",
        (unsigned long long)st->st_mtim.tv_sec, (unsigned long)st->st_mtim.tv_nsec,
        (unsigned long long)st->st_size, coding.len != 0 ? "-" : "", SPAN_ARG(coding)));
    return v;
}

static void add_validators(const struct file_lookup *lookup, const struct validators *current)
{
    file_add_field(lookup, FIELD_OTHER, SPAN_OF("ETag"), current->etag);
    if (current->last_modified != 0) {
        char *date = arena_alloc(lookup->arena, 30);
        http_date_format(current->last_modified, date);
        file_add_field(lookup, FIELD_OTHER, SPAN_OF("Last-Modified"), span_from_cstr(date));
    }
}

static void answer_whole(const struct file_lookup *lookup, struct span type, uint64_t size)
{
    struct file_answer *answer = lookup->answer;

    answer->status = 200;
    answer->content_length = size;
    answer->parts[0] = (struct file_part){{NULL, 0}, 0, size};
    answer->part_count = 1;
    file_add_field(lookup, FIELD_CONTENT_TYPE, SPAN_OF("Content-Type"), type);
}

static struct span content_range(struct arena *arena, struct byte_range range, uint64_t size)
{
    return span_from_cstr(arena_printf(
        arena, "bytes %llu-%llu/%llu", (unsigned long long)range.first,
        (unsigned long long)(range.first + range.length - 1), (unsigned long long)size));
}

/* RFC 9110 section 14.6. The boundary is random, so that no file can hold it on purpose. */
static void answer_multipart(const struct file_lookup *lookup, struct span type, uint64_t size,
                             const struct byte_range *ranges, size_t count)
{
    struct file_answer *answer = lookup->answer;
    uint64_t random[2] = {0};

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        random[0] = (uint64_t)(uintptr_t)lookup; /* never: the pool is up when a gateway runs */
    }
    const char *boundary =
        arena_printf(lookup->arena, "%016llx%016llx", (unsigned long long)random[0],
                     (unsigned long long)random[1]);
    for (size_t i = 0; i < count; i++) {
        struct span header = span_from_cstr(
            arena_printf(lookup->arena, "%s--%s\r\nContent-Type: %.*s\r\nContent-Range: %s\r\n\r\n",
                         i == 0 ? "" : "\r\n", boundary, SPAN_ARG(type),
                         content_range(lookup->arena, ranges[i], size).ptr));
        answer->parts[i] = (struct file_part){header, ranges[i].first, ranges[i].length};
        answer->content_length += header.len + ranges[i].length;
    }
    struct span end = span_from_cstr(arena_printf(lookup->arena, "\r\n--%s--\r\n", boundary));
    answer->parts[count] = (struct file_part){end, 0, 0};
    answer->content_length += end.len;
    answer->part_count = count + 1;
    file_add_field(
        lookup, FIELD_CONTENT_TYPE, SPAN_OF("Content-Type"),
        span_from_cstr(arena_printf(lookup->arena, "multipart/byteranges; boundary=%s", boundary)));
}

static void answer_ranges(const struct file_lookup *lookup, struct span type, uint64_t size,
                          const struct byte_range *ranges, size_t count)
{
    struct file_answer *answer = lookup->answer;

    answer->status = 206;
    if (count > 1) {
        answer_multipart(lookup, type, size, ranges, count);
        return;
    }
    answer->content_length = ranges[0].length;
    answer->parts[0] = (struct file_part){{NULL, 0}, ranges[0].first, ranges[0].length};
    answer->part_count = 1;
    file_add_field(lookup, FIELD_CONTENT_TYPE, SPAN_OF("Content-Type"), type);
    file_add_field(lookup, FIELD_OTHER, SPAN_OF("Content-Range"),
                   content_range(lookup->arena, ranges[0], size));
}

/* The ranges asked for, if a Range field counts here: only with GET (RFC 9110 section 14.2). */
static enum range_result wanted_ranges(const struct http_request *request,
                                       const struct validators *current, uint64_t size,
                                       struct byte_range *ranges, size_t *count)
{
    const struct http_field *field = http_fields_find(&request->fields, FIELD_RANGE);

    if (request->method != HTTP_GET || field == NULL ||
        !conditional_range_applies(request, current)) {
        return RANGE_WHOLE;
    }
    for (const struct http_field *f = field + 1; f < request->fields.items + request->fields.count;
         f++) {
        if (f->id == FIELD_RANGE) {
            return RANGE_WHOLE; /* twice: not a list, so none is to be believed */
        }
    }
    return range_parse(field->value, size, ranges, count);
}

static void answer_file(const struct file_lookup *lookup, const struct found *found,
                        struct span type, const struct validators *current)
{
    struct file_answer *answer = lookup->answer;
    uint64_t size = (uint64_t)found->st.st_size;
    struct byte_range ranges[RANGE_MAX];
    size_t count = 0;

    enum range_result result = wanted_ranges(lookup->ask->request, current, size, ranges, &count);
    if (result == RANGE_UNSATISFIABLE) {
        answer->status = 416;
        answer->refusal.content_range =
            span_from_cstr(arena_printf(lookup->arena, "bytes */%llu", (unsigned long long)size));
        return;
    }
    answer->has_file = true;
    answer->fd = found->fd;
    answer->is_body_sent = lookup->ask->request->method == HTTP_GET;
    if (result == RANGE_PARTIAL) {
        answer_ranges(lookup, type, size, ranges, count);
    } else {
        answer_whole(lookup, type, size);
    }
    if (found->coding != CODING_IDENTITY) {
        file_add_field(lookup, FIELD_OTHER, SPAN_OF("Content-Encoding"),
                       coding_name(found->coding));
    } else {
        file_add_field(lookup, FIELD_OTHER, SPAN_OF("Accept-Ranges"), SPAN_OF("bytes"));
    }
    add_validators(lookup, current);
}

/* Also of 304, and of what could have been another form of the same. */
static void add_common(const struct file_lookup *lookup, const struct found *found)
{
    struct span value = file_cache_control(lookup->ask->settings, span_from_cstr(found->name));

    if (value.ptr != NULL) {
        file_add_field(lookup, FIELD_OTHER, SPAN_OF("Cache-Control"), value);
    }
    if (lookup->ask->settings->precompressed) {
        file_add_field(lookup, FIELD_OTHER, SPAN_OF("Vary"), SPAN_OF("Accept-Encoding"));
    }
}

static void answer_found(const struct file_lookup *lookup, const struct found *found)
{
    struct validators current = validators_of(found, lookup->arena);
    struct file_answer *answer = lookup->answer;

    switch (conditional_evaluate(lookup->ask->request, &current)) {
    case CONDITIONAL_NOT_MODIFIED:
        answer->status = 304;
        add_validators(lookup, &current);
        add_common(lookup, found);
        return;
    case CONDITIONAL_PRECONDITION_FAILED:
        answer->status = 412;
        return;
    case CONDITIONAL_PROCEED:
        break;
    }
    answer_file(lookup, found,
                file_type(lookup->ask->settings, span_from_cstr(found->name), lookup->arena),
                &current);
    if (answer->has_file) {
        add_common(lookup, found);
    }
}

void static_files_open(const struct file_question *question, struct arena *arena,
                       struct file_answer *answer)
{
    const struct file_lookup lookup = {question, arena, answer};
    const struct http_request *request = question->request;
    struct found found = {.coding = CODING_IDENTITY};
    int root_error = question->root_fd < 0 ? errno : 0;

    *answer = (struct file_answer){.fd = -1};
    if (!http_method_is_registered(request->method, request->method_name)) {
        fail(&lookup, 501, "a method that files do not have, and this gateway does not know");
        return;
    }
    if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
        answer->status = 405;
        answer->refusal.allow = SPAN_OF("GET, HEAD");
        return;
    }
    if (root_error != 0) {
        fail_errno(&lookup, root_error);
        return;
    }
    if (!open_file(&lookup, &found)) {
        return;
    }
    /* A range is one of the bytes as they are. */
    if (question->settings->precompressed && !http_fields_has(&request->fields, FIELD_RANGE)) {
        choose_coded(&lookup, &found);
    }
    answer_found(&lookup, &found);
}

void static_files_park(struct file_answer *answer)
{
    (void)close(answer->identity->fd);
    answer->identity->fd = answer->fd = -1;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool static_files_unpark(int root_fd, struct file_answer *answer)
{
    struct file_identity *identity = answer->identity;
    struct stat st;
    int fd = beneath_open(root_fd, identity->name);

    if (fd < 0) {
        return false;
    }
    if (fstat(fd, &st) != 0 || !is_same_file(&st, &identity->st)) {
        (void)close(fd);
        return false;
    }
    identity->fd = answer->fd = fd;
    return true;
}
