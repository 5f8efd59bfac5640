/* An entity's row (docs/formats/rows.md):
 *
 *   version   u8       1
 *   flags     u8       1: alive
 *   ordinal   u32
 *   created   i64      milliseconds, as u64; 0 if it is not alive
 *   pieces    the rest: each a length u32 and an encoded PUT
 *
 * The pieces together put what the entity is: its key, then its values in ascending order.  Each
 * change is below CHANGE_BYTES_MAXIMUM, but what many have patched together need not be; so a new
 * piece begins where one would pass PIECE_BYTES.  A piece names id 0 (the key of the row has the
 * id): no encoding is shorter, so a value that came in one change always fits in one piece.
 *
 * A record of the database counts the ordinals of each kind.  All below the count have a row, and
 * no row has another: so a lost row is noticed, and a damaged one cannot ask for any memory. */
#include "entities/internal.h"

#include "storage/key.h"

enum { ROW_VERSION = 1, ROW_ALIVE = 1, ROW_HEAD_BYTES = 14, PIECE_BYTES = 1 << 18 };

#define VALUES_MAXIMUM    ((size_t)LIMIT_FIELDS + LIMIT_EMBEDDINGS)
#define ROW_BYTES_MAXIMUM (ROW_HEAD_BYTES + (VALUES_MAXIMUM + 1) * (CHANGE_BYTES_MAXIMUM + 4))
#define ROW_ARENA_BYTES   ((size_t)8 << 20)
#define LIST_SPACE        ((size_t)LIMIT_LIST_VALUES)

/* Where a piece is put together. */
struct gatherer {
    struct buffer row;
    struct change piece;
    size_t piece_bytes; /* about what it takes; 0: nothing is in it */
    struct field_value fields[LIMIT_FIELDS];
    struct embedding_value embeddings[LIMIT_EMBEDDINGS];
    struct arena arena; /* of the texts of lists */
};

static enum keyspace keyspace_of(enum entity_kind kind)
{
    static const enum keyspace keyspaces[] = {
        [ENTITY_ITEM] = KEYSPACE_ITEMS,
        [ENTITY_USER] = KEYSPACE_USERS,
        [ENTITY_CREATOR] = KEYSPACE_CREATORS,
    };
    return keyspaces[kind];
}

static struct slice count_key(enum entity_kind kind)
{
    static const char *const keys[] = {
        [ENTITY_ITEM] = KEY_COUNT_PREFIX "item",
        [ENTITY_USER] = KEY_COUNT_PREFIX "user",
        [ENTITY_CREATOR] = KEY_COUNT_PREFIX "creator",
    };
    return slice_of(keys[kind], strlen(keys[kind]));
}

static void begin_piece(struct gatherer *gatherer, enum entity_kind kind)
{
    gatherer->piece = (struct change){.kind = CHANGE_PUT, .put = {.entity = {.kind = kind}}};
    gatherer->piece.put.fields = gatherer->fields;
    gatherer->piece.put.embeddings = gatherer->embeddings;
    gatherer->piece_bytes = 0;
}

static enum code end_piece(struct gatherer *gatherer, struct error *error)
{
    struct buffer *row = &gatherer->row;
    enum code code;
    if (gatherer->piece_bytes == 0) return CODE_OK;
    size_t start = row->bytes;
    buffer_put_u32(row, 0);
    TRY(change_encode(&gatherer->piece, row, error));
    store_u32(row->data + start, (uint32_t)(row->bytes - start - 4));
    begin_piece(gatherer, gatherer->piece.put.entity.kind);
out:
    return code;
}

/* At least what a value takes when it is encoded with its id. */
static size_t value_bytes(const struct value *value)
{
    enum { HEAD = 16 };
    size_t bytes = HEAD;
    if (value->type == VALUE_TEXT) bytes += value->text.bytes;
    if (value->type == VALUE_VECTOR) bytes += value->vector.dimensions * sizeof(float);
    for (size_t i = 0; value->type == VALUE_TEXT_LIST && i < value->list.count; i++)
        bytes += value->list.texts[i].bytes + 4;
    return bytes;
}

/* Makes room for so many bytes more: in this piece or in the next. */
static enum code make_room(struct gatherer *gatherer, size_t bytes, struct error *error)
{
    enum code code = CODE_OK;
    if (gatherer->piece_bytes + bytes > PIECE_BYTES) code = end_piece(gatherer, error);
    gatherer->piece_bytes += bytes;
    return code;
}

static enum code gather_fields(const struct entities *entities, enum entity_kind kind,
                               ordinal entity, struct gatherer *gatherer, struct error *error)
{
    struct put_change *put = &gatherer->piece.put;
    enum code code = CODE_OK;
    for (size_t i = 0; i < entities->column_end; i++) {
        const struct column *column = entities->columns[i];
        if (!column || entities->column_kinds[i] != kind) continue;
        struct slice *space = NULL;
        if (column->type == FIELD_KEYWORD_LIST) {
            space = arena_array(&gatherer->arena, LIST_SPACE, sizeof *space);
            if (!space) return error_no_memory(error, AREA_ENTITIES, LIST_SPACE * sizeof *space);
        }
        struct value value = column_get(column, entity, space, LIST_SPACE);
        if (value.type == VALUE_MISSING) continue;
        TRY(make_room(gatherer, value_bytes(&value), error));
        gatherer->fields[put->field_count++] = (struct field_value){(field_id)i, value};
    }
out:
    return code;
}

static enum code gather_vectors(const struct entities *entities, enum entity_kind kind,
                                ordinal entity, struct gatherer *gatherer, struct error *error)
{
    struct put_change *put = &gatherer->piece.put;
    enum code code = CODE_OK;
    for (int i = 0; i < LIMIT_EMBEDDING_IDS; i++) {
        const struct vector_column *column = &entities->vectors[i];
        if (entities->vector_kinds[i] != kind || entity >= column->capacity ||
            !column->vectors[entity])
            continue;
        struct value value = {.type = VALUE_VECTOR};
        value.vector.numbers = column->vectors[entity];
        value.vector.dimensions = column->dimensions;
        TRY(make_room(gatherer, value_bytes(&value), error));
        gatherer->embeddings[put->embedding_count++] =
            (struct embedding_value){(embedding_id)i, value};
    }
out:
    return code;
}

static enum code encode_row(const struct entities *entities, enum entity_kind kind, ordinal entity,
                            struct gatherer *gatherer, struct error *error)
{
    const struct directory *directory = &entities->directories[kind];
    struct buffer *row = &gatherer->row;
    struct slice key = directory_key(directory, entity);
    enum code code = CODE_OK;
    buffer_clear(row);
    buffer_put_u8(row, ROW_VERSION);
    buffer_put_u8(row, bitset_has(&directory->live, entity) ? ROW_ALIVE : 0);
    buffer_put_u32(row, entity);
    buffer_put_u64(row, (uint64_t)directory->created_ms[entity]);
    arena_reset(&gatherer->arena);
    begin_piece(gatherer, kind);
    if (key.bytes > 0) {
        TRY(make_room(gatherer, key.bytes, error));
        gatherer->piece.put.key = key;
    }
    TRY(gather_fields(entities, kind, entity, gatherer, error));
    TRY(gather_vectors(entities, kind, entity, gatherer, error));
    TRY(end_piece(gatherer, error));
    if (row->failed) code = error_no_memory(error, AREA_ENTITIES, ROW_HEAD_BYTES);
out:
    return code;
}

static enum code write_count(const struct entities *entities, enum entity_kind kind,
                             struct store_batch *batch, struct error *error)
{
    uint8_t count[4];
    store_u32(count, entities->directories[kind].count);
    return store_batch_put(batch, KEYSPACE_DATABASE, count_key(kind), slice_of(count, 4), error);
}

/* Rows on their way into a batch. */
struct row_writer {
    const struct entities *entities;
    bool all; /* or those that are sealed */
    struct gatherer *gatherer;
    struct store_batch *batch;
};

static enum code write_row(struct row_writer *writer, enum entity_kind kind, ordinal entity,
                           struct error *error)
{
    const struct directory *directory = &writer->entities->directories[kind];
    enum code code;
    TRY(encode_row(writer->entities, kind, entity, writer->gatherer, error));
    struct key key = key_build(directory->ids[entity], TAG_ENTITY, (struct slice){0});
    code = store_batch_put(writer->batch, keyspace_of(kind), key_slice(&key),
                           buffer_slice(&writer->gatherer->row), error);
out:
    return code;
}

static ordinal next_row(const struct row_writer *writer, enum entity_kind kind, ordinal from)
{
    if (!writer->all) return bitset_next(&writer->entities->sealed[kind], from);
    return from < writer->entities->directories[kind].count ? from : UINT32_MAX;
}

static enum code write_kind(struct row_writer *writer, enum entity_kind kind, struct error *error)
{
    enum code code = CODE_OK;
    ordinal entity = next_row(writer, kind, 0);
    if (entity != UINT32_MAX) TRY(write_count(writer->entities, kind, writer->batch, error));
    for (; entity != UINT32_MAX; entity = next_row(writer, kind, entity + 1))
        TRY(write_row(writer, kind, entity, error));
out:
    return code;
}

enum code entities_write_rows(const struct entities *entities, bool all, struct store_batch *batch,
                              struct error *error)
{
    struct gatherer *gatherer = memory_allocate_zeroed(entities->memory, sizeof *gatherer);
    enum code code = CODE_OK;
    if (!gatherer) return error_no_memory(error, AREA_ENTITIES, sizeof *gatherer);
    struct row_writer writer = {entities, all, gatherer, batch};
    buffer_init(&gatherer->row, entities->memory, ROW_BYTES_MAXIMUM);
    arena_init(&gatherer->arena, entities->memory, ROW_ARENA_BYTES);
    for (int kind = 0; kind < ENTITY_KIND_COUNT && code == CODE_OK; kind++)
        code = write_kind(&writer, (enum entity_kind)kind, error);
    arena_release(&gatherer->arena);
    buffer_release(&gatherer->row);
    memory_free(entities->memory, gatherer, sizeof *gatherer);
    return code;
}

/* --- Loading --- */

/* What rows are loaded into, and by what they are read. */
struct loader {
    struct entities *entities;
    struct store *store;
    const struct schema *schema;
    struct arena arena; /* of one piece */
    uint32_t count;     /* ordinals of the kind that is read */
    uint32_t placed;
};

/* A row's head, and where its entity belongs. */
struct row_head {
    enum entity_kind kind;
    entity_id id;
    ordinal entity;
    bool alive;
};

static enum code corrupt(enum entity_kind kind, entity_id id, struct error *error)
{
    return error_set(error, CODE_CORRUPT, AREA_ENTITIES, "the row of %s %llu is damaged",
                     entity_kind_name(kind), (unsigned long long)id);
}

static enum code no_memory(struct error *error)
{
    return error_no_memory(error, AREA_ENTITIES, 0);
}

static enum code set_values(struct entities *entities, const struct put_change *put, ordinal entity,
                            const struct schema *schema, struct error *error)
{
    for (size_t i = 0; i < put->field_count; i++)
        if (!entities_set_field(entities, &schema->fields[put->fields[i].field], entity,
                                &put->fields[i].value))
            return no_memory(error);
    for (size_t i = 0; i < put->embedding_count; i++)
        if (!entities_set_vector(entities, &schema->embeddings[put->embeddings[i].embedding],
                                 entity, &put->embeddings[i].value))
            return no_memory(error);
    return CODE_OK;
}

/* Does it put something that such an entity can have, by fields that the schema has? */
static bool piece_fits(const struct loader *loader, const struct row_head *head,
                       const struct change *piece, struct error *error)
{
    const struct put_change *put = &piece->put;
    if (piece->kind != CHANGE_PUT || put->entity.kind != head->kind || put->entity.id != 0 ||
        put->entity.key.bytes > 0)
        return false;
    if (!head->alive && put->field_count + put->embedding_count > 0) return false;
    const struct directory *directory = &loader->entities->directories[head->kind];
    if (put->key.bytes > 0 && directory_find_key(directory, put->key) != ORDINAL_NONE) return false;
    return change_check(piece, loader->schema, error) == CODE_OK;
}

static enum code load_piece(struct loader *loader, const struct row_head *head, struct slice bytes,
                            struct error *error)
{
    struct directory *directory = &loader->entities->directories[head->kind];
    struct change piece;
    enum code code;
    arena_reset(&loader->arena);
    TRY(change_decode(bytes, &loader->arena, &piece, error));
    if (!piece_fits(loader, head, &piece, error)) return corrupt(head->kind, head->id, error);
    if (piece.put.key.bytes > 0 && !directory_set_key(directory, head->entity, piece.put.key))
        return no_memory(error);
    code = set_values(loader->entities, &piece.put, head->entity, loader->schema, error);
out:
    return code == CODE_CORRUPT ? corrupt(head->kind, head->id, error) : code;
}

static enum code place(struct loader *loader, const struct row_head *head, int64_t created_ms,
                       struct error *error)
{
    struct directory *directory = &loader->entities->directories[head->kind];
    if (head->entity >= loader->count || directory_taken(directory, head->id, head->entity))
        return corrupt(head->kind, head->id, error);
    if (!directory_place(directory, head->id, head->entity)) return no_memory(error);
    loader->placed++;
    if (head->alive && !directory_revive(directory, head->entity, created_ms))
        return no_memory(error);
    return CODE_OK;
}

static enum code load_row(struct loader *loader, enum entity_kind kind, entity_id id,
                          struct slice row, struct error *error)
{
    struct cursor cursor;
    enum code code = CODE_OK;
    cursor_init(&cursor, row);
    uint8_t version = cursor_u8(&cursor), flags = cursor_u8(&cursor);
    if (version > ROW_VERSION) {
        return error_set(error, CODE_VERSION, AREA_ENTITIES,
                         "the row of %s %llu has version %u, this build knows %d",
                         entity_kind_name(kind), (unsigned long long)id, version, ROW_VERSION);
    }
    struct row_head head = {kind, id, cursor_u32(&cursor), flags == ROW_ALIVE};
    int64_t created_ms = (int64_t)cursor_u64(&cursor);
    if (cursor.failed || version == 0 || flags > ROW_ALIVE || (!head.alive && created_ms != 0))
        return corrupt(kind, id, error);
    TRY(place(loader, &head, created_ms, error));
    while (!cursor_done(&cursor)) {
        struct slice piece = cursor_bytes(&cursor, cursor_u32(&cursor));
        if (cursor.failed) return corrupt(kind, id, error);
        TRY(load_piece(loader, &head, piece, error));
    }
out:
    return code;
}

static enum code load_count(struct loader *loader, enum entity_kind kind, struct error *error)
{
    struct buffer value;
    bool found;
    buffer_init(&value, loader->entities->memory, 64);
    enum code code =
        store_get(loader->store, KEYSPACE_DATABASE, count_key(kind), &value, &found, error);
    if (code == CODE_LIMIT || (code == CODE_OK && found && value.bytes != 4))
        code = error_set(error, CODE_CORRUPT, AREA_ENTITIES, "the count of %s ordinals is damaged",
                         entity_kind_name(kind));
    loader->count = code == CODE_OK && found ? load_u32(value.data) : 0;
    loader->placed = 0;
    buffer_release(&value);
    return code;
}

static enum code load_kind(struct loader *loader, enum entity_kind kind, struct error *error)
{
    struct store_scan *scan = NULL;
    struct slice bytes, row, suffix;
    bool has_row;
    entity_id id;
    uint8_t tag;
    enum code code;
    TRY(load_count(loader, kind, error));
    TRY(store_scan_open(loader->store, keyspace_of(kind), (struct key_range){0}, &scan, error));
    TRY(store_scan_next(scan, &bytes, &row, &has_row, error));
    while (has_row) {
        if (!key_parse(bytes, &id, &tag, &suffix) || (tag == TAG_ENTITY && suffix.bytes > 0)) {
            code = error_set(error, CODE_CORRUPT, AREA_ENTITIES, "a key of %zu bytes is damaged",
                             bytes.bytes);
            goto out;
        }
        if (tag == TAG_ENTITY) TRY(load_row(loader, kind, id, row, error));
        TRY(store_scan_next(scan, &bytes, &row, &has_row, error));
    }
    if (loader->placed != loader->count)
        code =
            error_set(error, CODE_CORRUPT, AREA_ENTITIES, "%u of %u rows of %s entities are lost",
                      loader->count - loader->placed, loader->count, entity_kind_name(kind));
out:
    store_scan_close(scan);
    return code;
}

enum code entities_load_rows(struct entities *entities, struct store *store,
                             const struct schema *schema, struct error *error)
{
    struct loader loader = {.entities = entities, .store = store, .schema = schema};
    enum code code = CODE_OK;
    arena_init(&loader.arena, entities->memory, ROW_ARENA_BYTES);
    for (int kind = 0; kind < ENTITY_KIND_COUNT && code == CODE_OK; kind++)
        code = load_kind(&loader, (enum entity_kind)kind, error);
    arena_release(&loader.arena);
    return code;
}
