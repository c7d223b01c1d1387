/* Options of nghttp2 that some distributions have as security updates only: a library without them
 * is enough, and its own limits then stay as they are. */
#ifndef TIDEGATE_HTTP_NGHTTP2_COMPAT_H
#define TIDEGATE_HTTP_NGHTTP2_COMPAT_H

#include <nghttp2/nghttp2.h>
#include <stddef.h>
#include <stdint.h>

extern void nghttp2_option_set_max_continuations(nghttp2_option *option, size_t count)
    __attribute__((weak));
extern void nghttp2_option_set_stream_reset_rate_limit(nghttp2_option *option, uint64_t burst,
                                                       uint64_t rate) __attribute__((weak));

static inline void nghttp2_compat_max_continuations(nghttp2_option *option, size_t count)
{
    if (nghttp2_option_set_max_continuations != NULL) {
        nghttp2_option_set_max_continuations(option, count);
    }
}

static inline void nghttp2_compat_stream_reset_rate_limit(nghttp2_option *option, uint64_t burst,
                                                          uint64_t rate)
{
    if (nghttp2_option_set_stream_reset_rate_limit != NULL) {
        nghttp2_option_set_stream_reset_rate_limit(option, burst, rate);
    }
}

#endif
