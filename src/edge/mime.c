#include "edge/mime.h"

#include <stdlib.h>

struct mime {
    const char *extension;
    struct span type;
};

/* Sorted by extension, for bsearch. */
static const struct mime types[] = {
    {"7z", SPAN("application/x-7z-compressed")},
    {"aac", SPAN("audio/aac")},
    {"apk", SPAN("application/vnd.android.package-archive")},
    {"atom", SPAN("application/atom+xml")},
    {"avif", SPAN("image/avif")},
    {"bin", SPAN("application/octet-stream")},
    {"bmp", SPAN("image/bmp")},
    {"bz2", SPAN("application/x-bzip2")},
    {"cjs", SPAN("text/javascript; charset=utf-8")},
    {"conf", SPAN("text/plain; charset=utf-8")},
    {"crt", SPAN("application/x-x509-ca-cert")},
    {"css", SPAN("text/css; charset=utf-8")},
    {"csv", SPAN("text/csv; charset=utf-8")},
    {"deb", SPAN("application/vnd.debian.binary-package")},
    {"doc", SPAN("application/msword")},
    {"docx", SPAN("application/vnd.openxmlformats-officedocument.wordprocessingml.document")},
    {"eot", SPAN("application/vnd.ms-fontobject")},
    {"epub", SPAN("application/epub+zip")},
    {"flac", SPAN("audio/flac")},
    {"gif", SPAN("image/gif")},
    {"gz", SPAN("application/gzip")},
    {"htm", SPAN("text/html; charset=utf-8")},
    {"html", SPAN("text/html; charset=utf-8")},
    {"ico", SPAN("image/vnd.microsoft.icon")},
    {"ics", SPAN("text/calendar; charset=utf-8")},
    {"jar", SPAN("application/java-archive")},
    {"jpeg", SPAN("image/jpeg")},
    {"jpg", SPAN("image/jpeg")},
    {"js", SPAN("text/javascript; charset=utf-8")},
    {"json", SPAN("application/json")},
    {"jsonld", SPAN("application/ld+json")},
    {"jxl", SPAN("image/jxl")},
    {"log", SPAN("text/plain; charset=utf-8")},
    {"m3u8", SPAN("application/vnd.apple.mpegurl")},
    {"m4a", SPAN("audio/mp4")},
    {"m4v", SPAN("video/mp4")},
    {"map", SPAN("application/json")},
    {"md", SPAN("text/markdown; charset=utf-8")},
    {"mid", SPAN("audio/midi")},
    {"mjs", SPAN("text/javascript; charset=utf-8")},
    {"mkv", SPAN("video/matroska")},
    {"mov", SPAN("video/quicktime")},
    {"mp3", SPAN("audio/mpeg")},
    {"mp4", SPAN("video/mp4")},
    {"mpd", SPAN("application/dash+xml")},
    {"mpeg", SPAN("video/mpeg")},
    {"odp", SPAN("application/vnd.oasis.opendocument.presentation")},
    {"ods", SPAN("application/vnd.oasis.opendocument.spreadsheet")},
    {"odt", SPAN("application/vnd.oasis.opendocument.text")},
    {"oga", SPAN("audio/ogg")},
    {"ogg", SPAN("audio/ogg")},
    {"ogv", SPAN("video/ogg")},
    {"opus", SPAN("audio/ogg")},
    {"otf", SPAN("font/otf")},
    {"pdf", SPAN("application/pdf")},
    {"pem", SPAN("application/x-pem-file")},
    {"png", SPAN("image/png")},
    {"ppt", SPAN("application/vnd.ms-powerpoint")},
    {"pptx", SPAN("application/vnd.openxmlformats-officedocument.presentationml.presentation")},
    {"rss", SPAN("application/rss+xml")},
    {"rtf", SPAN("application/rtf")},
    {"sh", SPAN("application/x-sh")},
    {"svg", SPAN("image/svg+xml")},
    {"tar", SPAN("application/x-tar")},
    {"tif", SPAN("image/tiff")},
    {"tiff", SPAN("image/tiff")},
    {"toml", SPAN("application/toml")},
    {"torrent", SPAN("application/x-bittorrent")},
    {"ts", SPAN("video/mp2t")},
    {"ttf", SPAN("font/ttf")},
    {"txt", SPAN("text/plain; charset=utf-8")},
    {"vtt", SPAN("text/vtt; charset=utf-8")},
    {"wasm", SPAN("application/wasm")},
    {"wav", SPAN("audio/wav")},
    {"weba", SPAN("audio/webm")},
    {"webm", SPAN("video/webm")},
    {"webmanifest", SPAN("application/manifest+json")},
    {"webp", SPAN("image/webp")},
    {"woff", SPAN("font/woff")},
    {"woff2", SPAN("font/woff2")},
    {"xhtml", SPAN("application/xhtml+xml")},
    {"xls", SPAN("application/vnd.ms-excel")},
    {"xlsx", SPAN("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")},
    {"xml", SPAN("application/xml")},
    {"xz", SPAN("application/x-xz")},
    {"yaml", SPAN("application/yaml")},
    {"yml", SPAN("application/yaml")},
    {"zip", SPAN("application/zip")},
    {"zst", SPAN("application/zstd")},
};

static int compare(const void *key, const void *entry)
{
    return strcmp(key, ((const struct mime *)entry)->extension);
}

static const struct mime *find(struct span file_name)
{
    char extension[12]; /* no known one is longer */
    size_t at = file_name.len;

    while (at > 0 && file_name.ptr[at - 1] != '.' && file_name.ptr[at - 1] != '/') {
        at--;
    }
    size_t len = file_name.len - at;
    if (at == 0 || file_name.ptr[at - 1] == '/' || len == 0 || len >= sizeof(extension)) {
        return NULL;
    }
    for (size_t i = 0; i < len; i++) {
        extension[i] = ascii_lower(file_name.ptr[at + i]);
    }
    extension[len] = '\0';
    return bsearch(extension, types, ARRAY_LEN(types), sizeof(types[0]), compare);
}

struct span mime_from_name(struct span file_name)
{
    const struct mime *found = find(file_name);

    return found != NULL ? found->type : SPAN_OF("application/octet-stream");
}

bool mime_is_known(struct span file_name)
{
    return find(file_name) != NULL;
}
