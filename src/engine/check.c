/* Checking: is this change right, as things stand now?  It reads the state under the shared lock
 * and leaves no trace; what a change that passes means is decided when it is applied. */
#include "engine/internal.h"

#include "base/text.h"
#include "entities/entities.h"

#include <inttypes.h>
#include <stdio.h>

enum { ENTITY_TEXT_BYTES = 128 };

static void describe(const struct entity_reference *reference, char out[ENTITY_TEXT_BYTES])
{
    if (reference->key.bytes > 0) {
        snprintf(out, ENTITY_TEXT_BYTES, "%s KEY '%.*s'", entity_kind_name(reference->kind),
                 (int)(reference->key.bytes > 64 ? 64 : reference->key.bytes),
                 (const char *)reference->key.data);
    } else {
        snprintf(out, ENTITY_TEXT_BYTES, "%s %" PRIu64, entity_kind_name(reference->kind),
                 reference->id);
    }
}

static enum code check_exists(const struct database *database,
                              const struct entity_reference *reference, const char *hint,
                              struct error *error)
{
    ordinal entity = entities_find_reference(database->entities, reference);
    if (entity != ORDINAL_NONE && entities_live(database->entities, reference->kind, entity))
        return CODE_OK;
    char name[ENTITY_TEXT_BYTES];
    describe(reference, name);
    error_set(error, CODE_NOT_FOUND, AREA_ENGINE, "there is no %s", name);
    error_hint(error, "%s", hint);
    return CODE_NOT_FOUND;
}

/* A key leads to one entity: it is not taken from the one that has it. */
static enum code check_key_is_free(const struct database *database, const struct put_change *put,
                                   struct error *error)
{
    enum entity_kind kind = put->entity.kind;
    if (put->key.bytes == 0) return CODE_OK;
    ordinal owner = entities_find_key(database->entities, kind, put->key);
    if (owner == ORDINAL_NONE) return CODE_OK;
    entity_id id = entities_id(database->entities, kind, owner);
    if (id == put->entity.id) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_ENGINE, "key '%.*s' belongs to %s %" PRIu64 " already",
              (int)(put->key.bytes > 64 ? 64 : put->key.bytes), (const char *)put->key.data,
              entity_kind_name(kind), id);
    error_hint(error, "give another key, or delete %s %" PRIu64 " first", entity_kind_name(kind),
               id);
    return CODE_INVALID;
}

/* A clock that is wrong must not move the watermark: later events of others would be late. */
static enum code check_future(int64_t time_ms, int64_t now_ms, struct slice name,
                              struct error *error)
{
    char then[TIME_TEXT_BYTES], now[TIME_TEXT_BYTES];
    if (time_ms <= now_ms + FUTURE_BOUND_MS) return CODE_OK;
    time_format(time_ms, then);
    time_format(now_ms, now);
    error_set(error, CODE_INVALID, AREA_ENGINE,
              "the event of '%.*s' at %s is in the future: it is %s now", (int)name.bytes,
              (const char *)name.data, then, now);
    error_hint(error, "an event may lie at most 5s ahead of this machine's clock");
    return CODE_INVALID;
}

static enum code check_lateness(const struct database *database, int64_t time_ms,
                                int64_t lateness_ms, struct slice name, struct error *error)
{
    char then[TIME_TEXT_BYTES], bound[DURATION_TEXT_BYTES], newest[TIME_TEXT_BYTES];
    if (database->watermark_ms == INT64_MIN || time_ms >= database->watermark_ms - lateness_ms)
        return CODE_OK;
    time_format(time_ms, then);
    duration_format(lateness_ms, bound);
    time_format(database->watermark_ms, newest);
    error_set(error, CODE_INVALID, AREA_ENGINE,
              "the event of '%.*s' at %s is too late: the newest event is at %s, the bound is %s",
              (int)name.bytes, (const char *)name.data, then, newest, bound);
    if (lateness_ms < LATENESS_MAXIMUM_MS) {
        error_hint(error, "send events in time order, or declare a longer LATENESS (at most 7d)");
    } else {
        error_hint(error, "send events in time order");
    }
    return CODE_INVALID;
}

static enum code check_signal_time(const struct database *database,
                                   const struct signal_change *change, int64_t now_ms,
                                   struct error *error)
{
    const struct signal *signal = &database->schema->signals[change->signal];
    enum code code = CODE_OK;
    if (!change->has_time) return CODE_OK;
    TRY(check_future(change->time_ms, now_ms, signal->name, error));
    /* However old the taking back is, it takes back. */
    if (!change->retract)
        code = check_lateness(database, change->time_ms, signal->lateness_ms, signal->name, error);
out:
    return code;
}

static enum code check_edge_time(const struct database *database,
                                 const struct relate_change *change, bool relates, int64_t now_ms,
                                 struct error *error)
{
    struct slice name = database->schema->relations[change->relation].name;
    enum code code = CODE_OK;
    if (!change->has_time) return CODE_OK;
    TRY(check_future(change->time_ms, now_ms, name, error));
    if (relates) code = check_lateness(database, change->time_ms, LATENESS_MAXIMUM_MS, name, error);
out:
    return code;
}

/* What a slate cites cannot have been served yet, and what is served is served now. */
static enum code check_cited(const struct database *database, const struct signal_change *change,
                             struct error *error)
{
    lsn last = wal_last(database->wal);
    if (change->slate <= last) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_ENGINE,
              "slate %" PRIu64 " was not served yet: the log ends at %" PRIu64, change->slate,
              last);
    error_hint(error, "a slate's number is the LSN that its RETRIEVE ... RECORD gave");
    return CODE_INVALID;
}

static enum code check_slate(const struct slate_change *slate, int64_t now_ms, struct error *error)
{
    char then[TIME_TEXT_BYTES], now[TIME_TEXT_BYTES];
    if (slate->now_ms <= now_ms + FUTURE_BOUND_MS) return CODE_OK;
    time_format(slate->now_ms, then);
    time_format(now_ms, now);
    error_set(error, CODE_INVALID, AREA_ENGINE, "the slate's NOW %s is in the future: it is %s now",
              then, now);
    error_hint(error, "what is recorded was served: leave out NOW, or RECORD");
    return CODE_INVALID;
}

/* What holds whatever stands before it in a transaction. */
static enum code check_part(const struct database *database, const struct change *change,
                            int64_t now_ms, struct error *error)
{
    switch (change->kind) {
    case CHANGE_SIGNAL: {
        enum code code = check_cited(database, &change->signal, error);
        return code == CODE_OK ? check_signal_time(database, &change->signal, now_ms, error) : code;
    }
    case CHANGE_SLATE:
        return check_slate(change->slate, now_ms, error);
    case CHANGE_RELATE:
    case CHANGE_UNRELATE:
        return check_edge_time(database, &change->relate, change->kind == CHANGE_RELATE, now_ms,
                               error);
    case CHANGE_PUT:
        return check_key_is_free(database, &change->put, error);
    case CHANGE_CURSOR:
        return cursors_check(database->cursors, &change->cursor, atomic_load(&database->applied),
                             error);
    default:
        return CODE_OK;
    }
}

static enum code check_subject(const struct database *database, const struct change *change,
                               struct error *error)
{
    switch (change->kind) {
    case CHANGE_SIGNAL:
        if (database->schema->signals[change->signal.signal].allow_unknown ||
            change->signal.entity.kind == ENTITY_USER)
            return CODE_OK;
        return check_exists(database, &change->signal.entity,
                            "PUT it first, or declare the signal ALLOW UNKNOWN", error);
    case CHANGE_PATCH:
        return check_exists(database, &change->put.entity, "PUT creates it", error);
    case CHANGE_DELETE:
        return check_exists(database, &change->delete, "it may be gone already", error);
    case CHANGE_FORGET: /* also one that was deleted: bytes may be left */
        if (entities_find_reference(database->entities, &change->delete) != ORDINAL_NONE)
            return CODE_OK;
        return check_exists(database, &change->delete, "nothing was ever known of that user",
                            error);
    default:
        return CODE_OK;
    }
}

/* The entity of a PUT or DELETE, or the one that must exist for the other writes. */
static const struct entity_reference *subject_of(const struct change *change)
{
    switch (change->kind) {
    case CHANGE_SIGNAL:
        return &change->signal.entity;
    case CHANGE_PUT:
    case CHANGE_PATCH:
        return &change->put.entity;
    case CHANGE_DELETE:
        return &change->delete;
    default:
        return NULL;
    }
}

static bool names_same(const struct change *earlier, const struct entity_reference *wanted)
{
    const struct entity_reference *given = subject_of(earlier);
    if (given->kind != wanted->kind) return false;
    if (wanted->key.bytes == 0) return given->key.bytes == 0 && given->id == wanted->id;
    return slice_equal(given->key, wanted->key) ||
           (earlier->kind == CHANGE_PUT && slice_equal(earlier->put.key, wanted->key));
}

/* For the parts of a transaction: what an earlier one puts exists, what it deletes does not.  (An
 * entity that is put by its id and named by a key that it had before is not found.) */
static enum code check_subject_after(const struct database *database, const struct change *changes,
                                     size_t index, struct error *error)
{
    const struct change *change = &changes[index];
    const struct entity_reference *subject = subject_of(change);
    if (!subject || change->kind == CHANGE_PUT) return CODE_OK;
    for (size_t i = index; i-- > 0;) {
        bool decides = changes[i].kind == CHANGE_PUT || changes[i].kind == CHANGE_DELETE;
        if (!decides || !names_same(&changes[i], subject)) continue;
        if (changes[i].kind == CHANGE_PUT) return CODE_OK;
        error_set(error, CODE_NOT_FOUND, AREA_ENGINE,
                  "part %zu of the transaction writes to what part %zu deletes", index + 1, i + 1);
        error_hint(error, "PUT it again in between");
        return CODE_NOT_FOUND;
    }
    return check_subject(database, change, error);
}

enum code check_change(const struct database *database, const struct change *change, int64_t now_ms,
                       struct error *error)
{
    enum code code = CODE_OK;
    if (change->kind == CHANGE_TRANSACTION) {
        const struct change *changes = change->transaction.changes;
        for (size_t i = 0; i < change->transaction.count; i++) {
            TRY(check_part(database, &changes[i], now_ms, error));
            TRY(check_subject_after(database, changes, i, error));
        }
    } else {
        TRY(check_part(database, change, now_ms, error));
        TRY(check_subject(database, change, error));
    }
out:
    return code;
}
