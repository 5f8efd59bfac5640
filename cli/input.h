/* Lines of a file or a pipe, of bounded length. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include <stdbool.h>
#include <stddef.h>

/* Of what is looked at in one go: a line of JSONL, a record of CSV with all its lines. */
#define INPUT_BYTES_MAXIMUM ((size_t)16 << 20)

struct input {
    int file;
    char *data; /* what is read and not taken is data[start .. end) */
    size_t start, end, capacity;
    bool ended;
    int os_error; /* 0: none */
};

enum line { LINE_FOUND, LINE_END, LINE_TOO_LONG, LINE_FAILED };

/* `path` "-" is standard input.  False: errno says why. */
bool input_open(struct input *input, const char *path);
void input_close(struct input *input);

/* What is not taken begins here; moves with every input_line. */
const char *input_text(const struct input *input);
/* Finds the line that begins at byte `from` of it: *end is behind its newline, or at the file's
 * end.  LINE_TOO_LONG: it would end beyond INPUT_BYTES_MAXIMUM. */
enum line input_line(struct input *input, size_t from, size_t *end);
/* Moves on behind the first `bytes`, which were found. */
void input_take(struct input *input, size_t bytes);
/* Moves on behind the first line, however long it is. */
void input_skip_line(struct input *input);

#endif
