/* The ClientHello parser on hellos of the library's own, cut and wrapped in every way, and on
 * hostile ones. Everything is parsed from heap blocks of exact size, so that ASan sees a read past
 * the end. */
#include "hello_test.h"

static void library_hello_is_read(void **state)
{
    struct strbuf made = library_hello("Shop.Example.COM", TLS1_3_VERSION, true);
    struct hello hello;

    (void)state;
    assert_int_equal(hello_parse(&hello, strbuf_span(&made), HELLO_BYTES_MAX, scratch),
                     HELLO_COMPLETE);
    assert_string_equal(hello.sni_name, "shop.example.com");
    assert_true(span_eq(hello_sni(&hello), SPAN_OF("shop.example.com")));
    assert_true(hello.has_alpn);
    assert_int_equal(hello.alpn_count, 2);
    assert_true(hello_offers_alpn(&hello, SPAN_OF("h2")));
    assert_true(hello_offers_alpn(&hello, SPAN_OF("http/1.1")));
    assert_false(hello_offers_alpn(&hello, SPAN_OF("http/1.0")));
    assert_int_equal(hello.legacy_version, 0x0303);
    assert_int_equal(hello.best_version, 0x0304);
    assert_true(hello.offers_tls13 && hello.offers_tls12);
    assert_int_equal(hello.record_count, 1);
    assert_int_equal(hello.consumed, made.len);
    assert_int_equal(parse_both_ways(&hello, strbuf_span(&made)), HELLO_COMPLETE);
    strbuf_free(&made);
}

static void older_hello_is_read(void **state)
{
    struct strbuf made = library_hello(NULL, TLS1_2_VERSION, false);
    struct hello hello;

    (void)state;
    assert_int_equal(parse_both_ways(&hello, strbuf_span(&made)), HELLO_COMPLETE);
    assert_false(hello.has_sni);
    assert_null(hello_sni(&hello).ptr);
    assert_false(hello.has_alpn);
    assert_false(hello.offers_tls13);
    assert_true(hello.offers_tls12);
    assert_int_equal(hello.best_version, 0x0303);
    strbuf_free(&made);
}

static void hello_without_extensions_is_read(void **state)
{
    struct strbuf message = message_of(SPAN_OF(""), false);
    struct strbuf made = wrap(strbuf_span(&message), 16384);
    struct hello hello;

    (void)state;
    assert_int_equal(parse_both_ways(&hello, strbuf_span(&made)), HELLO_COMPLETE);
    assert_false(hello.has_sni);
    assert_true(hello.offers_tls12);
    strbuf_free(&message);
    strbuf_free(&made);
}

static void records_of_every_size_are_joined(void **state)
{
    struct strbuf made = library_hello("many.records.example", TLS1_3_VERSION, true);
    struct span message = span_skip(strbuf_span(&made), 5);

    (void)state;
    for (size_t step = 1; step <= message.len; step++) {
        struct strbuf wrapped = wrap(message, step);
        struct hello hello;
        char *copy = malloc(wrapped.len); /* room for the scratch, not a byte more than promised */
        assert_non_null(copy);
        assert_int_equal(hello_parse(&hello, strbuf_span(&wrapped), HELLO_BYTES_MAX, copy),
                         HELLO_COMPLETE);
        assert_string_equal(hello.sni_name, "many.records.example");
        assert_true(hello_offers_alpn(&hello, SPAN_OF("http/1.1")));
        assert_int_equal(hello.record_count, (message.len + step - 1) / step);
        assert_int_equal(hello.consumed, wrapped.len);
        free(copy);
        if (step % 16 == 1) {
            assert_int_equal(parse_both_ways(&hello, strbuf_span(&wrapped)), HELLO_COMPLETE);
        }
        strbuf_free(&wrapped);
    }
    strbuf_free(&made);
}

/* What follows a hello (early data, or nothing to do with it) is not looked at. */
static void bytes_behind_the_hello_are_left_alone(void **state)
{
    struct strbuf made = library_hello("a.example", TLS1_3_VERSION, false);
    size_t len = made.len;
    struct hello hello;

    (void)state;
    strbuf_add(&made, SPAN_OF("anything at all"));
    assert_int_equal(parse(&hello, strbuf_span(&made), HELLO_BYTES_MAX), HELLO_COMPLETE);
    assert_int_equal(hello.consumed, len);
    strbuf_free(&made);
}

/* A caller that waits for `wanted` is called a few times, also for a hello of 60 KiB in records of
 * one byte. */
static void waiting_for_wanted_bounds_the_calls(void **state)
{
    struct strbuf extensions, message, wrapped;
    struct hello hello;
    size_t have = 0;
    unsigned calls = 0;

    (void)state;
    strbuf_init(&extensions);
    add_u16(&extensions, 21);
    add_u16(&extensions, 10000);
    memset(strbuf_reserve(&extensions, 10000), 0, 10000);
    extensions.len += 10000;
    message = message_of(strbuf_span(&extensions), true);
    wrapped = wrap(strbuf_span(&message), 1);
    for (;;) {
        calls++;
        if (hello_parse(&hello, span_head(strbuf_span(&wrapped), have), HELLO_BYTES_MAX, scratch) !=
            HELLO_MORE) {
            break;
        }
        assert_true(hello.wanted > have && hello.wanted <= wrapped.len);
        have = hello.wanted;
    }
    assert_int_equal(hello.bad, HELLO_BAD_NONE);
    assert_int_equal(have, wrapped.len);
    assert_int_equal(hello.record_count, message.len);
    assert_true(calls < 100);
    strbuf_free(&extensions);
    strbuf_free(&message);
    strbuf_free(&wrapped);
}

static void limit_holds(void **state)
{
    struct strbuf made = library_hello("a.example", TLS1_3_VERSION, false);
    struct hello hello;

    (void)state;
    assert_int_equal(parse(&hello, strbuf_span(&made), made.len), HELLO_COMPLETE);
    /* Known to be too long as soon as its header says so, not when the limit is reached. */
    assert_int_equal(parse(&hello, span_head(strbuf_span(&made), 9), made.len - 1), HELLO_BAD);
    assert_int_equal(hello.bad, HELLO_BAD_TOO_LONG);
    assert_int_equal(parse(&hello, strbuf_span(&made), made.len - 1), HELLO_BAD);
    assert_int_equal(hello.bad, HELLO_BAD_TOO_LONG);
    strbuf_free(&made);
    assert_int_equal(parse(&hello, SPAN_OF("\x16\x03\x01\x40\x00\x01\xff\xff\xff"), 65536),
                     HELLO_BAD);
    assert_int_equal(hello.bad, HELLO_BAD_TOO_LONG);
}

static void other_protocols_are_known_at_once(void **state)
{
    static const struct span others[] = {SPAN("GET / HTTP/1.1\r\n"),
                                         SPAN("PRI * HTTP/2.0\r\n"),
                                         SPAN("\x15\x03\x01\x00\x02\x02\x28"),
                                         SPAN("\x80\x2e\x01\x00\x02"),
                                         SPAN("\x16\x02\x01"),
                                         SPAN("\x00"),
                                         SPAN("SSH-2.0-")};
    struct hello hello;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(parse_both_ways(&hello, others[i]), HELLO_NOT_TLS);
    }
    assert_int_equal(parse(&hello, SPAN_OF("G"), 1024), HELLO_NOT_TLS);
    assert_int_equal(parse(&hello, SPAN_OF(""), 1024), HELLO_MORE);
    assert_int_equal(parse(&hello, SPAN_OF("\x16"), 1024), HELLO_MORE);
    assert_int_equal(hello.wanted, 2);
}

static void broken_records_are_refused(void **state)
{
    static const struct {
        struct span bytes;
        enum hello_bad bad;
    } cases[] = {
        {SPAN("\x16\x03\x01\x00\x00"), HELLO_BAD_RECORD_LENGTH},
        {SPAN("\x16\x03\x01\x40\x01"), HELLO_BAD_RECORD_LENGTH},
        {SPAN("\x16\x03\x01\xff\xff"), HELLO_BAD_RECORD_LENGTH},
        {SPAN("\x16\x03\x01\x00\x04\x02\x00\x00\x00"), HELLO_BAD_MESSAGE},
        {SPAN("\x16\x03\x01\x00\x01\x01\x15\x03\x01\x00\x02\x02\x28"), HELLO_BAD_RECORD},
        {SPAN("\x16\x03\x01\x00\x01\x01\x16\x02"), HELLO_BAD_RECORD},
        {SPAN("\x16\x03\x01\x00\x01\x01\x16\x03\x01\x00\x00"), HELLO_BAD_RECORD_LENGTH},
        {SPAN("\x16\x03\x01\x00\x04\x01\x00\x00\x00"), HELLO_BAD_SYNTAX},
        {SPAN("\x16\x03\x01\x00\x05\x01\x00\x00\x00\x00"), HELLO_BAD_SYNTAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct hello hello;
        assert_int_equal(parse_both_ways(&hello, cases[i].bytes), HELLO_BAD);
        assert_int_equal(hello.bad, cases[i].bad);
    }
}

static void broken_extensions_are_refused(void **state)
{
    static const struct {
        struct span extensions;
        enum hello_bad bad;
    } cases[] = {
        {SPAN("\x00"), HELLO_BAD_SYNTAX},
        {SPAN("\x00\x2b\x00"), HELLO_BAD_SYNTAX},
        {SPAN("\x00\x2b\x00\x05\x02"), HELLO_BAD_SYNTAX},
        /* the same one twice, also one that nobody knows */
        {SPAN("\x00\x17\x00\x00\x00\x17\x00\x00"), HELLO_BAD_EXTENSION_TWICE},
        {SPAN("\x7a\x7a\x00\x00\x00\x17\x00\x00\x7a\x7a\x00\x00"), HELLO_BAD_EXTENSION_TWICE},
        /* server_name: nothing, an empty list, a cut list, two names, another type */
        {SPAN("\x00\x00\x00\x00"), HELLO_BAD_SYNTAX},
        {SPAN("\x00\x00\x00\x02\x00\x00"), HELLO_BAD_SNI_LIST},
        {SPAN("\x00\x00\x00\x03\x00\x00\x00"), HELLO_BAD_SYNTAX},
        {SPAN("\x00\x00\x00\x05\x00\x03\x00\x00\x01"), HELLO_BAD_SYNTAX},
        {SPAN("\x00\x00\x00\x0a\x00\x08\x00\x00\x01"
              "a"
              "\x00\x00\x01"
              "b"),
         HELLO_BAD_SNI_LIST},
        {SPAN("\x00\x00\x00\x06\x00\x04\x01\x00\x01"
              "a"),
         HELLO_BAD_SNI_LIST},
        /* supported_versions: empty, odd, cut */
        {SPAN("\x00\x2b\x00\x01\x00"), HELLO_BAD_VERSION},
        {SPAN("\x00\x2b\x00\x02\x01\x03"), HELLO_BAD_SYNTAX},
        {SPAN("\x00\x2b\x00\x03\x04\x03\x04"), HELLO_BAD_SYNTAX},
        /* ALPN: nothing, an empty list, an empty name, a cut name */
        {SPAN("\x00\x10\x00\x00"), HELLO_BAD_SYNTAX},
        {SPAN("\x00\x10\x00\x02\x00\x00"), HELLO_BAD_ALPN},
        {SPAN("\x00\x10\x00\x03\x00\x01\x00"), HELLO_BAD_ALPN},
        {SPAN("\x00\x10\x00\x05\x00\x03\x03h2"), HELLO_BAD_SYNTAX},
        {SPAN("\x00\x10\x00\x06\x00\x03\x02h2x"), HELLO_BAD_SYNTAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strbuf made = hello_of(cases[i].extensions);
        struct hello hello;
        assert_int_equal(parse_both_ways(&hello, strbuf_span(&made)), HELLO_BAD);
        if (hello.bad != cases[i].bad) {
            print_message("case %zu\n", i);
        }
        assert_int_equal(hello.bad, cases[i].bad);
        strbuf_free(&made);
    }
}

/* Every hello that is one byte off in a length is refused or waits; none is misread. */
static void cut_hellos_never_complete(void **state)
{
    struct strbuf made = library_hello("cut.example", TLS1_3_VERSION, true);

    (void)state;
    for (size_t cut = 10; cut < made.len; cut++) {
        /* The lengths of record and message say that the cut is the end. */
        struct strbuf shorter;
        struct hello hello;
        strbuf_init(&shorter);
        strbuf_add(&shorter, span_head(strbuf_span(&made), cut));
        shorter.ptr[3] = (char)((cut - 5) >> 8);
        shorter.ptr[4] = (char)(cut - 5);
        shorter.ptr[7] = (char)((cut - 9) >> 8);
        shorter.ptr[8] = (char)(cut - 9);
        enum hello_result result = parse(&hello, strbuf_span(&shorter), HELLO_BYTES_MAX);
        bool is_before_extensions = result == HELLO_COMPLETE && !hello.has_sni;
        assert_true(result == HELLO_BAD || is_before_extensions);
        strbuf_free(&shorter);
    }
    strbuf_free(&made);
}

/* As many as the limit has room for, each once. */
static void any_number_of_extensions_is_read(void **state)
{
    static const size_t counts[] = {63, 64, 65, 128, 129, 300, 16000};

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(counts); k++) {
        struct strbuf extensions, made;
        struct hello hello;
        strbuf_init(&extensions);
        for (size_t i = 0; i < counts[k]; i++) {
            add_u16(&extensions, 0x1000 + i);
            add_u16(&extensions, 0);
        }
        struct strbuf message = message_of(strbuf_span(&extensions), true);
        made = wrap(strbuf_span(&message), 16384);
        assert_int_equal(parse(&hello, strbuf_span(&made), HELLO_BYTES_MAX), HELLO_COMPLETE);
        strbuf_free(&made);
        strbuf_free(&message);
        extensions.ptr[extensions.len - 4] = 0x10; /* the last is the first again */
        extensions.ptr[extensions.len - 3] = 0;
        message = message_of(strbuf_span(&extensions), true);
        made = wrap(strbuf_span(&message), 16384);
        assert_int_equal(parse(&hello, strbuf_span(&made), HELLO_BYTES_MAX), HELLO_BAD);
        assert_int_equal(hello.bad, HELLO_BAD_EXTENSION_TWICE);
        strbuf_free(&made);
        strbuf_free(&message);
        strbuf_free(&extensions);
    }
}

static void many_protocols_are_counted_not_kept(void **state)
{
    struct strbuf extensions, made;
    struct hello hello;

    (void)state;
    strbuf_init(&extensions);
    add_u16(&extensions, 16);
    add_u16(&extensions, 42);
    add_u16(&extensions, 40);
    for (int i = 0; i < 20; i++) {
        strbuf_add_char(&extensions, 1);
        strbuf_add_char(&extensions, (char)('a' + i));
    }
    made = hello_of(strbuf_span(&extensions));
    assert_int_equal(hello_parse(&hello, strbuf_span(&made), HELLO_BYTES_MAX, scratch),
                     HELLO_COMPLETE);
    assert_int_equal(hello.alpn_count, HELLO_ALPN_MAX);
    strbuf_free(&made);
    strbuf_free(&extensions);
}

/* NULL: it is no name. */
static const char *name_result(struct span name, char *text, char *sent)
{
    struct strbuf extension = name_extension(name);
    struct strbuf made = hello_of(strbuf_span(&extension));
    struct hello hello;

    assert_int_equal(parse_both_ways(&hello, strbuf_span(&made)), HELLO_COMPLETE);
    assert_int_equal(hello_parse(&hello, strbuf_span(&made), HELLO_BYTES_MAX, scratch),
                     HELLO_COMPLETE);
    assert_true(hello.has_sni != hello.has_unusable_sni);
    assert_int_equal(hello.has_sni, hello_sni(&hello).ptr != NULL);
    assert_true(span_eq(hello.sni_sent, name));
    assert_int_equal(hello_sni_is_taken(&hello),
                     name.len <= 255 && span_find(name, '\0') == name.len);
    hello_sni_text(&hello, sent);
    memcpy(text, hello.sni_name, sizeof(hello.sni_name));
    strbuf_free(&made);
    strbuf_free(&extension);
    return hello.has_sni ? text : NULL;
}

/* What is none, in a list that is well formed, is as if nothing had been asked for. */
static void names_are_judged(void **state)
{
    static const struct {
        struct span name;
        const char *text; /* NULL: it is no name */
        const char *sent;
    } cases[] = {
        {SPAN("a"), "a", "a"},
        {SPAN("A.B-c.X_1"), "a.b-c.x_1", "A.B-c.X_1"},
        {SPAN("_dmarc.example.com"), "_dmarc.example.com", "_dmarc.example.com"},
        {SPAN("example.com."), "example.com", "example.com."},
        {SPAN("xn--bcher-kva.example"), "xn--bcher-kva.example", "xn--bcher-kva.example"},
        {SPAN("1.2.3"), "1.2.3", "1.2.3"},
        {SPAN("."), NULL, "."},
        {SPAN("a.."), NULL, "a.."},
        {SPAN(".a"), NULL, ".a"},
        {SPAN("a..b"), NULL, "a..b"},
        {SPAN("a b"), NULL, "a\\x20b"},
        {SPAN("a\0b"), NULL, "a\\x00b"},
        {SPAN("a\\b\n\x7f"), NULL, "a\\x5cb\\x0a\\x7f"},
        {SPAN("a/b"), NULL, "a/b"},
        {SPAN("*.example.com"), NULL, "*.example.com"},
        {SPAN("b\xc3\xbc"
              "cher.example"),
         NULL, "b\\xc3\\xbccher.example"},
        {SPAN("127.0.0.1"), NULL, "127.0.0.1"},
        {SPAN("::1"), NULL, "::1"},
        {SPAN("[::1]"), NULL, "[::1]"},
        {SPAN("a.example:443"), NULL, "a.example:443"},
    };
    char text[HELLO_SNI_MAX + 1];
    char sent[HELLO_SNI_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got = name_result(cases[i].name, text, sent);
        assert_int_equal(got == NULL, cases[i].text == NULL);
        if (got != NULL) {
            assert_string_equal(got, cases[i].text);
        }
        assert_string_equal(sent, cases[i].sent);
    }
}

static void long_names_are_judged(void **state)
{
    char text[HELLO_SNI_MAX + 1];
    char sent[HELLO_SNI_TEXT_MAX];
    char name[1000];

    (void)state;
    memset(name, 'a', sizeof(name));
    assert_non_null(name_result(span_make(name, 63), text, sent));
    assert_null(name_result(span_make(name, 64), text, sent));
    for (size_t i = 50; i < 300; i += 50) {
        name[i] = '.';
    }
    assert_non_null(name_result(span_make(name, 253), text, sent));
    assert_int_equal(strlen(text), 253);
    assert_null(name_result(span_make(name, 254), text, sent));
    name[253] = '.';
    assert_non_null(name_result(span_make(name, 254), text, sent));
    assert_null(name_result(span_make(name, 300), text, sent));
    memset(name, '\xff', sizeof(name));
    assert_null(name_result(span_make(name, sizeof(name)), text, sent));
    assert_in_range(strlen(sent), 480, HELLO_SNI_TEXT_MAX - 1);
}

/* However it is cut: at the byte that breaks it, not when as many have come as were waited for. */
static void each_record_is_judged_when_it_comes(void **state)
{
    struct strbuf made = library_hello("shop.example", TLS1_3_VERSION, true);
    struct span message = span_skip(strbuf_span(&made), 5);
    static const size_t steps[] = {1, 3, 5, 100};
    static const struct span wrong[] = {
        SPAN("\x17"),
        SPAN("\x15"),
        SPAN("\x14"),
        SPAN("G"),
        SPAN("\x16\x02"),
        SPAN("\x16\x03\x01\x00\x00"),
        SPAN("\x16\x03\x01\x40\x01"),
        SPAN("\x16\x03\x01\x3f\xff"), /* more than its message has left */
    };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(steps) * ARRAY_LEN(wrong); k++) {
        struct strbuf wrapped = wrap(message, steps[k / ARRAY_LEN(wrong)]);
        size_t record = steps[k / ARRAY_LEN(wrong)] + 5;
        struct span bad = wrong[k % ARRAY_LEN(wrong)];
        /* From where the message's own header is there. */
        for (size_t at = 4 * record; at + record < wrapped.len; at += 4 * record) {
            struct strbuf bytes;
            struct hello_watch watch = {0};
            struct hello hello;
            strbuf_init(&bytes);
            strbuf_add(&bytes, span_head(strbuf_span(&wrapped), at));
            strbuf_add(&bytes, bad);
            for (size_t n = 1; n < bytes.len; n++) {
                assert_false(hello_is_broken(&watch, span_head(strbuf_span(&bytes), n), 65536));
            }
            assert_true(hello_is_broken(&watch, strbuf_span(&bytes), 65536));
            assert_int_equal(parse(&hello, strbuf_span(&bytes), 65536), HELLO_BAD);
            strbuf_free(&bytes);
        }
        strbuf_free(&wrapped);
    }
    strbuf_free(&made);
}

/* And one that is right never is, wherever it is cut. */
static void whole_hellos_are_not_broken(void **state)
{
    struct strbuf made = library_hello("shop.example", TLS1_3_VERSION, true);
    struct span message = span_skip(strbuf_span(&made), 5);

    (void)state;
    for (size_t step = 1; step <= message.len; step += step < 8 ? 1 : 37) {
        struct strbuf wrapped = wrap(message, step);
        struct hello_watch watch = {0};
        for (size_t n = 1; n <= wrapped.len; n++) {
            assert_false(hello_is_broken(&watch, span_head(strbuf_span(&wrapped), n), 65536));
        }
        strbuf_add(&wrapped, SPAN_OF("and something behind it"));
        assert_false(hello_is_broken(&watch, strbuf_span(&wrapped), 65536));
        strbuf_free(&wrapped);
    }
    strbuf_free(&made);
}

static void hellos_of_ssl2_are_known(void **state)
{
    static const struct {
        struct span bytes;
        enum hello_result result;
    } cases[] = {
        {SPAN("\x80\x2e\x01\x00\x02\x00\x15"), HELLO_COMPLETE},
        {SPAN("\x81\x03\x01\x03\x01"), HELLO_COMPLETE},
        {SPAN("\x80\x2e\x01\x03\x00\x00"), HELLO_COMPLETE},
        {SPAN("\x80\x2e\x01\x03\x04\x00"), HELLO_COMPLETE},
        {SPAN("\x80\x2e\x01\x00\x03"), HELLO_NOT_TLS}, /* no such version */
        {SPAN("\x80\x2e\x01\x02\x00"), HELLO_NOT_TLS},
        {SPAN("\x80\x2e\x01\x04\x00"), HELLO_NOT_TLS},
        {SPAN("\x80\x2e\x04\x00\x02"), HELLO_NOT_TLS}, /* a ServerHello */
        {SPAN("\x16\x03\x01\x00\x02"), HELLO_NOT_TLS},
        {SPAN("GET / HTTP/1.1"), HELLO_NOT_TLS},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span bytes = cases[i].bytes;
        bool is_refused = false;
        assert_int_equal(hello_parse_ssl2(bytes), cases[i].result);
        /* Byte by byte: it is never said before all five are there, nor taken back. */
        for (size_t len = 1; len < HELLO_SSL2_BYTES; len++) {
            enum hello_result result = hello_parse_ssl2(span_head(bytes, len));
            assert_true(result == HELLO_MORE || result == HELLO_NOT_TLS);
            assert_true(result == HELLO_NOT_TLS || !is_refused);
            is_refused = result == HELLO_NOT_TLS;
            assert_true(cases[i].result == HELLO_NOT_TLS || !is_refused);
        }
    }
}

static void alert_is_seven_bytes(void **state)
{
    char alert[TLS_ALERT_RECORD_BYTES];

    (void)state;
    hello_alert(TLS_ALERT_UNRECOGNIZED_NAME, alert);
    assert_memory_equal(alert, "\x15\x03\x03\x00\x02\x02\x70", 7);
    assert_string_equal(tls_alert_name(TLS_ALERT_UNRECOGNIZED_NAME), "unrecognized_name");
    assert_string_equal(tls_alert_name(255), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(library_hello_is_read),
        cmocka_unit_test(older_hello_is_read),
        cmocka_unit_test(hello_without_extensions_is_read),
        cmocka_unit_test(records_of_every_size_are_joined),
        cmocka_unit_test(bytes_behind_the_hello_are_left_alone),
        cmocka_unit_test(waiting_for_wanted_bounds_the_calls),
        cmocka_unit_test(limit_holds),
        cmocka_unit_test(other_protocols_are_known_at_once),
        cmocka_unit_test(broken_records_are_refused),
        cmocka_unit_test(broken_extensions_are_refused),
        cmocka_unit_test(cut_hellos_never_complete),
        cmocka_unit_test(any_number_of_extensions_is_read),
        cmocka_unit_test(each_record_is_judged_when_it_comes),
        cmocka_unit_test(whole_hellos_are_not_broken),
        cmocka_unit_test(many_protocols_are_counted_not_kept),
        cmocka_unit_test(names_are_judged),
        cmocka_unit_test(long_names_are_judged),
        cmocka_unit_test(hellos_of_ssl2_are_known),
        cmocka_unit_test(alert_is_seven_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
