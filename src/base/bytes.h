/* Bytes: a growing buffer to encode into, a cursor to decode from, and the integers between.
 *
 * Numbers on disk are little-endian unless their name says `be`.  A varint is LEB128: 7 bits a
 * byte, low first; signed ones are zigzag.  Decoders accept only the shortest form.  one thread. */
#ifndef TIDAL_BASE_BYTES_H
#define TIDAL_BASE_BYTES_H

#include "base/memory.h"

#include <endian.h>
#include <string.h>

/* A run of bytes that somebody else owns. */
struct slice {
    const uint8_t *data;
    size_t bytes;
};

static inline struct slice slice_of(const void *data, size_t bytes)
{
    return (struct slice){(const uint8_t *)data, bytes};
}
/* Orders as memcmp does, a prefix before what it begins. */
int slice_compare(struct slice a, struct slice b);
bool slice_equal(struct slice a, struct slice b);

struct buffer {
    struct memory *memory; /* lent until buffer_release */
    uint8_t *data;
    size_t bytes;
    size_t capacity;
    size_t maximum_bytes;
    bool failed; /* an append found no room or no memory; all later ones do nothing */
};

void buffer_init(struct buffer *buffer, struct memory *memory, size_t maximum_bytes);
void buffer_release(struct buffer *buffer);
/* Empties it and forgets a failure; keeps the memory. */
void buffer_clear(struct buffer *buffer);
struct slice buffer_slice(const struct buffer *buffer);

/* Appends do nothing once `failed` is set, so that a writer checks once, at the end. */
void buffer_append(struct buffer *buffer, const void *data, size_t bytes);
void buffer_put_u8(struct buffer *buffer, uint8_t value);
void buffer_put_u16(struct buffer *buffer, uint16_t value);
void buffer_put_u32(struct buffer *buffer, uint32_t value);
void buffer_put_u64(struct buffer *buffer, uint64_t value);
void buffer_put_double(struct buffer *buffer, double value);
void buffer_put_varint(struct buffer *buffer, uint64_t value);
void buffer_put_signed(struct buffer *buffer, int64_t value);
void buffer_put_signed128(struct buffer *buffer, __int128 value); /* zigzag LEB128, <= 19 bytes */
/* A varint length, then the bytes. */
void buffer_put_string(struct buffer *buffer, struct slice value);
void buffer_printf(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

/* Decoding: once a read fails, `failed` stays set and every later read gives zero, so that a
 * reader checks once, at the end.  Nothing is read past `end`. */
struct cursor {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

void cursor_init(struct cursor *cursor, struct slice source);
size_t cursor_left(const struct cursor *cursor);
bool cursor_done(const struct cursor *cursor); /* all read, nothing failed */
uint8_t cursor_u8(struct cursor *cursor);
uint16_t cursor_u16(struct cursor *cursor);
uint32_t cursor_u32(struct cursor *cursor);
uint64_t cursor_u64(struct cursor *cursor);
double cursor_double(struct cursor *cursor);
uint64_t cursor_varint(struct cursor *cursor);
int64_t cursor_signed(struct cursor *cursor);
__int128 cursor_signed128(struct cursor *cursor);
/* A slice of the source, lent as long as the source lives. */
struct slice cursor_bytes(struct cursor *cursor, size_t bytes);
struct slice cursor_string(struct cursor *cursor);

/* Plain loads and stores for fixed layouts: little-endian but for _be. */
static inline void store_u16(uint8_t *at, uint16_t value)
{
    value = htole16(value);
    memcpy(at, &value, sizeof value);
}

static inline void store_u32(uint8_t *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof value);
}

static inline void store_u64(uint8_t *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof value);
}

static inline void store_u64_be(uint8_t *at, uint64_t value)
{
    value = htobe64(value);
    memcpy(at, &value, sizeof value);
}

static inline uint16_t load_u16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return le16toh(value);
}

static inline uint32_t load_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static inline uint64_t load_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

static inline uint64_t load_u64_be(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return be64toh(value);
}

#endif
