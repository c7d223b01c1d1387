#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "observe/log_writer.h"

#define LIMIT_MS 20000
#define QUEUE ((size_t)4 << 20)

static char folder[64];
static char path[96];
static char moved[96];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/tidegate-log-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/access.log", folder);
    (void)snprintf(moved, sizeof(moved), "%s/access.log.1", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(moved);
    return rmdir(folder);
}

static struct log_writer *open_writer(const char *name)
{
    struct error error = {""};
    int fd = log_writer_open_file(name, &error);

    if (fd < 0) {
        fail_msg("%s", error.text);
    }
    return log_writer_create(name, fd, QUEUE);
}

static struct log_writer *start_writer(const char *name)
{
    struct error error = {""};
    struct log_writer *w = open_writer(name);

    assert_true(log_writer_start(w, &error));
    return w;
}

static void put(struct log_writer *w, const char *text)
{
    log_writer_put(w, xstrdup(text), strlen(text));
}

/* The whole file; freed by the caller. */
static char *read_file(const char *name, size_t *len)
{
    FILE *file = fopen(name, "rb");
    struct stat st;

    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &st), 0);
    char *text = xcalloc(1, (size_t)st.st_size + 1);
    *len = fread(text, 1, (size_t)st.st_size, file);
    assert_int_equal(*len, st.st_size);
    (void)fclose(file);
    return text;
}

static void assert_file(const char *name, const char *want)
{
    size_t len;
    char *text = read_file(name, &len);

    assert_string_equal(text, want);
    free(text);
}

static void wait_until_written(struct log_writer *w, uint64_t bytes)
{
    struct log_writer_counts counts = {0};

    for (int i = 0; i < LIMIT_MS; i++) {
        log_writer_counts(w, &counts);
        if (counts.written_bytes >= bytes) {
            return;
        }
        (void)poll(NULL, 0, 1);
    }
    fail_msg("%llu bytes written, want %llu", (unsigned long long)counts.written_bytes,
             (unsigned long long)bytes);
}

static void test_lines_come_in_order_and_are_appended(void **state)
{
    (void)state;
    struct log_writer *w = open_writer(path);
    struct error error;
    put(w, "before the start\n");
    assert_true(log_writer_start(w, &error));
    put(w, "one\ntwo\n");
    put(w, "three\n");
    log_writer_put(w, NULL, 0);
    assert_true(log_writer_stop(w, LIMIT_MS));
    w = start_writer(path);
    put(w, "four\n");
    wait_until_written(w, 5);
    put(w, "five\n");
    assert_true(log_writer_stop(w, LIMIT_MS));
    assert_file(path, "before the start\none\ntwo\nthree\nfour\nfive\n");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07, 0);
}

static void test_a_writer_that_is_off(void **state)
{
    (void)state;
    put(NULL, "nobody reads this\n");
    assert_true(log_writer_stop(NULL, 1));
    assert_true(log_writer_stop(open_writer(path), 1));
}

static void test_a_path_that_cannot_be_opened(void **state)
{
    struct error error = {""};

    (void)state;
    assert_int_equal(log_writer_open_file("/nonexistent/access.log", &error), -1);
    assert_non_null(strstr(error.text, "/nonexistent/access.log: No such file"));
    assert_int_equal(log_writer_open_file(folder, &error), -1);
}

enum { THREADS = 4, BLOCKS = 2000 };

static void *put_many(void *arg)
{
    struct log_writer *w = arg;

    for (int i = 0; i < BLOCKS; i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "thread %lx line %d\n", (unsigned long)pthread_self(),
                       i);
        put(w, text);
    }
    return NULL;
}

static void test_many_threads_lose_nothing(void **state)
{
    struct log_writer *w = start_writer(path);
    pthread_t threads[THREADS];
    size_t len;
    size_t lines = 0;

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, w), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_true(log_writer_stop(w, LIMIT_MS));
    char *text = read_file(path, &len);
    for (char *at = text; *at != '\0'; at = strchr(at, '\n') + 1) {
        assert_memory_equal(at, "thread ", 7);
        lines++;
    }
    assert_int_equal(lines, THREADS * BLOCKS);
    free(text);
}

static void reopen(struct log_writer *w)
{
    struct error error;
    int fd = log_writer_open_file(path, &error);

    assert_true(fd >= 0);
    log_writer_use(w, fd);
}

static void test_reopened_after_rotation(void **state)
{
    struct log_writer *w = start_writer(path);

    (void)state;
    put(w, "old\n");
    wait_until_written(w, 4);
    assert_int_equal(rename(path, moved), 0);
    reopen(w);
    for (int i = 0; i < LIMIT_MS && access(path, F_OK) != 0; i++) {
        (void)poll(NULL, 0, 1);
    }
    put(w, "new\n");
    assert_true(log_writer_stop(w, LIMIT_MS));
    assert_file(moved, "old\n");
    assert_file(path, "new\n");
}

static void test_a_failed_reopen_keeps_the_old_file(void **state)
{
    struct error error;
    struct log_writer *w = start_writer(path);

    (void)state;
    put(w, "old\n");
    wait_until_written(w, 4);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(mkdir(path, 0700), 0); /* what cannot be opened for writing, even by root */
    assert_int_equal(log_writer_open_file(path, &error), -1);
    assert_non_null(strstr(error.text, path));
    put(w, "new\n");
    assert_true(log_writer_stop(w, LIMIT_MS));
    assert_int_equal(rmdir(path), 0);
    assert_file(moved, "old\nnew\n");
}

static void test_a_full_disk_is_counted_and_stops_nothing(void **state)
{
    struct log_writer *w = start_writer("/dev/full");
    struct log_writer_counts counts = {0};

    (void)state;
    for (int i = 0; i < LIMIT_MS && counts.failed_blocks < 3; i++) {
        put(w, "nowhere to go\n");
        (void)poll(NULL, 0, 1);
        log_writer_counts(w, &counts);
    }
    assert_true(counts.failed_blocks >= 3);
    assert_true(counts.lost_lines >= counts.failed_blocks);
    assert_int_equal(counts.written_bytes, 0);
    put(w, "nor this\n");
    assert_false(log_writer_stop(w, LIMIT_MS));
}

/* Standard output as a pipe: what happens in containers. */
static int pipe_as_stdout(int *saved)
{
    int ends[2];

    (void)fflush(stdout);
    assert_int_equal(pipe(ends), 0);
    *saved = dup(STDOUT_FILENO);
    assert_true(*saved >= 0);
    assert_int_equal(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    (void)close(ends[1]);
    return ends[0];
}

static void stdout_back(int saved)
{
    (void)dup2(saved, STDOUT_FILENO);
    (void)close(saved);
}

static void test_standard_output(void **state)
{
    int saved;
    int reader = pipe_as_stdout(&saved);
    struct log_writer *w = start_writer("-");
    char text[64] = "";

    (void)state;
    stdout_back(saved);
    put(w, "to the pipe\n");
    assert_true(log_writer_stop(w, LIMIT_MS));
    assert_int_equal(read(reader, text, sizeof(text)), 12);
    assert_string_equal(text, "to the pipe\n");
    assert_int_equal(read(reader, text, sizeof(text)), 0);
    (void)close(reader);
}

static void test_a_reader_that_is_gone(void **state)
{
    int saved;
    int reader = pipe_as_stdout(&saved);
    struct log_writer *w = start_writer("-");

    (void)state;
    stdout_back(saved);
    (void)close(reader);
    put(w, "nobody there\n");
    assert_false(log_writer_stop(w, LIMIT_MS));
}

/* A reader that does not read: the queue fills, blocks are dropped, and stop keeps its limit. */
static void test_a_reader_that_hangs_costs_bounded_memory_and_time(void **state)
{
    enum { BLOCK = 64 << 10 };
    int saved;
    int reader = pipe_as_stdout(&saved);
    struct log_writer *w = start_writer("-");
    struct log_writer_counts counts;
    size_t count = 3 * QUEUE / BLOCK;
    struct timespec start;
    struct timespec end;

    (void)state;
    stdout_back(saved);
    for (size_t i = 0; i < count; i++) {
        char *block = xmalloc(BLOCK);
        memset(block, 'x', BLOCK);
        block[BLOCK - 1] = '\n';
        log_writer_put(w, block, BLOCK);
    }
    log_writer_counts(w, &counts);
    assert_true(counts.dropped_blocks >= count - QUEUE / BLOCK - 4);
    assert_true(counts.dropped_blocks < count);
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    assert_false(log_writer_stop(w, 50));
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    assert_true(end.tv_sec - start.tv_sec < 10);
    (void)close(reader);
}

static void *read_slowly(void *arg)
{
    int fd = *(int *)arg;
    size_t *total = xcalloc(1, sizeof(*total));
    char piece[3000];
    ssize_t n;

    while ((n = read(fd, piece, sizeof(piece))) > 0) {
        *total += (size_t)n;
    }
    return total;
}

static void test_large_blocks_through_a_pipe(void **state)
{
    int saved;
    int reader = pipe_as_stdout(&saved);
    struct log_writer *w = start_writer("-");
    pthread_t thread;
    void *total;

    (void)state;
    stdout_back(saved);
    assert_int_equal(pthread_create(&thread, NULL, read_slowly, &reader), 0);
    for (size_t len = 1; len <= 300000; len = len * 3 + 1) {
        char *block = xmalloc(len);
        for (size_t i = 0; i < len; i++) {
            block[i] = i % 5000 == 4999 || i + 1 == len ? '\n' : 'y';
        }
        log_writer_put(w, block, len);
    }
    size_t want = 0;
    for (size_t len = 1; len <= 300000; len = len * 3 + 1) {
        want += len;
    }
    assert_true(log_writer_stop(w, LIMIT_MS));
    assert_int_equal(pthread_join(thread, &total), 0);
    assert_int_equal(*(size_t *)total, want);
    free(total);
    (void)close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_come_in_order_and_are_appended, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_writer_that_is_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_path_that_cannot_be_opened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_threads_lose_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reopened_after_rotation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_failed_reopen_keeps_the_old_file, set_up, tear_down),
        cmocka_unit_test(test_a_full_disk_is_counted_and_stops_nothing),
        cmocka_unit_test(test_standard_output),
        cmocka_unit_test(test_a_reader_that_is_gone),
        cmocka_unit_test(test_a_reader_that_hangs_costs_bounded_memory_and_time),
        cmocka_unit_test(test_large_blocks_through_a_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
