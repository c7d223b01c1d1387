#include "cache/cache_control.h"

#include <string.h>

int64_t cache_seconds(struct span text)
{
    int64_t seconds = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return CACHE_ABSENT;
        }
        seconds = seconds * 10 + (text.ptr[i] - '0');
        seconds = seconds > CACHE_SECONDS_MAX ? CACHE_SECONDS_MAX : seconds;
    }
    return text.len != 0 ? seconds : CACHE_ABSENT;
}

static void take_seconds(int64_t *to, struct span argument)
{
    int64_t seconds = cache_seconds(argument);

    seconds = seconds == CACHE_ABSENT ? 0 : seconds;
    *to = *to == CACHE_ABSENT || seconds < *to ? seconds : *to;
}

static void take(struct cache_control *control, struct span name, struct span argument)
{
    const struct {
        struct span name;
        int64_t *seconds;
    } numbers[] = {
        {SPAN("max-age"), &control->max_age_s},
        {SPAN("s-maxage"), &control->s_maxage_s},
        {SPAN("stale-while-revalidate"), &control->stale_revalidate_s},
        {SPAN("stale-if-error"), &control->stale_error_s},
    };
    const struct {
        struct span name;
        bool *flag;
    } flags[] = {
        {SPAN("no-store"), &control->no_store},
        {SPAN("no-cache"), &control->no_cache},
        {SPAN("private"), &control->is_private},
        {SPAN("public"), &control->is_public},
        {SPAN("must-revalidate"), &control->must_revalidate},
        {SPAN("proxy-revalidate"), &control->must_revalidate},
        {SPAN("must-understand"), &control->must_understand},
        {SPAN("only-if-cached"), &control->only_if_cached},
    };

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (span_ieq(name, numbers[i].name)) {
            take_seconds(numbers[i].seconds, argument);
            return;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (span_ieq(name, flags[i].name)) {
            *flags[i].flag = true;
            return;
        }
    }
}

/* The length of a quoted string with its quotes; 0: it does not end. */
static size_t quoted_len(struct span text)
{
    for (size_t i = 1; i < text.len; i++) {
        if (text.ptr[i] == '\\') {
            i++;
        } else if (text.ptr[i] == '"') {
            return i + 1;
        }
    }
    return 0;
}

/* The end of one member of the list; SIZE_MAX: a quoted string in it has none. */
static size_t member_len(struct span text)
{
    size_t at = 0;

    while (at < text.len && text.ptr[at] != ',') {
        if (text.ptr[at] == '"') {
            size_t len = quoted_len(span_skip(text, at));
            if (len == 0) {
                return SIZE_MAX;
            }
            at += len;
        } else {
            at++;
        }
    }
    return at;
}

static void read_member(struct cache_control *control, struct span member)
{
    size_t equals = span_find(member, '=');
    struct span argument = span_skip(member, equals < member.len ? equals + 1 : equals);

    argument = span_trim(argument);
    if (argument.len >= 2 && argument.ptr[0] == '"' && quoted_len(argument) == argument.len) {
        argument = span_make(argument.ptr + 1, argument.len - 2);
    }
    take(control, span_trim(span_head(member, equals)), argument);
}

static void read_line(struct cache_control *control, struct span line)
{
    while (line.len != 0) {
        size_t len = member_len(line);

        if (len == SIZE_MAX) {
            control->no_store = true; /* what it hides may be just that */
            return;
        }
        read_member(control, span_trim(span_head(line, len)));
        line = span_skip(line, len < line.len ? len + 1 : len);
    }
}

void cache_control_read(const struct http_fields *fields, struct span name,
                        struct cache_control *control)
{
    *control = (struct cache_control){.max_age_s = CACHE_ABSENT,
                                      .s_maxage_s = CACHE_ABSENT,
                                      .stale_revalidate_s = CACHE_ABSENT,
                                      .stale_error_s = CACHE_ABSENT};
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        if (field->id == FIELD_OTHER && !field->is_not_sent && span_ieq(field->name, name)) {
            read_line(control, field->value);
        }
    }
}
