#include "gateway/snapshot_auth.h"

#include <stdlib.h>

static bool is_asked(const struct auth_settings *settings)
{
    return settings != NULL && settings->mode != AUTH_MODE_OFF;
}

bool auth_plans_add(struct auth_plans *plans, const struct auth_settings *settings,
                    const struct auth_place *place, const struct auth_plan **plan,
                    struct error *error)
{
    *plan = NULL;
    if (!is_asked(settings)) {
        return true;
    }
    for (size_t i = plans->count; i != 0; i--) {
        if (plans->items[i - 1].settings == settings) {
            *plan = plans->items[i - 1].plan;
            return true; /* NULL: what is wrong with it was said */
        }
    }
    *plan = auth_plan_build(settings, place, error);
    if (plans->count == plans->capacity) {
        plans->capacity = plans->capacity * 2 + 4;
        plans->items = xrealloc(plans->items, plans->capacity * sizeof(*plans->items));
    }
    plans->items[plans->count++] = (struct built_auth){settings, *plan};
    return *plan != NULL;
}

static bool refresh_plan(const struct auth_plan *plan)
{
    bool is_any = false;

    for (size_t m = 0; m < plan->count; m++) {
        for (size_t f = 0; f < plan->methods[m].file_count; f++) {
            is_any |= followed_refresh(plan->methods[m].files[f]);
        }
    }
    return is_any;
}

bool auth_plans_refresh(const struct auth_plans *plans)
{
    bool is_any = false;

    for (size_t i = 0; i < plans->count; i++) {
        is_any |= refresh_plan(plans->items[i].plan);
    }
    return is_any;
}

void auth_plans_each_file(const struct auth_plans *plans,
                          void (*each)(void *arg, const char *owner, const char *path), void *arg)
{
    for (size_t i = 0; i < plans->count; i++) {
        for (size_t m = 0; m < plans->items[i].plan->count; m++) {
            const struct auth_method *method = &plans->items[i].plan->methods[m];
            for (size_t f = 0; f < method->file_count; f++) {
                each(arg, "auth", followed_path(method->files[f]));
            }
            for (size_t p = 0; p < method->path_count; p++) {
                each(arg, "auth", method->paths[p]);
            }
        }
    }
}

void auth_plans_free(struct auth_plans *plans)
{
    for (size_t i = 0; i < plans->count; i++) {
        auth_plan_close(plans->items[i].plan);
    }
    free(plans->items);
    *plans = (struct auth_plans){0};
}
