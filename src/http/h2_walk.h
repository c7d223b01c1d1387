/* Where frames begin in what a peer sends, without a look into them: so that those which the HTTP/2
 * library passes over without a word can be judged before it has them (RFC 9113 section 4.1). No
 * byte is copied, but for a frame's head that comes in two pieces.
 *
 * DATA and PRIORITY are watched; PRIORITY together with the stream that it names. Pure. */
#ifndef TIDEGATE_HTTP_H2_WALK_H
#define TIDEGATE_HTTP_H2_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/span.h"

#define H2_WALK_HEAD 9
#define H2_WALK_DATA 0
#define H2_WALK_PRIORITY 2

struct h2_walk {
    uint32_t left;                  /* of the present frame's payload, still to come */
    uint8_t kept[H2_WALK_HEAD + 4]; /* a head whose rest has not come */
    uint8_t kept_len;
};

struct h2_walk_part {
    struct span bytes; /* until the next call */
    bool is_watched;   /* they begin with a frame to be judged: */
    uint8_t kind;
    int32_t stream;
    int32_t dependency; /* of PRIORITY; -1 where the frame has not the length of one */
};

/* `preface`: bytes to come before the first frame. */
void h2_walk_init(struct h2_walk *walk, uint32_t preface);
/* The next part of `input`, which becomes shorter. False: no more, though some may be kept. */
bool h2_walk_next(struct h2_walk *walk, struct span *input, struct h2_walk_part *part) MUST_CHECK;

#endif
