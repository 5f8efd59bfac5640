/* FORGET: what a DELETE leaves of a user is made to go as well.
 *
 * The rows are deleted by the folds, as of a DELETE, and from the store by the next checkpoint. But
 * a row that is deleted is only hidden in the store's files until they are written anew, so:
 *
 *   1. the checkpoint that deletes the rows lists the user in the store, in the same batch
 *   2. the files that may have had rows of the user are written anew: the user's own range, and
 *      whole keyspaces where rows of others name users (those of long ago as well)
 *   3. the user is taken off the list
 *
 * A crash between these leaves the list, and the next checkpoint goes on with it.  The log, whose
 * frames are never rewritten, loses the user with its segments (retention). */
#include "engine/internal.h"

#include "entities/entities.h"
#include "storage/key.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    FORGOTTEN_MAXIMUM = 1 << 28,
    RANGES_MAXIMUM = 16 /* more of them, and the whole keyspace is cheaper */
};

static enum code add(struct database *database, entity_id id, struct error *error)
{
    struct forgotten *forgotten = &database->forgotten;
    void *ids = forgotten->ids;
    bool room = memory_grow(&database->state_memory, &ids, &forgotten->capacity,
                            forgotten->count + 1, sizeof *forgotten->ids, FORGOTTEN_MAXIMUM);
    forgotten->ids = ids;
    if (!room) return error_no_memory(error, AREA_ENGINE, sizeof *forgotten->ids);
    forgotten->ids[forgotten->count++] = id;
    return CODE_OK;
}

enum code forget_note(struct database *database, ordinal user, struct error *error)
{
    if (user == ORDINAL_NONE) return CODE_OK;
    return add(database, entities_id(database->entities, ENTITY_USER, user), error);
}

void forget_release(struct database *database)
{
    struct forgotten *forgotten = &database->forgotten;
    memory_free(&database->state_memory, forgotten->ids,
                forgotten->capacity * sizeof *forgotten->ids);
    *forgotten = (struct forgotten){0};
}

/* --- The list in the store --- */

struct forget_key {
    char text[32];
    struct slice slice;
};

static void key_of(entity_id id, struct forget_key *key)
{
    int bytes = snprintf(key->text, sizeof key->text, KEY_FORGET_PREFIX "%016" PRIx64, id);
    key->slice = slice_of(key->text, (size_t)bytes);
}

enum code forget_put(struct database *database, struct store_batch *batch, size_t *listed,
                     struct error *error)
{
    const struct forgotten *forgotten = &database->forgotten;
    enum code code = CODE_OK;
    for (size_t i = forgotten->stored; i < forgotten->count; i++) {
        struct forget_key key;
        key_of(forgotten->ids[i], &key);
        TRY(store_batch_put(batch, KEYSPACE_DATABASE, key.slice, KEY_TEXT("1"), error));
    }
    *listed = forgotten->count;
out:
    return code;
}

static enum code load_row(void *database, struct slice key, struct slice row, struct error *error)
{
    (void)row; /* the key says all */
    char text[32] = "";
    uint64_t id;
    if (key.bytes < sizeof text) memcpy(text, key.data, key.bytes);
    if (sscanf(text, KEY_FORGET_PREFIX "%16" SCNx64, &id) != 1)
        return error_set(error, CODE_CORRUPT, AREA_STORE,
                         "a record of who is forgotten is damaged");
    return add(database, id, error);
}

enum code forget_load(struct database *database, struct error *error)
{
    struct key_bounds bounds;
    struct key_range range = key_range_of_prefix(KEY_TEXT(KEY_FORGET_PREFIX), &bounds);
    enum code code =
        store_for_each(database->store, KEYSPACE_DATABASE, range, load_row, database, error);
    if (code == CODE_OK) database->forgotten.stored = database->forgotten.count;
    return code;
}

/* --- Erasing --- */

bool forget_is_due(struct database *database)
{
    mutex_lock(&database->apply_mutex);
    bool due = database->forgotten.count > 0;
    mutex_unlock(&database->apply_mutex);
    return due;
}

static entity_id id_at(struct database *database, size_t index)
{
    mutex_lock(&database->apply_mutex);
    entity_id id = database->forgotten.ids[index];
    mutex_unlock(&database->apply_mutex);
    return id;
}

/* Do rows of what it is about name who said it?  By a hash of the id that can be undone. */
/* Of one that was dropped the files may still have what it kept. */
static bool keeps_hashes(const struct signal *signal)
{
    return signal->distinct_ms > 0 || signal->trending_half_life_ms > 0 || signal->dropped;
}

/* May rows under entities of this kind name users other than their own?  An edge lies under its
 * from-entity, and what a user said of another one under the first. */
static bool names_users(const struct schema *schema, enum entity_kind kind)
{
    for (size_t i = 0; i < schema->relation_count; i++) {
        const struct relation *relation = &schema->relations[i];
        if (relation->to == ENTITY_USER && relation->from == kind) return true;
    }
    for (size_t i = 0; i < schema->signal_count; i++) {
        const struct signal *signal = &schema->signals[i];
        if (kind == ENTITY_USER && signal->kind == ENTITY_USER) return true;
        if (kind == signal->kind && keeps_hashes(signal)) return true;
    }
    return false;
}

/* Step 2, but for the ranges of users where *all is false. */
static enum code erase_whole(struct database *database, size_t count, bool *all,
                             struct error *error)
{
    bool whole[ENTITY_KIND_COUNT];
    enum code code = CODE_OK;
    phase_lock_read(&database->state);
    for (int kind = 0; kind < ENTITY_KIND_COUNT; kind++)
        whole[kind] = names_users(database->schema, (enum entity_kind)kind);
    phase_unlock_read(&database->state);
    *all = whole[ENTITY_USER] = whole[ENTITY_USER] || count > RANGES_MAXIMUM;
    for (int kind = 0; kind < ENTITY_KIND_COUNT; kind++) {
        if (!whole[kind]) continue;
        TRY(store_compact(database->store, (enum keyspace)kind, (struct key_range){0}, error));
    }
out:
    return code;
}

/* Steps 2 and 3. */
static enum code erase(struct database *database, struct store_batch *batch, size_t count,
                       struct error *error)
{
    bool all;
    enum code code;
    TRY(erase_whole(database, count, &all, error));
    for (size_t i = 0; i < count; i++) {
        struct key_bounds bounds;
        struct forget_key key;
        entity_id id = id_at(database, i);
        struct key_range range = key_range_of_entity(id, &bounds);
        if (!all) TRY(store_compact(database->store, KEYSPACE_USERS, range, error));
        key_of(id, &key);
        TRY(store_batch_delete(batch, KEYSPACE_DATABASE, key.slice, error));
    }
    TRY(store_write(database->store, batch, error));
    TRY(store_flush(database->store, error));
out:
    return code;
}

enum code forget_erase(struct database *database, struct error *error)
{
    struct forgotten *forgotten = &database->forgotten;
    struct store_batch *batch = NULL;
    size_t count = forgotten->stored;
    enum code code;
    if (count == 0) return CODE_OK;
    TRY(store_batch_create(database->store, &batch, error));
    TRY(erase(database, batch, count, error));
    mutex_lock(&database->apply_mutex);
    forgotten->count -= count;
    forgotten->stored = 0;
    memmove(forgotten->ids, forgotten->ids + count, forgotten->count * sizeof *forgotten->ids);
    mutex_unlock(&database->apply_mutex);
out:
    store_batch_free(batch);
    return code;
}
