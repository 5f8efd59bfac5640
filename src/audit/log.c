#include "audit/log.h"

#include "base/arena.h"
#include "engine/shadow.h"
#include "os/threads.h"
#include "query/change_json.h"

#include <inttypes.h>

#define CHANGE_ARENA_BYTES ((size_t)64 << 20)

struct log_reader {
    const struct log_reading *reading;
    struct database *names; /* a shadow that knows the definitions */
    struct arena arena;
    struct buffer json;
    uint64_t first_lsn; /* seen; 0: none */
    uint64_t done_lsn;  /* visited, in this attempt or one before */
    bool ended;         /* not by damage */
    bool passed_to_lsn;
};

/* Damage of the store is not the log's: then definitions that the log has lost are "#7". */
static void learn_names(struct log_reader *reader, struct directory *directory)
{
    struct store *store;
    struct error ignored;
    if (directory_open_store(directory, &store, &ignored) != CODE_OK) return;
    (void)!shadow_load_schema(reader->names, store, &ignored);
    store_close(store);
}

static enum code take(struct log_reader *reader, const struct wal_entry *entry, struct error *error)
{
    struct change change;
    struct error damage;
    const char *text = NULL;
    arena_reset(&reader->arena);
    buffer_clear(&reader->json);
    enum code code = change_decode(entry->payload, &reader->arena, &change, &damage);
    if (code == CODE_NO_MEMORY) {
        *error = damage;
        return code;
    }
    if (code == CODE_OK) {
        shadow_learn(reader->names, &change);
        change_to_json(&change, shadow_schema(reader->names), &reader->json);
        buffer_put_u8(&reader->json, 0);
        if (reader->json.failed) return error_no_memory(error, AREA_ENGINE, entry->payload.bytes);
        text = (const char *)reader->json.data;
    }
    if (entry->lsn < reader->reading->from_lsn) return CODE_OK;
    return reader->reading->visit(reader->reading->context, entry, text, error);
}

static enum code meet(void *context, const struct wal_entry *entry, struct error *error)
{
    struct log_reader *reader = context;
    const struct log_reading *reading = reader->reading;
    if (reader->first_lsn == 0) reader->first_lsn = entry->lsn;
    if (reading->from_lsn > 0 && reading->from_lsn < reader->first_lsn) {
        reader->ended = true;
        error_set(error, CODE_NOT_RETAINED, AREA_WAL,
                  "LSN %" PRIu64 " is not in the log any more: it begins at %" PRIu64,
                  reading->from_lsn, reader->first_lsn);
        error_hint(error, "ask from LSN %" PRIu64 " on", reader->first_lsn);
        return CODE_NOT_RETAINED;
    }
    if (reading->to_lsn > 0 && entry->lsn > reading->to_lsn) {
        reader->ended = reader->passed_to_lsn = true;
        return error_set(error, CODE_CANCELLED, AREA_WAL, "all that was asked for was read");
    }
    if (!reading->visit || entry->lsn <= reader->done_lsn) return CODE_OK;
    enum code code = take(reader, entry, error);
    if (code != CODE_OK) reader->ended = true;
    reader->done_lsn = entry->lsn;
    return code;
}

/* A writer beside us may remove a segment that was listed, or write a page behind one that was read
 * before it was there.  Damage stays. */
static bool may_have_moved(enum code code)
{
    return code == CODE_CORRUPT || code == CODE_NOT_FOUND;
}

enum code log_read(struct directory *directory, const struct log_reading *reading,
                   struct wal_recovery *report, struct error *error)
{
    enum { ATTEMPTS = 4, PAUSE_NS = 10 * 1000 * 1000 };
    struct log_reader reader = {.reading = reading};
    struct wal_verify_options options = {.disk = directory->disk,
                                         .directory = LOG_DIRECTORY,
                                         .memory = &directory->memory,
                                         .visit = meet,
                                         .context = &reader};
    enum code code;
    *report = (struct wal_recovery){0};
    arena_init(&reader.arena, &directory->memory, CHANGE_ARENA_BYTES);
    buffer_init(&reader.json, &directory->memory, SIZE_MAX / 2);
    TRY(shadow_create(&reader.names, error));
    if (reading->visit) learn_names(&reader, directory);
    for (int attempt = 1;; attempt++) {
        code = wal_verify(&options, report, error);
        if (reader.ended || !may_have_moved(code) || attempt == ATTEMPTS) break;
        thread_sleep_ns(PAUSE_NS);
    }
    if (reader.passed_to_lsn) code = CODE_OK;
out:
    database_abandon(reader.names);
    buffer_release(&reader.json);
    arena_release(&reader.arena);
    return code;
}
