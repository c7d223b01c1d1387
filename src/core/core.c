#include "core/core.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/base64.h"
#include "base/clock.h"

bool core_init(struct core *core, unsigned index)
{
    *core = (struct core){.loop = loop_create(), .index = index};
    return core->loop != NULL;
}

void core_destroy(struct core *core)
{
    CHECK(core->holds == 0);
    loop_destroy(core->loop);
    free(core->file_buffer);
}

/* Nobody can tell the next one from those seen: an id stands on error pages, and whoever guesses
 * one could have it looked up. The kernel gives up to 256 bytes at once, whole and without waiting
 * (getrandom(2)), which is enough for 16. */
void core_request_id(struct core *core, char id[REQUEST_ID_LEN + 1])
{
    if (core->random_left < REQUEST_ID_LEN / 2) {
        CHECK(getrandom(core->random, sizeof(core->random), 0) == sizeof(core->random));
        core->random_left = sizeof(core->random);
    }
    core->random_left -= REQUEST_ID_LEN / 2;
    hex_encode(span_make(core->random + core->random_left, REQUEST_ID_LEN / 2), id);
    id[REQUEST_ID_LEN] = '\0';
}

struct span core_date(struct core *core)
{
    time_t now = clock_wall_s();

    if (now != core->date_second) {
        core->date_second = now;
        http_date_format(now, core->date);
    }
    return span_from_cstr(core->date);
}

char *core_file_buffer(struct core *core)
{
    if (core->file_buffer == NULL) {
        core->file_buffer = xmalloc(CORE_FILE_BUFFER_BYTES);
    }
    return core->file_buffer;
}

void core_hold(struct core *core)
{
    core->holds++;
}

void core_let_go(struct core *core)
{
    CHECK(core->holds > 0);
    core->holds--;
    if (core->holds == 0 && core->on_free != NULL) {
        core->on_free(core);
    }
}
