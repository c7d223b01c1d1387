#include "files/page.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file_opener.h"
#include "base/log.h"
#include "edge/mime.h"

/* What it said at one time: counted, as a worker may be at it while another comes. */
struct content {
    struct arena arena;
    struct span bytes;
    struct template template; /* of HTML; no parts: none */
    atomic_uint uses;
};

struct page {
    const char *path;
    bool is_html;
    bool has_failed; /* and that was told */
    struct file_stamp stamp;
    pthread_mutex_t lock; /* of this alone: */
    struct content *content;
};

static void release(struct content *content)
{
    if (atomic_fetch_sub_explicit(&content->uses, 1, memory_order_acq_rel) == 1) {
        arena_destroy(&content->arena);
        free(content);
    }
}

static struct content *hold(struct page *page)
{
    struct content *content;

    CHECK(pthread_mutex_lock(&page->lock) == 0);
    content = page->content;
    (void)atomic_fetch_add_explicit(&content->uses, 1, memory_order_relaxed);
    CHECK(pthread_mutex_unlock(&page->lock) == 0);
    return content;
}

/* ---- reading ---- */

/* One byte more than it may have tells that it has. */
static bool read_all(int fd, char *bytes, size_t *len)
{
    ssize_t n = 1;

    *len = 0;
    while (n > 0 && *len < PAGE_BYTES_MAX + 1) {
        n = read(fd, bytes + *len, PAGE_BYTES_MAX + 1 - *len);
        *len += n > 0 ? (size_t)n : 0;
        if (n < 0 && errno == EINTR) {
            n = 1;
        }
    }
    return n >= 0;
}

static struct content *read_content(const struct page *page, struct error *error)
{
    int fd = file_opener_open(page->path);
    struct content *content;
    char *bytes;
    size_t len;
    bool is_read;

    if (fd < 0) {
        (void)error_set_errno(error, errno, "cannot open the page %s", page->path);
        return NULL;
    }
    bytes = xmalloc(PAGE_BYTES_MAX + 1);
    is_read = read_all(fd, bytes, &len);
    if (!is_read) {
        (void)error_set_errno(error, errno, "cannot read the page %s", page->path);
    } else if (len > PAGE_BYTES_MAX) {
        is_read = error_set(error, "the page %s is larger than 256 KiB", page->path);
    }
    (void)close(fd);
    if (!is_read) {
        free(bytes);
        return NULL;
    }
    content = xcalloc(1, sizeof(*content));
    arena_init(&content->arena, 4096);
    content->bytes = arena_copy(&content->arena, span_make(bytes, len));
    free(bytes);
    if (page->is_html) {
        template_parse_page(content->bytes, &content->arena, &content->template);
    }
    atomic_init(&content->uses, 1);
    return content;
}

struct page *page_open(const char *path, struct error *error)
{
    struct page *page = xcalloc(1, sizeof(*page));
    struct span type = mime_from_name(span_from_cstr(path));

    page->path = path;
    page->is_html = span_starts_with(type, SPAN_OF("text/html"));
    page->stamp = file_opener_stamp(path);
    page->content = read_content(page, error);
    if (page->content == NULL) {
        free(page);
        return NULL;
    }
    CHECK(pthread_mutex_init(&page->lock, NULL) == 0);
    return page;
}

void page_close(struct page *page)
{
    if (page != NULL) {
        release(page->content);
        (void)pthread_mutex_destroy(&page->lock);
        free(page);
    }
}

const char *page_path(const struct page *page)
{
    return page->path;
}

struct span page_type(const struct page *page)
{
    return mime_from_name(span_from_cstr(page->path));
}

bool page_refresh(struct page *page)
{
    struct file_stamp stamp = file_opener_stamp(page->path);
    struct content *fresh;
    struct content *old;
    struct error error;

    if (file_stamp_equal(&stamp, &page->stamp)) {
        return false;
    }
    page->stamp = stamp;
    fresh = read_content(page, &error);
    if (fresh == NULL) {
        if (!page->has_failed) {
            log_warn("%s; what it said before is used on", error.text);
        }
        page->has_failed = true;
        return false;
    }
    page->has_failed = false;
    log_info("the page %s has changed, and was read again", page->path);
    CHECK(pthread_mutex_lock(&page->lock) == 0);
    old = page->content;
    page->content = fresh;
    CHECK(pthread_mutex_unlock(&page->lock) == 0);
    release(old);
    return true;
}

/* ---- what it says ---- */

struct span page_bytes(struct page *page, struct arena *arena)
{
    struct content *content = hold(page);
    struct span bytes = arena_copy(arena, content->bytes);

    release(content);
    return bytes;
}

struct span page_text(struct page *page, const struct template_values *values, struct arena *arena)
{
    struct content *content = hold(page);
    struct span text;

    if (content->template.count == 0) {
        text = arena_copy(arena, content->bytes);
    } else {
        text = template_expand(&content->template, values, TEMPLATE_HTML, arena);
        if (content->template.count == 1) {
            text = arena_copy(arena, text); /* it may be the page's own */
        }
    }
    release(content);
    return text;
}
