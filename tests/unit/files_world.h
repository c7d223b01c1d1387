/* A folder with files, links and what else a root may have, for the tests of what is served from
 * it. */
#ifndef TIDEGATE_TESTS_FILES_WORLD_H
#define TIDEGATE_TESTS_FILES_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "edge/path.h"
#include "files/static_files.h"
#include "settings/settings.h"

#define HELLO "hello, world\n"
#define HELLO_TIME 1000000000 /* Sun, 09 Sep 2001 01:46:40 GMT */

static char outside[64]; /* the temporary folder; root is a folder in it */
static int root_fd = -1;
static struct arena arena;
static struct http_request request;
static struct file_answer answer;
static const char *indexes[] = {"index.html", "index.txt"};
static struct files_settings settings;

static inline void write_file(const char *name, const char *text)
{
    int fd = openat(root_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    const struct timespec times[2] = {{.tv_sec = HELLO_TIME}, {.tv_sec = HELLO_TIME}};

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(futimens(fd, times), 0);
    (void)close(fd);
}

static inline int make_tree(void **state)
{
    (void)state;
    (void)snprintf(outside, sizeof(outside), "/tmp/tidegate-files-XXXXXX");
    if (mkdtemp(outside) == NULL) {
        return -1;
    }
    int fd = open(outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(fd, "root", 0755), 0);
    root_fd = openat(fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(root_fd >= 0);
    assert_int_equal(mkdirat(root_fd, "sub", 0755), 0);
    assert_int_equal(mkdirat(root_fd, "bare", 0755), 0);
    assert_int_equal(mkdirat(root_fd, ".git", 0755), 0);
    assert_int_equal(mkdirat(root_fd, ".well-known", 0755), 0);
    write_file("hello.txt", HELLO);
    write_file("empty", "");
    write_file("a b.css", "x");
    write_file("index.html", "root index");
    write_file("sub/index.html", "sub index");
    write_file(".git/config", "secret");
    write_file(".well-known/token", "token");
    write_file("../outside.txt", "secret");
    assert_int_equal(symlinkat("hello.txt", root_fd, "inside-link"), 0);
    assert_int_equal(symlinkat("../hello.txt", root_fd, "sub/inside-up"), 0);
    assert_int_equal(symlinkat("sub", root_fd, "folder-link"), 0);
    assert_int_equal(symlinkat("../outside.txt", root_fd, "escape"), 0);
    assert_int_equal(symlinkat("..", root_fd, "escape-folder"), 0);
    assert_int_equal(symlinkat("/etc/passwd", root_fd, "absolute"), 0);
    assert_int_equal(symlinkat("/proc/self/root", root_fd, "magic"), 0);
    assert_int_equal(symlinkat("loop", root_fd, "loop"), 0);
    assert_int_equal(mkfifoat(root_fd, "fifo", 0644), 0);
    (void)close(fd);
    return 0;
}

static inline void remove_tree(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fdopendir(fd);

    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (unlinkat(fd, entry->d_name, 0) != 0) {
            remove_tree(fd, entry->d_name);
        }
    }
    (void)closedir(dir);
    assert_int_equal(unlinkat(parent, name, AT_REMOVEDIR), 0);
}

static inline int drop_tree(void **state)
{
    (void)state;
    (void)close(root_fd);
    remove_tree(AT_FDCWD, outside);
    return 0;
}

static inline int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    request = (struct http_request){.method = HTTP_GET};
    settings = (struct files_settings){.index = {indexes, ARRAY_LEN(indexes)}};
    return 0;
}

static inline int open_fd_count(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static inline int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static inline void given(enum http_field_id id, const char *value)
{
    http_fields_add(&request.fields, &arena, id, http_field_name(id), span_from_cstr(value));
}

static inline unsigned get(const char *raw)
{
    struct path path;

    assert_int_equal(path_normalise(span_from_cstr(raw), &arena, &path), PATH_OK);
    struct file_question question = {root_fd, &settings, &request, path.match, path.match};
    static_files_open(&question, &arena, &answer);
    assert_int_equal(answer.fd >= 0, answer.has_file);
    bool is_refusal = answer.status == 403 || answer.status == 404 || answer.status >= 500;
    assert_int_equal(answer.detail != NULL, is_refusal);
    return answer.status;
}

/* The field's value, or "". */
static inline const char *field(const char *name)
{
    const struct http_field *f = http_fields_find_name(&answer.fields, span_from_cstr(name));

    return f != NULL ? arena_cstr(&arena, f->value) : "";
}

/* What a caller would send. */
static inline const char *body(void)
{
    struct strbuf b;

    strbuf_init(&b);
    for (size_t i = 0; i < answer.part_count; i++) {
        const struct file_part *part = &answer.parts[i];
        strbuf_add(&b, part->header);
        char *to = strbuf_reserve(&b, part->length);
        ssize_t n = pread(answer.fd, to, part->length, (off_t)part->offset);
        assert_int_equal(n, part->length);
        b.len += part->length;
    }
    assert_int_equal(b.len, answer.content_length);
    const char *text = arena_cstr(&arena, strbuf_span(&b));
    strbuf_free(&b);
    return text;
}

#endif
