/* An HTTP/1.1 front, with servers behind it that answer by script: whatever a client sends, and
 * however it falls into reads, the connection ends and nothing is left.
 *
 * Input: a byte that chooses the servers' scripts, then the client's bytes with events between them
 * (fuzz_next_piece). */
#include "fuzz_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define HEAD EXPECT("\r\n\r\n")

static const struct act_step with_length[] = {
    HEAD, SEND("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), ONLY(ACT_AGAIN)};
static const struct act_step in_chunks[] = {
    HEAD, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), WAIT_MS(50),
    SEND("0\r\nX-Sum: 1\r\n\r\n"), ONLY(ACT_AGAIN)};
static const struct act_step with_interim[] = {
    HEAD, SEND("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"), WAIT_MS(50),
    SEND("HTTP/1.1 204 No Content\r\n\r\n"), ONLY(ACT_AGAIN)};
static const struct act_step upgrading[] = {
    HEAD,
    SEND("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nframes"),
    WAIT_MS(50),
    SEND("more"),
    ONLY(ACT_FINISH),
    ONLY(ACT_END)};
static const struct act_step refusing[] = {
    HEAD, SEND("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
    ONLY(ACT_CLOSE)};
static const struct act_step up_to_the_end[] = {HEAD, SEND("HTTP/1.1 200 OK\r\n\r\nhello"),
                                                ONLY(ACT_FINISH), ONLY(ACT_END)};
static const struct act_step lost[] = {HEAD, ONLY(ACT_CLOSE)};
static const struct act_step silent[] = {ONLY(ACT_STALL), ONLY(ACT_END)};
static const struct act_step asking_for_ntlm[] = {
    HEAD, SEND("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"),
    ONLY(ACT_AGAIN)};
static const struct act_step early[] = {
    HEAD,
    SEND("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello"),
    ONLY(ACT_STALL),
    WAIT_MS(90),
    ONLY(ACT_READ),
    ONLY(ACT_AGAIN)};

static const struct act_step *const ones[] = {
    with_length,   in_chunks, with_interim, upgrading,       refusing,
    up_to_the_end, lost,      silent,       asking_for_ntlm, early};

#define SETTINGS SEND("\0\0\0\4\0\0\0\0\0")
/* A HEADERS frame of a request, by its stream. */
#define STREAM(id) EXPECT("\0\0\0" id)

static const struct act_step h2_answers[] = {SETTINGS,
                                             STREAM("\1"),
                                             SEND("\0\0\1\1\4\0\0\0\1\x88\0\0\5\0\1\0\0\0\1hello"),
                                             STREAM("\3"),
                                             SEND("\0\0\1\1\5\0\0\0\3\x89"),
                                             ONLY(ACT_END)};
static const struct act_step h2_resets[] = {
    SETTINGS,
    STREAM("\1"),
    SEND("\0\0\4\3\0\0\0\0\1\0\0\0\7"),
    STREAM("\3"),
    SEND("\0\0\1\1\4\0\0\0\3\x88\0\0\4\3\0\0\0\0\3\0\0\0\0"),
    ONLY(ACT_END)};
static const struct act_step h2_leaves[] = {
    SETTINGS, STREAM("\1"), SEND("\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0"), ONLY(ACT_CLOSE)};

static const struct act_step *const twos[] = {h2_answers, h2_resets, h2_leaves};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct span rest;

    if (size < 2) {
        return 0;
    }
    rest = span_make(bytes + 1, size - 1);
    struct harness *h = fuzz_start(fuzz_config);
    struct actor *client = harness_connect(h);
    harness_play(h, "one", ones[(bytes[0] & 15) % ARRAY_LEN(ones)]);
    harness_play(h, "two", twos[(bytes[0] >> 4) % ARRAY_LEN(twos)]);
    while (rest.len != 0) {
        fuzz_play_piece(h, client, &rest);
        (void)fuzz_sink(client);
    }
    actor_stall(client, false);
    harness_settle(h);
    actor_finish(client);
    harness_advance_ms(h, 200);
    harness_stop(h);
    return 0;
}
