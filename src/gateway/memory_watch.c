#include "gateway/memory_watch.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/span.h"

/* The process's. */
static struct {
    _Atomic(unsigned) level;
    _Atomic uint64_t bytes;
    _Atomic uint64_t changes;
    uint64_t trimmed_ms; /* control thread only */
    int statm;           /* of this process */
} memory_watch = {.statm = -1};

void memory_watch_open(void)
{
    memory_watch.statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

/* As much below a mark that it is not crossed again by the next request. */
static uint64_t back_below(uint64_t mark)
{
    return mark - mark / 16;
}

enum memory_level memory_level_next(enum memory_level level, uint64_t bytes,
                                    const struct memory_settings *memory)
{
    if (bytes >= memory->hard || (level == MEMORY_OUT && bytes >= back_below(memory->hard))) {
        return MEMORY_OUT;
    }
    if (bytes >= memory->soft || (level != MEMORY_ENOUGH && bytes >= back_below(memory->soft))) {
        return MEMORY_SHORT;
    }
    return MEMORY_ENOUGH;
}

enum memory_level memory_level(void)
{
    return (enum memory_level)atomic_load_explicit(&memory_watch.level, memory_order_relaxed);
}

struct memory_look memory_look(void)
{
    return (struct memory_look){
        .level = memory_level(),
        .bytes = atomic_load_explicit(&memory_watch.bytes, memory_order_relaxed),
        .changes = atomic_load_explicit(&memory_watch.changes, memory_order_relaxed),
    };
}

static void tell(enum memory_level level, uint64_t bytes, const struct memory_settings *memory)
{
    unsigned long long mebi = bytes >> 20;

    switch (level) {
    case MEMORY_ENOUGH:
        log_info("memory: %llu MiB in use, which is enough below memory.soft again: all goes on",
                 mebi);
        break;
    case MEMORY_SHORT:
        log_warn("memory: %llu MiB in use, memory.soft is %llu MiB: bodies of requests wait, and "
                 "idle connections are closed",
                 mebi, (unsigned long long)(memory->soft >> 20));
        break;
    case MEMORY_OUT:
        log_warn("memory: %llu MiB in use, memory.hard is %llu MiB: requests are answered 503, and "
                 "connections wait",
                 mebi, (unsigned long long)(memory->hard >> 20));
        break;
    }
}

bool memory_watch_take(uint64_t bytes, const struct memory_settings *memory)
{
    enum memory_level before = memory_level();
    enum memory_level level = memory_level_next(before, bytes, memory);

    atomic_store_explicit(&memory_watch.bytes, bytes, memory_order_relaxed);
    if (level == before) {
        return false;
    }
    atomic_store_explicit(&memory_watch.level, level, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&memory_watch.changes, 1, memory_order_relaxed);
    tell(level, bytes, memory);
    return true;
}

/* What of it is in memory: the second number of statm, in pages (proc_pid_statm(5)). */
static uint64_t measure(void)
{
    char text[128];
    char *end;
    ssize_t n = pread(memory_watch.statm, text, sizeof(text) - 1, 0);

    if (n <= 0) {
        return 0;
    }
    text[n] = '\0';
    (void)strtoull(text, &end, 10);
    return strtoull(end, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool memory_watch_look(const struct memory_settings *memory, uint64_t now_ms)
{
    bool has_changed = memory_watch_take(memory_is_watched(memory) ? measure() : 0, memory);

    /* What requests have freed counts only once the system has it back. */
    if (memory_level() != MEMORY_ENOUGH && now_ms - memory_watch.trimmed_ms >= MEMORY_TRIM_MS) {
        memory_watch.trimmed_ms = now_ms;
        (void)malloc_trim(0);
    }
    return has_changed;
}
