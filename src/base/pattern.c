#include "base/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"

/* Frames for going back in a search; the thread keeps what it once took. */
#define HEAP_MAX_KIB 1024
/* Bytes that are looked at for the price of a step. */
#define BYTES_PER_STEP 16
/* What a search costs beside its steps. */
#define SEARCH_STEPS 8

struct pattern {
    const pcre2_code *code;
    struct span text;
    unsigned captures;
};

/* ---- compiling ---- */

static void *take_memory(size_t size, void *arena)
{
    return arena_alloc(arena, size);
}

static void leave_memory(void *memory, void *arena)
{
    (void)memory;
    (void)arena;
}

/* No way to turn on, in the pattern, what is off here; no byte of a character alone. */
static uint32_t options_of(unsigned flags)
{
    uint32_t options = PCRE2_AUTO_CALLOUT | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF |
                       PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;

    options |= (flags & PATTERN_CASELESS) != 0 ? PCRE2_CASELESS : 0;
    options |= (flags & PATTERN_WHOLE) != 0 ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
    return options;
}

static const pcre2_code *compile(struct span text, unsigned flags, struct arena *arena, int *error,
                                 size_t *offset)
{
    pcre2_general_context *memory = pcre2_general_context_create(take_memory, leave_memory, arena);
    pcre2_compile_context *context = pcre2_compile_context_create(memory);

    CHECK(context != NULL);
    (void)pcre2_set_parens_nest_limit(context, PATTERN_NESTING_MAX);
    return pcre2_compile((PCRE2_SPTR)text.ptr, text.len, options_of(flags), error, offset, context);
}

static void say_error(struct error *error, int number)
{
    PCRE2_UCHAR text[256];

    if (pcre2_get_error_message(number, text, sizeof(text)) < 0) {
        (void)error_set(error, "it is no regular expression");
    } else {
        (void)error_set(error, "%s", (const char *)text);
    }
}

const struct pattern *pattern_compile(struct span text, unsigned flags, struct arena *arena,
                                      struct error *error, size_t *offset)
{
    struct pattern *pattern = arena_calloc(arena, sizeof(*pattern));
    uint32_t captures = 0;
    int number;

    *offset = span_find(text, '\0');
    if (*offset != text.len) {
        (void)error_set(error, "a regular expression cannot hold a NUL as such; write \\x00");
        return NULL;
    }
    if (text.len > PATTERN_BYTES_MAX) {
        *offset = PATTERN_BYTES_MAX;
        (void)error_set(error, "it is longer than %d bytes", PATTERN_BYTES_MAX);
        return NULL;
    }
    pattern->text = span_from_cstr(arena_cstr(arena, text));
    pattern->code = compile(pattern->text, flags, arena, &number, offset);
    if (pattern->code == NULL) {
        say_error(error, number);
        *offset = *offset < text.len ? *offset : text.len;
        return NULL;
    }
    CHECK(pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &captures) == 0);
    if (captures > PATTERN_CAPTURES_MAX) {
        *offset = 0;
        (void)error_set(error,
                        "it has more than %d captures; (?:...) is a group that captures nothing",
                        PATTERN_CAPTURES_MAX);
        return NULL;
    }
    pattern->captures = captures;
    return pattern;
}

struct span pattern_text(const struct pattern *pattern)
{
    return pattern->text;
}

unsigned pattern_capture_number(const struct pattern *pattern, struct span name)
{
    PCRE2_UCHAR text[33]; /* no name is longer (PCRE2's documentation) */
    uint64_t digits;
    int number;

    if (span_to_u64(name, pattern->captures, &digits)) {
        return (unsigned)digits;
    }
    if (name.len == 0 || name.len >= sizeof(text)) {
        return 0;
    }
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    number = pcre2_substring_number_from_name(pattern->code, text);
    return number > 0 ? (unsigned)number : 0;
}

/* ---- what a thread has ---- */

struct searcher {
    pcre2_match_data *data;
    pcre2_match_context *context;
    int64_t steps; /* that are left */
    size_t at;     /* where the search was at the last step */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t searchers;
static _Thread_local struct searcher *mine;

static void searcher_free(void *memory)
{
    struct searcher *searcher = memory;

    pcre2_match_data_free(searcher->data);
    pcre2_match_context_free(searcher->context);
    free(searcher);
    mine = NULL;
}

/* The main thread's end is the process's, for which keys have no destructors. */
static void free_last(void)
{
    if (mine != NULL) {
        searcher_free(mine);
    }
}

static void make_key(void)
{
    CHECK(pthread_key_create(&searchers, searcher_free) == 0);
    (void)atexit(free_last);
}

static int count_step(pcre2_callout_block *block, void *data)
{
    struct searcher *searcher = data;
    size_t at = block->current_position;
    size_t moved = at > searcher->at ? at - searcher->at : searcher->at - at;

    searcher->at = at;
    searcher->steps -= 1 + (int64_t)(moved / BYTES_PER_STEP);
    return searcher->steps >= 0 ? 0 : PCRE2_ERROR_CALLOUT;
}

static struct searcher *my_searcher(void)
{
    struct searcher *searcher = mine;

    if (LIKELY(searcher != NULL)) {
        return searcher;
    }
    CHECK(pthread_once(&once, make_key) == 0);
    searcher = calloc(1, sizeof(*searcher));
    CHECK(searcher != NULL);
    searcher->data = pcre2_match_data_create(PATTERN_CAPTURES_MAX + 1, NULL);
    searcher->context = pcre2_match_context_create(NULL);
    CHECK(searcher->data != NULL && searcher->context != NULL);
    (void)pcre2_set_heap_limit(searcher->context, HEAP_MAX_KIB);
    (void)pcre2_set_match_limit(searcher->context, PATTERN_STEPS_MAX);
    (void)pcre2_set_callout(searcher->context, count_step, searcher);
    (void)pthread_setspecific(searchers, searcher);
    return mine = searcher;
}

/* ---- searching ---- */

static atomic_uint_fast64_t exceeded_count;

/* Once for each doubling: strangers can bring it about. */
static enum pattern_result exceed(const struct pattern *pattern)
{
    uint64_t count = atomic_fetch_add_explicit(&exceeded_count, 1, memory_order_relaxed) + 1;

    if ((count & (count - 1)) == 0) {
        log_warn("a search for the regular expression '%.*s' was given up, as it took more than %d "
                 "steps or its text is longer than %d bytes (%llu such searches so far); it counts "
                 "as not found, or as what is safe: write it so that it need not go back, with ^, "
                 "[^/]* instead of .*, and no repetition of a repetition",
                 SPAN_ARG(pattern->text), PATTERN_STEPS_MAX, PATTERN_SUBJECT_MAX,
                 (unsigned long long)count);
    }
    return PATTERN_EXCEEDED;
}

static void read_captures(const struct pattern *pattern, struct span subject,
                          const pcre2_match_data *data, struct pattern_captures *captures)
{
    const size_t *ends = pcre2_get_ovector_pointer((pcre2_match_data *)data);

    for (size_t i = 0; i <= pattern->captures; i++) {
        /* In some versions \K can put a beginning behind the end. */
        if (ends[2 * i] != PCRE2_UNSET && ends[2 * i] <= ends[2 * i + 1]) {
            captures->items[i] =
                span_make(subject.ptr + ends[2 * i], ends[2 * i + 1] - ends[2 * i]);
        }
    }
}

enum pattern_result pattern_search(const struct pattern *pattern, struct span subject,
                                   struct pattern_captures *captures)
{
    int64_t steps = PATTERN_STEPS_MAX;

    return pattern_search_within(pattern, subject, captures, &steps);
}

enum pattern_result pattern_search_within(const struct pattern *pattern, struct span subject,
                                          struct pattern_captures *captures, int64_t *steps)
{
    int64_t given = *steps < PATTERN_STEPS_MAX ? *steps : PATTERN_STEPS_MAX;
    struct searcher *searcher = my_searcher();
    int result;

    if (captures != NULL) {
        *captures = (struct pattern_captures){0};
    }
    if (subject.len > PATTERN_SUBJECT_MAX || given < 0) {
        return exceed(pattern);
    }
    if (subject.ptr == NULL) {
        subject = SPAN_OF("");
    }
    searcher->steps = given;
    searcher->at = 0;
    result = pcre2_match(pattern->code, (PCRE2_SPTR)subject.ptr, subject.len, 0, 0, searcher->data,
                         searcher->context);
    *steps -= given - searcher->steps + SEARCH_STEPS;
    if (result == PCRE2_ERROR_NOMATCH) {
        return PATTERN_NOT_FOUND;
    }
    if (result < 0) {
        return exceed(pattern);
    }
    if (captures != NULL) {
        read_captures(pattern, subject, searcher->data, captures);
    }
    return PATTERN_FOUND;
}
