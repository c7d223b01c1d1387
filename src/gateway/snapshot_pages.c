/* The pages that a snapshot's sites and routes name. */
#include <stdlib.h>
#include <string.h>

#include "config/places.h"
#include "edge/error_pages.h"
#include "files/page.h"
#include "gateway/snapshot_internal.h"

/* A file that several name is one page. */
static struct page *take(struct snapshot *snapshot, const char *path, struct place place,
                         struct config_report *report)
{
    struct error error;
    struct page *page;

    for (size_t i = 0; i < snapshot->page_count; i++) {
        if (strcmp(page_path(snapshot->pages[i]), path) == 0) {
            return snapshot->pages[i];
        }
    }
    page = page_open(path, &error);
    if (page == NULL) {
        config_report_add(report, CONFIG_ERROR, place, "%s", error.text);
        return NULL;
    }
    snapshot->pages = xrealloc(snapshot->pages, (snapshot->page_count + 1) * sizeof(struct page *));
    snapshot->pages[snapshot->page_count++] = page;
    return page;
}

static const struct error_pages *build_errors(struct snapshot *snapshot,
                                              const struct errors_settings *settings,
                                              struct config_report *report, bool *is_whole)
{
    struct error_pages *errors = arena_calloc(&snapshot->arena, sizeof(*errors));

    errors->from_servers = settings->from_servers;
    for (size_t i = 0; i < ERROR_PAGES; i++) {
        if (settings->pages[i] != NULL) {
            errors->pages[i] = take(snapshot, settings->pages[i],
                                    config_place(snapshot->settings, &settings->pages[i]), report);
            errors->has[i] = errors->pages[i] != NULL;
            *is_whole &= errors->has[i];
        }
    }
    return errors;
}

bool snapshot_build_pages(struct snapshot *snapshot, const struct answers_settings *settings,
                          const struct answer_pages *outer, struct answer_pages *pages,
                          struct config_report *report)
{
    bool is_whole = true;

    *pages = outer != NULL ? *outer : (struct answer_pages){0};
    if (settings->is_errors_off) {
        pages->errors = NULL;
    }
    if (settings->is_maintenance_off) {
        pages->maintenance = NULL;
        pages->maintenance_page = NULL;
    }
    if (settings->errors != NULL) {
        pages->errors = build_errors(snapshot, settings->errors, report, &is_whole);
    }
    if (settings->maintenance != NULL) {
        const char *path = settings->maintenance->file;
        pages->maintenance = settings->maintenance;
        pages->maintenance_page =
            path == NULL
                ? NULL
                : take(snapshot, path,
                       config_place(snapshot->settings, &settings->maintenance->file), report);
        is_whole &= path == NULL || pages->maintenance_page != NULL;
    }
    return is_whole;
}

bool snapshot_build_respond(struct snapshot *snapshot, const struct respond_settings *respond,
                            struct page **page, struct config_report *report)
{
    *page = NULL;
    if (respond == NULL || respond->file == NULL) {
        return true;
    }
    *page = take(snapshot, respond->file, config_place(snapshot->settings, &respond->file), report);
    return *page != NULL;
}

bool snapshot_refresh_pages(struct snapshot *snapshot)
{
    bool is_any = false;

    for (size_t i = 0; i < snapshot->page_count; i++) {
        is_any |= page_refresh(snapshot->pages[i]);
    }
    return is_any;
}

void snapshot_close_pages(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->page_count; i++) {
        page_close(snapshot->pages[i]);
    }
    free(snapshot->pages);
    snapshot->pages = NULL;
    snapshot->page_count = 0;
}
