/* One whole request with any fields, and its response with any fields: through either front, to a
 * server of either version of HTTP, a file, an answer of our own. Whatever they are, the process
 * lives and nothing is left.
 *
 * Input: three bytes (route and front; method; status), the request's field lines, an empty line,
 * the response's field lines. Lines end with LF; over HTTP/2 names are lowered and values trimmed,
 * so that what is wrong is not always the same. */
#include <nghttp2/nghttp2.h>

#include "fuzz_world.h"
#include "server/front_h2.h"

#define FIELDS_MAX 100
#define TURNS_MAX 60
#define IDLE_TURNS 6

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *const targets[] = {"/1", "/2?a=b", "/3", "/file.txt", "/echo", "/own"};
static const char *const methods[] = {"GET",     "HEAD",   "POST",    "PUT",
                                      "OPTIONS", "DELETE", "PROPFIND"};
static const unsigned statuses[] = {200, 204, 206, 304, 404, 426, 500, 503, 101, 401, 205, 301};

struct run {
    struct harness *h;
    const char *target;
    const char *method;
    unsigned status;
    bool is_h2;
    struct span request;
    struct span response;
    struct actor *client;
    struct actor *one; /* the connections of the two servers */
    struct actor *two;
    bool has_answered;
    unsigned turns;
    unsigned idle_turns;
};

/* ---- HTTP/2 ---- */

static void put_frame(struct actor *actor, uint8_t type, uint8_t flags, uint32_t stream,
                      struct span payload)
{
    struct strbuf frame;

    strbuf_init(&frame);
    h2_put_frame(&frame, type, flags, stream, payload);
    fuzz_put(actor, strbuf_span(&frame));
    strbuf_free(&frame);
}

static nghttp2_nv make_nv(struct span name, struct span value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.ptr, (uint8_t *)(uintptr_t)value.ptr, name.len,
                        value.len, NGHTTP2_NV_FLAG_NONE};
}

/* Lowers the names in place: the lines are the target's own copy. */
static size_t add_lines(nghttp2_nv *fields, size_t count, struct span lines)
{
    struct span line;

    while (count < FIELDS_MAX && span_split(&lines, '\n', &line)) {
        size_t colon = span_find(line, ':');
        if (line.len == 0 || colon == line.len) {
            continue;
        }
        for (size_t i = 0; i < colon; i++) {
            ((char *)(uintptr_t)line.ptr)[i] = ascii_lower(line.ptr[i]);
        }
        fields[count++] = make_nv(span_head(line, colon), span_trim(span_skip(line, colon + 1)));
    }
    return count;
}

static void put_headers(struct actor *actor, nghttp2_nv *fields, size_t count, bool is_end)
{
    static uint8_t block[65536];
    nghttp2_hd_deflater *deflater;

    CHECK(nghttp2_hd_deflate_new(&deflater, 4096) == 0);
    ssize_t len = nghttp2_hd_deflate_hd(deflater, block, 16000, fields, count);
    nghttp2_hd_deflate_del(deflater);
    if (len > 0) {
        put_frame(actor, 1, is_end ? 5 : 4, 1, span_make(block, (size_t)len));
    }
}

/* ---- the client ---- */

static bool has_body(const struct run *run)
{
    return run->method[0] == 'P';
}

static void send_h2_request(struct run *run)
{
    nghttp2_nv fields[FIELDS_MAX + 4];
    size_t count = 0;

    fuzz_put(run->client, span_make(FRONT_H2_PREFACE, FRONT_H2_PREFACE_BYTES));
    put_frame(run->client, 4, 0, 0, SPAN_OF(""));
    fields[count++] = make_nv(SPAN_OF(":method"), span_from_cstr(run->method));
    fields[count++] = make_nv(SPAN_OF(":scheme"), SPAN_OF("http"));
    fields[count++] = make_nv(SPAN_OF(":path"), span_from_cstr(run->target));
    fields[count++] = make_nv(SPAN_OF(":authority"), SPAN_OF("a.test"));
    count = add_lines(fields, count, run->request);
    put_headers(run->client, fields, count, !has_body(run));
    if (has_body(run)) {
        put_frame(run->client, 0, 1, 1, SPAN_OF("body"));
    }
}

static void put_h1_lines(struct actor *actor, struct span lines)
{
    struct span line;

    while (span_split(&lines, '\n', &line)) {
        if (line.len != 0) {
            fuzz_put(actor, line);
            fuzz_put(actor, SPAN_OF("\r\n"));
        }
    }
}

static void send_h1_request(struct run *run)
{
    char line[128];
    int len = snprintf(line, sizeof(line), "%s %s HTTP/1.1\r\nHost: a.test\r\n%s", run->method,
                       run->target, has_body(run) ? "Content-Length: 4\r\n" : "");

    fuzz_put(run->client, span_make(line, (size_t)len));
    put_h1_lines(run->client, run->request);
    fuzz_put(run->client, span_make("\r\nbody", has_body(run) ? 6 : 2));
}

/* ---- the servers ---- */

static void answer_h1(struct run *run)
{
    char line[128];
    int len =
        snprintf(line, sizeof(line), "HTTP/1.1 %u Text\r\nContent-Length: 4\r\n", run->status);

    fuzz_put(run->one, span_make(line, (size_t)len));
    put_h1_lines(run->one, run->response);
    fuzz_put(run->one, SPAN_OF("\r\nbody"));
}

static void answer_h2(struct run *run)
{
    nghttp2_nv fields[FIELDS_MAX + 1];
    char status[4];
    size_t count = 0;

    (void)snprintf(status, sizeof(status), "%u", run->status);
    put_frame(run->two, 4, 0, 0, SPAN_OF(""));
    fields[count++] = make_nv(SPAN_OF(":status"), span_from_cstr(status));
    count = add_lines(fields, count, run->response);
    put_headers(run->two, fields, count, false);
    put_frame(run->two, 0, 1, 1, SPAN_OF("body"));
}

/* True when something happened. */
static bool serve(struct run *run)
{
    bool any = false;

    if (run->one == NULL) {
        run->one = harness_accept(run->h, "one");
    }
    if (run->two == NULL && (run->two = harness_accept(run->h, "two")) != NULL) {
        put_frame(run->two, 4, 0, 0, SPAN_OF("")); /* SETTINGS, without which no request comes */
    }
    if (fuzz_sink(run->one)) {
        any = true;
        if (!run->has_answered) {
            run->has_answered = true;
            answer_h1(run);
        }
    }
    if (fuzz_sink(run->two)) {
        any = true;
        if (!run->has_answered && run->turns > 2) {
            run->has_answered = true;
            answer_h2(run);
        }
    }
    return any;
}

static void play(struct run *run)
{
    while (run->turns++ < TURNS_MAX && run->idle_turns++ < IDLE_TURNS) {
        bool any = harness_turn(run->h);
        any = serve(run) || any;
        if (fuzz_sink(run->client) || any) {
            run->idle_turns = 0;
        }
    }
}

/* ---- the target ---- */

/* The first empty line ends the request's. */
static void split(struct run *run, struct span text)
{
    size_t at = 0;

    while (at < text.len && !(text.ptr[at] == '\n' && (at == 0 || text.ptr[at - 1] == '\n'))) {
        at++;
    }
    run->request = span_head(text, at);
    run->response = span_skip(text, at < text.len ? at + 1 : at);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct run run = {0};
    char *copy;

    if (size < 3 || size > 8000) {
        return 0;
    }
    run.h = fuzz_start(fuzz_config);
    copy = xmalloc(size);
    memcpy(copy, bytes, size);
    run.is_h2 = (bytes[0] & 1) != 0;
    run.target = targets[(bytes[0] >> 1) % ARRAY_LEN(targets)];
    run.method = methods[bytes[1] % ARRAY_LEN(methods)];
    run.status = statuses[bytes[2] % ARRAY_LEN(statuses)];
    split(&run, span_make(copy + 3, size - 3));
    run.client = harness_connect(run.h);
    if (run.is_h2) {
        send_h2_request(&run);
    } else {
        send_h1_request(&run);
    }
    play(&run);
    harness_stop(run.h);
    free(copy);
    return 0;
}
