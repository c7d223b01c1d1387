#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "edge/file_rules.h"
#include "edge/path.h"
#include "files/beneath.h"
#include "files/static_files.h"
#include "gateway/echo.h"
#include "http/date.h"
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

static void write_file(const char *name, const char *text)
{
    int fd = openat(root_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    const struct timespec times[2] = {{.tv_sec = HELLO_TIME}, {.tv_sec = HELLO_TIME}};

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(futimens(fd, times), 0);
    (void)close(fd);
}

static int make_tree(void **state)
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

static void remove_tree(int parent, const char *name)
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

static int drop_tree(void **state)
{
    (void)state;
    (void)close(root_fd);
    remove_tree(AT_FDCWD, outside);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    request = (struct http_request){.method = HTTP_GET};
    settings = (struct files_settings){.index = {indexes, ARRAY_LEN(indexes)}};
    return 0;
}

static int open_fd_count(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static void given(enum http_field_id id, const char *value)
{
    http_fields_add(&request.fields, &arena, id, http_field_name(id), span_from_cstr(value));
}

static unsigned get(const char *raw)
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
static const char *field(const char *name)
{
    const struct http_field *f = http_fields_find_name(&answer.fields, span_from_cstr(name));

    return f != NULL ? arena_cstr(&arena, f->value) : "";
}

/* What a caller would send. */
static const char *body(void)
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

static void test_a_whole_file(void **state)
{
    (void)state;
    assert_int_equal(get("/hello.txt"), 200);
    assert_string_equal(body(), HELLO);
    assert_true(answer.is_body_sent);
    assert_string_equal(field("content-type"), "text/plain; charset=utf-8");
    assert_string_equal(field("accept-ranges"), "bytes");
    assert_string_equal(field("last-modified"), "Sun, 09 Sep 2001 01:46:40 GMT");
    assert_string_equal(field("etag"), "\"3b9aca00.0-d\"");
    request.method = HTTP_HEAD;
    assert_int_equal(get("/hello.txt"), 200);
    assert_false(answer.is_body_sent);
    assert_int_equal(answer.content_length, strlen(HELLO));
    request.method = HTTP_GET;
    assert_int_equal(get("/empty"), 200);
    assert_string_equal(body(), "");
    assert_string_equal(field("content-type"), "application/octet-stream");
    assert_int_equal(get("/a%20b.css"), 200);
    assert_int_equal(get("//hello.txt"), 200);
    assert_int_equal(get("/sub/../hello.txt"), 200);
}

static void test_what_is_found_and_what_is_not(void **state)
{
    static const struct {
        const char *path;
        unsigned status;
    } cases[] = {
        {"/", 200},
        {"/sub/", 200},
        {"/sub/index.html", 200},
        {"/inside-link", 200},
        {"/sub/inside-up", 200},
        {"/folder-link/", 200},
        {"/folder-link/index.html", 200},
        {"/.well-known/token", 200},
        {"/bare/", 404}, /* no index, no listing */
        {"/.well-known/", 404},
        {"/nothing", 404},
        {"/nothing/", 404},
        {"/hello.txt/", 404},
        {"/hello.txt/x", 404},
        {"/escape", 404},
        {"/escape-folder/outside.txt", 404},
        {"/escape-folder/root/hello.txt", 404},
        {"/absolute", 404},
        {"/magic/etc/passwd", 404},
        {"/loop", 404},
        {"/fifo", 404},
        {"/.git/config", 404},
        {"/.git", 404},
        {"/../outside.txt", 404},
        {"/%2e%2e/outside.txt", 404},
        {"/sub%2Findex.html", 404},
        {"/hello.txt%20", 404},
        {"/HELLO.txt", 404},
        {"*", 404},
    };
    char longest[4200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned status = get(cases[i].path);
        if (status != cases[i].status) {
            fail_msg("%s: %u, want %u", cases[i].path, status, cases[i].status);
        }
    }
    memset(longest, 'a', sizeof(longest));
    longest[0] = '/';
    longest[4199] = '\0';
    assert_int_equal(get(longest), 404);
    longest[300] = '\0';
    assert_int_equal(get(longest), 404);
}

static void test_a_folder_without_its_slash_is_redirected(void **state)
{
    (void)state;
    assert_int_equal(get("/sub"), 308);
    assert_string_equal(field("location"), "/sub/");
    request.query = SPAN_OF("a=b");
    assert_int_equal(get("/folder-link"), 308);
    assert_string_equal(field("location"), "/folder-link/?a=b");
    /* Never "//sub/", which would name the host "sub". */
    assert_int_equal(get("//sub"), 308);
    assert_string_equal(field("location"), "/sub/?a=b");
}

static void test_only_get_and_head(void **state)
{
    (void)state;
    request.method = HTTP_POST;
    assert_int_equal(get("/hello.txt"), 405);
    assert_true(span_eq(answer.refusal.allow, SPAN_OF("GET, HEAD")));
    request.method = HTTP_METHOD_OTHER;
    assert_int_equal(get("/nothing"), 501); /* RFC 9110 section 15.6.2 */
}

static void test_conditions(void **state)
{
    (void)state;
    given(FIELD_IF_NONE_MATCH, "\"3b9aca00.0-d\"");
    assert_int_equal(get("/hello.txt"), 304);
    assert_string_equal(field("etag"), "\"3b9aca00.0-d\"");
    assert_false(answer.has_file);
    request.fields = (struct http_fields){0};
    given(FIELD_IF_MATCH, "\"other\"");
    assert_int_equal(get("/hello.txt"), 412);
    request.fields = (struct http_fields){0};
    given(FIELD_IF_MODIFIED_SINCE, "Sun, 09 Sep 2001 01:46:40 GMT");
    assert_int_equal(get("/hello.txt"), 304);
    request.fields = (struct http_fields){0};
    given(FIELD_IF_MODIFIED_SINCE, "Sun, 09 Sep 2001 01:46:39 GMT");
    assert_int_equal(get("/hello.txt"), 200);
    /* What is not there has no conditions. */
    given(FIELD_IF_MATCH, "\"other\"");
    assert_int_equal(get("/nothing"), 404);
}

static void test_one_range(void **state)
{
    (void)state;
    given(FIELD_RANGE, "bytes=7-11");
    assert_int_equal(get("/hello.txt"), 206);
    assert_string_equal(body(), "world");
    assert_string_equal(field("content-range"), "bytes 7-11/13");
    assert_string_equal(field("content-type"), "text/plain; charset=utf-8");
    assert_string_equal(field("etag"), "\"3b9aca00.0-d\"");
    given(FIELD_IF_RANGE, "\"3b9aca00.0-d\"");
    assert_int_equal(get("/hello.txt"), 206);
    request.method = HTTP_HEAD; /* RFC 9110 section 14.2: only GET has ranges */
    assert_int_equal(get("/hello.txt"), 200);
    request.method = HTTP_GET;
    request.fields = (struct http_fields){0};
    given(FIELD_RANGE, "bytes=7-11");
    given(FIELD_IF_RANGE, "\"older\"");
    assert_int_equal(get("/hello.txt"), 200);
    request.fields = (struct http_fields){0};
    given(FIELD_RANGE, "bytes=0-0");
    given(FIELD_RANGE, "bytes=1-1");
    assert_int_equal(get("/hello.txt"), 200);
    request.fields = (struct http_fields){0};
    given(FIELD_RANGE, "bytes=13-");
    assert_int_equal(get("/hello.txt"), 416);
    assert_true(span_eq(answer.refusal.content_range, SPAN_OF("bytes */13")));
    assert_int_equal(get("/empty"), 200);
}

static void test_several_ranges(void **state)
{
    char want[512];

    (void)state;
    given(FIELD_RANGE, "bytes=0-4, -2");
    assert_int_equal(get("/hello.txt"), 206);
    const char *type = field("content-type");
    const char *boundary = strstr(type, "boundary=");
    assert_int_equal(strncmp(type, "multipart/byteranges; ", 22), 0);
    assert_non_null(boundary);
    boundary += strlen("boundary=");
    assert_int_equal(strlen(boundary), 32);
    assert_string_equal(field("content-range"), "");
    (void)snprintf(want, sizeof(want),
                   "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                   "Content-Range: bytes 0-4/13\r\n\r\nhello\r\n"
                   "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                   "Content-Range: bytes 11-12/13\r\n\r\nd\n\r\n--%s--\r\n",
                   boundary, boundary, boundary);
    assert_string_equal(body(), want);
    request.fields = (struct http_fields){0};
    given(FIELD_RANGE, "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,13-13");
    assert_int_equal(get("/hello.txt"), 206);
    assert_int_equal(answer.part_count, 14);
    (void)body();
}

static void test_a_file_that_just_changed_has_weak_validators(void **state)
{
    (void)state;
    write_file("fresh", "x");
    const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    assert_int_equal(utimensat(root_fd, "fresh", now, 0), 0);
    assert_int_equal(get("/fresh"), 200);
    const char *etag = field("etag");
    assert_int_equal(strncmp(etag, "W/\"", 3), 0);
    given(FIELD_IF_NONE_MATCH, etag);
    assert_int_equal(get("/fresh"), 304);
    /* A time in the future is told as now. */
    struct timespec later[2] = {{.tv_sec = 4000000000}, {.tv_sec = 4000000000}};
    time_t date;
    assert_int_equal(utimensat(root_fd, "fresh", later, 0), 0);
    request.fields = (struct http_fields){0};
    assert_int_equal(get("/fresh"), 200);
    assert_true(http_date_parse(span_from_cstr(field("last-modified")), &date));
    assert_true(date < 4000000000);
}

static void test_a_file_that_may_not_be_read(void **state)
{
    bool is_root = geteuid() == 0; /* who may read everything: be nobody for a moment */

    (void)state;
    write_file("locked", "x");
    assert_int_equal(fchmodat(root_fd, "locked", 0, 0), 0);
    if (is_root) {
        assert_int_equal(seteuid(65534), 0);
    }
    unsigned status = get("/locked");
    if (is_root) {
        assert_int_equal(seteuid(0), 0);
    }
    assert_int_equal(status, 403);
}

static void test_the_arena_closes_the_files(void **state)
{
    int before = open_fd_count();

    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(get("/hello.txt"), 200);
        assert_int_equal(get("/sub"), 308);
        assert_int_equal(get("/fifo"), 404);
    }
    assert_true(open_fd_count() > before);
    arena_reset(&arena);
    assert_int_equal(open_fd_count(), before);
}

/* The way for kernels without openat2 gives the same answers, but follows no link at all. */
static void test_opening_by_parts(void **state)
{
    static const struct {
        const char *name;
        int error; /* 0: opens */
    } cases[] = {
        {"hello.txt", 0},
        {"sub/index.html", 0},
        {"sub/", 0},
        {".", 0},
        {"sub/./index.html", 0},
        {"inside-link", ELOOP},
        {"folder-link/index.html", ENOTDIR},
        {"escape", ELOOP},
        {"escape-folder/outside.txt", ENOTDIR},
        {"../outside.txt", EXDEV},
        {"sub/../hello.txt", EXDEV},
        {"/etc/passwd", EXDEV},
        {"", ENOENT},
        {"nothing", ENOENT},
        {"hello.txt/", ENOTDIR},
        {"hello.txt/x", ENOTDIR},
    };
    int before = open_fd_count();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int fd = beneath_open_by_parts(root_fd, cases[i].name);
        int error = fd < 0 ? errno : 0;
        if (error != cases[i].error) {
            fail_msg("%s: %s, want %s", cases[i].name, strerror(error), strerror(cases[i].error));
        }
        if (fd >= 0) {
            assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
            (void)close(fd);
        }
    }
    assert_int_equal(open_fd_count(), before);
}

static void test_echo(void **state)
{
    struct echo_facts facts = {.client = SPAN("192.0.2.1:5"), .body_bytes = 12};
    json_error_t error;

    (void)state;
    request.method_name = SPAN_OF("GET");
    request.version = HTTP_1_1;
    request.target = SPAN_OF("/a?\"");
    request.path = SPAN_OF("/a");
    request.query = SPAN_OF("\"");
    request.authority = SPAN_OF("a.example:80");
    given(FIELD_USER_AGENT, "curl/8\xff");
    given(FIELD_RANGE, "");
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        facts.is_tls = is_tls != 0;
        facts.tls_version = SPAN_OF("TLSv1.3");
        struct span text = echo_json(&arena, &request, &facts);
        json_t *root = json_loadb(text.ptr, text.len, 0, &error);
        assert_non_null(root);
        const char *method;
        const char *query;
        const char *version;
        const char *name;
        const char *value;
        json_int_t bytes;
        json_t *tls;
        assert_int_equal(json_unpack(root, "{s:s, s:s, s:s, s:[[s,s],[s,s]], s:I, s:o, s:n}",
                                     "method", &method, "query", &query, "version", &version,
                                     "fields", &name, &value, &name, &value, "body_bytes", &bytes,
                                     "tls", &tls, "listener"),
                         0);
        assert_string_equal(method, "GET");
        assert_string_equal(query, "\"");
        assert_string_equal(version, "HTTP/1.1");
        assert_string_equal(name, "Range");
        assert_string_equal(value, "");
        assert_int_equal(bytes, 12);
        assert_int_equal(json_is_object(tls), is_tls);
        json_decref(root);
    }
    request.fields = (struct http_fields){0};
    struct span text = echo_json(&arena, &request, &facts);
    json_t *root = json_loadb(text.ptr, text.len, 0, &error);
    assert_int_equal(json_array_size(json_object_get(root, "fields")), 0);
    json_decref(root);
}

/* ---- coded forms, lists, names ---- */

static const char *coded(const char *accept)
{
    request.fields = (struct http_fields){0};
    given(FIELD_ACCEPT_ENCODING, accept);
    assert_int_equal(get("/app.js"), 200);
    assert_string_equal(field("content-type"), "text/javascript; charset=utf-8");
    return body();
}

static void test_files_compressed_beforehand(void **state)
{
    (void)state;
    write_file("app.js", "plain");
    write_file("app.js.br", "in brotli");
    write_file("app.js.gz", "in gzip");
    assert_string_equal(coded("br, gzip"), "plain"); /* off */
    assert_string_equal(field("vary"), "");
    settings.precompressed = true;
    assert_string_equal(coded("br, gzip"), "in brotli");
    assert_string_equal(field("content-encoding"), "br");
    assert_string_equal(field("vary"), "Accept-Encoding");
    assert_string_equal(field("accept-ranges"), "");
    assert_string_equal(field("etag"), "\"3b9aca00.0-9-br\"");
    assert_string_equal(coded("zstd, gzip"), "in gzip");
    assert_string_equal(coded("zstd, gzip;q=0.5, br;q=0.1"), "in gzip");
    assert_string_equal(field("content-encoding"), "gzip");
    assert_string_equal(coded("zstd"), "plain");
    assert_string_equal(field("content-encoding"), "");
    assert_string_equal(field("vary"), "Accept-Encoding");
    assert_string_equal(coded(""), "plain");
    /* Each has its conditions. */
    request.fields = (struct http_fields){0};
    given(FIELD_ACCEPT_ENCODING, "br");
    given(FIELD_IF_NONE_MATCH, "\"3b9aca00.0-9-br\"");
    assert_int_equal(get("/app.js"), 304);
    assert_string_equal(field("etag"), "\"3b9aca00.0-9-br\"");
    assert_string_equal(field("vary"), "Accept-Encoding");
    request.fields = (struct http_fields){0};
    given(FIELD_ACCEPT_ENCODING, "gzip");
    given(FIELD_IF_NONE_MATCH, "\"3b9aca00.0-9-br\"");
    assert_int_equal(get("/app.js"), 200);
    /* A range is one of the file itself. */
    given(FIELD_RANGE, "bytes=0-1");
    assert_int_equal(get("/app.js"), 206);
    assert_string_equal(body(), "pl");
}

static void test_what_is_no_form_of_the_file(void **state)
{
    const struct timespec newer[2] = {{.tv_sec = HELLO_TIME + 9}, {.tv_sec = HELLO_TIME + 9}};
    int fd;

    (void)state;
    settings.precompressed = true;
    write_file("app.js", "plain");
    write_file("app.js.br", "in brotli");
    write_file("app.js.gz", "in gzip");
    fd = openat(root_fd, "app.js", O_RDONLY | O_CLOEXEC);
    assert_int_equal(futimens(fd, newer), 0);
    (void)close(fd);
    assert_string_equal(coded("br, gzip"), "plain"); /* those are of an older file */
    write_file("app.js", "plain");
    write_file("app.js.br", "");
    assert_string_equal(coded("br"), "plain");
    assert_int_equal(unlinkat(root_fd, "app.js.br", 0), 0);
    assert_int_equal(symlinkat("../outside.txt", root_fd, "app.js.br"), 0);
    assert_string_equal(coded("br, gzip;q=0.5"), "in gzip");
    assert_int_equal(unlinkat(root_fd, "app.js.br", 0), 0);
    assert_int_equal(mkdirat(root_fd, "app.js.br", 0755), 0);
    assert_string_equal(coded("br"), "plain");
    assert_int_equal(unlinkat(root_fd, "app.js.br", AT_REMOVEDIR), 0);
    /* Nor is one without its file. */
    assert_int_equal(unlinkat(root_fd, "app.js", 0), 0);
    assert_int_equal(get("/app.js"), 404);
    assert_int_equal(get("/app.js.gz"), 200);
    assert_string_equal(field("content-type"), "application/gzip");
    assert_string_equal(field("content-encoding"), "");
    assert_int_equal(unlinkat(root_fd, "app.js.gz", 0), 0);
}

static void test_the_first_index_that_is_there(void **state)
{
    (void)state;
    write_file("bare/index.txt", "text");
    assert_int_equal(get("/bare/"), 200);
    assert_string_equal(body(), "text");
    assert_string_equal(field("content-type"), "text/plain; charset=utf-8");
    write_file("bare/index.html", "html");
    assert_int_equal(get("/bare/"), 200);
    assert_string_equal(body(), "html");
    assert_int_equal(unlinkat(root_fd, "bare/index.txt", 0), 0);
    assert_int_equal(unlinkat(root_fd, "bare/index.html", 0), 0);
    assert_int_equal(get("/bare/"), 404);
}

static json_t *listed(const char *path)
{
    json_t *list;

    http_fields_add(&request.fields, &arena, FIELD_OTHER, SPAN_OF("Accept"),
                    SPAN_OF("application/json, text/html;q=0.9"));
    assert_int_equal(get(path), 200);
    assert_false(answer.has_file);
    list = json_loadb(answer.text.ptr, answer.text.len, 0, NULL);
    assert_non_null(list);
    return list;
}

static bool has_entry(const json_t *list, const char *name)
{
    size_t index;
    json_t *entry;

    json_array_foreach(json_object_get(list, "entries"), index, entry)
    {
        if (strcmp(json_string_value(json_object_get(entry, "name")), name) == 0) {
            return true;
        }
    }
    return false;
}

static void test_lists_of_folders(void **state)
{
    (void)state;
    assert_int_equal(mkdirat(root_fd, "list", 0755), 0);
    assert_int_equal(mkdirat(root_fd, "list/z-folder", 0755), 0);
    write_file("list/a.js", "1");
    write_file("list/a.js.gz", "2");
    write_file("list/b.gz", "3");
    write_file("list/.env", "secret");
    write_file("list/<i>&\"x'", "4");
    assert_int_equal(symlinkat("../../outside.txt", root_fd, "list/out"), 0);
    assert_int_equal(symlinkat("../hello.txt", root_fd, "list/in"), 0);
    assert_int_equal(symlinkat("nowhere", root_fd, "list/dangling"), 0);
    assert_int_equal(mkfifoat(root_fd, "list/pipe", 0644), 0);
    assert_int_equal(get("/list/"), 404); /* off */
    settings.listing = true;
    settings.precompressed = true;
    json_t *list = listed("/list/");
    assert_int_equal(json_array_size(json_object_get(list, "entries")), 5);
    const json_t *first = json_array_get(json_object_get(list, "entries"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "name")), "z-folder");
    assert_string_equal(json_string_value(json_object_get(first, "type")), "folder");
    assert_true(has_entry(list, "a.js") && has_entry(list, "b.gz") && has_entry(list, "in"));
    assert_true(json_is_true(json_object_get(list, "complete")));
    json_decref(list);
    settings.precompressed = false;
    list = listed("/list/");
    assert_true(has_entry(list, "a.js.gz"));
    json_decref(list);
    request.fields = (struct http_fields){0};
    assert_int_equal(get("/list/"), 200);
    assert_string_equal(field("content-type"), "text/html; charset=utf-8");
    assert_non_null(strstr(answer.text.ptr, "<a href=\"./%3Ci%3E%26%22x%27\">"
                                            "&lt;i&gt;&amp;&quot;x&#39;</a>"));
    assert_null(strstr(answer.text.ptr, "<i>"));
    assert_int_equal(get("/list"), 308);
    assert_int_equal(get("/.git/"), 404);
    assert_int_equal(get("/"), 200); /* it has an index */
    assert_true(answer.has_file);
    assert_int_equal(get("/escape-folder/"), 404);
    request.method = HTTP_POST;
    assert_int_equal(get("/list/"), 405);
}

static void test_a_list_has_its_bound(void **state)
{
    char name[32];
    json_t *list;

    (void)state;
    settings.listing = true;
    assert_int_equal(mkdirat(root_fd, "many", 0755), 0);
    for (int i = 0; i <= 2000; i++) {
        (void)snprintf(name, sizeof(name), "many/%d", i);
        int fd = openat(root_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        (void)close(fd);
    }
    list = listed("/many/");
    assert_int_equal(json_array_size(json_object_get(list, "entries")), 2000);
    assert_true(json_is_false(json_object_get(list, "complete")));
    json_decref(list);
}

static void test_cache_control_types_and_charset(void **state)
{
    static struct header_setting cache[] = {{"/sub/*", "private"}, {"*.txt", "no-cache"}};
    static struct header_setting types[] = {{"css", "text/x-own"}, {"*", "text/unknown"}};

    (void)state;
    settings.cache_control = cache;
    settings.cache_control_count = 2;
    assert_int_equal(get("/hello.txt"), 200);
    assert_string_equal(field("cache-control"), "no-cache");
    assert_int_equal(get("/sub/index.html"), 200);
    assert_string_equal(field("cache-control"), "private");
    assert_int_equal(get("/index.html"), 200);
    assert_string_equal(field("cache-control"), "");
    settings.types = types;
    settings.type_count = 2;
    settings.charset = "koi8-r";
    assert_int_equal(get("/a%20b.css"), 200);
    assert_string_equal(field("content-type"), "text/x-own");
    assert_int_equal(get("/empty"), 200);
    assert_string_equal(field("content-type"), "text/unknown");
    assert_int_equal(get("/hello.txt"), 200);
    assert_string_equal(field("content-type"), "text/plain; charset=koi8-r");
    settings.charset = "none";
    assert_int_equal(get("/hello.txt"), 200);
    assert_string_equal(field("content-type"), "text/plain");
    given(FIELD_IF_NONE_MATCH, "*");
    assert_int_equal(get("/hello.txt"), 304);
    assert_string_equal(field("cache-control"), "no-cache");
}

static bool fits(const char *pattern, const char *name)
{
    return file_pattern_fits(span_from_cstr(pattern), span_from_cstr(name));
}

static void test_patterns_of_names(void **state)
{
    (void)state;
    assert_true(fits("*.html", "index.html"));
    assert_true(fits("*.html", "sub/deep/index.html"));
    assert_false(fits("*.html", "index.html.bak"));
    assert_true(fits("/assets/*", "assets/a/b.js"));
    assert_false(fits("/assets/*", "other/assets/b.js"));
    assert_true(fits("/*.js", "a/b.js"));
    assert_true(fits("a*b*c", "a-b-b-c"));
    assert_false(fits("a*b*c", "a-c-b"));
    assert_true(fits("*.{hash}.js", "main.3f2a9c1b.js"));
    assert_true(fits("*-{hash}.js", "index-DiwrgTda9.js"));
    assert_true(fits("*-{hash}.*", "my-own-index-0a1b2c3d.css"));
    assert_false(fits("*.{hash}.js", "main.component.js")); /* no digit */
    assert_false(fits("*.{hash}.js", "main.3f2a9c.js"));    /* too short */
    assert_false(fits("*.{hash}.js", "main.3f2a.9c1b.js"));
    assert_true(fits("{hash}", "0123456789abcdef"));
    assert_false(fits("", "a"));
    assert_true(file_pattern_is_fine(SPAN_OF("/a/*.{hash}.*")));
    assert_false(file_pattern_is_fine(SPAN_OF("{name}")));
    assert_false(file_pattern_is_fine(SPAN_OF("{hash}{hash}")));
    assert_false(file_pattern_is_fine(SPAN_OF("a}")));
    assert_false(file_pattern_is_fine(SPAN_OF("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_whole_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_found_and_what_is_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_folder_without_its_slash_is_redirected, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_only_get_and_head, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_conditions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_range, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several_ranges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_just_changed_has_weak_validators, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_may_not_be_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_arena_closes_the_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_opening_by_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_echo, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_compressed_beforehand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_form_of_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_first_index_that_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lists_of_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_list_has_its_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cache_control_types_and_charset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_patterns_of_names, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, make_tree, drop_tree);
}
