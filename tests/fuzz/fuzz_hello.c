/* Any bytes as the beginning of a connection. A hello that is whole is whole exactly at its end,
 * says the same in records of any other size, and names a host or nobody. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tls/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char scratch[HELLO_BYTES_MAX];

static void check_name(const struct hello *hello)
{
    struct span name = hello_sni(hello);

    CHECK(hello->has_sni == (name.ptr != NULL) && name.len <= HELLO_SNI_MAX);
    CHECK(!hello->has_sni || !hello->has_unusable_sni);
    CHECK(!hello->has_sni || (name.len != 0 && strlen(hello->sni_name) == name.len));
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        CHECK((c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '-' || c == '_' || c == '.');
        CHECK(c != '.' || (i != 0 && i + 1 < name.len && name.ptr[i - 1] != '.'));
    }
}

static void check_same(const struct hello *a, const struct hello *b)
{
    CHECK(a->bad == b->bad && a->has_sni == b->has_sni && a->sni_len == b->sni_len);
    CHECK(memcmp(a->sni_name, b->sni_name, a->sni_len) == 0);
    CHECK(a->best_version == b->best_version && a->offers_tls13 == b->offers_tls13);
    CHECK(a->has_alpn == b->has_alpn && a->alpn_count == b->alpn_count);
    for (size_t i = 0; i < a->alpn_count; i++) {
        CHECK(a->alpn[i].len != 0 && a->alpn[i].len == b->alpn[i].len);
    }
}

/* The same message in records of `step` bytes. */
static void check_rewrapped(const struct hello *hello, struct span bytes, size_t step)
{
    size_t records = bytes.len / step + 2;
    char *made = malloc(bytes.len + records * 5);
    struct hello again;
    size_t len = 0;
    size_t in_record = 0;

    CHECK(made != NULL);
    for (size_t at = 0; at < bytes.len;) {
        size_t payload = (size_t)(uint8_t)bytes.ptr[at + 3] << 8 | (uint8_t)bytes.ptr[at + 4];
        at += 5;
        for (size_t end = at + payload; at < end; at++) {
            if (in_record == 0) {
                memcpy(made + len, "\x16\x03\x03\0\0", 5);
                len += 5;
            }
            made[len++] = bytes.ptr[at];
            in_record++;
            made[len - in_record - 2] = (char)(in_record >> 8);
            made[len - in_record - 1] = (char)in_record;
            in_record %= step;
        }
    }
    if (len <= HELLO_BYTES_MAX) {
        CHECK(hello_parse(&again, span_make(made, len), HELLO_BYTES_MAX, scratch) ==
              HELLO_COMPLETE);
        check_same(hello, &again);
    }
    free(made);
}

static void check_complete(const struct hello *hello, struct span bytes)
{
    struct hello again;

    CHECK(hello->consumed > 9 && hello->consumed <= bytes.len && hello->record_count > 0);
    bytes = span_head(bytes, hello->consumed);
    CHECK(hello_parse(&again, bytes, HELLO_BYTES_MAX, scratch) == HELLO_COMPLETE);
    for (size_t cut = 1; cut < bytes.len; cut += cut) {
        CHECK(hello_parse(&again, span_head(bytes, bytes.len - cut), HELLO_BYTES_MAX, scratch) ==
              HELLO_MORE);
        CHECK(again.wanted > bytes.len - cut && again.wanted <= bytes.len);
    }
    check_rewrapped(hello, bytes, 1 + (uint8_t)bytes.ptr[bytes.len - 1]);
    check_rewrapped(hello, bytes, 16384);
}

/* Byte by byte: what is broken on the way is broken in the end, at the same byte. */
static void check_watch(struct span bytes, enum hello_result result)
{
    struct hello_watch watch = {0};
    bool is_broken = false;

    for (size_t n = 1; n <= bytes.len && n <= 4096 && !is_broken; n++) {
        is_broken = hello_is_broken(&watch, span_head(bytes, n), HELLO_BYTES_MAX);
    }
    CHECK(!is_broken || result == HELLO_BAD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char own_scratch[HELLO_BYTES_MAX];
    struct span bytes = span_make(data, size);
    struct hello hello;

    /* No bytes are both. */
    if (hello_parse_ssl2(bytes) != HELLO_NOT_TLS && size != 0) {
        CHECK(hello_parse(&hello, bytes, HELLO_BYTES_MAX, own_scratch) == HELLO_NOT_TLS);
        return 0;
    }
    enum hello_result result = hello_parse(&hello, bytes, HELLO_BYTES_MAX, own_scratch);
    if (result != HELLO_NOT_TLS) {
        check_watch(bytes, result);
    }
    switch (result) {
    case HELLO_COMPLETE:
        check_name(&hello);
        check_complete(&hello, bytes);
        break;
    case HELLO_MORE:
        CHECK(hello.wanted > size && hello.wanted <= HELLO_BYTES_MAX);
        break;
    case HELLO_NOT_TLS:
        CHECK(size != 0 && hello.bad == HELLO_BAD_NONE);
        break;
    case HELLO_BAD:
        CHECK(hello.bad != HELLO_BAD_NONE && hello_bad_text(hello.bad)[0] != '\0');
        break;
    }
    return 0;
}
