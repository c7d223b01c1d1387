#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct arena_block {
    struct arena_block *next;
    size_t size;
};

struct arena_cleanup {
    struct arena_cleanup *next;
    void (*fn)(void *);
    void *arg;
};

static size_t round_up(size_t n)
{
    return (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

#define BLOCK_HEADER ((sizeof(struct arena_block) + 15U) & ~(size_t)15U)

void arena_init(struct arena *arena, size_t block_size)
{
    CHECK(block_size > 2 * BLOCK_HEADER);
    *arena = (struct arena){.block_size = block_size};
}

static void use_block(struct arena *arena, struct arena_block *block)
{
    arena->at = (char *)block + BLOCK_HEADER;
    arena->end = (char *)block + block->size;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = NULL;
    struct arena_block *next;

    for (struct arena_cleanup *c = arena->cleanups; c != NULL; c = c->next) {
        c->fn(c->arg);
    }
    arena->cleanups = NULL;
    for (struct arena_block *b = arena->blocks; b != NULL; b = next) {
        next = b->next;
        if (kept == NULL && b->size == arena->block_size) {
            kept = b;
        } else {
            free(b);
        }
    }
    arena->blocks = kept;
    arena->at = arena->end = NULL;
    if (kept != NULL) {
        kept->next = NULL;
        use_block(arena, kept);
    }
}

void arena_destroy(struct arena *arena)
{
    arena_reset(arena);
    free(arena->blocks);
    arena->blocks = NULL;
    arena->at = arena->end = NULL;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    struct arena_block *block;
    char *p;

    CHECK(size <= SIZE_MAX / 2);
    size = round_up(size != 0 ? size : 1);
    if (LIKELY((size_t)(arena->end - arena->at) >= size)) {
        p = arena->at;
        arena->at += size;
        return p;
    }
    size_t need = size + BLOCK_HEADER;
    block = xmalloc(need > arena->block_size ? need : arena->block_size);
    block->size = need > arena->block_size ? need : arena->block_size;
    block->next = arena->blocks;
    arena->blocks = block;
    p = (char *)block + BLOCK_HEADER;
    /* A large block of its own must not end the use of the one that still has room. */
    if (block->size == arena->block_size) {
        use_block(arena, block);
        arena->at += size;
    }
    return p;
}

void *arena_calloc(struct arena *arena, size_t size)
{
    return memset(arena_alloc(arena, size), 0, size);
}

struct span arena_copy(struct arena *arena, struct span s)
{
    char *copy = arena_alloc(arena, s.len + 1);

    if (s.len != 0) {
        memcpy(copy, s.ptr, s.len);
    }
    copy[s.len] = '\0';
    return span_make(copy, s.len);
}

char *arena_cstr(struct arena *arena, struct span s)
{
    return (char *)(uintptr_t)arena_copy(arena, s).ptr;
}

struct span arena_u64(struct arena *arena, uint64_t n)
{
    char digits[SPAN_U64_MAX];

    return arena_copy(arena, span_from_u64(n, digits));
}

char *arena_vprintf(struct arena *arena, const char *fmt, va_list args)
{
    va_list again;
    int len;
    char *text;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    CHECK(len >= 0);
    text = arena_alloc(arena, (size_t)len + 1);
    (void)vsnprintf(text, (size_t)len + 1, fmt, args);
    return text;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    text = arena_vprintf(arena, fmt, args);
    va_end(args);
    return text;
}

void arena_on_reset(struct arena *arena, void (*fn)(void *), void *arg)
{
    struct arena_cleanup *c = arena_alloc(arena, sizeof(*c));

    *c = (struct arena_cleanup){arena->cleanups, fn, arg};
    arena->cleanups = c;
}
