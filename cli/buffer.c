#include "cli/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *heap_resize(void *memory, size_t bytes)
{
    void *resized = realloc(memory, bytes ? bytes : 1);
    if (!resized) {
        fputs("tidal: out of memory\n", stderr);
        exit(1);
    }
    return resized;
}

void *heap_grow(void *array, size_t *capacity, size_t wanted, size_t member_bytes)
{
    if (wanted <= *capacity) return array;
    size_t larger = *capacity < 16 ? 16 : *capacity;
    while (larger < wanted)
        larger = larger > SIZE_MAX / 2 ? wanted : larger * 2;
    if (larger > SIZE_MAX / member_bytes) {
        fputs("tidal: out of memory\n", stderr);
        exit(1);
    }
    *capacity = larger;
    return heap_resize(array, larger * member_bytes);
}

char *heap_copy(const char *text, size_t bytes)
{
    char *copy = heap_resize(NULL, bytes + 1);
    memcpy(copy, text, bytes);
    copy[bytes] = 0;
    return copy;
}

void buffer_append(struct buffer *buffer, const char *data, size_t bytes)
{
    buffer->data = heap_grow(buffer->data, &buffer->capacity, buffer->bytes + bytes + 1, 1);
    if (bytes > 0) memcpy(buffer->data + buffer->bytes, data, bytes);
    buffer->bytes += bytes;
    buffer->data[buffer->bytes] = 0;
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_append_char(struct buffer *buffer, char c)
{
    buffer_append(buffer, &c, 1);
}

void buffer_print(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (bytes < 0) return;
    size_t wanted = buffer->bytes + (size_t)bytes + 1;
    buffer->data = heap_grow(buffer->data, &buffer->capacity, wanted, 1);
    va_start(arguments, format);
    (void)vsnprintf(buffer->data + buffer->bytes, (size_t)bytes + 1, format, arguments);
    va_end(arguments);
    buffer->bytes += (size_t)bytes;
}

void buffer_drop(struct buffer *buffer, size_t bytes)
{
    if (bytes == 0) return;
    memmove(buffer->data, buffer->data + bytes, buffer->bytes - bytes + 1);
    buffer->bytes -= bytes;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->bytes = 0;
    if (buffer->data) buffer->data[0] = 0;
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}
