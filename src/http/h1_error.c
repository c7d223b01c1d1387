#include "http/h1_parse.h"
#include "http/refused.h"

struct h1_error_entry {
    unsigned status;
    const char *word;
    const char *text;
};

static const struct h1_error_entry errors[H1_ERROR_COUNT] = {
#define H1_ERROR(id, status, word, text) [id] = {status, word, text},
#include "http/h1_error_table.h"
#undef H1_ERROR
};

unsigned h1_error_status(enum h1_error error)
{
    CHECK(error < H1_ERROR_COUNT);
    return errors[error].status;
}

const char *h1_error_word(enum h1_error error)
{
    CHECK(error < H1_ERROR_COUNT);
    return errors[error].word;
}

const char *h1_error_text(enum h1_error error)
{
    CHECK(error < H1_ERROR_COUNT);
    return errors[error].text;
}

const char *h1_error_detail(enum h1_error error, struct span bytes, struct span refused,
                            struct arena *arena)
{
    const char *text = h1_error_text(error);

    if (refused.len == 0 || refused.ptr < bytes.ptr || refused.ptr > bytes.ptr + bytes.len) {
        return text;
    }
    return http_refused_text(text, "the head", (size_t)(refused.ptr - bytes.ptr), refused, arena);
}
