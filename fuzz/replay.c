/* Runs a fuzz target on each file of a folder, and on variants of it that follow from its bytes:
 * one byte changed, taken out or put in, and the end cut off.  A wrong answer ends the program, as
 * it ends the fuzzer.  The last line counts the files. */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <string.h>

enum { INPUT_BYTES = 1 << 20, VARIANTS = 400 };

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool read_input(const char *folder, const char *name, uint8_t *input, size_t *bytes)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    *bytes = fread(input, 1, INPUT_BYTES, file);
    bool whole = !ferror(file) && *bytes < INPUT_BYTES;
    fclose(file);
    return whole;
}

/* Runs on a copy of exactly that size, so that a sanitizer sees a read past its end. */
static void run(const uint8_t *input, size_t bytes)
{
    uint8_t *copy = malloc(bytes > 0 ? bytes : 1);
    if (!copy) abort();
    memcpy(copy, input, bytes);
    (void)LLVMFuzzerTestOneInput(copy, bytes);
    free(copy);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static void run_variants(const uint8_t *input, size_t bytes)
{
    uint8_t *variant = malloc(bytes + 1);
    uint64_t state = bytes;
    if (!variant) abort();
    for (int i = 0; i < VARIANTS && bytes > 0; i++) {
        size_t at = next_random(&state) % bytes, used = bytes;
        uint8_t byte = (uint8_t)next_random(&state);
        memcpy(variant, input, bytes);
        switch (i % 4) {
        case 0:
            variant[at] = byte;
            break;
        case 1:
            variant[at] ^= (uint8_t)(1 << byte % 8);
            break;
        case 2:
            used = at;
            break;
        default:
            memmove(variant + at + 1, variant + at, bytes - at);
            variant[at] = byte;
            used = bytes + 1;
        }
        run(variant, used);
    }
    free(variant);
}

int main(int argc, char **argv)
{
    static uint8_t input[INPUT_BYTES];
    struct dirent **names;
    int count = argc == 2 ? scandir(argv[1], &names, is_input, by_name) : -1;
    if (count < 1) {
        fprintf(stderr, "usage: %s FOLDER (one that holds inputs)\n", argv[0]);
        return 2;
    }
    int failed = 0;
    run(input, 0);
    for (int i = 0; i < count; i++) {
        size_t bytes;
        if (read_input(argv[1], names[i]->d_name, input, &bytes)) {
            /* The last line of a run that ends here. */
            fprintf(stderr, "%s\n", names[i]->d_name);
            run(input, bytes);
            run_variants(input, bytes);
        } else {
            fprintf(stderr, "FAILED %s: cannot be read\n", names[i]->d_name);
            failed++;
        }
        free(names[i]);
    }
    free(names);
    printf("%d inputs, %d variants of each\n", count, VARIANTS);
    printf("%d passed, %d failed\n", count - failed, failed);
    return failed > 0;
}
