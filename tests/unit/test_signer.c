/* tls/signer: a request lives until both who asked and who answers have let it go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls/signer.h"

struct recorder {
    struct signer signer;
    struct sign_request *request;
    bool answers_at_once;
    int told;
};

static void record(struct signer *self, struct sign_request *request)
{
    struct recorder *recorder = (struct recorder *)self;

    recorder->request = request;
    if (recorder->answers_at_once) {
        sign_answer(request, SPAN_OF("signature"));
    }
}

static void on_answer(void *arg)
{
    ((struct recorder *)arg)->told++;
}

static struct sign_request *ask(struct recorder *recorder)
{
    const struct sign_key key = {SPAN_OF("key"), "its digest"};

    recorder->signer.sign = record;
    return sign_ask(&recorder->signer, &key, 0x0403, SPAN_OF("message"), on_answer, recorder);
}

static void an_answer_at_once_is_told_by_the_state(void **state)
{
    struct recorder recorder = {.answers_at_once = true};
    struct sign_request *request = ask(&recorder);
    (void)state;

    assert_int_equal(request->state, SIGN_ANSWERED);
    assert_int_equal(recorder.told, 0);
    assert_true(span_eq(request->key.der, SPAN_OF("key")));
    assert_string_equal(request->key.digest, "its digest");
    assert_true(span_eq(request->message, SPAN_OF("message")));
    assert_true(span_eq(request->signature, SPAN_OF("signature")));
    sign_drop(request);
}

static void a_late_answer_is_told_once(void **state)
{
    struct recorder recorder = {0};
    struct sign_request *request = ask(&recorder);
    (void)state;

    assert_int_equal(request->state, SIGN_ASKED);
    sign_answer(recorder.request, SPAN_OF("late"));
    assert_int_equal(recorder.told, 1);
    assert_true(span_eq(request->signature, SPAN_OF("late")));
    sign_drop(request);
}

static void an_answer_that_nobody_wants_any_more_is_told_to_nobody(void **state)
{
    struct recorder recorder = {0};
    (void)state;

    sign_drop(ask(&recorder));
    sign_answer(recorder.request, SPAN_OF("too late")); /* frees it: the sanitizer looks */
    assert_int_equal(recorder.told, 0);
}

static void no_answer_and_one_that_is_too_long_are_refusals(void **state)
{
    static char long_one[SIGN_ANSWER_MAX + 1];
    struct recorder recorder = {0};
    struct sign_request *request = ask(&recorder);
    (void)state;

    sign_answer(request, span_make(NULL, 0));
    assert_int_equal(request->state, SIGN_ANSWERED);
    assert_int_equal(request->signature.len, 0);
    sign_drop(request);
    request = ask(&recorder);
    sign_answer(request, span_make(long_one, sizeof(long_one)));
    assert_int_equal(request->signature.len, 0);
    sign_drop(request);
    assert_int_equal(recorder.told, 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_at_once_is_told_by_the_state),
        cmocka_unit_test(a_late_answer_is_told_once),
        cmocka_unit_test(an_answer_that_nobody_wants_any_more_is_told_to_nobody),
        cmocka_unit_test(no_answer_and_one_that_is_too_long_are_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
