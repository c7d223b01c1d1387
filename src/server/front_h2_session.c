/* What nghttp2 is told when a client's connection begins: its options, and our SETTINGS. */
#include "http/nghttp2_compat.h"
#include "server/front_h2_internal.h"

/* More than the budget of a moment pays for: only who never reads gets there. */
#define OUTBOUND_ACKS_MAX 4096

static void see_unknown_frames(nghttp2_option *option)
{
    for (int kind = NGHTTP2_ALTSVC; kind <= UINT8_MAX; kind++) {
        if (kind != NGHTTP2_PRIORITY_UPDATE) {
            nghttp2_option_set_user_recv_extension_type(option, (uint8_t)kind);
        }
    }
}

/* nghttp2 has limits of its own, which would answer before ours, and less clearly. What it holds of
 * answers that the client does not read stays limited. */
static void leave_floods_to_the_budget(nghttp2_option *option)
{
    nghttp2_compat_max_continuations(option, SIZE_MAX);
    nghttp2_compat_stream_reset_rate_limit(option, UINT64_MAX, UINT64_MAX);
    nghttp2_option_set_max_outbound_ack(option, OUTBOUND_ACKS_MAX);
}

static nghttp2_option *make_option(const struct limits_settings *limits)
{
    nghttp2_option *option;

    CHECK(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    /* h2_fields.c checks messages, so that each refusal is ours to name and to test. */
    nghttp2_option_set_no_http_messaging(option, 1);
    /* The gateway's own fields come on top of what a server may send. */
    nghttp2_option_set_max_send_header_block_length(option,
                                                    (size_t)limits->response_head * 2 + 65536);
    leave_floods_to_the_budget(option);
    see_unknown_frames(option);
    nghttp2_option_set_builtin_recv_extension_type(option, NGHTTP2_PRIORITY_UPDATE);
    return option;
}

static void submit_settings(struct front_h2 *front, nghttp2_session *h2)
{
    const struct limits_settings *limits = &front_h2_settings(front)->limits;
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)limits->streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limits->head},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };

    (void)nghttp2_submit_settings(h2, NGHTTP2_FLAG_NONE, entries, ARRAY_LEN(entries));
    (void)nghttp2_session_set_local_window_size(h2, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
}

nghttp2_session *front_h2_session_new(struct front_h2 *front)
{
    nghttp2_session_callbacks *callbacks = front_h2_callbacks();
    nghttp2_option *option = make_option(&front_h2_settings(front)->limits);
    nghttp2_session *h2;

    CHECK(nghttp2_session_server_new2(&h2, callbacks, front, option) == 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    submit_settings(front, h2);
    return h2;
}
