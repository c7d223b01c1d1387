/* Path normalisation: whatever comes in, what goes out has one reading. */
#include <stdint.h>
#include <stdlib.h>

#include "edge/path_reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_no_dots(struct span path)
{
    struct span segment;

    while (span_split(&path, '/', &segment)) {
        CHECK(!span_eq(segment, SPAN_OF(".")) && !span_eq(segment, SPAN_OF("..")));
    }
}

static void check_file(struct span match, struct arena *arena)
{
    const char *relative;

    if (!path_to_file(match, arena, &relative)) {
        return;
    }
    struct span name = span_from_cstr(relative);
    CHECK(name.len != 0 && name.len <= match.len && name.ptr[0] != '/');
    if (!span_eq(name, SPAN_OF("."))) {
        check_no_dots(name);
    }
}

/* Whatever is strictly one path is read in one way. */
static void check_readings(struct path *path)
{
    struct path_readings readings;
    struct span reading;

    if (path_check_strict(path) == PATH_OK) {
        CHECK(!path->is_ambiguous);
        return;
    }
    CHECK(path->bad.len != 0 && path->bad.ptr >= path->raw.ptr &&
          path->bad.ptr + path->bad.len <= path->raw.ptr + path->raw.len);
    enum path_error error = path_readings_begin(&readings, path);
    while (error == PATH_OK && path_readings_next(&readings, &reading)) {
        CHECK(reading.len != 0 && reading.ptr[0] == '/');
        check_no_dots(reading);
    }
    path_readings_end(&readings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span raw = span_make(data, size);
    struct arena arena;
    struct path path;
    struct path again;

    arena_init(&arena, 1024);
    struct span folded = path_fold_percent(raw, &arena);
    CHECK(folded.len <= 3 * size);
    if (path_normalise(raw, &arena, &path) == PATH_OK && !span_eq(raw, SPAN_OF("*"))) {
        CHECK(path.match.len <= (size != 0 ? 3 * size : 1) && path.match.ptr[0] == '/');
        CHECK(path.is_rewritten == !span_eq(path.forward, raw));
        CHECK(path.forward.ptr[0] == '/');
        check_no_dots(path.match);
        check_file(path.match, &arena);
        /* Whoever normalises what we matched or forward gets what we matched. */
        CHECK(path_normalise(path.match, &arena, &again) == PATH_OK);
        CHECK(span_eq(again.match, path.match));
        CHECK(path_normalise(path.forward, &arena, &again) == PATH_OK);
        CHECK(span_eq(again.match, path.match) && !again.is_rewritten);
        check_readings(&path);
    }
    arena_destroy(&arena);
    return 0;
}
