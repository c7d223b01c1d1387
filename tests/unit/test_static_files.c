#include <jansson.h>

#include "files_world.h"

#include "files/beneath.h"
#include "gateway/echo.h"
#include "http/date.h"

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
    };
    return cmocka_run_group_tests(tests, make_tree, drop_tree);
}
