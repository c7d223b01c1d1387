/* One whole request with any fields, and its response with any fields: through either front, to a
 * server of either version of HTTP, a file, an answer of our own. Whatever they are, the process
 * lives and nothing is left.
 *
 * Input: three bytes (route and front; method; status), the request's field lines, an empty line,
 * the response's field lines. Lines end with LF; over HTTP/2 names are lowered and values trimmed,
 * so that what is wrong is not always the same. */
#include <nghttp2/nghttp2.h>

#include "fuzz_world.h"

#define FIELDS_MAX 100
#define TURNS_MAX 60
#define IDLE_TURNS 6

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *const targets[] = {"/1", "/2?a=b", "/3", "/file.txt", "/echo", "/own"};
static const char *const methods[] = {"GET",     "HEAD",   "POST",    "PUT",
                                      "OPTIONS", "DELETE", "PROPFIND"};
static const unsigned statuses[] = {200, 204, 206, 304, 404, 426, 500, 503, 101, 401, 205, 301};

struct run {
    struct deferred again;
    struct worker *worker;
    const char *target;
    const char *method;
    unsigned status;
    bool is_h2;
    struct span request;
    struct span response;
    int client;
    int one; /* the connections of the two servers */
    int two;
    bool has_answered;
    unsigned turns;
    unsigned idle_turns;
};

/* ---- HTTP/2 ---- */

static void put_frame(int fd, uint8_t type, uint8_t flags, uint8_t stream, const void *payload,
                      size_t len)
{
    uint8_t head[9] = {0, (uint8_t)(len >> 8), (uint8_t)len, type, flags, 0, 0, 0, stream};

    world_put(fd, head, sizeof(head));
    world_put(fd, payload, len);
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

static void put_headers(int fd, nghttp2_nv *fields, size_t count, bool is_end)
{
    static uint8_t block[65536];
    nghttp2_hd_deflater *deflater;

    CHECK(nghttp2_hd_deflate_new(&deflater, 4096) == 0);
    ssize_t len = nghttp2_hd_deflate_hd(deflater, block, 16000, fields, count);
    nghttp2_hd_deflate_del(deflater);
    if (len > 0) {
        put_frame(fd, 1, is_end ? 5 : 4, 1, block, (size_t)len);
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

    world_put(run->client, FRONT_H2_PREFACE, FRONT_H2_PREFACE_BYTES);
    put_frame(run->client, 4, 0, 0, NULL, 0);
    fields[count++] = make_nv(SPAN_OF(":method"), span_from_cstr(run->method));
    fields[count++] = make_nv(SPAN_OF(":scheme"), SPAN_OF("http"));
    fields[count++] = make_nv(SPAN_OF(":path"), span_from_cstr(run->target));
    fields[count++] = make_nv(SPAN_OF(":authority"), SPAN_OF("a.test"));
    count = add_lines(fields, count, run->request);
    put_headers(run->client, fields, count, !has_body(run));
    if (has_body(run)) {
        put_frame(run->client, 0, 1, 1, "body", 4);
    }
}

static void put_h1_lines(int fd, struct span lines)
{
    struct span line;

    while (span_split(&lines, '\n', &line)) {
        if (line.len != 0) {
            world_put(fd, line.ptr, line.len);
            world_put(fd, "\r\n", 2);
        }
    }
}

static void send_h1_request(struct run *run)
{
    char line[128];
    int len = snprintf(line, sizeof(line), "%s %s HTTP/1.1\r\nHost: a.test\r\n%s", run->method,
                       run->target, has_body(run) ? "Content-Length: 4\r\n" : "");

    world_put(run->client, line, (size_t)len);
    put_h1_lines(run->client, run->request);
    world_put(run->client, "\r\nbody", has_body(run) ? 6 : 2);
}

/* ---- the servers ---- */

static void answer_h1(struct run *run)
{
    char line[128];
    int len =
        snprintf(line, sizeof(line), "HTTP/1.1 %u Text\r\nContent-Length: 4\r\n", run->status);

    world_put(run->one, line, (size_t)len);
    put_h1_lines(run->one, run->response);
    world_put(run->one, "\r\nbody", 6);
}

static void answer_h2(struct run *run)
{
    nghttp2_nv fields[FIELDS_MAX + 1];
    char status[4];
    size_t count = 0;

    (void)snprintf(status, sizeof(status), "%u", run->status);
    put_frame(run->two, 4, 0, 0, NULL, 0);
    fields[count++] = make_nv(SPAN_OF(":status"), span_from_cstr(status));
    count = add_lines(fields, count, run->response);
    put_headers(run->two, fields, count, false);
    put_frame(run->two, 0, 1, 1, "body", 4);
}

/* True when something happened. */
static bool serve(struct run *run)
{
    bool any = false;

    if (run->one < 0) {
        run->one = world_accept(world.h1_fd);
    }
    if (run->two < 0) {
        run->two = world_accept(world.h2_fd);
        if (run->two >= 0) {
            put_frame(run->two, 4, 0, 0, NULL, 0); /* SETTINGS, without which no request comes */
        }
    }
    if (world_sink(run->one)) {
        any = true;
        if (!run->has_answered) {
            run->has_answered = true;
            answer_h1(run);
        }
    }
    if (world_sink(run->two)) {
        any = true;
        if (!run->has_answered && run->turns > 2) {
            run->has_answered = true;
            answer_h2(run);
        }
    }
    return any;
}

static void on_turn(struct deferred *deferred)
{
    struct run *run = CONTAINER_OF(deferred, struct run, again);
    bool any = serve(run);

    any = world_sink(run->client) || any;
    run->idle_turns = any ? 0 : run->idle_turns + 1;
    if (++run->turns > TURNS_MAX || run->idle_turns > IDLE_TURNS) {
        world_close(&run->client);
        worker_post_stop(run->worker);
        return;
    }
    loop_defer(run->worker->core.loop, &run->again);
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
    struct worker_socket listening;
    struct run run = {.one = -1, .two = -1};
    char *copy;

    if (size < 3 || size > 8000) {
        return 0;
    }
    world_make();
    run.worker = worker_create(world.snapshot, 0, NULL, 0);
    CHECK(run.worker != NULL);
    copy = xmalloc(size);
    memcpy(copy, bytes, size);
    run.is_h2 = (bytes[0] & 1) != 0;
    run.target = targets[(bytes[0] >> 1) % ARRAY_LEN(targets)];
    run.method = methods[bytes[1] % ARRAY_LEN(methods)];
    run.status = statuses[bytes[2] % ARRAY_LEN(statuses)];
    split(&run, span_make(copy + 3, size - 3));
    deferred_init(&run.again, on_turn);
    run.client = world_connect(run.worker, &listening);
    if (run.is_h2) {
        send_h2_request(&run);
    } else {
        send_h1_request(&run);
    }
    loop_defer(run.worker->core.loop, &run.again);
    worker_run(run.worker);
    CHECK(run.worker->session_count == 0 && run.worker->exchange_count == 0);
    deferred_cancel(&run.again);
    world_close(&run.client);
    world_close(&run.one);
    world_close(&run.two);
    worker_destroy(run.worker);
    world_refuse_the_rest();
    free(copy);
    return 0;
}
