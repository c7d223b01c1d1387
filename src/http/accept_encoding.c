#include "http/accept_encoding.h"

#include "http/quality.h"

#define NOT_NAMED (-1)

static const struct span names[CODING_COUNT] = {SPAN("identity"), SPAN("gzip"), SPAN("br"),
                                                SPAN("zstd")};

struct wishes {
    int weights[CODING_COUNT];
    int others; /* of "*" */
    bool is_given;
};

struct span coding_name(enum coding coding)
{
    return names[coding];
}

enum coding coding_of(struct span name)
{
    for (size_t i = 0; i < CODING_COUNT; i++) {
        if (span_ieq(name, names[i])) {
            return (enum coding)i;
        }
    }
    return span_ieq(name, SPAN_OF("x-gzip")) ? CODING_GZIP : CODING_COUNT;
}

static void note(int *weight, unsigned given)
{
    if (*weight == NOT_NAMED || (int)given < *weight) {
        *weight = (int)given;
    }
}

static bool read_line(struct span list, struct wishes *wishes)
{
    struct quality_item item;
    enum quality_result result;

    while ((result = quality_next(&list, &item)) == QUALITY_ITEM) {
        enum coding coding = coding_of(item.name);
        if (!http_is_token(item.name) || span_trim(item.parameters).len != 0) {
            return false;
        }
        if (coding < CODING_COUNT) {
            note(&wishes->weights[coding], item.weight);
        } else if (span_eq(item.name, SPAN_OF("*"))) {
            note(&wishes->others, item.weight);
        }
    }
    return result == QUALITY_END;
}

static bool read_wishes(const struct http_fields *fields, struct wishes *wishes)
{
    for (size_t i = 0; i < CODING_COUNT; i++) {
        wishes->weights[i] = NOT_NAMED;
    }
    wishes->others = NOT_NAMED;
    wishes->is_given = false;
    if (!http_fields_has(fields, FIELD_ACCEPT_ENCODING)) {
        return true;
    }
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        if (field->id == FIELD_ACCEPT_ENCODING) {
            wishes->is_given = true;
            if (!read_line(field->value, wishes)) {
                return false;
            }
        }
    }
    return true;
}

enum coding accept_encoding_choose(const struct http_fields *fields, const enum coding *order,
                                   size_t count)
{
    enum coding best = CODING_IDENTITY;
    int best_weight = 0;
    struct wishes wishes;

    if (!read_wishes(fields, &wishes) || !wishes.is_given) {
        return CODING_IDENTITY;
    }
    for (size_t i = 0; i < count; i++) {
        int weight = wishes.weights[order[i]];
        weight = weight != NOT_NAMED ? weight : wishes.others;
        if (weight > best_weight) {
            best = order[i];
            best_weight = weight;
        }
    }
    /* What is not said of it means nothing but that it is taken. */
    return best_weight >= wishes.weights[CODING_IDENTITY] ? best : CODING_IDENTITY;
}
