#include "http/grpc.h"

enum grpc_status grpc_status_of(unsigned http_status)
{
    switch (http_status) {
    case 400:
    case 500:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
    case 405:
    case 501:
        return GRPC_UNIMPLEMENTED;
    case 408:
    case 504:
        return GRPC_DEADLINE_EXCEEDED;
    case 413:
    case 414:
    case 431:
        return GRPC_RESOURCE_EXHAUSTED;
    case 421:
    case 425:
    case 429:
    case 502:
    case 503:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

struct span grpc_message(struct span text, struct arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, text.len * 3 + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x20 && c < 0x7f && c != '%') {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = digits[c >> 4];
        out[n++] = digits[c & 15];
    }
    return span_make(out, n);
}

#define TIMEOUT_DIGITS_MAX 8 /* of a timeout, by the protocol */
#define TIMEOUT_MAX UINT64_C(99999999)

static const struct {
    char word;
    uint64_t us; /* 0: less than one */
} units[] = {{'n', 0},       {'u', 1},        {'m', 1000},
             {'S', 1000000}, {'M', 60000000}, {'H', UINT64_C(3600000000)}};

bool grpc_timeout_read(struct span value, uint64_t *us)
{
    uint64_t number;

    if (value.len < 2 || value.len > TIMEOUT_DIGITS_MAX + 1 ||
        !span_to_u64(span_head(value, value.len - 1), TIMEOUT_MAX, &number)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (units[i].word == value.ptr[value.len - 1]) {
            *us = units[i].us != 0 ? number * units[i].us : number / 1000;
            return true;
        }
    }
    return false;
}

struct span grpc_timeout_write(uint64_t us, struct arena *arena)
{
    size_t unit = 1;

    while (unit + 1 < ARRAY_LEN(units) && us / units[unit].us > TIMEOUT_MAX) {
        unit++;
    }
    return span_from_cstr(
        arena_printf(arena, "%llu%c", (unsigned long long)(us / units[unit].us), units[unit].word));
}
