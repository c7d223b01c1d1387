/* Files from a folder. */
#include "config/directives_internal.h"
#include "config/file_values.h"
#include "config/message_rules.h"
#include "config/text_rules.h"

static const struct directive files_directives[] = {
    {.name = "root",
     .type = DIRECTIVE_PATH,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(files_settings, root),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "The folder whose files are served. Nothing outside it can be reached.",
     .more =
         "A file is looked for by the request's whole path, also where a route matches a part of "
         "it: `match: { path: /docs/* }` with `files: /srv/www` serves `/docs/a.html` from "
         "`/srv/www/docs/a.html`; `strip_prefix` changes that.\n\n"
         "Names that begin with a dot are never served, listed or looked into (`.git`, `.env`, "
         "`.htaccess`), but for `/.well-known/` at the top (RFC 8615).\n\n"
         "The folder may be replaced, or be a link that is moved to another folder: requests get "
         "the tree that has the name now, 404 where there is none. The same goes for links on the "
         "way to it: `/srv/app/current/public`, where `current` leads to one of "
         "`/srv/app/releases/*`. With `sandbox` on the gateway sees no more than what lay beside "
         "the folder, and beside what such links led to, when it was started: a link that is moved "
         "elsewhere wants a restart. The folder itself may lie where the gateway's user cannot "
         "look, as it is opened at the start; then it stays the one of the start. Links within it "
         "are followed as long as they lead to something beneath it.",
     .example = "root: public"},
    {.name = "strip_prefix",
     .type = DIRECTIVE_TEXT,
     SLOT(files_settings, strip_prefix),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path_prefix,
     .pattern = "^/[^?#]*$",
     .doc = "What is taken off the beginning of a path before a file is looked for.",
     .more = "`match: { path: /docs/* }` with `files: { root: /srv/manual, strip_prefix: /docs }` "
             "serves `/docs/a.html` from `/srv/manual/a.html`. Whole segments count: `/docsify` "
             "stays. It is for files alone: `rewrite` of the route is for a server, too, and comes "
             "first.",
     .example = "strip_prefix: /docs"},
    {.name = "index",
     .type = DIRECTIVE_TEXTS,
     SLOT(files_settings, index),
     .fallback = "index.html",
     .min = 1,
     .max = 16,
     .check = rule_file_name,
     .pattern = "^[^./][^/]*$",
     .doc = "The files served for a folder: the first that is there.",
     .example = "index: [index.html, index.htm]"},
    {.name = "try",
     .type = DIRECTIVE_TEXTS,
     SLOT(files_settings, tries),
     .min = 1,
     .max = 16,
     .check = rule_try,
     .doc = "Paths that are looked for in turn, in place of the request's: the first file that is "
            "there is served.",
     .more =
         "With [variables](#variables). A single-page application: `try: [\"{path}\", "
         "/index.html]`; pages without their ending: `try: [\"{path}\", \"{path}.html\"]`. "
         "A folder counts by its index, where a path ends in a slash: `{path}/`. "
         "`rewrite` of the route counts for each of them. In a route that has a `backend`, too, "
         "the server gets what no file is found for, and whatever is not GET or HEAD.",
     .example = "try: [\"{path}\", \"{path}.html\", /index.html]"},
    {.name = "precompressed",
     .type = DIRECTIVE_BOOL,
     SLOT(files_settings, precompressed),
     .fallback = "false",
     .doc = "Whether `a.js.br`, `a.js.zst` or `a.js.gz` beside `a.js` is sent in its place to "
            "clients that take it.",
     .more =
         "By Accept-Encoding, as with `compress`; of those that a client likes alike Brotli comes "
         "before zstd, and zstd before gzip. The file itself must be there, and the compressed one "
         "must be no older by whole seconds: what was forgotten when the file was changed is not "
         "sent. Each form has an ETag of its own, and all have `Vary: Accept-Encoding`. A "
         "request with Range gets the file itself. `compress` of the route does what is left.",
     .example = "precompressed: true"},
    {.name = "cache_control",
     .type = DIRECTIVE_FIELDS,
     SLOT(files_settings, cache_control),
     COUNT(files_settings, cache_control_count),
     .min = 1,
     .max = 100,
     .check_field = rule_file_cache_control,
     .pattern = "^[^{}]*(\\{hash\\}[^{}]*)?$",
     .doc = "Cache-Control by the file's name: the first pattern that fits counts.",
     .more =
         "`*` stands for any bytes, `{hash}` for 8 or more letters, digits, `_` and `-` with a "
         "digit among them, as bundlers write them into names. A pattern that begins with `/` is "
         "for the whole name below the root, any other for its last part. The name is that of the "
         "file which is sent: with `try`, `/index.html` for any path of an application. "
         "`response_fields` of the route still has the last word.",
     .example = "cache_control: { \"*.{hash}.*\": \"public, max-age=31536000, immutable\", "
                "\"*.html\": no-cache }"},
    {.name = "types",
     .type = DIRECTIVE_FIELDS,
     SLOT(files_settings, types),
     COUNT(files_settings, type_count),
     .min = 1,
     .max = 100,
     .check_field = rule_file_type,
     .doc = "Media types by the ending of a file's name, before those that the gateway knows; `*` "
            "is for endings that nobody knows.",
     .more =
         "Without it those are `application/octet-stream`, which browsers save and do not show.",
     .example = "types: { geojson: application/geo+json, \"*\": text/plain }"},
    {.name = "charset",
     .type = DIRECTIVE_TEXT,
     SLOT(files_settings, charset),
     .fallback = "utf-8",
     .min = 1,
     .max = 40,
     .check = rule_charset,
     .pattern = "^[A-Za-z0-9][A-Za-z0-9._:+-]*$",
     .doc = "What text of the types that the gateway knows is said to be written in; `none`: "
            "nothing is said.",
     .example = "charset: iso-8859-1"},
    {.name = "listing",
     .type = DIRECTIVE_BOOL,
     SLOT(files_settings, listing),
     .fallback = "false",
     .doc = "Whether a folder without an index is answered with a list of its files.",
     .more =
         "As HTML, or as JSON to clients whose Accept prefers it: `{ \"entries\": [{ \"name\", "
         "\"type\": \"file\" or \"folder\", \"size\", \"modified\" }], \"complete\": true }`. "
         "Folders come first, then by the bytes of the names. What would not be served is not "
         "listed: names that begin with a dot, special files, links that lead out of the root; nor "
         "the forms of `precompressed`. 2000 entries at most; `complete` is false where there are "
         "more.",
     .example = "listing: true"},
};

const struct section section_files = {
    .name = "files",
    .title = "files",
    .doc =
        "Files from a folder; with a `backend` beside it in the same route, the server gets what "
        "no "
        "file is found for. `files: public` is short for `files: { root: public }`. GET and HEAD "
        "alone; another method that is registered with IANA is answered 405, any other 501.",
    .directives = files_directives,
    .count = ARRAY_LEN(files_directives),
    .size = sizeof(struct files_settings),
    .place_offset = offsetof(struct files_settings, place),
    .scalar_name = "root",
};
