/* Later versions of c-ares have other names beside those that all have. */
#define CARES_NO_DEPRECATED
#include "dns/dns.h"

#include <ares.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file_opener.h"

#define RESOLV_CONF "/etc/resolv.conf"
/* How often that is looked at, at most. */
#define RESOLV_CONF_MS 2000
/* Sockets of one channel: a UDP and a TCP one to each server, and those that are being closed. */
#define SOCKETS_MAX 64
#define CLASS_IN 1
/* What an answer over UDP may have without being cut on the way (DNS flag day 2020). */
#define UDP_BYTES 1232

/* c-ares keeps answers by itself where it can, by default; how long one is good is decided by
 * whoever asks. */
#ifdef ARES_OPT_QUERY_CACHE
#define NO_CACHE ARES_OPT_QUERY_CACHE
#else
#define NO_CACHE 0
#endif

struct dns_socket {
    struct watch watch; /* fd -1: free */
    struct dns *dns;
};

struct dns {
    struct loop *loop;
    struct dns_options options;
    ares_channel channel; /* NULL: none could be made */
    unsigned asking;      /* questions on it */
    struct timer timer;   /* c-ares': until something is late */
    struct file_stamp stamp;
    uint64_t stamped_ms;
    struct dns_socket sockets[SOCKETS_MAX];
};

struct question {
    struct dns *dns;
    enum dns_type type;
    void *owner;
    void (*on_answer)(void *owner, const struct dns_answer *answer);
};

/* ---- the loop ---- */

static void set_timer(struct dns *dns)
{
    struct timeval wait;

    if (dns->channel == NULL || ares_timeout(dns->channel, NULL, &wait) == NULL) {
        timer_clear(&dns->timer);
        return;
    }
    timer_set(dns->loop, &dns->timer,
              (uint64_t)wait.tv_sec * 1000000 + (uint64_t)wait.tv_usec + 1000);
}

static void on_timer(struct timer *timer)
{
    struct dns *dns = CONTAINER_OF(timer, struct dns, timer);

    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(dns);
}

static void on_events(struct watch *watch, uint32_t events)
{
    struct dns_socket *socket = CONTAINER_OF(watch, struct dns_socket, watch);
    struct dns *dns = socket->dns;
    int fd = watch->fd;
    bool may_read = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
    bool may_write = (events & (EPOLLOUT | EPOLLERR)) != 0;

    ares_process_fd(dns->channel, may_read ? fd : ARES_SOCKET_BAD,
                    may_write ? fd : ARES_SOCKET_BAD);
    set_timer(dns);
}

static struct dns_socket *find_socket(struct dns *dns, int fd)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (dns->sockets[i].watch.fd == fd) {
            return &dns->sockets[i];
        }
    }
    return NULL;
}

/* c-ares' socket is new, wants something else, or (neither) is about to be closed. One for which
 * there is no room is not watched: its question is asked again elsewhere, or is late. */
static void on_socket(void *arg, ares_socket_t fd, int wants_read, int wants_write)
{
    struct dns *dns = arg;
    struct dns_socket *socket = find_socket(dns, fd);
    uint32_t events = (wants_read != 0 ? EPOLLIN : 0u) | (wants_write != 0 ? EPOLLOUT : 0u);

    if (events == 0) {
        if (socket != NULL) {
            watch_remove(dns->loop, &socket->watch);
        }
        return;
    }
    if (socket != NULL) {
        watch_modify(dns->loop, &socket->watch, events);
        return;
    }
    socket = find_socket(dns, -1);
    if (socket != NULL && !watch_add(dns->loop, &socket->watch, fd, events)) {
        socket->watch.fd = -1;
    }
}

/* ---- the channel ---- */

static bool use_servers(struct dns *dns, struct error *error)
{
    int status;

    if (dns->options.servers == NULL) {
        return true;
    }
    status = ares_set_servers_ports_csv(dns->channel, dns->options.servers);
    return status == ARES_SUCCESS || error_set(error, "cannot use the name servers %s: %s",
                                               dns->options.servers, ares_strerror(status));
}

static bool open_channel(struct dns *dns, struct error *error)
{
    struct ares_options options = {
        .flags = ARES_FLAG_EDNS,
        .ednspsz = UDP_BYTES,
        .timeout = (int)dns->options.timeout_ms,
        .tries = (int)dns->options.tries,
        .lookups = (char[]){"b"},
        .sock_state_cb = on_socket,
        .sock_state_cb_data = dns,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
               ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB | NO_CACHE;
    int status;

    dns->stamp = file_opener_stamp(RESOLV_CONF);
    dns->stamped_ms = clock_ms();
    status = ares_init_options(&dns->channel, &options, mask);
    if (status != ARES_SUCCESS) {
        dns->channel = NULL;
        return error_set(error, "cannot ask name servers: %s", ares_strerror(status));
    }
    if (!use_servers(dns, error)) {
        ares_destroy(dns->channel);
        dns->channel = NULL;
        return false;
    }
    return true;
}

static void close_channel(struct dns *dns)
{
    if (dns->channel != NULL) {
        ares_destroy(dns->channel);
        dns->channel = NULL;
    }
}

/* Other name servers than when the channel was made. While something is asked it stays as it is. */
static void follow_resolv_conf(struct dns *dns)
{
    struct error error;
    uint64_t now_ms = clock_ms();

    if (dns->asking != 0 || (dns->channel != NULL && now_ms - dns->stamped_ms < RESOLV_CONF_MS)) {
        return;
    }
    struct file_stamp stamp = file_opener_stamp(RESOLV_CONF);
    dns->stamped_ms = now_ms;
    if (dns->channel == NULL || !file_stamp_equal(&stamp, &dns->stamp)) {
        close_channel(dns);
        (void)open_channel(dns, &error); /* without one, whoever asks is told */
    }
}

static pthread_once_t library = PTHREAD_ONCE_INIT;

static void init_library(void)
{
    (void)ares_library_init(ARES_LIB_INIT_ALL);
}

struct dns *dns_create(struct loop *loop, const struct dns_options *options, struct error *error)
{
    struct dns *dns = xcalloc(1, sizeof(*dns));

    (void)pthread_once(&library, init_library);
    dns->loop = loop;
    dns->options = *options;
    dns->options.servers = options->servers != NULL ? xstrdup(options->servers) : NULL;
    timer_init(&dns->timer, on_timer);
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        watch_init(&dns->sockets[i].watch, on_events);
        dns->sockets[i].dns = dns;
    }
    if (!open_channel(dns, error)) {
        dns_destroy(dns);
        return NULL;
    }
    return dns;
}

void dns_destroy(struct dns *dns)
{
    if (dns == NULL) {
        return;
    }
    close_channel(dns);
    timer_destroy(dns->loop, &dns->timer);
    free((char *)(uintptr_t)dns->options.servers);
    free(dns);
}

/* ---- questions ---- */

static void fail(const struct question *question, enum dns_how how, const char *problem)
{
    struct dns_answer answer = {.how = how, .problem = problem};

    question->on_answer(question->owner, &answer);
}

static void on_message(void *arg, int status, int timeouts, unsigned char *bytes, int len)
{
    struct question *question = arg;
    struct dns_answer answer;

    (void)timeouts;
    question->dns->asking--;
    if (status == ARES_SUCCESS) {
        dns_answer_parse(&answer, span_make((const char *)bytes, (size_t)len), question->type);
        question->on_answer(question->owner, &answer);
    } else if (status == ARES_ENOTFOUND) {
        fail(question, DNS_NO_NAME, "there is no such name");
    } else if (status == ARES_ENODATA) {
        fail(question, DNS_NO_DATA, "the name has no such record");
    } else if (status == ARES_ETIMEOUT) {
        fail(question, DNS_FAILED, "no name server answers");
    } else if (status == ARES_ECONNREFUSED) {
        fail(question, DNS_FAILED, "no name server can be reached");
    } else {
        fail(question, DNS_FAILED, ares_strerror(status));
    }
    free(question);
}

void dns_ask(struct dns *dns, const char *name, enum dns_type type, void *owner,
             void (*on_answer)(void *owner, const struct dns_answer *answer))
{
    struct question *question = xcalloc(1, sizeof(*question));

    *question = (struct question){dns, type, owner, on_answer};
    follow_resolv_conf(dns);
    dns->asking++;
    if (dns->channel == NULL) {
        dns->asking--;
        fail(question, DNS_FAILED, "cannot ask name servers: see " RESOLV_CONF);
        free(question);
        return;
    }
    ares_search(dns->channel, name, CLASS_IN, (int)type, on_message, question);
    set_timer(dns);
}
