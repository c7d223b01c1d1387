#include "io/relay.h"

#include "io/loop_internal.h"

/* Reads in one call: others get their turn after about this many buffers. */
#define BUDGET_READS 8
/* A flow of this many bytes in this time counts as bulk. */
#define BULK_BYTES 65536U
#define BULK_WINDOW_US 2000
/* Below this, one read and one send are cheaper than two splices. */
#define SPLICE_MIN_BYTES (128 * 1024)

void relay_reset(struct relay *relay, struct loop *loop)
{
    if (relay->pipe == NULL) {
        return;
    }
    pipe_give_back(&loop->pipes, relay->pipe, relay->in_pipe == 0);
    relay->pipe = NULL;
    relay->in_pipe = 0;
}

static enum relay_result empty_pipe(struct relay *relay, struct conn *to)
{
    while (relay->in_pipe != 0) {
        size_t n;
        enum conn_result result = conn_splice_out(to, relay->pipe->read_fd, relay->in_pipe, &n);
        if (result == CONN_AGAIN) {
            return RELAY_BLOCKED;
        }
        if (result != CONN_OK) {
            return RELAY_ERROR;
        }
        relay->in_pipe -= (uint32_t)n;
    }
    return RELAY_EMPTY;
}

static enum relay_result run_splice(struct relay *relay, struct conn *from, struct conn *to,
                                    uint64_t limit, uint64_t *moved)
{
    for (int i = 0; i < BUDGET_READS; i++) {
        enum relay_result emptied = empty_pipe(relay, to);
        size_t n;
        if (emptied != RELAY_EMPTY) {
            return emptied;
        }
        uint64_t left = limit - *moved;
        if (left == 0) {
            return RELAY_LIMIT;
        }
        if (!from->is_readable) {
            return RELAY_EMPTY;
        }
        enum conn_result result =
            conn_splice_in(from, relay->pipe->write_fd,
                           left < PIPE_POOL_BYTES ? (size_t)left : PIPE_POOL_BYTES, &n);
        if (result == CONN_AGAIN) {
            return RELAY_EMPTY;
        }
        if (result != CONN_OK) {
            return result == CONN_EOF ? RELAY_EOF : RELAY_ERROR;
        }
        relay->in_pipe = (uint32_t)n;
        *moved += n;
    }
    enum relay_result emptied = empty_pipe(relay, to);
    return emptied == RELAY_EMPTY ? RELAY_BUDGET : emptied;
}

static enum relay_result run_copy(struct relay *relay, struct conn *from, struct conn *to,
                                  uint64_t limit, uint64_t *moved)
{
    /* After two full buffers it is bulk, and there is a better way. */
    int budget = conn_is_plain(from) && conn_is_plain(to) ? 2 : BUDGET_READS;

    for (int i = 0; i < budget; i++) {
        struct span bytes;
        if (*moved == limit) {
            return RELAY_LIMIT;
        }
        if (!conn_can_read(from)) {
            return RELAY_EMPTY;
        }
        enum conn_result result = conn_read_some(from, limit - *moved, &bytes);
        if (result == CONN_AGAIN) {
            continue; /* not a whole record yet, or nothing: is_readable knows */
        }
        if (result != CONN_OK) {
            return result == CONN_EOF ? RELAY_EOF : RELAY_ERROR;
        }
        *moved += bytes.len;
        if (relay->look.take != NULL && !relay->look.take(relay->look.arg, bytes)) {
            relay->look.take = NULL;
        }
        conn_queue(to, bytes);
        conn_flush(to);
        if (conn_write_failed(to)) {
            return RELAY_ERROR;
        }
        if (conn_pending(to) != 0) {
            return RELAY_BLOCKED;
        }
    }
    return RELAY_BUDGET;
}

static bool may_splice(const struct relay *relay, const struct conn *from, const struct conn *to,
                       uint64_t left)
{
    /* So much is known to come, or has been coming. */
    bool is_worth_it = (left != UINT64_MAX || relay->is_bulk) && relay->look.take == NULL;

    return relay->in_pipe != 0 ||
           (is_worth_it && left >= SPLICE_MIN_BYTES && conn_is_plain(from) && conn_is_plain(to));
}

static enum relay_result run(struct relay *relay, struct conn *from, struct conn *to,
                             uint64_t limit, uint64_t *moved)
{
    enum relay_result result;

    conn_flush(to);
    if (conn_write_failed(to)) {
        return RELAY_ERROR;
    }
    if (conn_pending(to) != 0) {
        return RELAY_BLOCKED;
    }
    if (!may_splice(relay, from, to, limit)) {
        return run_copy(relay, from, to, limit, moved);
    }
    if (relay->pipe == NULL) {
        relay->pipe = pipe_take(&from->loop->pipes);
        if (relay->pipe == NULL) {
            return run_copy(relay, from, to, limit, moved);
        }
    }
    result = run_splice(relay, from, to, limit, moved);
    if (relay->in_pipe == 0 && result != RELAY_BUDGET) {
        relay_reset(relay, from->loop);
    }
    return result;
}

/* Bulk is what has moved BULK_BYTES within one window. */
static void note_rate(struct relay *relay, uint64_t moved, uint64_t now_us)
{
    if (now_us - relay->window_us > BULK_WINDOW_US) {
        relay->is_bulk = relay->is_bulk && relay->window_bytes >= BULK_BYTES / 2;
        relay->window_us = now_us;
        relay->window_bytes = 0;
    }
    if (moved != 0) {
        uint64_t sum = relay->window_bytes + moved;
        relay->window_bytes = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
        relay->is_bulk = relay->is_bulk || relay->window_bytes >= BULK_BYTES;
    }
}

enum relay_result relay_run(struct relay *relay, struct conn *from, struct conn *to, uint64_t limit,
                            uint64_t *moved)
{
    uint64_t now_us = loop_now_us(from->loop);
    enum relay_result result;

    *moved = 0;
    /* Relays share one deadline, which may come a little early for this one: near enough. */
    if (now_us + LOOP_COALESCE_US / 2 < relay->coalesce_until_us) {
        from->loop->bulk_hits++;
        return RELAY_COALESCE;
    }
    relay->coalesce_until_us = 0;
    result = run(relay, from, to, limit, moved);
    note_rate(relay, *moved, now_us);
    from->loop->bulk_hits += relay->is_bulk;
    /* Whatever else ended this turn: the caller must not wait for an event that cannot come. */
    if (*moved == limit && relay->in_pipe == 0 && result != RELAY_ERROR && result != RELAY_EOF) {
        relay_reset(relay, from->loop);
        return RELAY_LIMIT;
    }
    if (result == RELAY_EMPTY && relay->is_bulk) {
        if (*moved == 0) {
            relay->is_bulk = false; /* it has paused */
            return RELAY_EMPTY;
        }
        relay->coalesce_until_us = now_us + LOOP_COALESCE_US;
        return RELAY_COALESCE;
    }
    return result;
}
