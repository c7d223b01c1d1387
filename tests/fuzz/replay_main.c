/* Runs a fuzz target over saved inputs, without libFuzzer and so with any compiler.
 *
 *   fuzz_NAME FILE-OR-DIRECTORY...
 *
 * A directory stands for the files in it (not for those below). Each input lies in a heap block of
 * exactly its size, so that AddressSanitizer sees a read one byte past its end. Each file's name is
 * printed before its run, so the last one printed is the one that a report is about. Status 1 when
 * a file cannot be read, or when there was none at all. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Far above what a corpus holds; it only keeps a stray file from being taken for an input. */
enum { INPUT_LIMIT = 16 * 1024 * 1024 };

static bool replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || size > INPUT_LIMIT) {
        fprintf(stderr, "%s: cannot be read, or is too large\n", path);
        if (file != NULL) {
            fclose(file);
        }
        return false;
    }
    uint8_t *data = malloc(size);
    bool is_whole = size == 0 || (data != NULL && fread(data, 1, size, file) == size);
    fclose(file);
    if (is_whole) {
        fprintf(stderr, "%s\n", path);
        LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    return is_whole;
}

/* Adds to *count how many inputs were run. */
static bool replay_path(const char *path, bool is_top, size_t *count)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        perror(path);
        return false;
    }
    if (S_ISREG(info.st_mode)) {
        *count += 1;
        return replay_file(path, (size_t)info.st_size);
    }
    if (!S_ISDIR(info.st_mode) || !is_top) {
        return true;
    }
    struct dirent **entries;
    int found = scandir(path, &entries, NULL, alphasort);
    bool is_fine = found >= 0;
    for (int i = 0; i < found; i++) {
        char inner[4096];
        if (entries[i]->d_name[0] != '.') {
            snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
            is_fine = replay_path(inner, false, count) && is_fine;
        }
        free(entries[i]);
    }
    if (found >= 0) {
        free(entries);
    }
    return is_fine;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    bool is_fine = true;
    for (int i = 1; i < argc; i++) {
        is_fine = replay_path(argv[i], true, &count) && is_fine;
    }
    printf("%zu inputs\n", count);
    return is_fine && count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
