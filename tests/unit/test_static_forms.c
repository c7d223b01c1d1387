#include <jansson.h>

#include "files_world.h"

#include "edge/file_rules.h"

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
