#include "config/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file_opener.h"

/* Reads to the end, or one byte more than is allowed. */
static bool read_all(int fd, struct strbuf *text)
{
    ssize_t n = 1;

    while (n > 0 && text->len <= CONFIG_FILE_BYTES_MAX) {
        n = read(fd, strbuf_reserve(text, 65536), 65536);
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        text->len += n > 0 ? (size_t)n : 0;
    }
    return n >= 0;
}

static bool disk_read(void *arg, const char *path, struct strbuf *text)
{
    int fd = file_opener_open(path);
    bool ok;
    int number;

    (void)arg;
    if (fd < 0) {
        return false;
    }
    ok = read_all(fd, text);
    number = errno;
    close(fd);
    errno = number;
    return ok;
}

static bool disk_list(void *arg, const char *folder, config_name_taker *take, void *to)
{
    struct strbuf names;
    bool ok;
    int number;

    (void)arg;
    strbuf_init(&names);
    ok = file_opener_list(folder, &names);
    number = errno;
    for (size_t at = 0; ok && at < names.len; at += strlen(names.ptr + at) + 1) {
        take(to, names.ptr + at);
    }
    strbuf_free(&names);
    errno = number;
    return ok;
}

static const char *disk_variable(void *arg, const char *name)
{
    (void)arg;
    return getenv(name);
}

const struct config_source config_source_disk = {disk_read, disk_list, disk_variable, NULL, NULL};

static bool again_read(void *arg, const char *path, struct strbuf *text)
{
    const struct settings_origin *origin = arg;

    for (size_t i = 0; i < origin->file_count; i++) {
        if (strcmp(origin->files[i].name, path) == 0) {
            strbuf_add(text, origin->files[i].text);
            return true;
        }
    }
    errno = ENOENT;
    return false;
}

/* Two patterns may look into one folder: then it is there twice, with what each of them took. */
static bool again_list(void *arg, const char *folder, config_name_taker *take, void *to)
{
    const struct settings_origin *origin = arg;
    bool found = false;

    for (size_t i = 0; i < origin->folder_count; i++) {
        const struct settings_folder *known = &origin->folders[i];

        if (strcmp(known->name, folder) != 0) {
            continue;
        }
        found = true;
        for (size_t j = 0; j < known->entries.count; j++) {
            take(to, known->entries.items[j]);
        }
    }
    errno = ENOENT;
    return found;
}

static const char *again_variable(void *arg, const char *name)
{
    const struct settings_origin *origin = arg;

    for (size_t i = 0; i < origin->variable_count; i++) {
        if (strcmp(origin->variables[i].name, name) == 0) {
            return origin->variables[i].value;
        }
    }
    return NULL;
}

struct config_source config_source_again(const struct settings_origin *origin)
{
    return (struct config_source){again_read, again_list, again_variable, (void *)origin, NULL};
}
