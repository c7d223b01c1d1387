#include "http/h2_walk.h"

#include <string.h>

#define PRIORITY_BYTES 5

void h2_walk_init(struct h2_walk *walk, uint32_t preface)
{
    *walk = (struct h2_walk){.left = preface};
}

static uint32_t length_of(const uint8_t *head)
{
    return (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
}

static int32_t stream_at(const uint8_t *at)
{
    return (int32_t)((uint32_t)(at[0] & 0x7f) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
                     at[3]);
}

static bool is_priority(const uint8_t *head)
{
    return head[3] == H2_WALK_PRIORITY && length_of(head) == PRIORITY_BYTES;
}

static bool is_watched(const uint8_t *head)
{
    return head[3] == H2_WALK_DATA || head[3] == H2_WALK_PRIORITY;
}

/* How much of a frame is looked at, of which `len` bytes are there. */
static size_t wanted(const uint8_t *head, size_t len)
{
    return len >= H2_WALK_HEAD && is_priority(head) ? H2_WALK_HEAD + 4 : H2_WALK_HEAD;
}

static void begin(struct h2_walk *walk, const uint8_t *head, struct h2_walk_part *part)
{
    walk->left = length_of(head);
    if (is_watched(head)) {
        part->is_watched = true;
        part->kind = head[3];
        part->stream = stream_at(head + 5);
        part->dependency = is_priority(head) ? stream_at(head + H2_WALK_HEAD) : -1;
    }
}

/* A head that is kept is completed. False: it is not whole yet. */
static bool complete(struct h2_walk *walk, struct span *input, struct h2_walk_part *part)
{
    while (walk->kept_len < wanted(walk->kept, walk->kept_len)) {
        size_t want = wanted(walk->kept, walk->kept_len) - walk->kept_len;
        size_t n = want < input->len ? want : input->len;
        if (n == 0) {
            return false;
        }
        memcpy(walk->kept + walk->kept_len, input->ptr, n);
        walk->kept_len += (uint8_t)n;
        *input = span_skip(*input, n);
    }
    part->bytes = span_make(walk->kept, walk->kept_len);
    begin(walk, walk->kept, part);
    walk->left -= walk->kept_len - H2_WALK_HEAD;
    walk->kept_len = 0;
    return true;
}

static bool take(struct span *input, size_t n, struct h2_walk_part *part)
{
    part->bytes = span_head(*input, n);
    *input = span_skip(*input, n);
    return n != 0;
}

bool h2_walk_next(struct h2_walk *walk, struct span *input, struct h2_walk_part *part)
{
    const uint8_t *bytes = (const uint8_t *)input->ptr;
    size_t at = 0;

    *part = (struct h2_walk_part){0};
    if (walk->kept_len != 0) {
        return complete(walk, input, part);
    }
    for (;;) {
        size_t rest = input->len - at;
        size_t n = walk->left < rest ? walk->left : rest;
        walk->left -= (uint32_t)n;
        at += n;
        rest -= n;
        if (rest == 0) {
            return take(input, at, part);
        }
        if (rest < H2_WALK_HEAD || rest < wanted(bytes + at, rest)) {
            memcpy(walk->kept, bytes + at, rest);
            walk->kept_len = (uint8_t)rest;
            bool is_some = take(input, at, part);
            *input = span_skip(*input, rest);
            return is_some;
        }
        if (is_watched(bytes + at) && at != 0) {
            return take(input, at, part);
        }
        begin(walk, bytes + at, part);
        at += H2_WALK_HEAD;
    }
}
