/* Any bytes as a PROXY header. One that is whole is whole exactly at its end, and what we write for
 * the peers it names is read back as the same peers. */
#include <stdint.h>
#include <string.h>

#include "io/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same_peer(const struct peer *a, const struct peer *b)
{
    CHECK(memcmp(a->ip, b->ip, sizeof(a->ip)) == 0 && a->port == b->port);
    CHECK(a->is_unix == b->is_unix);
}

static void check_round_trip(const struct proxy_header *header)
{
    char out[PROXY_HEADER_WRITE_MAX];
    struct proxy_header again;
    bool is_unix = header->source.is_unix;
    size_t len = proxy_header_write_v1(out, &header->source, &header->destination);

    CHECK(len <= PROXY_HEADER_V1_MAX);
    CHECK(proxy_header_parse(&again, span_make(out, len)) == PROXY_HEADER_COMPLETE);
    CHECK(again.len == len && again.is_local == is_unix);
    if (!is_unix) {
        check_same_peer(&header->source, &again.source);
        check_same_peer(&header->destination, &again.destination);
    }
    len =
        proxy_header_write_v2(out, &header->source, &header->destination, header->authority, NULL);
    CHECK(len <= sizeof(out));
    CHECK(proxy_header_parse(&again, span_make(out, len)) == PROXY_HEADER_COMPLETE);
    CHECK(again.len == len && again.is_v2 && again.is_local == is_unix);
    if (!is_unix) {
        check_same_peer(&header->source, &again.source);
        check_same_peer(&header->destination, &again.destination);
        CHECK(span_eq(header->authority, again.authority));
    }
}

static void check_complete(const struct proxy_header *header, struct span bytes)
{
    struct proxy_header again;

    CHECK(header->len != 0 && header->len <= bytes.len && header->len <= PROXY_HEADER_MAX);
    CHECK(header->is_v2 || header->len <= PROXY_HEADER_V1_MAX);
    CHECK(proxy_header_parse(&again, span_head(bytes, header->len)) == PROXY_HEADER_COMPLETE);
    CHECK(proxy_header_parse(&again, span_head(bytes, header->len - 1)) == PROXY_HEADER_MORE);
    if (!header->is_local) {
        check_round_trip(header);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_make(data, size);
    struct proxy_header header;

    switch (proxy_header_parse(&header, bytes)) {
    case PROXY_HEADER_COMPLETE:
        CHECK(header.bad == PROXY_HEADER_BAD_NONE);
        check_complete(&header, bytes);
        break;
    case PROXY_HEADER_MORE:
        CHECK(size < PROXY_HEADER_MAX);
        break;
    case PROXY_HEADER_NOT:
        CHECK(size != 0);
        break;
    case PROXY_HEADER_BAD:
        CHECK(proxy_header_bad_text(header.bad)[0] != '\0');
        break;
    }
    return 0;
}
