/* A page of the configuration: a file that is answered with where an error, a `respond` or
 * `maintenance` names it. Read when the configuration is loaded, through base/file_opener, and
 * again when it has changed: in memory, so that it is there when the disk, or what else is in
 * trouble, is not.
 *
 * Read by all workers while the control thread exchanges what it says. */
#ifndef TIDEGATE_FILES_PAGE_H
#define TIDEGATE_FILES_PAGE_H

#include "base/arena.h"
#include "base/error.h"
#include "edge/template.h"

/* A larger file is no page. */
#define PAGE_BYTES_MAX ((size_t)256 * 1024)

struct page;

/* The path is kept by reference. NULL with an error. */
struct page *page_open(const char *path, struct error *error) MUST_CHECK;
/* NULL is allowed. */
void page_close(struct page *page);
const char *page_path(const struct page *page);
/* Media type, by the file's name. Static. */
struct span page_type(const struct page *page);

/* Reads it again if the file has changed. True: it had, and was read. One that cannot be read, or
 * is too large, is told of once, and what it said before stays. On one thread alone. */
bool page_refresh(struct page *page);

/* What it says now, in the arena. From any thread. */
struct span page_bytes(struct page *page, struct arena *arena) MUST_CHECK;
/* The same with the values of its variables, if it is one of HTML: escaped, so that no value is
 * markup. */
struct span page_text(struct page *page, const struct template_values *values,
                      struct arena *arena) MUST_CHECK;

#endif
