/* tidegate prove-reload: asks for URLs while it has the gateway reload, and counts what fails. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/thread.h"
#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/options.h"
#include "client/fetch.h"
#include "tls/tls_context.h"

#define URLS_MAX 16
/* Requests under way at a time, for each URL. */
#define SIDE_BY_SIDE 4
#define TIMES_DEFAULT 10
#define TIMES_MAX 100000
#define REQUEST_MS 30000
#define HEAD_MAX (64 * 1024)
#define FIELDS_MAX 200
#define BODY_MAX ((size_t)64 << 20)
enum { RELOAD_TIMEOUT_S = 130 };

struct proof {
    struct core core;
    struct client client;
    struct tls_context *tls;
    struct asker *askers;
    size_t asker_count;
    size_t running;
    pthread_t thread;
    atomic_bool is_over;
    /* The thread's, until it has ended. */
    uint64_t count;
    uint64_t failed;
    char first[512]; /* what was wrong with the first that failed */
};

/* Sends one request after the other. */
struct asker {
    struct proof *proof;
    const char *text;
    struct url url;
};

/* ---- requests ---- */

static void ask(struct asker *asker);

static void note(struct proof *proof, const struct asker *asker, const struct fetch_result *result)
{
    proof->count++;
    if (result->how == FETCH_DONE && result->status < 500) {
        return;
    }
    if (proof->failed++ != 0) {
        return;
    }
    if (result->how == FETCH_DONE) {
        (void)snprintf(proof->first, sizeof(proof->first), "%.200s: status %u", asker->text,
                       result->status);
    } else {
        (void)snprintf(proof->first, sizeof(proof->first), "%.200s: %.250s", asker->text,
                       result->problem != NULL ? result->problem : "no answer");
    }
}

static void on_done(void *owner, const struct fetch_result *result)
{
    struct asker *asker = owner;
    struct proof *proof = asker->proof;

    note(proof, asker, result);
    if (!atomic_load(&proof->is_over)) {
        ask(asker);
    } else if (--proof->running == 0) {
        loop_stop(proof->core.loop);
    }
}

static void ask(struct asker *asker)
{
    struct proof *proof = asker->proof;

    (void)fetch_start(&proof->client,
                      &(struct fetch_ask){.url = asker->url,
                                          .method = HTTP_GET,
                                          .timeout_ms = REQUEST_MS,
                                          .body_max = BODY_MAX,
                                          .tls = asker->url.is_https ? proof->tls : NULL},
                      asker, on_done);
}

static void *run(void *arg)
{
    struct proof *proof = arg;

    for (size_t i = 0; i < proof->asker_count; i++) {
        proof->running++;
        ask(&proof->askers[i]);
    }
    loop_run(proof->core.loop);
    client_close_all(&proof->client);
    loop_run_deferred(proof->core.loop);
    (void)loop_turn(proof->core.loop);
    client_free(&proof->client, NULL, 0);
    return NULL;
}

/* ---- reloads ---- */

/* An exit status; *done is how often the gateway has reloaded. */
static int reload(const char *path, unsigned long times, unsigned long *done)
{
    const struct control_request request = {"POST", "/reload", RELOAD_TIMEOUT_S};
    int result = 0;

    for (*done = 0; result == 0 && *done < times; ++*done) {
        struct strbuf report;
        struct error error;
        unsigned status;

        strbuf_init(&report);
        if (!control_ask(path, &request, &status, &report, &error)) {
            (void)fprintf(stderr, "tidegate prove-reload: %s\n", error.text);
            result = 2;
        } else if (status != 200) {
            (void)fprintf(stderr, "%stidegate prove-reload: the gateway did not reload\n",
                          report.ptr);
            result = status == 422 ? 1 : 2;
        }
        strbuf_free(&report);
        if (result != 0) {
            break;
        }
    }
    return result;
}

static bool begin(struct proof *proof, struct error *error)
{
    const struct tls_client_options options = {.protocols = TLS_H1_ONLY, .skip_verify = true};
    int number;

    proof->tls = tls_client_context_create(&options, error);
    if (proof->tls == NULL) {
        return false;
    }
    if (!core_init(&proof->core, 0)) {
        return error_set_errno(error, errno, "cannot send requests");
    }
    proof->client = (struct client){
        .core = &proof->core,
        .settings = {.h1 = {.head_bytes = HEAD_MAX, .target_bytes = URL_MAX, .fields = FIELDS_MAX},
                     .request_head = HEAD_MAX,
                     .send_ms = REQUEST_MS}};
    client_init(&proof->client, NULL, 0);
    number = thread_start(&proof->thread, "requests", run, proof);
    if (number != 0) {
        client_free(&proof->client, NULL, 0);
        core_destroy(&proof->core);
        return error_set_errno(error, number, "cannot start a thread");
    }
    return true;
}

static int prove(struct proof *proof, const char *path, unsigned long times)
{
    struct error error;
    unsigned long done;
    int result;

    if (!begin(proof, &error)) {
        (void)fprintf(stderr, "tidegate prove-reload: %s\n", error.text);
        tls_context_destroy(proof->tls);
        return 2;
    }
    result = reload(path, times, &done);
    atomic_store(&proof->is_over, true);
    thread_join(proof->thread);
    core_destroy(&proof->core);
    tls_context_destroy(proof->tls);
    (void)printf("%llu of %llu failed, while the gateway reloaded %lu times\n",
                 (unsigned long long)proof->failed, (unsigned long long)proof->count, done);
    if (proof->failed != 0) {
        (void)printf("the first: %s\n", proof->first);
    }
    return result == 0 && proof->failed != 0 ? 1 : result;
}

/* ---- the command line ---- */

/* 0: it is none. */
static unsigned long to_times(const char *text)
{
    char *end;
    unsigned long times = text != NULL ? strtoul(text, &end, 10) : TIMES_DEFAULT;

    return text != NULL && (*end != '\0' || times > TIMES_MAX) ? 0 : times;
}

static bool take_urls(struct proof *proof, const char *const *urls)
{
    for (size_t i = 0; i < URLS_MAX && urls[i] != NULL; i++) {
        struct url url;
        if (!url_parse(span_from_cstr(urls[i]), &url)) {
            (void)fprintf(stderr,
                          "tidegate prove-reload: '%s' is no URL: http://HOST[:PORT]/PATH, "
                          "or https\n",
                          urls[i]);
            return false;
        }
        for (size_t k = 0; k < SIDE_BY_SIDE; k++) {
            proof->askers[proof->asker_count++] = (struct asker){proof, urls[i], url};
        }
    }
    return true;
}

int cmd_prove_reload(int argc, char **argv)
{
    const char *config = NULL;
    const char *socket_path = NULL;
    const char *times_text = NULL;
    const char *urls[URLS_MAX] = {NULL};
    const struct option_spec specs[] = {{"--config", "-c", &config, NULL},
                                        {"--socket", NULL, &socket_path, NULL},
                                        {"--times", NULL, &times_text, NULL}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), urls, URLS_MAX);
    struct proof proof = {.asker_count = 0};
    struct error error;
    unsigned long times;
    char *path;

    if (result != OPTIONS_OK) {
        return result;
    }
    times = to_times(times_text);
    if (urls[0] == NULL || times == 0) {
        return usage_error("prove-reload", urls[0] == NULL
                                               ? "name at least one URL"
                                               : "--times takes a number from 1 to 100000");
    }
    proof.askers = xcalloc(URLS_MAX * SIDE_BY_SIDE, sizeof(*proof.askers));
    path = socket_path != NULL ? xstrdup(socket_path) : control_path_of_config(config, &error);
    if (path == NULL) {
        (void)fprintf(stderr, "tidegate prove-reload: %s\n", error.text);
        result = 2;
    } else {
        result = take_urls(&proof, urls) ? prove(&proof, path, times) : 2;
    }
    free(path);
    free(proof.askers);
    return result;
}
