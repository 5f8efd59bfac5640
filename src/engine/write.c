/* Writing: what is wrong is refused here, before the log; what passes is written for good.
 *
 * A batch is checked under the shared lock, change by change, and goes to the log in slices, so
 * that a batch larger than the log's room does not wait for itself. */
#include "engine/internal.h"

#include "entities/entities.h"
#include "query/statement.h"

#define SLICE_BYTES ((size_t)1 << 20)

/* A batch on its way: encoded payloads and the records that borrow from them. */
struct admission {
    struct database *database;
    struct write_batch *batch;
    struct buffer bytes;
    struct wal_record *records;
    size_t *offsets; /* of each payload in `bytes`, as that may move while it grows */
    size_t *indexes; /* of each record's write in the batch */
    struct wal_result *results;
    size_t count;
    int64_t now_ms; /* when it came */
    lsn last;       /* newest LSN that an answer speaks of */
};

enum code write_check(struct database *database, struct error *error)
{
    if (process_id() != database->owner_process) {
        error_set(error, CODE_MISUSE, AREA_ENGINE,
                  "the database was opened by another process, before a fork");
        error_hint(error, "open it after the fork, in one of the two");
        return CODE_MISUSE;
    }
    if (database->read_only) {
        error_set(error, CODE_READ_ONLY, AREA_ENGINE, "the database was opened read-only");
        error_hint(error, "open it without read_only to write");
        return CODE_READ_ONLY;
    }
    return apply_check(database, error);
}

static size_t used_bytes(const struct database *database)
{
    return atomic_load(&database->state_memory.used_bytes) +
           atomic_load(&database->request_memory.used_bytes) + atomic_load(&database->past_bytes) +
           atomic_load(&database->backfiller.bytes);
}

/* The present comes first: the engine of an AS OF, and then that of a backfill, goes before a write
 * could be refused for it. */
void write_make_room(struct database *database)
{
    enum { WRITE_BYTES = 16 << 20 }; /* more than any one change may need */
    size_t limit = database->memory_limit_bytes, used = used_bytes(database);
    if (limit == 0 || (used <= limit - limit / 8 && limit - used >= WRITE_BYTES)) return;
    if (atomic_load(&database->past_bytes) > 0)
        history_drop(database);
    else if (atomic_load(&database->backfiller.bytes) > 0)
        atomic_store(&database->backfiller.gives_way, true);
}

/* As write_check, for what is not an entry of another log. */
static enum code check_own(struct database *database, struct error *error)
{
    enum code code = write_check(database, error);
    if (code != CODE_OK || !database->follows) return code;
    error_set(error, CODE_READ_ONLY, AREA_ENGINE, "the database follows another one");
    error_hint(error, "write to that one; what it writes comes here");
    return CODE_READ_ONLY;
}

enum code write_reserve(struct database *database, struct slice payload, struct error *error)
{
    size_t limit = database->memory_limit_bytes, need = apply_need_bytes(payload);
    size_t reserved = atomic_fetch_add(&database->reserved_bytes, need);
    if (limit == 0) return CODE_OK;
    size_t used = reserved + used_bytes(database);
    if (used <= limit && need <= limit - used) return CODE_OK;
    atomic_fetch_sub(&database->reserved_bytes, need);
    error_set(error, CODE_NO_MEMORY, AREA_ENGINE,
              "the memory limit of %zu bytes is reached: %zu are in use and the write may need %zu",
              limit, used, need);
    error_hint(error, "raise memory_limit_bytes, or delete entities that are no longer needed");
    return CODE_NO_MEMORY;
}

void write_unreserve(struct database *database, struct slice payload)
{
    atomic_fetch_sub(&database->reserved_bytes, apply_need_bytes(payload));
}

static enum code admission_init(struct admission *admission, struct database *database,
                                struct write_batch *batch, struct error *error)
{
    struct memory *memory = &database->request_memory;
    size_t count = batch->count;
    *admission = (struct admission){
        .database = database, .batch = batch, .now_ms = clock_now_ms(database->clock)};
    buffer_init(&admission->bytes, memory, SIZE_MAX / 2);
    admission->records = memory_allocate(memory, count * sizeof *admission->records);
    admission->offsets = memory_allocate(memory, count * sizeof *admission->offsets);
    admission->indexes = memory_allocate(memory, count * sizeof *admission->indexes);
    admission->results = memory_allocate(memory, count * sizeof *admission->results);
    if (!admission->records || !admission->offsets || !admission->indexes || !admission->results)
        return error_no_memory(error, AREA_ENGINE, count * sizeof *admission->records);
    return CODE_OK;
}

static void admission_release(struct admission *admission)
{
    struct memory *memory = &admission->database->request_memory;
    size_t count = admission->batch->count;
    buffer_release(&admission->bytes);
    memory_free(memory, admission->records, count * sizeof *admission->records);
    memory_free(memory, admission->offsets, count * sizeof *admission->offsets);
    memory_free(memory, admission->indexes, count * sizeof *admission->indexes);
    memory_free(memory, admission->results, count * sizeof *admission->results);
}

/* Whether, and by what, a repeat of it is recognised (docs/decisions/001). */
static uint16_t record_flags(const struct schema *schema, const struct write *write)
{
    const struct signal_change *signal = &write->change->signal;
    if (write->idempotency_key.bytes > 0) return WAL_ENTRY_CALLERS_KEY;
    bool by_content = write->change->kind == CHANGE_SIGNAL && signal->has_time &&
                      !signal->retract && !schema->signals[signal->signal].unique_per_user;
    return by_content ? 0 : WAL_ENTRY_NO_DEDUPE;
}

static void identify_by_key(struct wal_record *record, struct slice idempotency_key)
{
    if (record->flags & WAL_ENTRY_CALLERS_KEY)
        wal_content_identity(ENTRY_KEY, idempotency_key, record->identity);
}

/* The LSN of the write that this one repeats, or 0.  What was written once may be refused by the
 * state that it led to: a DELETE that is sent again finds nobody. */
static lsn find_original(struct database *database, const struct wal_record *record,
                         const struct write *write)
{
    struct wal_record copy = *record;
    if (copy.flags & WAL_ENTRY_NO_DEDUPE) return 0;
    identify_by_key(&copy, write->idempotency_key);
    wal_identify(&copy, 1);
    return wal_find(database->wal, copy.identity);
}

static enum code check_size(const struct database *database, size_t bytes, struct error *error)
{
    size_t most = wal_payload_maximum(database->wal);
    if (bytes <= most) return CODE_OK;
    error_set(error, CODE_LIMIT, AREA_ENGINE,
              "a change of %zu bytes is too large for the log, which takes %zu", bytes, most);
    error_hint(error, "send less text at once, or open the database with a larger segment_bytes");
    return CODE_LIMIT;
}

/* Appends the encoded change to the admission's bytes; on failure they are as before. */
static enum code encode(struct admission *admission, const struct change *change,
                        struct slice *payload, struct error *error)
{
    struct buffer *bytes = &admission->bytes;
    size_t start = bytes->bytes;
    enum code code;
    TRY(change_check(change, admission->database->schema, error));
    TRY(change_encode(change, bytes, error));
    *payload = slice_of(bytes->data + start, bytes->bytes - start);
    code = check_size(admission->database, payload->bytes, error);
out:
    if (code != CODE_OK) {
        bytes->bytes = start;
        bytes->failed = false;
    }
    return code;
}

/* Checks one write and adds it to the records, with its memory reserved. */
static enum code admit(struct admission *admission, size_t index, struct error *error)
{
    struct database *database = admission->database;
    const struct write *write = &admission->batch->writes[index];
    struct write_result *result = &admission->batch->results[index];
    struct wal_record record = {.type = ENTRY_CHANGE};
    size_t start = admission->bytes.bytes;
    *result = (struct write_result){.code = CODE_OK};
    enum code code = encode(admission, write->change, &record.payload, error);
    if (code == CODE_OK) {
        record.flags = record_flags(database->schema, write);
        code = check_change(database, write->change, admission->now_ms, error);
        if (code == CODE_OK) code = write_reserve(database, record.payload, error);
        if (code != CODE_OK) result->lsn = find_original(database, &record, write);
    }
    if (code == CODE_OK) {
        admission->offsets[admission->count] = start;
        admission->indexes[admission->count] = index;
        admission->records[admission->count++] = record;
        return CODE_OK;
    }
    admission->bytes.bytes = start;
    if (result->lsn > admission->last) admission->last = result->lsn;
    result->code = result->lsn > 0 ? CODE_DUPLICATE : code;
    return result->lsn > 0 ? CODE_OK : code;
}

static void admit_all(struct admission *admission, struct error *error)
{
    enum { AHEAD = 8 };
    struct write_batch *batch = admission->batch;
    const struct database *database = admission->database;
    struct error refusal;
    phase_lock_read(&admission->database->state);
    for (size_t i = 0; i < batch->count; i++) {
        if (i + AHEAD < batch->count && batch->writes[i + AHEAD].change->kind == CHANGE_SIGNAL)
            entities_prefetch(database->entities, &batch->writes[i + AHEAD].change->signal.entity);
        if (admit(admission, i, &refusal) == CODE_OK || batch->first_refused < batch->count)
            continue;
        batch->first_refused = i;
        *error = refusal;
    }
    phase_unlock_read(&admission->database->state);
}

/* Payloads and identities, once the buffer has stopped moving. */
static void finish_records(struct admission *admission)
{
    for (size_t i = 0; i < admission->count; i++) {
        struct wal_record *record = &admission->records[i];
        record->payload.data = admission->bytes.data + admission->offsets[i];
        identify_by_key(record, admission->batch->writes[admission->indexes[i]].idempotency_key);
    }
    wal_identify(admission->records, admission->count);
}

static void note_accepted(struct database *database, lsn accepted)
{
    uint64_t before = atomic_load(&database->accepted);
    while (before < accepted &&
           !atomic_compare_exchange_weak(&database->accepted, &before, accepted)) {
    }
    keeper_wake(database);
}

/* Without a keeper nobody but this thread can make room in the log. */
static enum code append_slice(struct admission *admission, size_t from, size_t end,
                              struct error *error)
{
    struct database *database = admission->database;
    const struct wal_record *records = admission->records + from;
    struct wal_result *results = admission->results + from;
    enum code code = wal_append(database->wal, records, end - from, 0, results, error);
    if (code != CODE_LIMIT || database->has_keeper) return code;
    TRY(database_wait(database, wal_last(database->wal), error));
    code = wal_append(database->wal, records, end - from, 0, results, error);
out:
    return code;
}

/* Appends all records, a slice at a time. */
static enum code append_all(struct admission *admission, struct error *error)
{
    struct database *database = admission->database;
    enum code code = CODE_OK;
    size_t done = 0;
    finish_records(admission);
    while (done < admission->count) {
        size_t end = done, bytes = 0;
        while (end < admission->count && (end == done || bytes < SLICE_BYTES))
            bytes += admission->records[end++].payload.bytes;
        if (done > 0) note_accepted(database, wal_last(database->wal));
        TRY(append_slice(admission, done, end, error));
        for (; done < end; done++) {
            const struct wal_result *result = &admission->results[done];
            if (result->code == CODE_DUPLICATE)
                write_unreserve(database, admission->records[done].payload);
            if (result->lsn > admission->last) admission->last = result->lsn;
        }
    }
out:
    for (size_t i = done; i < admission->count; i++) {
        write_unreserve(database, admission->records[i].payload);
        admission->results[i] = (struct wal_result){.code = code};
    }
    for (size_t i = 0; i < admission->count; i++) {
        admission->batch->results[admission->indexes[i]] = (struct write_result){
            .code = admission->results[i].code, .lsn = admission->results[i].lsn};
    }
    return code;
}

/* What was appended is or is not in the log: nobody knows before it is opened again. */
static void results_fail(struct write_batch *batch, enum code code)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->results[i].lsn > 0) batch->results[i].code = code;
}

static enum code acknowledge(struct admission *admission, struct error *error)
{
    struct database *database = admission->database;
    if (admission->batch->acknowledgement == ACKNOWLEDGE_ACCEPTED) {
        if (admission->last > 0) note_accepted(database, admission->last);
        return CODE_OK;
    }
    enum code code = database_wait(database, admission->last, error);
    if (code != CODE_OK) results_fail(admission->batch, code);
    return code;
}

enum code database_write(struct database *database, struct write_batch *batch, struct error *error)
{
    struct admission admission;
    struct error wait_error;
    enum code code, acknowledged;
    batch->first_refused = batch->count;
    if (batch->count == 0) return CODE_OK;
    if (batch->count > DATABASE_WRITES_MAXIMUM) {
        error_set(error, CODE_LIMIT, AREA_ENGINE, "a batch has %zu writes, the limit is %d",
                  batch->count, DATABASE_WRITES_MAXIMUM);
        error_hint(error, "send it in parts");
        return CODE_LIMIT;
    }
    code = check_own(database, error);
    if (code != CODE_OK) return code;
    write_make_room(database);
    TRY(admission_init(&admission, database, batch, error));
    phase_lock_read(&database->admission);
    admit_all(&admission, error);
    code = append_all(&admission, error);
    phase_unlock_read(&database->admission);

    /* Also for what came before a slice that the log refused. */
    acknowledged = acknowledge(&admission, &wait_error);
    if (code == CODE_OK && acknowledged != CODE_OK) {
        *error = wait_error;
        code = acknowledged;
    }
out:
    admission_release(&admission);
    return code;
}

/* Parses and checks a definition, or a DROP or RENAME, against the schema as it is. */
static enum code check_define(struct database *database, struct slice text, struct arena *arena,
                              enum change_kind *kind, struct error *error)
{
    static const enum change_kind kinds[] = {[DEFINITION_ADD] = CHANGE_DEFINE,
                                             [DEFINITION_DROP] = CHANGE_DROP,
                                             [DEFINITION_RENAME] = CHANGE_RENAME};
    struct statement statement;
    struct violations violations = {0};
    struct schema *extended = NULL;
    enum code code;
    TRY(statement_parse(text, arena, &statement, error));
    if (statement.kind != STATEMENT_DEFINE) {
        error_set(error, CODE_INVALID, AREA_ENGINE, "expected a DEFINE, DROP or RENAME statement");
        error_hint(error, "run other statements by themselves");
        code = CODE_INVALID;
        goto out;
    }
    TRY(schema_extend(database->schema, &statement.define, &extended, &violations, error));
    schema_free(extended);
    *kind = kinds[statement.define.action];
out:
    return code;
}

static enum code append_define(struct database *database, enum change_kind kind, struct slice text,
                               lsn *given, struct error *error)
{
    struct change change = {.kind = kind, .define = text};
    struct wal_record record = {.type = ENTRY_CHANGE, .flags = WAL_ENTRY_NO_DEDUPE};
    struct wal_result result;
    struct buffer bytes;
    enum code code;
    buffer_init(&bytes, &database->request_memory, CHANGE_BYTES_MAXIMUM);
    TRY(change_check(&change, database->schema, error));
    TRY(change_encode(&change, &bytes, error));
    record.payload = buffer_slice(&bytes);
    TRY(check_size(database, record.payload.bytes, error));
    TRY(write_reserve(database, record.payload, error));
    code = wal_append(database->wal, &record, 1, 0, &result, error);
    if (code != CODE_OK) {
        write_unreserve(database, record.payload);
        goto out;
    }
    TRY(database_wait(database, result.lsn, error));
    *given = result.lsn;
out:
    buffer_release(&bytes);
    return code;
}

enum code database_define(struct database *database, struct slice text, lsn *given,
                          struct error *error)
{
    struct arena arena;
    enum change_kind kind;
    enum code code;
    TRY(check_own(database, error));
    arena_init(&arena, &database->request_memory, (size_t)16 << 20);
    phase_lock_write(&database->admission);
    code = database_wait(database, wal_last(database->wal), error);
    if (code == CODE_OK) code = check_define(database, text, &arena, &kind, error);
    if (code == CODE_OK) code = append_define(database, kind, text, given, error);
    if (code == CODE_OK) backfill_wake(database);
    phase_unlock_write(&database->admission);
    arena_release(&arena);
out:
    return code;
}
