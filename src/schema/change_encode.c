#include "schema/change_codec.h"

#include <assert.h>
#include <math.h>

/* Appends are not checked one by one: a buffer that failed stays failed, and change_encode looks at
 * the end. */
static void write_entity(struct buffer *out, const struct entity_reference *entity)
{
    assert(entity->kind < ENTITY_KIND_COUNT);
    assert(entity->key.bytes <= LIMIT_KEY_BYTES);
    if (entity->key.bytes > 0) {
        assert(entity->id == 0);
        buffer_put_u8(out, (uint8_t)(entity->kind | ENTITY_BY_KEY));
        buffer_put_string(out, entity->key);
    } else {
        buffer_put_u8(out, (uint8_t)entity->kind);
        buffer_put_varint(out, entity->id);
    }
}

static void write_float(struct buffer *out, float number)
{
    uint32_t bits;
    assert(isfinite(number));
    memcpy(&bits, &number, sizeof bits);
    buffer_put_u32(out, bits);
}

static void write_list(struct buffer *out, const struct value *value)
{
    assert(value->list.count <= LIMIT_LIST_VALUES);
    buffer_put_u8(out, TAG_TEXT_LIST);
    buffer_put_varint(out, value->list.count);
    for (size_t i = 0; i < value->list.count; i++)
        buffer_put_string(out, value->list.texts[i]);
}

static void write_vector(struct buffer *out, const struct value *value)
{
    assert(value->vector.dimensions >= 1 && value->vector.dimensions <= LIMIT_DIMENSIONS);
    buffer_put_u8(out, TAG_VECTOR);
    buffer_put_varint(out, value->vector.dimensions);
    for (size_t i = 0; i < value->vector.dimensions; i++)
        write_float(out, value->vector.numbers[i]);
}

static void write_value(struct buffer *out, const struct value *value)
{
    switch (value->type) {
    case VALUE_MISSING:
        buffer_put_u8(out, TAG_MISSING);
        break;
    case VALUE_BOOLEAN:
        buffer_put_u8(out, value->boolean ? TAG_TRUE : TAG_FALSE);
        break;
    case VALUE_INTEGER:
        buffer_put_u8(out, TAG_INTEGER);
        buffer_put_signed(out, value->integer);
        break;
    case VALUE_FLOAT:
        assert(isfinite(value->number));
        buffer_put_u8(out, TAG_FLOAT);
        buffer_put_double(out, value->number);
        break;
    case VALUE_TIMESTAMP:
        buffer_put_u8(out, TAG_TIMESTAMP);
        buffer_put_signed(out, value->integer);
        break;
    case VALUE_TEXT:
        assert(value->text.bytes <= LIMIT_TEXT_BYTES);
        buffer_put_u8(out, TAG_TEXT);
        buffer_put_string(out, value->text);
        break;
    case VALUE_TEXT_LIST:
        write_list(out, value);
        break;
    case VALUE_REFERENCE:
        buffer_put_u8(out, TAG_REFERENCE);
        buffer_put_varint(out, value->reference);
        break;
    case VALUE_VECTOR:
        write_vector(out, value);
        break;
    case VALUE_DURATION:
    case VALUE_ID_LIST:
        assert(false && "no field holds one");
        break;
    }
}

static void write_put(struct buffer *out, const struct put_change *put, bool patch)
{
    (void)patch; /* read by assertions only */
    assert(put->field_count <= LIMIT_FIELDS && put->embedding_count <= LIMIT_EMBEDDINGS);
    assert(put->key.bytes == 0 || put->entity.key.bytes == 0);
    write_entity(out, &put->entity);
    buffer_put_string(out, put->key);
    buffer_put_varint(out, put->field_count);
    for (size_t i = 0; i < put->field_count; i++) {
        const struct field_value *given = &put->fields[i];
        assert(i == 0 || given[-1].field < given->field);
        assert(patch || given->value.type != VALUE_MISSING);
        buffer_put_varint(out, given->field);
        write_value(out, &given->value);
    }
    buffer_put_varint(out, put->embedding_count);
    for (size_t i = 0; i < put->embedding_count; i++) {
        const struct embedding_value *given = &put->embeddings[i];
        assert(i == 0 || given[-1].embedding < given->embedding);
        assert(given->value.type == VALUE_VECTOR || patch);
        buffer_put_varint(out, given->embedding);
        write_value(out, &given->value);
    }
}

static void write_signal(struct buffer *out, const struct signal_change *signal)
{
    bool has_value = signal->value != SIGNAL_VALUE_ONE;
    assert(signal->value > -SIGNAL_VALUE_MAXIMUM && signal->value < SIGNAL_VALUE_MAXIMUM);
    assert(!signal->has_user || signal->user.kind == ENTITY_USER);
    assert(!signal->retract || signal->has_user);
    buffer_put_varint(out, signal->signal);
    buffer_put_u8(out, (uint8_t)((signal->has_user ? SIGNAL_HAS_USER : 0) |
                                 (has_value ? SIGNAL_HAS_VALUE : 0) |
                                 (signal->has_time ? SIGNAL_HAS_TIME : 0) |
                                 (signal->retract ? SIGNAL_RETRACTS : 0) |
                                 (signal->slate > 0 ? SIGNAL_HAS_SLATE : 0)));
    write_entity(out, &signal->entity);
    if (signal->has_user) write_entity(out, &signal->user);
    if (has_value) buffer_put_signed(out, signal->value);
    if (signal->has_time) buffer_put_signed(out, signal->time_ms);
    assert(signal->slate > 0 || signal->position == 0);
    if (signal->slate == 0) return;
    buffer_put_varint(out, signal->slate);
    buffer_put_varint(out, signal->position);
}

static void write_relate(struct buffer *out, const struct relate_change *relate, bool weighs)
{
    buffer_put_varint(out, relate->relation);
    buffer_put_u8(out, relate->has_time ? RELATE_HAS_TIME : 0);
    write_entity(out, &relate->from);
    write_entity(out, &relate->to);
    if (weighs) write_float(out, relate->weight);
    if (relate->has_time) buffer_put_signed(out, relate->time_ms);
}

static void write_cursor(struct buffer *out, const struct cursor_change *cursor)
{
    assert(cursor->action >= CURSOR_DEFINE && cursor->action <= CURSOR_DROP);
    assert(cursor->name.bytes >= 1 && cursor->name.bytes <= LIMIT_NAME_BYTES);
    assert(cursor->action != CURSOR_DROP || cursor->position == 0);
    buffer_put_u8(out, (uint8_t)cursor->action);
    buffer_put_string(out, cursor->name);
    if (cursor->action != CURSOR_DROP) buffer_put_varint(out, cursor->position);
}

static void write_texts(struct buffer *out, const struct slice *texts, size_t count)
{
    buffer_put_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        assert(texts[i].bytes <= LIMIT_SLATE_QUERY);
        buffer_put_string(out, texts[i]);
    }
}

static void write_served(struct buffer *out, const struct slate_change *slate,
                         const struct served_item *item)
{
    assert(isfinite(item->score) && item->sources >> slate->source_count == 0);
    buffer_put_varint(out, item->item);
    buffer_put_double(out, item->score);
    buffer_put_varint(out, item->sources);
    if (slate->feature_count == 0) return;
    buffer_put_varint(out, item->missing);
    for (size_t i = 0; i < slate->feature_count; i++) {
        if (item->missing >> i & 1) continue;
        assert(isfinite(item->features[i]));
        buffer_put_double(out, item->features[i]);
    }
}

static void write_slate(struct buffer *out, const struct slate_change *slate)
{
    assert(slate->query.bytes <= LIMIT_SLATE_QUERY && slate->item_count <= LIMIT_SLATE_ITEMS);
    assert(slate->source_count <= LIMIT_SOURCES && slate->feature_count <= LIMIT_SLATE_FEATURES);
    buffer_put_u8(out, (uint8_t)((slate->has_user ? SLATE_HAS_USER : 0) |
                                 (slate->profile.bytes > 0 ? SLATE_HAS_PROFILE : 0) |
                                 (slate->surface.bytes > 0 ? SLATE_HAS_SURFACE : 0)));
    if (slate->has_user) write_entity(out, &slate->user);
    if (slate->profile.bytes > 0) {
        buffer_put_string(out, slate->profile);
        buffer_put_varint(out, slate->version);
    }
    buffer_put_string(out, slate->query);
    if (slate->surface.bytes > 0) buffer_put_string(out, slate->surface);
    buffer_put_varint(out, slate->seed);
    buffer_put_signed(out, slate->now_ms);
    buffer_put_varint(out, slate->read_at);
    buffer_put_varint(out, slate->offset);
    write_texts(out, slate->sources, slate->source_count);
    write_texts(out, slate->features, slate->feature_count);
    buffer_put_varint(out, slate->item_count);
    for (size_t i = 0; i < slate->item_count; i++)
        write_served(out, slate, &slate->items[i]);
}

static void write_backfill(struct buffer *out, const struct backfill_change *backfill)
{
    assert(backfill->ends == (backfill->pair_count == 0));
    assert(backfill->pair_count <= CHANGE_BACKFILL_PAIRS);
    buffer_put_varint(out, backfill->signal);
    buffer_put_varint(out, backfill->defined);
    buffer_put_u8(out, backfill->ends ? BACKFILL_ENDS : 0);
    if (backfill->ends) buffer_put_signed(out, backfill->since_ms);
    buffer_put_varint(out, backfill->pair_count);
    for (size_t i = 0; i < backfill->pair_count; i++) {
        buffer_put_varint(out, backfill->pairs[i].entity);
        buffer_put_string(out, backfill->pairs[i].row);
    }
}

static void write_part(struct buffer *out, const struct change *change)
{
    buffer_put_u8(out, (uint8_t)change->kind);
    switch (change->kind) {
    case CHANGE_DEFINE:
    case CHANGE_DROP:
    case CHANGE_RENAME:
        assert(change->define.bytes > 0 && change->define.bytes <= CHANGE_DEFINE_MAXIMUM);
        buffer_put_string(out, change->define);
        break;
    case CHANGE_PUT:
    case CHANGE_PATCH:
        write_put(out, &change->put, change->kind == CHANGE_PATCH);
        break;
    case CHANGE_FORGET:
        assert(change->delete.kind == ENTITY_USER);
        write_entity(out, &change->delete);
        break;
    case CHANGE_DELETE:
        write_entity(out, &change->delete);
        break;
    case CHANGE_SIGNAL:
        write_signal(out, &change->signal);
        break;
    case CHANGE_RELATE:
        write_relate(out, &change->relate, true);
        break;
    case CHANGE_UNRELATE:
        write_relate(out, &change->relate, false);
        break;
    case CHANGE_CURSOR:
        write_cursor(out, &change->cursor);
        break;
    case CHANGE_SLATE:
        write_slate(out, change->slate);
        break;
    case CHANGE_BACKFILL:
        write_backfill(out, &change->backfill);
        break;
    case CHANGE_TRANSACTION:
        assert(false && "transactions do not nest");
        break;
    }
}

static void write_transaction(struct buffer *out, const struct change *change)
{
    size_t count = change->transaction.count;
    assert(count >= 1 && count <= CHANGE_TRANSACTION_MAXIMUM);
    buffer_put_u8(out, CHANGE_TRANSACTION);
    buffer_put_varint(out, count);
    for (size_t i = 0; i < count && !out->failed; i++) {
        assert(!change_alters_schema(change->transaction.changes[i].kind) &&
               change->transaction.changes[i].kind != CHANGE_FORGET);
        assert(change->transaction.changes[i].kind != CHANGE_CURSOR &&
               change->transaction.changes[i].kind != CHANGE_SLATE &&
               change->transaction.changes[i].kind != CHANGE_BACKFILL);
        write_part(out, &change->transaction.changes[i]);
    }
}

/* The most that one append of this change can have asked for. */
static size_t largest_append(const struct change *change)
{
    switch (change->kind) {
    case CHANGE_DEFINE:
    case CHANGE_DROP:
    case CHANGE_RENAME:
        return change->define.bytes;
    case CHANGE_PUT:
    case CHANGE_PATCH:
    case CHANGE_TRANSACTION:
        return LIMIT_TEXT_BYTES;
    case CHANGE_SLATE:
        return LIMIT_SLATE_QUERY;
    case CHANGE_BACKFILL:
        return CHANGE_BACKFILL_ROW;
    default:
        return LIMIT_KEY_BYTES;
    }
}

uint8_t change_format(const struct change *change)
{
    switch (change->kind) {
    case CHANGE_BACKFILL:
    case CHANGE_DROP:
    case CHANGE_RENAME:
        return 4;
    case CHANGE_SLATE:
        return 3;
    case CHANGE_FORGET:
    case CHANGE_CURSOR:
        return 2;
    case CHANGE_SIGNAL:
        return change->signal.slate > 0 ? 3 : 1;
    case CHANGE_TRANSACTION:
        for (size_t i = 0; i < change->transaction.count; i++) {
            const struct change *part = &change->transaction.changes[i];
            if (part->kind == CHANGE_SIGNAL && part->signal.slate > 0) return 3;
        }
        return 1;
    default:
        return 1;
    }
}

enum code change_encode(const struct change *change, struct buffer *out, struct error *error)
{
    /* The change's own limit is set on the buffer, so that no write can pass it. */
    size_t limit, maximum = out->maximum_bytes;
    if (!size_add(out->bytes, CHANGE_BYTES_MAXIMUM, &limit) || limit > maximum) limit = maximum;
    out->maximum_bytes = limit;
    buffer_put_u8(out, change_format(change));
    if (change->kind == CHANGE_TRANSACTION) {
        write_transaction(out, change);
    } else {
        write_part(out, change);
    }
    out->maximum_bytes = maximum;
    if (!out->failed) return CODE_OK;
    /* Where the limit was far away it was memory that lacked. */
    if (limit - out->bytes > largest_append(change))
        return error_no_memory(error, AREA_SCHEMA, largest_append(change));
    error_set(error, CODE_LIMIT, AREA_SCHEMA, "the encoded %s is too large",
              change_kind_name(change->kind));
    error_hint(error, "send less text or fewer changes at once: at most %d bytes",
               CHANGE_BYTES_MAXIMUM);
    return CODE_LIMIT;
}
