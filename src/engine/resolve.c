/* Resolving: everything that folds need of a change, looked up once, from the state before it.
 *
 * Deterministic, as it is half of applying: it reads the folds, the change, its ingest time and the
 * schema, and nothing else. */
#include "engine/internal.h"

#include "behaviour/behaviour.h"
#include "behaviour/coengagement.h"
#include "behaviour/quota.h"
#include "entities/entities.h"

static enum code admit(struct database *database, const struct entity_reference *reference,
                       const struct resolved_change *resolved, ordinal *entity, entity_id *id,
                       struct error *error)
{
    return entities_admit(database->entities, reference, resolved->ingest_ms, entity, id, error);
}

/* Finds an entity that must be alive; false if it is not. */
static bool find_live(const struct database *database, const struct entity_reference *reference,
                      ordinal *entity, entity_id *id)
{
    *entity = entities_find_reference(database->entities, reference);
    if (*entity == ORDINAL_NONE) return false;
    *id = reference->key.bytes > 0 ? entities_id(database->entities, reference->kind, *entity)
                                   : reference->id;
    return entities_live(database->entities, reference->kind, *entity);
}

/* What the user is trusted with now, in units of 1/EVENT_WEIGHT_ONE. */
static unsigned trust_of(const struct database *database, const struct signal *signal, ordinal user)
{
    if (!signal->trusts || user == ORDINAL_NONE) return EVENT_WEIGHT_ONE;
    const struct field *field = &database->schema->fields[signal->trust_field];
    struct value value = entities_value(database->entities, field, user, NULL, 0);
    return quota_trust(&value);
}

static enum code resolve_signal(struct database *database, const struct signal_change *change,
                                struct resolved_change *resolved, bool *skip, struct error *error)
{
    const struct signal *signal = &database->schema->signals[change->signal];
    bool comes_alive = signal->allow_unknown || change->entity.kind == ENTITY_USER;
    enum code code = CODE_OK;
    resolved->time_ms = change->has_time ? change->time_ms : resolved->ingest_ms;
    resolved->late = database->watermark_ms != INT64_MIN &&
                     resolved->time_ms < database->watermark_ms - signal->lateness_ms;
    if (comes_alive) {
        TRY(admit(database, &change->entity, resolved, &resolved->subject, &resolved->subject_id,
                  error));
    } else if (!find_live(database, &change->entity, &resolved->subject, &resolved->subject_id)) {
        *skip = true;
        return CODE_OK;
    }
    if (change->has_user) {
        TRY(admit(database, &change->user, resolved, &resolved->other, &resolved->other_id, error));
    }
    behaviour_resolve(database->behaviour, resolved);
    if (signal->is_limited)
        quota_resolve(database->quota, trust_of(database, signal, resolved->other), resolved);
    coengagement_resolve(database->behaviour, resolved, database->partners);
    if (signal->group_count > 0) TRY(resolve_totalled(database, resolved, error));
    bool shown = change->signal == SIGNAL_IMPRESSION && change->has_user && resolved->effective;
    if (shown && !resolved->late) TRY(resolve_exposed(database, resolved, error));
out:
    return code;
}

static enum code resolve_relate(struct database *database, const struct relate_change *change,
                                bool creates, struct resolved_change *resolved, bool *skip,
                                struct error *error)
{
    enum code code = CODE_OK;
    resolved->time_ms = change->has_time ? change->time_ms : resolved->ingest_ms;
    if (creates) {
        TRY(admit(database, &change->from, resolved, &resolved->subject, &resolved->subject_id,
                  error));
        TRY(admit(database, &change->to, resolved, &resolved->other, &resolved->other_id, error));
    } else {
        *skip = !find_live(database, &change->from, &resolved->subject, &resolved->subject_id) ||
                !find_live(database, &change->to, &resolved->other, &resolved->other_id);
    }
out:
    return code;
}

/* Who asks comes to be by it, as by any write that names a user. */
static enum code resolve_slate(struct database *database, const struct slate_change *slate,
                               struct resolved_change *resolved, struct error *error)
{
    ordinal *items = arena_array(&database->apply_arena, slate->item_count + 1, sizeof *items);
    enum code code = CODE_OK;
    if (!items) return error_no_memory(error, AREA_ENGINE, slate->item_count * sizeof *items);
    for (size_t i = 0; i < slate->item_count; i++)
        items[i] = entities_find(database->entities, ENTITY_ITEM, slate->items[i].item);
    resolved->items = items;
    if (slate->has_user)
        TRY(admit(database, &slate->user, resolved, &resolved->subject, &resolved->subject_id,
                  error));
    resolved->user_count = entities_count(database->entities, ENTITY_USER);
out:
    return code;
}

static enum code resolve_backfill(struct database *database, const struct backfill_change *change,
                                  struct resolved_change *resolved, bool *skip, struct error *error)
{
    *skip = change->signal >= database->schema->signal_count;
    if (*skip) return CODE_OK;
    enum entity_kind kind = database->schema->signals[change->signal].kind;
    ordinal *items = arena_array(&database->apply_arena, change->pair_count + 1, sizeof *items);
    if (!items) return error_no_memory(error, AREA_ENGINE, change->pair_count * sizeof *items);
    for (size_t i = 0; i < change->pair_count; i++)
        items[i] = entities_find(database->entities, kind, change->pairs[i].entity);
    resolved->items = items;
    return CODE_OK;
}

enum code resolve_change(struct database *database, const struct change *change,
                         struct resolved_change *resolved, bool *skip, struct error *error)
{
    enum code code = CODE_OK;
    *skip = false;
    switch (change->kind) {
    case CHANGE_PUT:
        TRY(admit(database, &change->put.entity, resolved, &resolved->subject,
                  &resolved->subject_id, error));
        break;
    case CHANGE_PATCH:
        *skip =
            !find_live(database, &change->put.entity, &resolved->subject, &resolved->subject_id);
        break;
    case CHANGE_DELETE:
        *skip = !find_live(database, &change->delete, &resolved->subject, &resolved->subject_id);
        break;
    case CHANGE_FORGET:
        *skip = !find_live(database, &change->delete, &resolved->subject, &resolved->subject_id);
        break;
    case CHANGE_SIGNAL:
        code = resolve_signal(database, &change->signal, resolved, skip, error);
        break;
    case CHANGE_RELATE:
    case CHANGE_UNRELATE:
        code = resolve_relate(database, &change->relate, change->kind == CHANGE_RELATE, resolved,
                              skip, error);
        break;
    case CHANGE_SLATE:
        code = resolve_slate(database, change->slate, resolved, error);
        break;
    case CHANGE_BACKFILL:
        code = resolve_backfill(database, &change->backfill, resolved, skip, error);
        break;
    case CHANGE_DEFINE: /* are about nobody */
    case CHANGE_DROP:
    case CHANGE_RENAME:
    case CHANGE_CURSOR:
        break;
    default:
        *skip = true;
        break;
    }
out:
    return code;
}
