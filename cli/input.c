#include "cli/input.h"

#include "cli/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 18 };

bool input_open(struct input *input, const char *path)
{
    bool is_stdin = strcmp(path, "-") == 0;
    *input = (struct input){.file = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)};
    return input->file >= 0;
}

void input_close(struct input *input)
{
    if (input->file > STDIN_FILENO) (void)close(input->file);
    free(input->data);
    *input = (struct input){.file = -1};
}

const char *input_text(const struct input *input)
{
    return input->data + input->start;
}

/* Reads once; false: there is nothing more, or ^C. */
static bool fill(struct input *input)
{
    if (input->ended || input->os_error) return false;
    if (input->capacity - input->end < READ_BYTES) {
        size_t bytes = input->end - input->start;
        if (input->start > 0) memmove(input->data, input->data + input->start, bytes);
        input->start = 0;
        input->end = bytes;
        input->data = heap_grow(input->data, &input->capacity, bytes + READ_BYTES, 1);
    }
    ssize_t got = read(input->file, input->data + input->end, READ_BYTES);
    if (got < 0) input->os_error = errno;
    if (got == 0) input->ended = true;
    if (got > 0) input->end += (size_t)got;
    return got > 0;
}

enum line input_line(struct input *input, size_t from, size_t *end)
{
    size_t searched = from;
    for (;;) {
        size_t bytes = input->end - input->start;
        const char *newline =
            bytes > searched ? memchr(input_text(input) + searched, '\n', bytes - searched) : NULL;
        *end = newline ? (size_t)(newline - input_text(input)) + 1 : bytes;
        if (*end > INPUT_BYTES_MAXIMUM) return LINE_TOO_LONG;
        if (newline) return LINE_FOUND;
        searched = bytes;
        if (fill(input)) continue;
        if (input->os_error) return LINE_FAILED;
        return bytes > from ? LINE_FOUND : LINE_END;
    }
}

void input_take(struct input *input, size_t bytes)
{
    input->start += bytes;
}

void input_skip_line(struct input *input)
{
    do {
        size_t bytes = input->end - input->start;
        const char *newline = bytes > 0 ? memchr(input_text(input), '\n', bytes) : NULL;
        input->start += newline ? (size_t)(newline - input_text(input)) + 1 : bytes;
        if (newline) return;
    } while (fill(input));
}
