#include "gateway/snapshot_compress.h"

const struct compress_rule *snapshot_compress(const struct compress_settings *settings,
                                              struct arena *arena)
{
    static const enum coder_level levels[] = {[COMPRESS_FAST] = CODER_FAST,
                                              [COMPRESS_MEDIUM] = CODER_MEDIUM,
                                              [COMPRESS_HIGH] = CODER_HIGH};
    struct compress_rule *rule;
    struct span *types;

    if (settings == NULL || settings->mode == COMPRESS_OFF) {
        return NULL;
    }
    rule = arena_calloc(arena, sizeof(*rule));
    types = arena_calloc(arena, settings->types.count * sizeof(*types));
    for (size_t i = 0; i < settings->types.count; i++) {
        types[i] = span_from_cstr(settings->types.items[i]);
    }
    for (size_t i = 0; i < settings->encodings.count && i < CODING_COUNT; i++) {
        rule->order[rule->order_count++] = coding_of(span_from_cstr(settings->encodings.items[i]));
    }
    rule->types = types;
    rule->type_count = settings->types.count;
    rule->from = settings->from;
    rule->level = levels[settings->level];
    rule->guards_secrets = settings->breach == COMPRESS_BREACH_GUARD;
    return rule;
}
