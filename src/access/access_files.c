#include "access/access_files.h"

#include <stdlib.h>
#include <string.h>

struct followed *access_files_open(struct access_files *files, const char *path,
                                   const struct followed_type *type, struct error *error)
{
    struct access_file *item;

    for (size_t i = 0; i < files->count; i++) {
        if (files->items[i].type == type && strcmp(files->items[i].path, path) == 0) {
            *error = (struct error){""};
            return files->items[i].file;
        }
    }
    if (files->count == files->capacity) {
        files->capacity = 2 * files->capacity + 4;
        files->items = xrealloc(files->items, files->capacity * sizeof(*files->items));
    }
    item = &files->items[files->count++];
    *item = (struct access_file){xstrdup(path), type, followed_open(path, type, error)};
    return item->file;
}

bool access_files_refresh(const struct access_files *files)
{
    bool is_any = false;

    for (size_t i = 0; i < files->count; i++) {
        is_any |= files->items[i].file != NULL && followed_refresh(files->items[i].file);
    }
    return is_any;
}

void access_files_each(const struct access_files *files,
                       void (*each)(void *arg, const char *owner, const char *path), void *arg)
{
    for (size_t i = 0; i < files->count; i++) {
        each(arg, "access", files->items[i].path);
    }
}

void access_files_close(struct access_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        followed_close(files->items[i].file);
        free(files->items[i].path);
    }
    free(files->items);
    *files = (struct access_files){0};
}
