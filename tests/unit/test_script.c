/* Which script a path is for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "edge/path.h"
#include "edge/script.h"

static const struct script_rule php = {SPAN(".php"), SPAN("index.php")};

static void paths(void **state)
{
    static const struct {
        const char *path;
        const char *name; /* NULL: no script */
        const char *info;
    } cases[] = {
        {"/a.php", "/a.php", ""},
        {"/", "/index.php", ""},
        {"/blog/", "/blog/index.php", ""},
        {"/blog", NULL, NULL},
        {"/a.php/", "/a.php", "/"},
        {"/a.php/b/c", "/a.php", "/b/c"},
        {"/a.php/b.php", "/a.php", "/b.php"},
        {"/a.PHP/b", "/a.PHP", "/b"},
        /* A file that somebody uploaded is not what is run. */
        {"/upload.jpg/x.php", "/upload.jpg/x.php", ""},
        {"/upload.jpg%2Fx.php", "/upload.jpg/x.php", ""},
        {"/upload.jpg%00.php", NULL, NULL},
        {"/a.phpx", NULL, NULL},
        {"/a.php.txt", NULL, NULL},
        {"/.php", NULL, NULL},
        {"/d/.php/", "/d/.php/index.php", ""},
        {"/a%2Ephp", "/a.php", ""},
        {"/a%20b.php/c%20d", "/a b.php", "/c d"},
        {"/%C3%A9.php", "/\xc3\xa9.php", ""},
        {"/a.php/%0A", NULL, NULL},
        {"/x/../a.php", "/a.php", ""},
        {"*", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena;
        struct path path;
        struct script script = {0};

        arena_init(&arena, 512);
        if (path_normalise(span_from_cstr(cases[i].path), &arena, &path) != PATH_OK) {
            assert_null(cases[i].name);
        } else if (cases[i].name == NULL) {
            assert_false(script_find(&php, path.match, &arena, &script));
        } else {
            assert_true(script_find(&php, path.match, &arena, &script));
            assert_true(span_eq(script.name, span_from_cstr(cases[i].name)));
            assert_true(span_eq(script.info, span_from_cstr(cases[i].info)));
        }
        arena_destroy(&arena);
    }
}

static void a_folder_may_have_no_index(void **state)
{
    const struct script_rule rule = {SPAN(".php"), {NULL, 0}};
    struct script script;
    struct arena arena;

    (void)state;
    arena_init(&arena, 512);
    assert_false(script_find(&rule, SPAN_OF("/a/"), &arena, &script));
    assert_true(script_find(&rule, SPAN_OF("/a.php"), &arena, &script));
    arena_destroy(&arena);
}

static void files_that_are_scripts(void **state)
{
    (void)state;
    assert_true(script_is_one(&php, SPAN_OF("/a.php")));
    assert_true(script_is_one(&php, SPAN_OF("a.PhP")));
    assert_false(script_is_one(&php, SPAN_OF("/a.php/b.jpg")));
    assert_false(script_is_one(&php, SPAN_OF("/a.phps")));
    assert_false(script_is_one(&php, SPAN_OF("/")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(a_folder_may_have_no_index),
        cmocka_unit_test(files_that_are_scripts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
