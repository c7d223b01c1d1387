#include "tls/protocol_choice.h"

enum cause protocol_choice(const struct hello *hello, bool speaks_h2, bool speaks_h1)
{
    if (!hello->has_alpn) {
        return speaks_h1 ? CAUSE_COUNT : CAUSE_NO_ALPN;
    }
    if ((speaks_h2 && hello_offers_alpn(hello, SPAN_OF("h2"))) ||
        (speaks_h1 && (hello_offers_alpn(hello, SPAN_OF("http/1.1")) ||
                       hello_offers_alpn(hello, SPAN_OF("http/1.0")))) ||
        hello->alpn_count == HELLO_ALPN_MAX) { /* there may be more of them */
        return CAUSE_COUNT;
    }
    return !speaks_h2 ? CAUSE_NO_H1 : !speaks_h1 ? CAUSE_NO_H2 : CAUSE_NO_H1_H2;
}

enum cause protocol_choice_of(const struct hello *hello, const char *const *names, size_t count,
                              bool is_required)
{
    if (!hello->has_alpn) {
        return is_required ? CAUSE_NO_ALPN_OF_SITE : CAUSE_COUNT;
    }
    for (size_t i = 0; i < count; i++) {
        if (hello_offers_alpn(hello, span_from_cstr(names[i]))) {
            return CAUSE_COUNT;
        }
    }
    return count == 0 || hello->alpn_count == HELLO_ALPN_MAX ? CAUSE_COUNT : CAUSE_NO_OTHER;
}
