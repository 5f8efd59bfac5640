/* An item that waits is found by (user, item), and there by a chain from the oldest slate on that
 * served the one to the other.  Slates leave in the order in which they came, so whoever leaves is
 * the first of its chain.  A signal that cites a slate counts for that one alone; another one for
 * all slates that gave the item to its user within the time. */
#include "query/training.h"

#include "base/id_map.h"
#include "entities/entities.h"
#include "query/change_json.h"
#include "query/check.h"
#include "query/record.h"

#include <assert.h>

struct waiting_item {
    ordinal item;
    bool impression, label;
    int64_t served_ms;         /* NOW of its slate */
    int64_t label_ms;          /* of the newest word on it; INT64_MIN: none */
    struct waiting_item *next; /* the same pair in a later slate */
};

struct waiting {
    struct waiting *next; /* the slate behind it */
    lsn lsn;
    int64_t time_ms, now_ms;
    ordinal user; /* ORDINAL_NONE: served to nobody */
    uint8_t *payload;
    size_t payload_bytes;
    size_t item_count;
    struct waiting_item items[];
};

struct training {
    struct training_request request;
    struct memory *memory;
    struct waiting *first, *last;
    size_t count;
    struct id_map pairs;  /* (user, item) -> struct waiting_item * */
    struct id_map slates; /* LSN -> struct waiting * */
    int64_t newest_ms;    /* of the events met; INT64_MIN: none */
    struct arena scratch;
};

bool slate_user_gone(const struct view *view, const struct slate_change *slate, int64_t time_ms)
{
    if (!slate->has_user) return false;
    ordinal user = entities_find_reference(view->entities, &slate->user);
    return user == ORDINAL_NONE || !entities_live(view->entities, ENTITY_USER, user) ||
           entities_created_ms(view->entities, ENTITY_USER, user) > time_ms;
}

/* --- What the statement says --- */

enum code training_check(const struct export_statement *statement, const struct schema *schema,
                         struct error *error)
{
    const struct signal *signal = schema_find_signal(schema, statement->label.text);
    double most_ms = TRAINING_WITHIN_MAXIMUM_DAYS * 86400e3;
    if (!signal)
        return unknown_signal(schema, statement->label.text, statement->label.position, error);
    if (signal->kind != ENTITY_ITEM) {
        error_set(error, CODE_INVALID, AREA_QUERY,
                  "signal '%.*s' is about %s, and items are served", text_cut(signal->name, 64),
                  (const char *)signal->name.data, entity_kind_name(signal->kind));
        error_at(error, statement->label.position);
        error_hint(error, "label by a signal ON item");
        return CODE_INVALID;
    }
    if (statement->within.milliseconds >= 1 && statement->within.milliseconds <= most_ms)
        return CODE_OK;
    error_set(error, CODE_INVALID, AREA_QUERY, "WITHIN is out of range");
    error_at(error, statement->within.position);
    error_hint(error, "write a duration above 0, at most %dd", TRAINING_WITHIN_MAXIMUM_DAYS);
    return CODE_INVALID;
}

static enum code bind_filter(const struct operand *operand, const struct bindings *bindings,
                             const char *what, struct slice *text, struct error *error)
{
    struct value value;
    enum code code = CODE_OK;
    if (operand->kind == OPERAND_NONE) return CODE_OK;
    TRY(bind_operand(operand, bindings, &value, error));
    if (value.type == VALUE_TEXT && value.text.bytes > 0) {
        *text = value.text;
        return CODE_OK;
    }
    error_set(error, CODE_INVALID, AREA_QUERY, "'%s' is compared with a text", what);
    error_at(error, operand->position);
    error_hint(error, "write %s = 'home', say", what);
    code = CODE_INVALID;
out:
    return code;
}

enum code training_bind(const struct export_statement *statement, const struct bindings *bindings,
                        const struct schema *schema, struct training_request *request,
                        struct error *error)
{
    enum code code;
    *request = (struct training_request){.has_user = statement->user.kind != OPERAND_NONE};
    TRY(training_check(statement, schema, error));
    const struct signal *label = schema_find_signal(schema, statement->label.text);
    int64_t of_impressions = schema->signals[SIGNAL_IMPRESSION].lateness_ms;
    request->label = label->id;
    request->within_ms = (int64_t)statement->within.milliseconds;
    request->lateness_ms =
        label->lateness_ms > of_impressions ? label->lateness_ms : of_impressions;
    TRY(bind_filter(&statement->profile, bindings, "profile", &request->profile, error));
    TRY(bind_filter(&statement->surface, bindings, "surface", &request->surface, error));
    if (request->has_user)
        TRY(bind_u64(&statement->user, bindings, "the user", &request->user, error));
out:
    return code;
}

/* --- Slates that wait --- */

enum code training_create(const struct training_request *request, struct memory *memory,
                          struct training **training, struct error *error)
{
    struct training *created = memory_allocate_zeroed(memory, sizeof *created);
    if (!created) return error_no_memory(error, AREA_QUERY, sizeof *created);
    created->request = *request;
    created->memory = memory;
    created->newest_ms = INT64_MIN;
    id_map_init(&created->pairs, memory);
    id_map_init(&created->slates, memory);
    arena_init(&created->scratch, memory, (size_t)64 << 20);
    *training = created;
    return CODE_OK;
}

static size_t waiting_bytes(size_t item_count)
{
    return sizeof(struct waiting) + item_count * sizeof(struct waiting_item);
}

static void waiting_free(struct training *training, struct waiting *waiting)
{
    memory_free(training->memory, waiting->payload, waiting->payload_bytes);
    memory_free(training->memory, waiting, waiting_bytes(waiting->item_count));
}

void training_free(struct training *training)
{
    if (!training) return;
    while (training->first) {
        struct waiting *next = training->first->next;
        waiting_free(training, training->first);
        training->first = next;
    }
    id_map_release(&training->pairs);
    id_map_release(&training->slates);
    arena_release(&training->scratch);
    memory_free(training->memory, training, sizeof *training);
}

static uint64_t pair_key(ordinal user, ordinal item)
{
    return (uint64_t)user << 32 | item;
}

static struct waiting_item *find_pair(const struct training *training, ordinal user, ordinal item)
{
    const uint64_t *found = id_map_find(&training->pairs, pair_key(user, item));
    return found ? (struct waiting_item *)(uintptr_t)*found : NULL;
}

static bool link_item(struct training *training, ordinal user, struct waiting_item *item)
{
    struct waiting_item *at;
    if (user == ORDINAL_NONE || item->item == ORDINAL_NONE) return true;
    at = find_pair(training, user, item->item);
    if (!at) return id_map_put(&training->pairs, pair_key(user, item->item), (uintptr_t)item);
    while (at->next)
        at = at->next;
    at->next = item;
    return true;
}

static void unlink_item(struct training *training, ordinal user, const struct waiting_item *item)
{
    uint64_t *found = id_map_find(&training->pairs, pair_key(user, item->item));
    if (user == ORDINAL_NONE || item->item == ORDINAL_NONE || !found) return;
    assert(*found == (uintptr_t)item);
    if (item->next) {
        *found = (uintptr_t)item->next;
    } else {
        (void)id_map_remove(&training->pairs, pair_key(user, item->item));
    }
}

static struct waiting *waiting_create(struct training *training, const struct view *view,
                                      const struct training_entry *entry)
{
    const struct slate_change *slate = entry->change->slate;
    struct waiting *waiting =
        memory_allocate_zeroed(training->memory, waiting_bytes(slate->item_count));
    if (!waiting) return NULL;
    waiting->payload = memory_allocate(training->memory, entry->payload.bytes);
    waiting->item_count = slate->item_count;
    if (!waiting->payload) {
        memory_free(training->memory, waiting, waiting_bytes(slate->item_count));
        return NULL;
    }
    memcpy(waiting->payload, entry->payload.data, entry->payload.bytes);
    waiting->payload_bytes = entry->payload.bytes;
    waiting->lsn = entry->lsn;
    waiting->time_ms = entry->time_ms;
    waiting->now_ms = slate->now_ms;
    waiting->user =
        slate->has_user ? entities_find_reference(view->entities, &slate->user) : ORDINAL_NONE;
    for (size_t i = 0; i < slate->item_count; i++) {
        waiting->items[i].item = entities_find(view->entities, ENTITY_ITEM, slate->items[i].item);
        waiting->items[i].served_ms = slate->now_ms;
        waiting->items[i].label_ms = INT64_MIN;
    }
    return waiting;
}

static enum code no_memory(const struct training *training, struct error *error)
{
    error_set(error, CODE_NO_MEMORY, AREA_QUERY,
              "the export needs more memory than it may have: %zu slates wait for their signals",
              training->count);
    error_hint(error, "export a part (WHERE, SINCE), or raise memory_limit_bytes");
    return CODE_NO_MEMORY;
}

static bool is_wanted(const struct training *training, const struct view *view,
                      const struct training_entry *entry)
{
    const struct training_request *request = &training->request;
    const struct slate_change *slate = entry->change->slate;
    if (!entry->wanted || slate_user_gone(view, slate, entry->time_ms)) return false;
    if (request->profile.bytes > 0 && !slice_equal(request->profile, slate->profile)) return false;
    if (request->surface.bytes > 0 && !slice_equal(request->surface, slate->surface)) return false;
    if (!request->has_user) return true;
    return slate->has_user &&
           entities_id(view->entities, ENTITY_USER,
                       entities_find_reference(view->entities, &slate->user)) == request->user;
}

static enum code take_slate(struct training *training, const struct view *view,
                            const struct training_entry *entry, struct error *error)
{
    if (!is_wanted(training, view, entry)) return CODE_OK;
    if (training->count == TRAINING_WAITING_MAXIMUM) {
        error_set(error, CODE_LIMIT, AREA_QUERY, "%d slates wait for their signals",
                  TRAINING_WAITING_MAXIMUM);
        error_hint(error, "export a part (WHERE), or declare a shorter LATENESS");
        return CODE_LIMIT;
    }
    struct waiting *waiting = waiting_create(training, view, entry);
    if (!waiting) return no_memory(training, error);
    /* From here on it is freed with the others. */
    if (training->last) training->last->next = waiting;
    if (!training->first) training->first = waiting;
    training->last = waiting;
    training->count++;
    bool room = id_map_put(&training->slates, waiting->lsn, (uintptr_t)waiting);
    for (size_t i = 0; room && i < waiting->item_count; i++)
        room = link_item(training, waiting->user, &waiting->items[i]);
    return room ? CODE_OK : no_memory(training, error);
}

/* --- Signals --- */

static void note(const struct training *training, const struct signal_change *signal,
                 int64_t time_ms, struct waiting_item *item)
{
    if (time_ms < item->served_ms || time_ms - item->served_ms > training->request.within_ms)
        return;
    if (signal->signal == SIGNAL_IMPRESSION && !signal->retract) item->impression = true;
    if (signal->signal != training->request.label || time_ms < item->label_ms) return;
    item->label_ms = time_ms;
    item->label = !signal->retract;
}

static void note_cited(const struct training *training, const struct signal_change *signal,
                       ordinal user, ordinal item, int64_t time_ms)
{
    const uint64_t *found = id_map_find(&training->slates, signal->slate);
    struct waiting *waiting = found ? (struct waiting *)(uintptr_t)*found : NULL;
    if (!waiting || (waiting->user != ORDINAL_NONE && waiting->user != user)) return;
    for (size_t i = 0; i < waiting->item_count; i++)
        if (waiting->items[i].item == item) note(training, signal, time_ms, &waiting->items[i]);
}

static void take_signal(struct training *training, const struct view *view,
                        const struct signal_change *signal, int64_t time_ms)
{
    if (signal->signal != SIGNAL_IMPRESSION && signal->signal != training->request.label) return;
    ordinal item = entities_find_reference(view->entities, &signal->entity);
    ordinal user =
        signal->has_user ? entities_find_reference(view->entities, &signal->user) : ORDINAL_NONE;
    if (signal->entity.kind != ENTITY_ITEM || item == ORDINAL_NONE) return;
    if (signal->slate > 0) {
        note_cited(training, signal, user, item, time_ms);
    } else if (user != ORDINAL_NONE) {
        for (struct waiting_item *at = find_pair(training, user, item); at; at = at->next)
            note(training, signal, time_ms, at);
    }
}

static void take_time(struct training *training, int64_t time_ms)
{
    if (time_ms > training->newest_ms) training->newest_ms = time_ms;
}

static void take_part(struct training *training, const struct view *view,
                      const struct change *change, int64_t ingest_ms)
{
    if (change->kind == CHANGE_SIGNAL) {
        int64_t time_ms = change->signal.has_time ? change->signal.time_ms : ingest_ms;
        take_signal(training, view, &change->signal, time_ms);
        take_time(training, time_ms);
    }
}

enum code training_take(struct training *training, const struct view *view,
                        const struct training_entry *entry, struct error *error)
{
    const struct change *change = entry->change;
    if (change->kind == CHANGE_SLATE) return take_slate(training, view, entry, error);
    if (change->kind != CHANGE_TRANSACTION) {
        take_part(training, view, change, entry->time_ms);
        return CODE_OK;
    }
    for (size_t i = 0; i < change->transaction.count; i++)
        take_part(training, view, &change->transaction.changes[i], entry->time_ms);
    return CODE_OK;
}

/* --- Rows --- */

bool training_ready(const struct training *training, bool at_end)
{
    const struct waiting *first = training->first;
    if (!first || at_end || training->newest_ms == INT64_MIN) return first && at_end;
    return training->newest_ms - first->now_ms >
           training->request.within_ms + training->request.lateness_ms;
}

enum training_column {
    TRAINING_SLATE,
    TRAINING_TIME,
    TRAINING_USER,
    TRAINING_ITEM,
    TRAINING_POSITION,
    TRAINING_SOURCE,
    TRAINING_SCORE,
    TRAINING_FEATURES,
    TRAINING_IMPRESSION,
    TRAINING_LABEL,
    TRAINING_CLOSED,
    TRAINING_PROFILE,
    TRAINING_VERSION,
    TRAINING_SURFACE,
    TRAINING_COLUMNS
};

bool training_result_init(struct result *result, struct arena *arena)
{
    static const char *const columns[TRAINING_COLUMNS] = {
        "slate",    "time",       "user",  "item",   "position", "source",  "score",
        "features", "impression", "label", "closed", "profile",  "version", "surface"};
    return result_init(result, arena, columns, TRAINING_COLUMNS);
}

static bool set_texts(const struct slate_change *slate, const struct served_item *item,
                      struct result *result, struct cell *row)
{
    struct buffer text;
    buffer_init(&text, result->arena->memory, (size_t)CHANGE_BYTES_MAXIMUM * 8);
    record_sources(slate, item, &text);
    bool ok = !text.failed && cell_set_text(result, &row[TRAINING_SOURCE], buffer_slice(&text));
    if (ok && slate->feature_count > 0) {
        buffer_clear(&text);
        features_to_json(slate, item, &text);
        ok = !text.failed && cell_set_text(result, &row[TRAINING_FEATURES], buffer_slice(&text));
    }
    buffer_release(&text);
    if (ok && slate->profile.bytes > 0) {
        cell_set_integer(&row[TRAINING_VERSION], slate->version);
        ok = cell_set_text(result, &row[TRAINING_PROFILE], slate->profile);
    }
    return ok && (slate->surface.bytes == 0 ||
                  cell_set_text(result, &row[TRAINING_SURFACE], slate->surface));
}

static bool add_row(const struct training *training, const struct view *view,
                    const struct slate_change *slate, size_t index, struct result *result)
{
    const struct waiting *waiting = training->first;
    const struct waiting_item *state = &waiting->items[index];
    const struct served_item *item = &slate->items[index];
    struct cell *row = result_row(result);
    if (!row) return false;
    cell_set_id(&row[TRAINING_SLATE], waiting->lsn);
    row[TRAINING_TIME].type = CELL_TIMESTAMP;
    row[TRAINING_TIME].integer = slate->now_ms;
    if (waiting->user != ORDINAL_NONE)
        cell_set_id(&row[TRAINING_USER], entities_id(view->entities, ENTITY_USER, waiting->user));
    cell_set_id(&row[TRAINING_ITEM], item->item);
    cell_set_id(&row[TRAINING_POSITION], slate->offset + index + 1);
    cell_set_double(&row[TRAINING_SCORE], item->score);
    cell_set_integer(&row[TRAINING_IMPRESSION], state->impression);
    cell_set_integer(&row[TRAINING_LABEL], state->label);
    row[TRAINING_CLOSED].type = CELL_BOOLEAN;
    row[TRAINING_CLOSED].boolean =
        training->request.now_ms - slate->now_ms > training->request.within_ms;
    return set_texts(slate, item, result, row);
}

static void let_go(struct training *training)
{
    struct waiting *first = training->first;
    for (size_t i = 0; i < first->item_count; i++)
        unlink_item(training, first->user, &first->items[i]);
    (void)id_map_remove(&training->slates, first->lsn);
    training->first = first->next;
    if (!training->first) training->last = NULL;
    training->count--;
    waiting_free(training, first);
}

enum code training_give(struct training *training, const struct view *view, struct result *result,
                        struct error *error)
{
    const struct waiting *first = training->first;
    struct change change;
    enum code code;
    arena_reset(&training->scratch);
    TRY(change_decode(slice_of(first->payload, first->payload_bytes), &training->scratch, &change,
                      error));
    assert(change.kind == CHANGE_SLATE && change.slate->item_count == first->item_count);
    bool gone = slate_user_gone(view, change.slate, first->time_ms), ok = true;
    for (size_t i = 0; ok && !gone && i < first->item_count; i++)
        ok = add_row(training, view, change.slate, i, result);
    if (!ok) return no_memory(training, error);
    let_go(training);
out:
    return code;
}
