#include "schema/change_codec.h"

#include "base/text.h"

#include <math.h>

struct decoder {
    struct cursor cursor;
    struct arena *arena;
    const char *fault; /* the first; NULL: none, or a read past the end.  Later reads give zeros */
    const uint8_t *at; /* of the fault */
    bool no_memory;
};

static void fault(struct decoder *decoder, const char *what)
{
    if (decoder->cursor.failed) return;
    decoder->fault = what;
    decoder->at = decoder->cursor.at;
    decoder->cursor.failed = true;
}

static void *allocate(struct decoder *decoder, size_t count, size_t element_bytes)
{
    if (count == 0 || decoder->cursor.failed) return NULL;
    void *array = arena_array(decoder->arena, count, element_bytes);
    if (!array) {
        decoder->no_memory = true;
        fault(decoder, "no memory");
    }
    return array;
}

/* A number below `limit`; 0 after a fault. */
static uint64_t read_below(struct decoder *decoder, uint64_t limit, const char *what)
{
    uint64_t number = cursor_varint(&decoder->cursor);
    if (number < limit) return number;
    fault(decoder, what);
    return 0;
}

/* A count of things of at least `bytes_each`, so that a lie about it allocates no more than the
 * bytes that are there. */
static size_t read_count(struct decoder *decoder, size_t limit, size_t bytes_each, const char *what)
{
    size_t count = (size_t)read_below(decoder, (uint64_t)limit + 1, what);
    if (count <= cursor_left(&decoder->cursor) / bytes_each) return count;
    fault(decoder, what);
    return 0;
}

static struct slice read_text(struct decoder *decoder, size_t limit, const char *what)
{
    size_t bad_at;
    struct slice text = cursor_string(&decoder->cursor);
    if (decoder->cursor.failed) return slice_of("", 0);
    if (text.bytes > limit || !utf8_valid(text, &bad_at)) {
        fault(decoder, what);
        return slice_of("", 0);
    }
    return text;
}

static struct entity_reference read_entity(struct decoder *decoder)
{
    struct entity_reference entity = {.key = slice_of("", 0)};
    uint8_t kind = cursor_u8(&decoder->cursor);
    bool by_key = kind & ENTITY_BY_KEY;
    kind &= (uint8_t)~ENTITY_BY_KEY;
    if (kind >= ENTITY_KIND_COUNT) {
        fault(decoder, "kind of an entity");
        return entity;
    }
    entity.kind = (enum entity_kind)kind;
    if (!by_key) {
        entity.id = cursor_varint(&decoder->cursor);
        return entity;
    }
    entity.key = read_text(decoder, LIMIT_KEY_BYTES, "key of an entity");
    if (entity.key.bytes == 0) fault(decoder, "empty key");
    return entity;
}

static float read_float(struct decoder *decoder)
{
    float number;
    uint32_t bits = cursor_u32(&decoder->cursor);
    memcpy(&number, &bits, sizeof number);
    if (isfinite(number)) return number;
    fault(decoder, "number that is not finite");
    return 0;
}

static void read_list(struct decoder *decoder, struct value *value)
{
    size_t count = read_count(decoder, LIMIT_LIST_VALUES, 1, "count of a list");
    struct slice *texts = allocate(decoder, count, sizeof *texts);
    for (size_t i = 0; texts && i < count; i++)
        texts[i] = read_text(decoder, LIMIT_TEXT_BYTES, "text in a list");
    value->type = VALUE_TEXT_LIST;
    value->list.texts = texts;
    value->list.count = count;
}

static void read_vector(struct decoder *decoder, struct value *value)
{
    size_t count = read_count(decoder, LIMIT_DIMENSIONS, sizeof(float), "dimensions of a vector");
    if (count == 0) fault(decoder, "vector without numbers");
    float *numbers = allocate(decoder, count, sizeof *numbers);
    for (size_t i = 0; numbers && i < count; i++)
        numbers[i] = read_float(decoder);
    value->type = VALUE_VECTOR;
    value->vector.numbers = numbers;
    value->vector.dimensions = count;
}

static void read_number(struct decoder *decoder, struct value *value)
{
    value->type = VALUE_FLOAT;
    value->number = cursor_double(&decoder->cursor);
    if (!isfinite(value->number)) fault(decoder, "number that is not finite");
}

static struct value read_value(struct decoder *decoder)
{
    struct value value = {.type = VALUE_MISSING};
    struct cursor *cursor = &decoder->cursor;
    switch (cursor_u8(cursor)) {
    case TAG_MISSING:
        break;
    case TAG_FALSE:
        value = (struct value){.type = VALUE_BOOLEAN, .boolean = false};
        break;
    case TAG_TRUE:
        value = (struct value){.type = VALUE_BOOLEAN, .boolean = true};
        break;
    case TAG_INTEGER:
        value = (struct value){.type = VALUE_INTEGER, .integer = cursor_signed(cursor)};
        break;
    case TAG_FLOAT:
        read_number(decoder, &value);
        break;
    case TAG_TIMESTAMP:
        value = (struct value){.type = VALUE_TIMESTAMP, .integer = cursor_signed(cursor)};
        break;
    case TAG_TEXT:
        value.type = VALUE_TEXT;
        value.text = read_text(decoder, LIMIT_TEXT_BYTES, "text");
        break;
    case TAG_TEXT_LIST:
        read_list(decoder, &value);
        break;
    case TAG_REFERENCE:
        value = (struct value){.type = VALUE_REFERENCE, .reference = cursor_varint(cursor)};
        break;
    case TAG_VECTOR:
        read_vector(decoder, &value);
        break;
    default:
        fault(decoder, "type of a value");
    }
    return value;
}

static void read_fields(struct decoder *decoder, struct put_change *put, bool patch)
{
    size_t count = read_count(decoder, LIMIT_FIELDS, 2, "count of fields");
    struct field_value *fields = allocate(decoder, count, sizeof *fields);
    for (size_t i = 0; fields && i < count; i++) {
        fields[i].field = (field_id)read_below(decoder, LIMIT_FIELD_IDS, "number of a field");
        if (i > 0 && fields[i].field <= fields[i - 1].field) fault(decoder, "order of fields");
        fields[i].value = read_value(decoder);
        if (fields[i].value.type == VALUE_VECTOR) fault(decoder, "vector in a field");
        if (fields[i].value.type == VALUE_MISSING && !patch) fault(decoder, "missing in a put");
    }
    put->fields = fields;
    put->field_count = count;
}

static void read_embeddings(struct decoder *decoder, struct put_change *put, bool patch)
{
    size_t count = read_count(decoder, LIMIT_EMBEDDINGS, 2, "count of embeddings");
    struct embedding_value *embeddings = allocate(decoder, count, sizeof *embeddings);
    for (size_t i = 0; embeddings && i < count; i++) {
        embeddings[i].embedding =
            (embedding_id)read_below(decoder, LIMIT_EMBEDDING_IDS, "number of an embedding");
        if (i > 0 && embeddings[i].embedding <= embeddings[i - 1].embedding)
            fault(decoder, "order of embeddings");
        embeddings[i].value = read_value(decoder);
        enum value_type type = embeddings[i].value.type;
        if (type != VALUE_VECTOR && !(patch && type == VALUE_MISSING))
            fault(decoder, "embedding that is no vector");
    }
    put->embeddings = embeddings;
    put->embedding_count = count;
}

static void read_put(struct decoder *decoder, struct put_change *put, bool patch)
{
    put->entity = read_entity(decoder);
    put->key = read_text(decoder, LIMIT_KEY_BYTES, "key");
    if (put->key.bytes > 0 && put->entity.key.bytes > 0) fault(decoder, "second key");
    read_fields(decoder, put, patch);
    read_embeddings(decoder, put, patch);
}

static void read_signal(struct decoder *decoder, struct signal_change *signal)
{
    struct cursor *cursor = &decoder->cursor;
    signal->signal = (signal_id)read_below(decoder, LIMIT_SIGNAL_IDS, "number of a signal");
    uint8_t flags = cursor_u8(cursor);
    if (flags & ~SIGNAL_FLAGS) fault(decoder, "flags of a signal");
    signal->has_user = flags & SIGNAL_HAS_USER;
    signal->has_time = flags & SIGNAL_HAS_TIME;
    signal->retract = flags & SIGNAL_RETRACTS;
    if (signal->retract && !signal->has_user) fault(decoder, "retraction by nobody");
    signal->entity = read_entity(decoder);
    if (signal->has_user) signal->user = read_entity(decoder);
    if (signal->has_user && signal->user.kind != ENTITY_USER) fault(decoder, "user of a signal");
    signal->value = SIGNAL_VALUE_ONE;
    if (flags & SIGNAL_HAS_VALUE) {
        signal->value = cursor_signed(cursor);
        if (signal->value == SIGNAL_VALUE_ONE || signal->value <= -SIGNAL_VALUE_MAXIMUM ||
            signal->value >= SIGNAL_VALUE_MAXIMUM)
            fault(decoder, "value of a signal");
    }
    if (signal->has_time) signal->time_ms = cursor_signed(cursor);
    if (!(flags & SIGNAL_HAS_SLATE)) return;
    signal->slate = cursor_varint(cursor);
    if (signal->slate == 0) fault(decoder, "slate of a signal");
    signal->position = (uint32_t)read_below(decoder, UINT32_MAX, "position in a slate");
}

static void read_relate(struct decoder *decoder, struct relate_change *relate, bool weighs)
{
    relate->relation = (relation_id)read_below(decoder, LIMIT_RELATION_IDS, "number of a relation");
    uint8_t flags = cursor_u8(&decoder->cursor);
    if (flags & ~RELATE_HAS_TIME) fault(decoder, "flags of a relation");
    relate->has_time = flags & RELATE_HAS_TIME;
    relate->from = read_entity(decoder);
    relate->to = read_entity(decoder);
    if (weighs) relate->weight = read_float(decoder);
    if (relate->has_time) relate->time_ms = cursor_signed(&decoder->cursor);
}

static void read_cursor(struct decoder *decoder, struct cursor_change *change)
{
    uint8_t action = cursor_u8(&decoder->cursor);
    if (action < CURSOR_DEFINE || action > CURSOR_DROP) {
        fault(decoder, "what is done to a cursor");
        action = CURSOR_DROP;
    }
    change->action = (enum cursor_action)action;
    change->name = read_text(decoder, LIMIT_NAME_BYTES, "name of a cursor");
    if (change->name.bytes == 0) fault(decoder, "cursor without a name");
    if (action != CURSOR_DROP) change->position = cursor_varint(&decoder->cursor);
}

static void read_pair(struct decoder *decoder, struct backfill_pair *pair)
{
    pair->entity = cursor_varint(&decoder->cursor);
    pair->row = cursor_string(&decoder->cursor);
    if (decoder->cursor.failed) pair->row = slice_of("", 0);
    if (pair->row.bytes > CHANGE_BACKFILL_ROW) fault(decoder, "row of a backfill");
}

static void read_backfill(struct decoder *decoder, struct backfill_change *backfill)
{
    backfill->signal = (signal_id)read_below(decoder, LIMIT_SIGNAL_IDS, "number of a signal");
    backfill->defined = cursor_varint(&decoder->cursor);
    uint8_t flags = cursor_u8(&decoder->cursor);
    if (flags & ~BACKFILL_ENDS) fault(decoder, "flags of a backfill");
    backfill->ends = flags & BACKFILL_ENDS;
    if (backfill->ends) backfill->since_ms = cursor_signed(&decoder->cursor);
    size_t count = read_count(decoder, CHANGE_BACKFILL_PAIRS, 2, "count of pairs");
    if (backfill->ends != (count == 0)) fault(decoder, "count of pairs");
    struct backfill_pair *pairs = allocate(decoder, count, sizeof *pairs);
    for (size_t i = 0; pairs && i < count; i++)
        read_pair(decoder, &pairs[i]);
    backfill->pairs = pairs;
    backfill->pair_count = count;
}

static const struct slice *read_texts(struct decoder *decoder, size_t limit, size_t *count,
                                      const char *what)
{
    *count = read_count(decoder, limit, 1, what);
    struct slice *texts = allocate(decoder, *count, sizeof *texts);
    for (size_t i = 0; texts && i < *count; i++)
        texts[i] = read_text(decoder, LIMIT_SLATE_QUERY, what);
    return texts;
}

static double read_finite(struct decoder *decoder, const char *what)
{
    double number = cursor_double(&decoder->cursor);
    if (isfinite(number)) return number;
    fault(decoder, what);
    return 0;
}

static void read_served(struct decoder *decoder, const struct slate_change *slate,
                        struct served_item *item)
{
    item->item = cursor_varint(&decoder->cursor);
    item->score = read_finite(decoder, "score of an item");
    item->sources =
        (uint32_t)read_below(decoder, UINT64_C(1) << slate->source_count, "sources of an item");
    if (slate->feature_count == 0) return;
    double *features = allocate(decoder, slate->feature_count, sizeof *features);
    item->missing = cursor_varint(&decoder->cursor);
    if (slate->feature_count < 64 && item->missing >> slate->feature_count != 0)
        fault(decoder, "missing features of an item");
    for (size_t i = 0; features && i < slate->feature_count; i++)
        if (!(item->missing >> i & 1)) features[i] = read_finite(decoder, "feature of an item");
    item->features = features;
}

static void read_served_items(struct decoder *decoder, struct slate_change *slate)
{
    enum { LEAST_BYTES = 10 };
    slate->item_count = read_count(decoder, LIMIT_SLATE_ITEMS, LEAST_BYTES, "items of a slate");
    struct served_item *items = allocate(decoder, slate->item_count, sizeof *items);
    for (size_t i = 0; items && i < slate->item_count && !decoder->cursor.failed; i++)
        read_served(decoder, slate, &items[i]);
    slate->items = items;
}

static void read_slate_head(struct decoder *decoder, struct slate_change *slate)
{
    uint8_t flags = cursor_u8(&decoder->cursor);
    if (flags & ~SLATE_FLAGS) fault(decoder, "flags of a slate");
    slate->has_user = flags & SLATE_HAS_USER;
    if (slate->has_user) slate->user = read_entity(decoder);
    if (slate->has_user && slate->user.kind != ENTITY_USER) fault(decoder, "user of a slate");
    if (flags & SLATE_HAS_PROFILE) {
        slate->profile = read_text(decoder, LIMIT_NAME_BYTES, "profile of a slate");
        if (slate->profile.bytes == 0) fault(decoder, "profile without a name");
        slate->version =
            (uint32_t)read_below(decoder, UINT64_C(1) << 32, "version of a slate's profile");
    }
    slate->query = read_text(decoder, LIMIT_SLATE_QUERY, "query of a slate");
    if (flags & SLATE_HAS_SURFACE) {
        slate->surface = read_text(decoder, LIMIT_SURFACE_BYTES, "surface of a slate");
        if (slate->surface.bytes == 0) fault(decoder, "surface without a name");
    }
}

static const struct slate_change *read_slate(struct decoder *decoder)
{
    static const struct slate_change none;
    struct slate_change *slate = allocate(decoder, 1, sizeof *slate);
    if (!slate) return &none;
    read_slate_head(decoder, slate);
    slate->seed = cursor_varint(&decoder->cursor);
    slate->now_ms = cursor_signed(&decoder->cursor);
    slate->read_at = cursor_varint(&decoder->cursor);
    slate->offset = cursor_varint(&decoder->cursor);
    slate->sources = read_texts(decoder, LIMIT_SOURCES, &slate->source_count, "sources of a slate");
    slate->features =
        read_texts(decoder, LIMIT_SLATE_FEATURES, &slate->feature_count, "features of a slate");
    read_served_items(decoder, slate);
    return slate;
}

/* All but transactions, which do not nest. */
static void read_part(struct decoder *decoder, uint8_t kind, struct change *change)
{
    *change = (struct change){.kind = (enum change_kind)kind};
    switch (kind) {
    case CHANGE_DEFINE:
    case CHANGE_DROP:
    case CHANGE_RENAME:
        change->define = read_text(decoder, CHANGE_DEFINE_MAXIMUM, "text of a definition");
        if (change->define.bytes == 0) fault(decoder, "definition without text");
        break;
    case CHANGE_PUT:
    case CHANGE_PATCH:
        read_put(decoder, &change->put, kind == CHANGE_PATCH);
        break;
    case CHANGE_DELETE:
        change->delete = read_entity(decoder);
        break;
    case CHANGE_FORGET:
        change->delete = read_entity(decoder);
        if (change->delete.kind != ENTITY_USER) fault(decoder, "kind of who is forgotten");
        break;
    case CHANGE_SIGNAL:
        read_signal(decoder, &change->signal);
        break;
    case CHANGE_RELATE:
        read_relate(decoder, &change->relate, true);
        break;
    case CHANGE_UNRELATE:
        read_relate(decoder, &change->relate, false);
        break;
    case CHANGE_CURSOR:
        read_cursor(decoder, &change->cursor);
        break;
    case CHANGE_SLATE:
        change->slate = read_slate(decoder);
        break;
    case CHANGE_BACKFILL:
        read_backfill(decoder, &change->backfill);
        break;
    default:
        fault(decoder, "kind of a change");
    }
}

static void read_transaction(struct decoder *decoder, struct change *change)
{
    *change = (struct change){.kind = CHANGE_TRANSACTION};
    size_t count = read_count(decoder, CHANGE_TRANSACTION_MAXIMUM, 3, "count of changes");
    if (count == 0) fault(decoder, "transaction without changes");
    struct change *changes = allocate(decoder, count, sizeof *changes);
    for (size_t i = 0; changes && i < count && !decoder->cursor.failed; i++) {
        uint8_t kind = cursor_u8(&decoder->cursor);
        if (change_alters_schema((enum change_kind)kind))
            fault(decoder, "definition in a transaction");
        if (kind == CHANGE_FORGET) fault(decoder, "forgetting in a transaction");
        if (kind == CHANGE_CURSOR) fault(decoder, "cursor in a transaction");
        if (kind == CHANGE_SLATE) fault(decoder, "slate in a transaction");
        if (kind == CHANGE_BACKFILL) fault(decoder, "backfill in a transaction");
        read_part(decoder, kind, &changes[i]);
    }
    change->transaction.changes = changes;
    change->transaction.count = count;
}

static enum code decode_error(const struct decoder *decoder, struct error *error)
{
    const struct cursor *cursor = &decoder->cursor;
    if (decoder->no_memory) return error_no_memory(error, AREA_SCHEMA, sizeof(struct change));
    error_set(error, CODE_CORRUPT, AREA_SCHEMA, "a change is damaged: %s",
              decoder->fault ? decoder->fault : "it ends early or in a malformed number");
    error_at(error, (uint64_t)((decoder->fault ? decoder->at : cursor->at) - cursor->start));
    return CODE_CORRUPT;
}

enum code change_decode(struct slice source, struct arena *arena, struct change *change,
                        struct error *error)
{
    struct decoder decoder = {.arena = arena};
    cursor_init(&decoder.cursor, source);
    if (source.bytes > CHANGE_BYTES_MAXIMUM) fault(&decoder, "it is too long");
    uint8_t format = cursor_u8(&decoder.cursor);
    if (!decoder.cursor.failed && format > CHANGE_FORMAT) {
        error_set(error, CODE_VERSION, AREA_SCHEMA, "a change has format %u, newer than %d", format,
                  CHANGE_FORMAT);
        error_hint(error, "open the database with the version of tidalDB that wrote it");
        return CODE_VERSION;
    }
    uint8_t kind = cursor_u8(&decoder.cursor);
    if (kind == CHANGE_TRANSACTION) {
        read_transaction(&decoder, change);
    } else {
        read_part(&decoder, kind, change);
    }
    if (cursor_left(&decoder.cursor) > 0) fault(&decoder, "trailing bytes");
    if (!decoder.cursor.failed && format != change_format(change)) {
        decoder.cursor.at = decoder.cursor.start;
        fault(&decoder, "format");
    }
    return decoder.cursor.failed ? decode_error(&decoder, error) : CODE_OK;
}
