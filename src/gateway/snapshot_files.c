/* Which files a snapshot is made of, as far as they are looked at again while it is in use. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "certs/backend_tls.h"
#include "certs/site_tls.h"
#include "files/page.h"
#include "gateway/snapshot_internal.h"
#include "tls/crl.h"

static void each_of_sites(const struct snapshot *snapshot, snapshot_file_fn *each, void *arg)
{
    char owner[300];

    for (size_t i = 0; i < snapshot->settings->site_count; i++) {
        const struct site_tls *tls = snapshot->sites[i].tls_source;
        if (tls == NULL) {
            continue;
        }
        (void)snprintf(owner, sizeof(owner), "site %s", tls->settings->name);
        for (size_t f = 0; f < tls->file_count; f++) {
            each(arg, owner, tls->files[f].path);
        }
    }
}

static void each_of_tls(const struct backend_tls *tls, snapshot_file_fn *each, void *arg)
{
    char owner[300];

    if (tls->settings == NULL) {
        return; /* plain */
    }
    (void)snprintf(owner, sizeof(owner), "backend %s", tls->settings->name);
    for (size_t f = 0; f < BACKEND_TLS_FILES_MAX; f++) {
        if (tls->files[f] != NULL) {
            each(arg, owner, tls->files[f]);
        }
    }
}

static void each_of_backends(const struct snapshot *snapshot, snapshot_file_fn *each, void *arg)
{
    char owner[300];

    for (size_t i = 0; i < snapshot->backend_count; i++) {
        const struct servers_from_settings *from = snapshot->settings->backends[i].servers_from;
        each_of_tls(&snapshot->backend_tls[i], each, arg);
        (void)snprintf(owner, sizeof(owner), "backend %s", snapshot->settings->backends[i].name);
        if (from != NULL && from->file != NULL) {
            each(arg, owner, from->file);
        }
        if (from != NULL && from->ca != NULL) {
            each(arg, owner, from->ca);
        }
    }
    for (size_t i = 0; i < snapshot->server_tls_count; i++) {
        each_of_tls(&snapshot->server_tls[i], each, arg);
    }
}

void snapshot_each_file(const struct snapshot *snapshot, snapshot_file_fn *each, void *arg)
{
    each_of_sites(snapshot, each, arg);
    each_of_backends(snapshot, each, arg);
    auth_plans_each_file(&snapshot->auth, each, arg);
    access_files_each(&snapshot->access_files, each, arg);
    for (size_t i = 0; i < snapshot->page_count; i++) {
        each(arg, "page", page_path(snapshot->pages[i]));
    }
    for (size_t i = 0; i < snapshot->trust.crl_count; i++) {
        each(arg, "revocation lists", crl_file_path(snapshot->trust.crls[i]));
    }
}

/* ---- changes ---- */

bool snapshot_refresh_certificates(struct snapshot *snapshot)
{
    bool is_any = snapshot_refresh_pages(snapshot);

    for (size_t i = 0; i < snapshot->settings->site_count; i++) {
        if (snapshot->sites[i].tls_source != NULL) {
            is_any |= site_tls_refresh(snapshot->sites[i].tls_source);
        }
    }
    for (size_t i = 0; i < snapshot->backend_count; i++) {
        if (snapshot->backends[i]->tls != NULL) {
            is_any |= backend_tls_refresh(&snapshot->backend_tls[i]);
        }
    }
    for (size_t i = 0; i < snapshot->server_tls_count; i++) {
        is_any |= backend_tls_refresh(&snapshot->server_tls[i]);
    }
    is_any |= access_files_refresh(&snapshot->access_files);
    return auth_plans_refresh(&snapshot->auth) || is_any;
}

/* ---- certificates ---- */

struct listing {
    snapshot_certificate_fn *each;
    void *arg;
    const char *owner;
    const char *folder; /* NULL: paths are whole */
};

static void list_one(void *arg, const struct tls_listed_certificate *found)
{
    const struct listing *listing = arg;
    struct owned_certificate certificate = {listing->owner,    found->path,      found->names,
                                            found->not_before, found->not_after, found->kind};
    char path[PATH_MAX];

    if (listing->folder != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s", listing->folder, found->path);
        certificate.file = path;
    }
    listing->each(listing->arg, &certificate);
}

static void list_of_tls(const struct backend_tls *tls, struct listing *listing, char *owner,
                        size_t size)
{
    if (tls->context != NULL) {
        (void)snprintf(owner, size, "backend %s", tls->settings->name);
        tls_context_each_certificate(tls->context, list_one, listing);
        tls_context_each_authority(tls->context, tls->options.ca, list_one, listing);
    }
}

void snapshot_each_certificate(const struct snapshot *snapshot, snapshot_certificate_fn *each,
                               void *arg)
{
    char owner[300];
    struct listing listing = {each, arg, owner, NULL};

    for (size_t i = 0; i < snapshot->settings->site_count; i++) {
        const struct site_tls *tls = snapshot->sites[i].tls_source;
        if (tls == NULL || tls->context == NULL) {
            continue;
        }
        (void)snprintf(owner, sizeof(owner), "site %s", tls->settings->name);
        listing.folder = NULL;
        tls_context_each_certificate(tls->context, list_one, &listing);
        tls_context_each_authority(tls->context, tls->options.client_ca, list_one, &listing);
        if (tls->store != NULL) {
            listing.folder = tls->settings->tls->certificates_from;
            cert_store_each(tls->store, list_one, &listing);
        }
    }
    listing.folder = NULL;
    for (size_t i = 0; i < snapshot->backend_count; i++) {
        list_of_tls(&snapshot->backend_tls[i], &listing, owner, sizeof(owner));
    }
    for (size_t i = 0; i < snapshot->server_tls_count; i++) {
        list_of_tls(&snapshot->server_tls[i], &listing, owner, sizeof(owner));
    }
    listing.owner = "revocation lists";
    for (size_t i = 0; i < snapshot->trust.crl_count; i++) {
        crl_file_each(snapshot->trust.crls[i], list_one, &listing);
    }
}

/* ---- folders ---- */

void snapshot_each_folder(const struct snapshot *snapshot, snapshot_folder_fn *each, void *arg)
{
    for (size_t i = 0; i < snapshot->settings->site_count; i++) {
        const struct site_settings *site = &snapshot->settings->sites[i];
        if (site->tls != NULL && site->tls->certificates_from != NULL) {
            each(arg, site->tls->certificates_from, true);
        }
        for (size_t r = 0; r < site->route_count; r++) {
            if (site->routes[r].files != NULL) {
                each(arg, site->routes[r].files->root, false);
            }
        }
    }
    for (size_t i = 0; i < snapshot->backend_count; i++) {
        if (snapshot->scripts[i] != NULL) {
            each(arg, snapshot->settings->backends[i].root, false);
        }
    }
}
