/* The bytes of a change.  docs/formats/change.md holds the byte table.
 *
 *   change      = format u8 (4 for BACKFILL, 3 with a slate in it, 2 for FORGET and CURSOR, else
 * 1), part part        = kind u8, body DEFINE      = string PUT, PATCH  = entity, string key,
 * count, { field, value }*, count, { embedding, value }* DELETE      = entity SIGNAL      = signal,
 * flags u8, entity, [entity user], [signed value], [signed time], [varint slate, varint position]
 *   RELATE      = relation, flags u8, entity from, entity to, f32 weight, [signed time]
 *   UNRELATE    = relation, flags u8, entity from, entity to, [signed time]
 *   TRANSACTION = count, part*
 *   CURSOR      = action u8, string name, varint position (not of a DROP)
 *   SLATE       = flags u8, [entity user], [string profile, varint version], string query,
 *                 [string surface], varint seed, signed now, varint read at, varint offset,
 *                 count, string source*, count, string feature*, count, served*
 *   BACKFILL    = signal, varint defined, flags u8, [signed since], count, { varint id, string row
 * }* served      = varint item, f64 score, varint sources, [varint missing, f64 feature*] entity =
 * u8 kind (bit 7: by key), varint id or string key value       = tag u8, body
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
uint8_t change_format(const struct change *change);

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
    SIGNAL_HAS_SLATE = 16,
    SIGNAL_FLAGS = 31,
    RELATE_HAS_TIME = 1,
    SLATE_HAS_USER = 1,
    SLATE_HAS_PROFILE = 2,
    SLATE_HAS_SURFACE = 4,
    SLATE_FLAGS = 7,
    BACKFILL_ENDS = 1
};

#endif
