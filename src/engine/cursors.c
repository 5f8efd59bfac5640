/* All cursors are one row of the store: `cursors` in the keyspace of the database.
 *
 *   version    u8       1
 *   count      varint   1 .. LIMIT_CURSORS; without cursors there is no row
 *   { name string, position varint }*   by name, ascending
 *
 * What is checked at admission may have changed when it is applied, as for every write: a second
 * DEFINE, an ADVANCE that would go back, one of a cursor that is gone, say nothing then. */
#include "engine/cursors.h"

#include "schema/names.h"
#include "storage/key.h"

#include <inttypes.h>
#include <stdio.h>

enum { ROW_VERSION = 1, ROW_BYTES_MAXIMUM = LIMIT_CURSORS * (LIMIT_NAME_BYTES + 16) + 16 };

struct consumer {
    char name[LIMIT_NAME_BYTES];
    size_t name_bytes;
    lsn position;
};

struct cursors {
    struct memory *memory;
    struct consumer list[LIMIT_CURSORS]; /* by name */
    size_t count;
    bool dirty; /* not as in the store */
    bool sealed;
};

static struct slice name_of(const struct consumer *consumer)
{
    return slice_of(consumer->name, consumer->name_bytes);
}

/* Where it is, or would be. */
static size_t place_of(const struct cursors *cursors, struct slice name, bool *found)
{
    size_t i = 0;
    while (i < cursors->count && slice_compare(name_of(&cursors->list[i]), name) < 0)
        i++;
    *found = i < cursors->count && slice_equal(name_of(&cursors->list[i]), name);
    return i;
}

/* --- Checking --- */

static enum code unknown(const struct cursors *cursors, struct slice name, uint64_t position,
                         struct error *error)
{
    struct suggestion suggestion;
    char hint[HINT_BYTES];
    suggestion_init(&suggestion, name);
    for (size_t i = 0; i < cursors->count; i++)
        suggestion_offer(&suggestion, name_of(&cursors->list[i]));
    suggestion_hint(suggestion.best, "define it with DEFINE CURSOR; SHOW CURSORS lists them", hint);
    error_set(error, CODE_NOT_FOUND, AREA_ENGINE, "cursor '%.*s' does not exist",
              NAME_ARGUMENTS(name));
    error_at(error, position);
    error_hint(error, "%s", hint);
    return CODE_NOT_FOUND;
}

static enum code check_define(const struct cursors *cursors, struct slice name, bool found,
                              struct error *error)
{
    if (found) {
        error_set(error, CODE_INVALID, AREA_ENGINE, "cursor '%.*s' is defined already",
                  NAME_ARGUMENTS(name));
        error_hint(error, "DROP CURSOR first to read from elsewhere");
        return CODE_INVALID;
    }
    if (cursors->count < LIMIT_CURSORS) return CODE_OK;
    error_set(error, CODE_LIMIT, AREA_ENGINE, "there are %d cursors already", LIMIT_CURSORS);
    error_hint(error, "drop those that nobody reads; SHOW CURSORS lists them");
    return CODE_LIMIT;
}

enum code cursors_check(const struct cursors *cursors, const struct cursor_change *change,
                        lsn applied, struct error *error)
{
    bool found;
    size_t i = place_of(cursors, change->name, &found);
    if (change->action == CURSOR_DEFINE) {
        enum code code = check_define(cursors, change->name, found, error);
        if (code != CODE_OK) return code;
    } else if (!found) {
        return unknown(cursors, change->name, ERROR_NO_POSITION, error);
    }
    if (change->position > applied) {
        error_set(error, CODE_INVALID, AREA_ENGINE,
                  "cursor '%.*s' cannot stand at LSN %" PRIu64 ": the log ends at %" PRIu64,
                  NAME_ARGUMENTS(change->name), change->position, applied);
        error_hint(error, "advance to what was read: the LSN of a row, or of the TAIL's end");
        return CODE_INVALID;
    }
    if (change->action != CURSOR_ADVANCE || change->position >= cursors->list[i].position)
        return CODE_OK;
    error_set(error, CODE_INVALID, AREA_ENGINE,
              "cursor '%.*s' stands at LSN %" PRIu64 " and does not go back to %" PRIu64,
              NAME_ARGUMENTS(change->name), cursors->list[i].position, change->position);
    error_hint(error, "to read again, TAIL FROM that LSN, or DROP and DEFINE CURSOR ... FROM it");
    return CODE_INVALID;
}

enum code cursors_find(const struct cursors *cursors, const struct name *name, lsn *position,
                       struct error *error)
{
    bool found;
    size_t i = place_of(cursors, name->text, &found);
    if (!found) return unknown(cursors, name->text, name->position, error);
    *position = cursors->list[i].position;
    return CODE_OK;
}

lsn cursors_wanted(const struct cursors *cursors)
{
    lsn wanted = UINT64_MAX;
    for (size_t i = 0; i < cursors->count; i++)
        if (cursors->list[i].position < wanted) wanted = cursors->list[i].position + 1;
    return wanted;
}

size_t cursors_count(const struct cursors *cursors)
{
    return cursors->count;
}

void cursors_get(const struct cursors *cursors, size_t index, struct slice *name, lsn *position)
{
    *name = name_of(&cursors->list[index]);
    *position = cursors->list[index].position;
}

/* --- The fold --- */

static void add(struct cursors *cursors, size_t place, struct slice name, lsn position)
{
    struct consumer *consumer = &cursors->list[place];
    memmove(consumer + 1, consumer, (cursors->count - place) * sizeof *consumer);
    cursors->count++;
    memcpy(consumer->name, name.data, name.bytes);
    consumer->name_bytes = name.bytes;
    consumer->position = position;
}

static enum code cursors_apply(void *fold, const struct resolved_change *resolved,
                               struct error *error)
{
    struct cursors *cursors = fold;
    const struct cursor_change *change = &resolved->change->cursor;
    bool found;
    (void)error;
    if (resolved->change->kind != CHANGE_CURSOR) return CODE_OK;
    size_t i = place_of(cursors, change->name, &found);
    struct consumer *consumer = &cursors->list[i];
    if (change->action == CURSOR_DEFINE && !found && cursors->count < LIMIT_CURSORS) {
        add(cursors, i, change->name, change->position);
    } else if (change->action == CURSOR_ADVANCE && found && change->position > consumer->position) {
        consumer->position = change->position;
    } else if (change->action == CURSOR_DROP && found) {
        cursors->count--;
        memmove(consumer, consumer + 1, (cursors->count - i) * sizeof *consumer);
    } else {
        return CODE_OK;
    }
    cursors->dirty = true;
    return CODE_OK;
}

static void cursors_seal(void *fold)
{
    struct cursors *cursors = fold;
    cursors->sealed = cursors->dirty;
    cursors->dirty = false;
}

static void cursors_sealed(void *fold, bool durable)
{
    struct cursors *cursors = fold;
    if (!durable && cursors->sealed) cursors->dirty = true;
    cursors->sealed = false;
}

static enum code cursors_dump(const void *fold, struct store_batch *batch, struct error *error)
{
    const struct cursors *cursors = fold;
    struct buffer row;
    enum code code;
    if (cursors->count == 0) return CODE_OK;
    buffer_init(&row, cursors->memory, ROW_BYTES_MAXIMUM);
    buffer_put_u8(&row, ROW_VERSION);
    buffer_put_varint(&row, cursors->count);
    for (size_t i = 0; i < cursors->count; i++) {
        buffer_put_string(&row, name_of(&cursors->list[i]));
        buffer_put_varint(&row, cursors->list[i].position);
    }
    code = row.failed
               ? error_no_memory(error, AREA_ENGINE, ROW_BYTES_MAXIMUM)
               : store_batch_put(batch, KEYSPACE_DATABASE, KEY_CURSORS, buffer_slice(&row), error);
    buffer_release(&row);
    return code;
}

static enum code cursors_write(void *fold, struct store_batch *batch, struct error *error)
{
    struct cursors *cursors = fold;
    if (!cursors->sealed) return CODE_OK;
    if (cursors->count == 0)
        return store_batch_delete(batch, KEYSPACE_DATABASE, KEY_CURSORS, error);
    return cursors_dump(cursors, batch, error);
}

static bool decode_row(struct cursors *cursors, struct slice row)
{
    struct cursor cursor;
    cursor_init(&cursor, row);
    uint8_t version = cursor_u8(&cursor);
    uint64_t count = cursor_varint(&cursor);
    if (version != ROW_VERSION || count == 0 || count > LIMIT_CURSORS) return false;
    for (uint64_t i = 0; i < count && !cursor.failed; i++) {
        struct slice name = cursor_string(&cursor);
        lsn position = cursor_varint(&cursor);
        bool in_order = i == 0 || slice_compare(name_of(&cursors->list[i - 1]), name) < 0;
        if (name.bytes == 0 || name.bytes > LIMIT_NAME_BYTES || !in_order) return false;
        add(cursors, cursors->count, name, position);
    }
    return cursor_done(&cursor);
}

static enum code cursors_load(void *fold, struct store *store, const struct schema *schema,
                              struct error *error)
{
    struct cursors *cursors = fold;
    struct buffer row;
    bool found;
    (void)schema;
    buffer_init(&row, cursors->memory, ROW_BYTES_MAXIMUM);
    enum code code = store_get(store, KEYSPACE_DATABASE, KEY_CURSORS, &row, &found, error);
    if (code == CODE_OK && found && row.bytes > 0 && row.data[0] > ROW_VERSION) {
        code = error_set(error, CODE_VERSION, AREA_STORE,
                         "the cursors have format %u, newer than %d", row.data[0], ROW_VERSION);
    } else if (code == CODE_OK && found && !decode_row(cursors, buffer_slice(&row))) {
        code =
            error_set(error, CODE_CORRUPT, AREA_STORE, "the store's record 'cursors' is damaged");
    }
    buffer_release(&row);
    return code;
}

static bool cursors_fold_check(const void *fold, char *reason, size_t reason_bytes)
{
    const struct cursors *cursors = fold;
    for (size_t i = 1; i < cursors->count; i++) {
        if (slice_compare(name_of(&cursors->list[i - 1]), name_of(&cursors->list[i])) < 0) continue;
        snprintf(reason, reason_bytes, "cursor %zu is out of order", i);
        return false;
    }
    return true;
}

static size_t cursors_bytes(const void *fold)
{
    return sizeof *(const struct cursors *)fold;
}

static size_t cursors_dirty_bytes(const void *fold)
{
    const struct cursors *cursors = fold;
    return cursors->dirty ? ROW_BYTES_MAXIMUM : 0;
}

static void cursors_free(void *fold)
{
    struct cursors *cursors = fold;
    if (cursors) memory_free(cursors->memory, cursors, sizeof *cursors);
}

static const struct fold_ops cursors_ops = {
    .name = "cursors",
    .apply = cursors_apply,
    .seal = cursors_seal,
    .write = cursors_write,
    .sealed = cursors_sealed,
    .dump = cursors_dump,
    .load = cursors_load,
    .check = cursors_fold_check,
    .bytes = cursors_bytes,
    .dirty_bytes = cursors_dirty_bytes,
    .free = cursors_free,
};

enum code cursors_create(struct memory *memory, struct fold *fold, struct cursors **cursors,
                         struct error *error)
{
    struct cursors *created = memory_allocate_zeroed(memory, sizeof *created);
    if (!created) return error_no_memory(error, AREA_ENGINE, sizeof *created);
    created->memory = memory;
    *cursors = created;
    *fold = (struct fold){.ops = &cursors_ops, .state = created};
    return CODE_OK;
}
