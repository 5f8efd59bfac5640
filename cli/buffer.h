/* Growing text, and the program's heap: running out of memory ends the program with a message. */
#ifndef CLI_BUFFER_H
#define CLI_BUFFER_H

#include <stddef.h>

/* Never NULL; `bytes` may be 0. */
void *heap_resize(void *memory, size_t bytes);
/* A larger capacity for an array that must hold `wanted` members; unchanged if it does. */
void *heap_grow(void *array, size_t *capacity, size_t wanted, size_t member_bytes);
char *heap_copy(const char *text, size_t bytes);

/* Zeroed is empty.  `data` is NUL-terminated once anything was appended, and NULL before. */
struct buffer {
    char *data;
    size_t bytes;
    size_t capacity;
};

void buffer_append(struct buffer *buffer, const char *data, size_t bytes);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_char(struct buffer *buffer, char c);
__attribute__((format(printf, 2, 3))) void buffer_print(struct buffer *buffer, const char *format,
                                                        ...);
/* Drops the first `bytes`. */
void buffer_drop(struct buffer *buffer, size_t bytes);
void buffer_clear(struct buffer *buffer);
void buffer_release(struct buffer *buffer);

#endif
