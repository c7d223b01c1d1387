#include "actor.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "fake_clock.h"

#define READ_BYTES 65536
#define SMALL_BUFFER 4608

struct actor *actor_create(int fd)
{
    struct actor *actor = xcalloc(1, sizeof(*actor));

    list_init(&actor->node);
    actor->fd = fd;
    strbuf_init(&actor->got);
    strbuf_init(&actor->unsent);
    strbuf_init(&actor->records);
    return actor;
}

void actor_destroy(struct actor *actor)
{
    actor_close(actor);
    list_remove(&actor->node);
    SSL_free(actor->tls);
    strbuf_free(&actor->got);
    strbuf_free(&actor->unsent);
    strbuf_free(&actor->records);
    free(actor);
}

/* ---- bytes, plain ---- */

static void drop_front(struct strbuf *buf, size_t n)
{
    if (n != 0) {
        memmove(buf->ptr, buf->ptr + n, buf->len - n);
        buf->len -= n;
        buf->ptr[buf->len] = '\0';
    }
}

/* What the socket takes of it. A gateway that has closed takes nothing, which is no fault here. */
static bool send_from(struct actor *actor, struct strbuf *buf)
{
    ssize_t n = 0;

    if (buf->len == 0 || actor->fd < 0) {
        return false;
    }
    n = send(actor->fd, buf->ptr, buf->len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        strbuf_clear(buf);
        return true;
    }
    drop_front(buf, n > 0 ? (size_t)n : 0);
    return n > 0;
}

/* True: bytes came, or the end. */
static bool receive(struct actor *actor, char *bytes, size_t *len)
{
    ssize_t n;

    *len = 0;
    if (actor->fd < 0 || actor->is_stalled || actor_is_left(actor)) {
        return false;
    }
    n = recv(actor->fd, bytes, READ_BYTES, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
        return false;
    }
    actor->has_ended |= n == 0;
    actor->was_reset |= n < 0;
    *len = n > 0 ? (size_t)n : 0;
    return true;
}

static void half_close(struct actor *actor)
{
    if (actor->is_finishing && actor->unsent.len == 0 && actor->records.len == 0 &&
        actor->fd >= 0) {
        actor->is_finishing = false;
        (void)shutdown(actor->fd, SHUT_WR);
    }
}

static bool turn_plain(struct actor *actor)
{
    static char bytes[READ_BYTES];
    bool any = send_from(actor, &actor->unsent);
    size_t len;

    half_close(actor);
    while (receive(actor, bytes, &len)) {
        strbuf_add(&actor->got, span_make(bytes, len));
        any = true;
    }
    return any;
}

/* ---- bytes, in TLS ---- */

void actor_start_tls(struct actor *actor, SSL *ssl)
{
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());

    CHECK(in != NULL && out != NULL && actor->tls == NULL);
    SSL_set_bio(ssl, in, out);
    actor->tls = ssl;
}

static void note_result(struct actor *actor, int result)
{
    int error = SSL_get_error(actor->tls, result);

    if (error == SSL_ERROR_ZERO_RETURN) {
        actor->has_ended = true;
    } else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        actor->tls_has_failed = true;
    }
}

static void shake(struct actor *actor)
{
    int result = SSL_do_handshake(actor->tls);

    if (result == 1) {
        actor->is_shaken = true;
    } else {
        note_result(actor, result);
    }
}

/* From the session to `got`. */
static void decrypt(struct actor *actor)
{
    char bytes[4096];
    int n;

    while ((n = SSL_read(actor->tls, bytes, sizeof(bytes))) > 0) {
        strbuf_add(&actor->got, span_make(bytes, (size_t)n));
    }
    note_result(actor, n);
}

static void encrypt(struct actor *actor)
{
    if (actor->unsent.len != 0) {
        /* Behind a goodbye of our own nothing more goes. */
        actor->tls_has_failed |=
            SSL_write(actor->tls, actor->unsent.ptr, (int)actor->unsent.len) <= 0;
        strbuf_clear(&actor->unsent);
    }
    if (actor->is_finishing) {
        (void)SSL_shutdown(actor->tls);
    }
}

static bool send_records(struct actor *actor)
{
    size_t len = (size_t)BIO_ctrl_pending(SSL_get_wbio(actor->tls));

    if (len != 0) {
        char *at = strbuf_reserve(&actor->records, len);
        CHECK(BIO_read(SSL_get_wbio(actor->tls), at, (int)len) == (int)len);
        actor->records.len += len;
    }
    return send_from(actor, &actor->records);
}

static bool turn_tls(struct actor *actor)
{
    static char bytes[READ_BYTES];
    bool any = false;
    size_t len;

    ERR_clear_error(); /* the gateway's in this thread */
    while (receive(actor, bytes, &len)) {
        CHECK(len == 0 || BIO_write(SSL_get_rbio(actor->tls), bytes, (int)len) == (int)len);
        any = true;
    }
    if (!actor->is_shaken && !actor->tls_has_failed) {
        shake(actor);
    }
    if (actor->is_shaken && !actor->tls_has_failed) {
        decrypt(actor);
        encrypt(actor);
    }
    ERR_clear_error();
    any = send_records(actor) || any;
    half_close(actor);
    return any;
}

/* ---- the script ---- */

void actor_play(struct actor *actor, const struct act_step *script)
{
    actor->script = actor->script_start = script;
}

/* Takes all up to the end of `wanted`. */
static bool find_expected(struct actor *actor, struct span wanted)
{
    char *at =
        actor->got.len != 0 ? memmem(actor->got.ptr, actor->got.len, wanted.ptr, wanted.len) : NULL;

    if (at == NULL) {
        return false;
    }
    drop_front(&actor->got, (size_t)(at - actor->got.ptr) + wanted.len);
    return true;
}

static bool has_waited(struct actor *actor, uint64_t ms)
{
    if (actor->wait_until_us == 0) {
        actor->wait_until_us = fake_clock_now_us() + ms * 1000;
    }
    if (fake_clock_now_us() < actor->wait_until_us) {
        return false;
    }
    actor->wait_until_us = 0;
    return true;
}

/* False: this one has to wait. */
static bool do_step(struct actor *actor, const struct act_step *step)
{
    switch (step->act) {
    case ACT_END:
        return false;
    case ACT_EXPECT:
        return find_expected(actor, step->bytes);
    case ACT_EXPECT_END:
        return actor_is_left(actor);
    case ACT_SEND:
        actor_send(actor, step->bytes);
        break;
    case ACT_WAIT_MS:
        return has_waited(actor, step->ms);
    case ACT_STALL:
    case ACT_READ:
        actor->is_stalled = step->act == ACT_STALL;
        break;
    case ACT_FINISH:
        actor_finish(actor);
        break;
    case ACT_CLOSE:
        actor_close(actor);
        break;
    case ACT_RESET:
        actor_reset(actor);
        break;
    case ACT_AGAIN:
        actor->script = actor->script_start - 1;
        break;
    }
    return true;
}

static bool play_on(struct actor *actor)
{
    bool any = false;

    while (actor->script != NULL && actor->fd >= 0 && do_step(actor, actor->script)) {
        actor->script++;
        any = true;
    }
    return any;
}

bool actor_turn(struct actor *actor)
{
    bool any = actor->tls != NULL ? turn_tls(actor) : turn_plain(actor);

    return play_on(actor) || any;
}

/* ---- by hand ---- */

void actor_send(struct actor *actor, struct span bytes)
{
    if (bytes.len != 0) {
        strbuf_add(&actor->unsent, bytes);
    }
    if (actor->tls == NULL) {
        (void)send_from(actor, &actor->unsent);
    }
}

void actor_say(struct actor *actor, const char *text)
{
    actor_send(actor, span_from_cstr(text));
}

void actor_finish(struct actor *actor)
{
    actor->is_finishing = true;
    if (actor->tls == NULL) {
        half_close(actor);
    }
}

void actor_close(struct actor *actor)
{
    if (actor->fd >= 0) {
        (void)close(actor->fd);
        actor->fd = -1;
    }
}

void actor_reset(struct actor *actor)
{
    struct linger linger = {.l_onoff = 1};

    if (actor->fd >= 0) {
        (void)setsockopt(actor->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        actor_close(actor);
    }
}

void actor_stall(struct actor *actor, bool is_stalled)
{
    actor->is_stalled = is_stalled;
}

void actor_squeeze(struct actor *actor)
{
    int small = SMALL_BUFFER;

    (void)setsockopt(actor->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    (void)setsockopt(actor->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
}

const char *actor_take(struct actor *actor)
{
    static struct strbuf taken;

    strbuf_clear(&taken);
    strbuf_add(&taken, span_make(actor->got.ptr, actor->got.len));
    strbuf_add_char(&taken, '\0');
    strbuf_clear(&actor->got);
    return taken.ptr;
}
