/* The hash of a state: what two databases that folded the same log must have in common.
 *
 * Every fold puts its rows, from memory; an ordered store sorts them; BLAKE3 runs over
 *
 *   watermark u64, count of definitions u64, { length u64, text }*,
 *   then for each keyspace { length u64, key, length u64, row }*
 *
 * with little-endian numbers.  The LSN is not in it: a log in which duplicates were refused folds
 * to the same state as one that never saw them. */
#include "engine/internal.h"

#include "storage/memory_store.h"
#include "wal/digest.h"

/* Under the shared lock. */
static enum code dump(struct database *database, struct digest *digest, struct store_batch *batch,
                      struct error *error)
{
    const struct schema *schema = database->schema;
    enum code code;
    TRY(apply_check(database, error));
    digest_number(digest, (uint64_t)database->watermark_ms);
    digest_number(digest, schema->text_count);
    for (size_t i = 0; i < schema->text_count; i++)
        digest_slice(digest, schema->texts[i]);
    for (int i = 0; i < FOLD_COUNT; i++)
        TRY(database->folds[i].ops->dump(database->folds[i].state, batch, error));
out:
    return code;
}

static enum code hash_row(void *digest, struct slice key, struct slice row, struct error *error)
{
    (void)error;
    digest_slice(digest, key);
    digest_slice(digest, row);
    return CODE_OK;
}

enum code database_state_hash(struct database *database, uint8_t out[32], struct error *error)
{
    struct store *store = NULL;
    struct store_batch *batch = NULL;
    struct digest digest;
    enum code code;
    digest_init(&digest);
    TRY(memory_store_open(&database->request_memory, &store, error));
    TRY(store_batch_create(store, &batch, error));
    phase_lock_read(&database->state);
    code = dump(database, &digest, batch, error);
    phase_unlock_read(&database->state);
    if (code != CODE_OK) goto out;
    TRY(store_write(store, batch, error));
    for (int i = 0; i < KEYSPACE_COUNT; i++)
        TRY(store_for_each(store, (enum keyspace)i, (struct key_range){0}, hash_row, &digest,
                           error));
    digest_finish(&digest, out);
out:
    store_batch_free(batch);
    store_close(store);
    return code;
}
