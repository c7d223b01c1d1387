/* What the parts of this folder share about one question. Not for others. */
#ifndef TIDEGATE_FILES_FILE_LOOKUP_H
#define TIDEGATE_FILES_FILE_LOOKUP_H

#include "files/file_answer.h"

struct file_lookup {
    const struct file_question *ask;
    struct arena *arena;
    struct file_answer *answer;
};

static inline void file_add_field(const struct file_lookup *lookup, enum http_field_id id,
                                  struct span name, struct span value)
{
    http_fields_add(&lookup->answer->fields, lookup->arena, id, name, value);
}

#endif
