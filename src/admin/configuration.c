#include "admin/configuration.h"

#include <limits.h>
#include <unistd.h>

static void add_text(struct strbuf *out, const char *name, const char *value)
{
    strbuf_printf(out, "\"%s\":", name);
    if (value != NULL) {
        strbuf_add_json(out, span_from_cstr(value));
    } else {
        strbuf_add_cstr(out, "null");
    }
}

static void add_folder(struct strbuf *out, const struct settings_folder *folder)
{
    strbuf_add_char(out, '{');
    add_text(out, "name", folder->name);
    strbuf_add_cstr(out, ",\"entries\":[");
    for (size_t i = 0; i < folder->entries.count; i++) {
        strbuf_add_cstr(out, i == 0 ? "" : ",");
        strbuf_add_json(out, span_from_cstr(folder->entries.items[i]));
    }
    strbuf_add_cstr(out, "]}");
}

void configuration_print(const struct settings *settings, struct strbuf *out)
{
    const struct settings_origin *origin = &settings->origin;
    char folder[PATH_MAX];

    strbuf_add_char(out, '{');
    add_text(out, "file", settings->file);
    strbuf_add_char(out, ',');
    add_text(out, "folder", getcwd(folder, sizeof(folder)));
    strbuf_add_cstr(out, ",\"files\":[");
    for (size_t i = 0; i < origin->file_count; i++) {
        strbuf_add_cstr(out, i == 0 ? "\n{" : ",\n{");
        add_text(out, "name", origin->files[i].name);
        strbuf_add_cstr(out, ",\"text\":");
        strbuf_add_json(out, origin->files[i].text);
        strbuf_add_char(out, '}');
    }
    strbuf_add_cstr(out, "],\"folders\":[");
    for (size_t i = 0; i < origin->folder_count; i++) {
        strbuf_add_cstr(out, i == 0 ? "\n" : ",\n");
        add_folder(out, &origin->folders[i]);
    }
    strbuf_add_cstr(out, "],\"variables\":[");
    for (size_t i = 0; i < origin->variable_count; i++) {
        strbuf_add_cstr(out, i == 0 ? "\n{" : ",\n{");
        add_text(out, "name", origin->variables[i].name);
        strbuf_add_char(out, ',');
        add_text(out, "value", origin->variables[i].value);
        strbuf_add_char(out, '}');
    }
    strbuf_add_cstr(out, "]}\n");
}
