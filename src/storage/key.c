#include "storage/key.h"

#include <assert.h>

struct key key_build(uint64_t id, enum key_tag tag, struct slice suffix)
{
    struct key key = {.count = KEY_HEAD_BYTES + suffix.bytes};
    assert(suffix.bytes <= KEY_BYTES_MAXIMUM - KEY_HEAD_BYTES);
    store_u64_be(key.bytes, id);
    key.bytes[8] = 0;
    key.bytes[9] = (uint8_t)tag;
    if (suffix.bytes > 0) memcpy(key.bytes + KEY_HEAD_BYTES, suffix.data, suffix.bytes);
    return key;
}

struct slice key_slice(const struct key *key)
{
    return slice_of(key->bytes, key->count);
}

bool key_parse(struct slice bytes, uint64_t *id, uint8_t *tag, struct slice *suffix)
{
    if (bytes.bytes < KEY_HEAD_BYTES || bytes.data[8] != 0) return false;
    *id = load_u64_be(bytes.data);
    *tag = bytes.data[9];
    *suffix = slice_of(bytes.data + KEY_HEAD_BYTES, bytes.bytes - KEY_HEAD_BYTES);
    return true;
}

struct slice key_prefix_end(struct slice prefix, struct key *end)
{
    assert(prefix.bytes <= KEY_BYTES_MAXIMUM);
    end->count = prefix.bytes;
    if (prefix.bytes > 0) memcpy(end->bytes, prefix.data, prefix.bytes);
    while (end->count > 0 && end->bytes[end->count - 1] == 0xff)
        end->count--;
    if (end->count > 0) end->bytes[end->count - 1]++;
    return key_slice(end);
}

struct key_range key_range_of_prefix(struct slice prefix, struct key_bounds *bounds)
{
    assert(prefix.bytes <= KEY_BYTES_MAXIMUM);
    bounds->lower.count = prefix.bytes;
    if (prefix.bytes > 0) memcpy(bounds->lower.bytes, prefix.data, prefix.bytes);
    return (struct key_range){key_slice(&bounds->lower), key_prefix_end(prefix, &bounds->upper)};
}

struct key_range key_range_of_entity(uint64_t id, struct key_bounds *bounds)
{
    uint8_t prefix[9] = {0};
    store_u64_be(prefix, id);
    return key_range_of_prefix(slice_of(prefix, sizeof prefix), bounds);
}
