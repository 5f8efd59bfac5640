/* The bytes of a change.  docs/formats/change.md holds the byte table.
 *
 *   change      = format u8 (2 for a CURSOR, else 1), part
 *   part        = kind u8, body
 *   DEFINE      = string
 *   PUT, PATCH  = entity, string key, count, { field, value }*, count, { embedding, value }*
 *   DELETE      = entity
 *   SIGNAL      = signal, flags u8, entity, [entity user], [signed value], [signed time]
 *   RELATE      = relation, flags u8, entity from, entity to, f32 weight, [signed time]
 *   UNRELATE    = relation, flags u8, entity from, entity to, [signed time]
 *   TRANSACTION = count, part*
 *   CURSOR      = action u8, string name, varint position (not of a DROP)
 *   entity      = u8 kind (bit 7: by key), varint id or string key
 *   value       = tag u8, body
 *
 * Numbers are varints (LEB128, shortest form; signed ones zigzag), strings a varint length and
 * UTF-8, floats the bits of IEEE 754, little-endian.
 *
 * One change has one encoding, because the hash of these bytes is the event's identity: fields and
 * embeddings ascend and are distinct, a value that equals its default is left out, unknown flags
 * and trailing bytes are refused.  The decoder refuses whatever the encoder cannot have written, so
 * what it accepts encodes to the same bytes.  Not a self-describing format (CBOR, protobuf): those
 * allow several encodings of one message, and the length of a signal matters: it is most of the
 * log. */
#ifndef TIDAL_SCHEMA_CHANGE_CODEC_H
#define TIDAL_SCHEMA_CHANGE_CODEC_H

#include "schema/change.h"

/* What is older than a kind says "a newer version wrote this", not "damaged". */
static inline uint8_t change_format(enum change_kind kind)
{
    return kind == CHANGE_FORGET || kind == CHANGE_CURSOR ? 2 : 1;
}

/* On disk: never reuse a number. */
enum value_tag {
    TAG_MISSING = 0,
    TAG_FALSE = 1,
    TAG_TRUE = 2,
    TAG_INTEGER = 3,
    TAG_FLOAT = 4,
    TAG_TIMESTAMP = 5,
    TAG_TEXT = 6,
    TAG_TEXT_LIST = 7,
    TAG_REFERENCE = 8,
    TAG_VECTOR = 9
};

enum {
    ENTITY_BY_KEY = 0x80,
    SIGNAL_HAS_USER = 1,
    SIGNAL_HAS_VALUE = 2, /* other than SIGNAL_VALUE_ONE */
    SIGNAL_HAS_TIME = 4,
    SIGNAL_RETRACTS = 8,
    SIGNAL_FLAGS = 15,
    RELATE_HAS_TIME = 1
};

#endif
