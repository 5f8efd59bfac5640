#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>

#define BUFFER_BYTES_MINIMUM ((size_t)64)

int slice_compare(struct slice a, struct slice b)
{
    size_t common = a.bytes < b.bytes ? a.bytes : b.bytes;
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    if (order != 0) return order;
    return (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

bool slice_equal(struct slice a, struct slice b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.data, b.data, a.bytes) == 0);
}

/* --- Buffer --- */

void buffer_init(struct buffer *buffer, struct memory *memory, size_t maximum_bytes)
{
    *buffer = (struct buffer){.memory = memory, .maximum_bytes = maximum_bytes};
}

void buffer_release(struct buffer *buffer)
{
    memory_free(buffer->memory, buffer->data, buffer->capacity);
    buffer->data = NULL;
    buffer->bytes = buffer->capacity = 0;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->bytes = 0;
    buffer->failed = false;
}

struct slice buffer_slice(const struct buffer *buffer)
{
    return slice_of(buffer->data, buffer->bytes);
}

/* Room for `bytes` more; NULL, and failed, if there is none. */
static uint8_t *extend(struct buffer *buffer, size_t bytes)
{
    size_t need, capacity = buffer->capacity;
    if (buffer->failed) return NULL;
    if (!size_add(buffer->bytes, bytes, &need) || need > buffer->maximum_bytes) goto fail;
    if (need > capacity) {
        if (capacity < BUFFER_BYTES_MINIMUM) capacity = BUFFER_BYTES_MINIMUM;
        while (capacity < need)
            capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
        if (capacity > buffer->maximum_bytes) capacity = buffer->maximum_bytes;
        uint8_t *grown = memory_resize(buffer->memory, buffer->data, buffer->capacity, capacity);
        if (!grown) goto fail;
        buffer->data = grown;
        buffer->capacity = capacity;
    }
    uint8_t *at = buffer->data + buffer->bytes;
    buffer->bytes = need;
    return at;
fail:
    buffer->failed = true;
    return NULL;
}

/* The same without asking for memory; NULL if that takes more.  The caller adds to `bytes`. */
static uint8_t *at_hand(const struct buffer *buffer, size_t bytes)
{
    size_t end = buffer->bytes + bytes;
    bool fits = !buffer->failed && end <= buffer->capacity && end <= buffer->maximum_bytes;
    return fits ? buffer->data + buffer->bytes : NULL;
}

void buffer_append(struct buffer *buffer, const void *data, size_t bytes)
{
    if (bytes == 0) return;
    uint8_t *at = extend(buffer, bytes);
    if (at) memcpy(at, data, bytes);
}

void buffer_put_u8(struct buffer *buffer, uint8_t value)
{
    uint8_t *at = at_hand(buffer, 1);
    if (at) {
        *at = value;
        buffer->bytes++;
    } else {
        buffer_append(buffer, &value, 1);
    }
}

void buffer_put_u16(struct buffer *buffer, uint16_t value)
{
    uint8_t *at = extend(buffer, 2);
    if (at) store_u16(at, value);
}

void buffer_put_u32(struct buffer *buffer, uint32_t value)
{
    uint8_t *at = extend(buffer, 4);
    if (at) store_u32(at, value);
}

void buffer_put_u64(struct buffer *buffer, uint64_t value)
{
    uint8_t *at = extend(buffer, 8);
    if (at) store_u64(at, value);
}

void buffer_put_double(struct buffer *buffer, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    buffer_put_u64(buffer, bits);
}

static void put_leb128(struct buffer *buffer, unsigned __int128 value)
{
    uint8_t bytes[19];
    size_t count = 0;
    do {
        uint8_t low = (uint8_t)(value & 0x7f);
        value >>= 7;
        bytes[count++] = (uint8_t)(low | (value > 0 ? 0x80 : 0));
    } while (value > 0);
    buffer_append(buffer, bytes, count);
}

void buffer_put_varint(struct buffer *buffer, uint64_t value)
{
    enum { MOST_BYTES = 10 };
    uint8_t *at = at_hand(buffer, MOST_BYTES), *start = at;
    if (!at) {
        put_leb128(buffer, value);
        return;
    }
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    buffer->bytes += (size_t)(at - start);
}

void buffer_put_signed(struct buffer *buffer, int64_t value)
{
    buffer_put_varint(buffer, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

void buffer_put_signed128(struct buffer *buffer, __int128 value)
{
    unsigned __int128 sign = value < 0 ? ~(unsigned __int128)0 : 0;
    put_leb128(buffer, ((unsigned __int128)value << 1) ^ sign);
}

void buffer_put_string(struct buffer *buffer, struct slice value)
{
    buffer_put_varint(buffer, value.bytes);
    buffer_append(buffer, value.data, value.bytes);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    char text[512];
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int bytes = vsnprintf(text, sizeof text, format, arguments);
    if (bytes >= 0 && (size_t)bytes < sizeof text) {
        buffer_append(buffer, text, (size_t)bytes);
    } else if (bytes > 0) {
        /* Not into the buffer at once: vsnprintf wants room for a NUL, which need not be there. */
        size_t room = (size_t)bytes + 1;
        char *longer = buffer->failed ? NULL : memory_allocate(buffer->memory, room);
        if (longer) {
            vsnprintf(longer, room, format, again);
            buffer_append(buffer, longer, (size_t)bytes);
        }
        buffer->failed = buffer->failed || !longer;
        memory_free(buffer->memory, longer, room);
    }
    va_end(again);
    va_end(arguments);
}

/* --- Cursor --- */

void cursor_init(struct cursor *cursor, struct slice source)
{
    static const uint8_t nothing;
    const uint8_t *start = source.data ? source.data : &nothing;
    *cursor = (struct cursor){.start = start, .at = start, .end = start + source.bytes};
}

size_t cursor_left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

bool cursor_done(const struct cursor *cursor)
{
    return !cursor->failed && cursor->at == cursor->end;
}

struct slice cursor_bytes(struct cursor *cursor, size_t bytes)
{
    if (cursor->failed || bytes > cursor_left(cursor)) {
        cursor->failed = true;
        return (struct slice){0};
    }
    struct slice taken = {cursor->at, bytes};
    cursor->at += bytes;
    return taken;
}

uint8_t cursor_u8(struct cursor *cursor)
{
    if (!cursor->failed && cursor->at < cursor->end) return *cursor->at++;
    cursor->failed = true;
    return 0;
}

uint16_t cursor_u16(struct cursor *cursor)
{
    struct slice taken = cursor_bytes(cursor, 2);
    return taken.data ? load_u16(taken.data) : 0;
}

uint32_t cursor_u32(struct cursor *cursor)
{
    struct slice taken = cursor_bytes(cursor, 4);
    return taken.data ? load_u32(taken.data) : 0;
}

uint64_t cursor_u64(struct cursor *cursor)
{
    struct slice taken = cursor_bytes(cursor, 8);
    return taken.data ? load_u64(taken.data) : 0;
}

double cursor_double(struct cursor *cursor)
{
    uint64_t bits = cursor_u64(cursor);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Up to 128 bits; the shortest form only: no zero byte at the end, no bit beyond the width. */
static unsigned __int128 get_leb128(struct cursor *cursor)
{
    enum { BITS = 128 };
    unsigned __int128 value = 0;
    for (unsigned shift = 0; shift < BITS; shift += 7) {
        uint8_t byte = cursor_u8(cursor);
        unsigned left = BITS - shift;
        if (cursor->failed || (left < 7 && ((byte & 0x7f) >> left) != 0) ||
            (shift > 0 && byte == 0))
            break;
        value |= (unsigned __int128)(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    cursor->failed = true;
    return 0;
}

/* The same of 64 bits: most numbers are small, and there are many. */
uint64_t cursor_varint(struct cursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !cursor->failed && cursor->at < cursor->end;
         shift += 7) {
        uint8_t byte = *cursor->at++;
        if ((shift == 63 && (byte & 0x7f) > 1) || (shift > 0 && byte == 0)) break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    cursor->failed = true;
    return 0;
}

int64_t cursor_signed(struct cursor *cursor)
{
    uint64_t value = cursor_varint(cursor);
    return (int64_t)((value >> 1) ^ (value & 1 ? UINT64_MAX : 0));
}

__int128 cursor_signed128(struct cursor *cursor)
{
    unsigned __int128 value = get_leb128(cursor);
    return (__int128)((value >> 1) ^ (value & 1 ? ~(unsigned __int128)0 : 0));
}

struct slice cursor_string(struct cursor *cursor)
{
    uint64_t bytes = cursor_varint(cursor);
    if (bytes > cursor_left(cursor)) cursor->failed = true;
    return cursor_bytes(cursor, cursor->failed ? 0 : (size_t)bytes);
}
