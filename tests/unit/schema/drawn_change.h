/* Any change that can be encoded, drawn from choices, and whether two are equal.  What is drawn
 * lies in the arena. */
#ifndef TIDAL_TESTS_SCHEMA_DRAWN_CHANGE_H
#define TIDAL_TESTS_SCHEMA_DRAWN_CHANGE_H

#include "base/arena.h"
#include "base/choices.h"
#include "schema/change.h"

#include "unit/schema/declare.h"

#include <stdlib.h>

static inline struct entity_reference entity(enum entity_kind kind, entity_id id)
{
    return (struct entity_reference){.kind = kind, .id = id, .key = text_of("")};
}

static inline struct slice draw_text(struct arena *arena, struct choices *choices, size_t minimum,
                                     size_t limit)
{
    static const char *const letters[] = {
        "a", "z", "'", "\n", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8e\xb5"};
    size_t length = choose_between(choices, minimum, minimum + choose(choices, 12)), bytes = 0;
    char text[128];
    for (size_t i = 0; i < length && bytes + 4 <= limit && bytes + 4 <= sizeof text; i++) {
        const char *letter = letters[choose(choices, 6)];
        memcpy(text + bytes, letter, strlen(letter));
        bytes += strlen(letter);
    }
    char *copy = arena_copy(arena, text, bytes);
    if (!copy) abort();
    return slice_of(copy, bytes);
}

static inline uint64_t draw_u64(struct choices *choices)
{
    return choose(choices, UINT64_MAX) >> choose(choices, 63);
}

static inline int64_t draw_signed(struct choices *choices)
{
    uint64_t number = draw_u64(choices);
    return (int64_t)(choose_one_in(choices, 2) ? ~number : number);
}

static inline struct entity_reference draw_entity(struct arena *arena, struct choices *choices,
                                                  enum entity_kind kind)
{
    struct entity_reference drawn = entity(kind, 0);
    if (choose_one_in(choices, 4)) {
        drawn.key = draw_text(arena, choices, 1, LIMIT_KEY_BYTES);
    } else {
        drawn.id = draw_u64(choices);
    }
    return drawn;
}

static inline enum entity_kind draw_kind(struct choices *choices)
{
    return (enum entity_kind)choose(choices, ENTITY_KIND_COUNT - 1);
}

static inline double draw_double(struct choices *choices)
{
    double number;
    uint64_t bits = choose(choices, UINT64_MAX);
    memcpy(&number, &bits, sizeof number);
    return number - number == 0 ? number : -0.0;
}

static inline struct value draw_vector(struct arena *arena, struct choices *choices)
{
    size_t count = choose_between(choices, 1, 9);
    float *numbers = arena_array(arena, count, sizeof *numbers);
    if (!numbers) abort();
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)choose(choices, UINT32_MAX);
        memcpy(&numbers[i], &bits, sizeof bits);
        if (numbers[i] - numbers[i] != 0) numbers[i] = 0.5f;
    }
    return (struct value){.type = VALUE_VECTOR, .vector = {numbers, count}};
}

static inline struct value draw_list(struct arena *arena, struct choices *choices)
{
    size_t count = choose(choices, 5);
    struct slice *texts = arena_array(arena, count + 1, sizeof *texts);
    if (!texts) abort();
    for (size_t i = 0; i < count; i++)
        texts[i] = draw_text(arena, choices, 0, LIMIT_TEXT_BYTES);
    return (struct value){.type = VALUE_TEXT_LIST, .list = {texts, count}};
}

static inline struct value draw_value(struct arena *arena, struct choices *choices, bool may_miss)
{
    switch (choose(choices, may_miss ? 7 : 6)) {
    case 0:
        return (struct value){.type = VALUE_INTEGER, .integer = draw_signed(choices)};
    case 1:
        return (struct value){.type = VALUE_BOOLEAN, .boolean = choose_one_in(choices, 2)};
    case 2:
        return (struct value){.type = VALUE_FLOAT, .number = draw_double(choices)};
    case 3:
        return (struct value){.type = VALUE_TIMESTAMP, .integer = draw_signed(choices)};
    case 4:
        return (struct value){.type = VALUE_TEXT,
                              .text = draw_text(arena, choices, 0, LIMIT_TEXT_BYTES)};
    case 5:
        return draw_list(arena, choices);
    case 6:
        return (struct value){.type = VALUE_REFERENCE, .reference = draw_u64(choices)};
    default:
        return (struct value){.type = VALUE_MISSING};
    }
}

static inline struct put_change draw_put(struct arena *arena, struct choices *choices, bool patch)
{
    struct put_change put = {.entity = draw_entity(arena, choices, draw_kind(choices))};
    put.key = text_of("");
    if (put.entity.key.bytes == 0 && choose_one_in(choices, 3))
        put.key = draw_text(arena, choices, 0, LIMIT_KEY_BYTES);
    struct field_value *fields = arena_array(arena, 8, sizeof *fields);
    struct embedding_value *embeddings = arena_array(arena, 8, sizeof *embeddings);
    if (!fields || !embeddings) abort();
    field_id field = 0;
    for (size_t count = choose(choices, 6); put.field_count < count; put.field_count++) {
        field = (field_id)(field + 1 + choose(choices, 30));
        fields[put.field_count] = (struct field_value){field, draw_value(arena, choices, patch)};
    }
    for (embedding_id i = 0; i < LIMIT_EMBEDDINGS; i++) {
        if (!choose_one_in(choices, 8)) continue;
        bool misses = patch && choose_one_in(choices, 3);
        embeddings[put.embedding_count++] = (struct embedding_value){
            i, misses ? (struct value){.type = VALUE_MISSING} : draw_vector(arena, choices)};
    }
    put.fields = fields;
    put.embeddings = embeddings;
    return put;
}

static inline struct signal_change draw_signal(struct arena *arena, struct choices *choices)
{
    struct signal_change signal = {.signal = (signal_id)choose(choices, LIMIT_SIGNAL_IDS - 1),
                                   .entity = draw_entity(arena, choices, draw_kind(choices)),
                                   .has_user = choose_one_in(choices, 2),
                                   .value = SIGNAL_VALUE_ONE,
                                   .has_time = choose_one_in(choices, 2)};
    if (signal.has_user) signal.user = draw_entity(arena, choices, ENTITY_USER);
    if (signal.has_user) signal.retract = choose_one_in(choices, 3);
    if (signal.has_time) signal.time_ms = draw_signed(choices);
    if (choose_one_in(choices, 3)) signal.slate = draw_u64(choices);
    if (signal.slate > 0) signal.position = (uint32_t)choose(choices, SIGNAL_POSITION_MAXIMUM);
    if (choose_one_in(choices, 2)) signal.value = draw_signed(choices) % SIGNAL_VALUE_MAXIMUM;
    return signal;
}

static inline struct relate_change draw_relate(struct arena *arena, struct choices *choices,
                                               bool weighs)
{
    struct relate_change relate = {.relation = (relation_id)choose(choices, LIMIT_RELATION_IDS - 1),
                                   .from = draw_entity(arena, choices, draw_kind(choices)),
                                   .to = draw_entity(arena, choices, draw_kind(choices)),
                                   .has_time = choose_one_in(choices, 2)};
    if (weighs) relate.weight = (float)choose(choices, 1000) / 8;
    if (relate.has_time) relate.time_ms = draw_signed(choices);
    return relate;
}

static inline struct change draw_part(struct arena *arena, struct choices *choices)
{
    struct change change = {.kind = CHANGE_DELETE};
    switch (choose(choices, 5)) {
    case 0:
        change.delete = draw_entity(arena, choices, draw_kind(choices));
        break;
    case 1:
        change.kind = CHANGE_SIGNAL;
        change.signal = draw_signal(arena, choices);
        break;
    case 2:
    case 3:
        change.kind = choose_one_in(choices, 2) ? CHANGE_PATCH : CHANGE_PUT;
        change.put = draw_put(arena, choices, change.kind == CHANGE_PATCH);
        break;
    default:
        change.kind = choose_one_in(choices, 2) ? CHANGE_UNRELATE : CHANGE_RELATE;
        change.relate = draw_relate(arena, choices, change.kind == CHANGE_RELATE);
    }
    return change;
}

static inline const struct slice *draw_texts(struct arena *arena, struct choices *choices,
                                             size_t count)
{
    struct slice *texts = arena_array(arena, count + 1, sizeof *texts);
    if (!texts) abort();
    for (size_t i = 0; i < count; i++)
        texts[i] = draw_text(arena, choices, 0, 60);
    return texts;
}

static inline void draw_served(struct arena *arena, struct choices *choices,
                               const struct slate_change *slate, struct served_item *item)
{
    size_t count = slate->feature_count;
    double *features = arena_array(arena, count + 1, sizeof *features);
    if (!features) abort();
    *item = (struct served_item){.item = draw_u64(choices), .score = draw_double(choices)};
    item->sources = (uint32_t)choose(choices, (UINT64_C(1) << slate->source_count) - 1);
    for (size_t i = 0; i < count; i++) {
        if (choose_one_in(choices, 4)) item->missing |= UINT64_C(1) << i;
        if (!(item->missing >> i & 1)) features[i] = draw_double(choices);
    }
    if (count > 0) item->features = features;
}

static inline struct change draw_slate(struct arena *arena, struct choices *choices)
{
    struct slate_change *slate = arena_allocate(arena, sizeof *slate);
    if (!slate) abort();
    slate->has_user = choose_one_in(choices, 2);
    if (slate->has_user) slate->user = draw_entity(arena, choices, ENTITY_USER);
    if (choose_one_in(choices, 2)) {
        slate->profile = draw_text(arena, choices, 1, LIMIT_NAME_BYTES);
        slate->version = (uint32_t)choose(choices, UINT32_MAX);
    }
    slate->query = draw_text(arena, choices, 0, LIMIT_SLATE_QUERY);
    if (choose_one_in(choices, 2))
        slate->surface = draw_text(arena, choices, 1, LIMIT_SURFACE_BYTES);
    slate->seed = draw_u64(choices);
    slate->now_ms = draw_signed(choices);
    slate->read_at = draw_u64(choices);
    slate->offset = draw_u64(choices);
    slate->source_count = choose(choices, LIMIT_SOURCES);
    slate->sources = draw_texts(arena, choices, slate->source_count);
    slate->feature_count = choose(choices, choose_one_in(choices, 2) ? LIMIT_SLATE_FEATURES : 0);
    slate->features = draw_texts(arena, choices, slate->feature_count);
    slate->item_count = choose(choices, 8);
    struct served_item *items = arena_array(arena, slate->item_count + 1, sizeof *items);
    if (!items) abort();
    for (size_t i = 0; i < slate->item_count; i++)
        draw_served(arena, choices, slate, &items[i]);
    slate->items = items;
    return (struct change){.kind = CHANGE_SLATE, .slate = slate};
}

static inline struct change draw_backfill(struct arena *arena, struct choices *choices)
{
    struct backfill_change backfill = {.signal = (signal_id)choose(choices, LIMIT_SIGNAL_IDS - 1),
                                       .defined = draw_u64(choices),
                                       .pair_count = choose(choices, 5)};
    struct backfill_pair *pairs = arena_array(arena, backfill.pair_count + 1, sizeof *pairs);
    if (!pairs) abort();
    for (size_t i = 0; i < backfill.pair_count; i++)
        pairs[i] = (struct backfill_pair){draw_u64(choices), draw_text(arena, choices, 0, 300)};
    backfill.pairs = pairs;
    backfill.ends = backfill.pair_count == 0;
    if (backfill.ends) backfill.since_ms = draw_signed(choices);
    return (struct change){.kind = CHANGE_BACKFILL, .backfill = backfill};
}

/* One of any kind. */
static inline struct change draw_change(struct arena *arena, struct choices *choices)
{
    static const enum change_kind definitions[] = {CHANGE_DEFINE, CHANGE_DROP, CHANGE_RENAME};
    if (choose_one_in(choices, 12))
        return (struct change){.kind = definitions[choose(choices, 2)],
                               .define = draw_text(arena, choices, 1, CHANGE_DEFINE_MAXIMUM)};
    if (choose_one_in(choices, 40))
        return (struct change){.kind = CHANGE_FORGET,
                               .delete = draw_entity(arena, choices, ENTITY_USER)};
    if (choose_one_in(choices, 12)) return draw_slate(arena, choices);
    if (choose_one_in(choices, 12)) return draw_backfill(arena, choices);
    if (choose_one_in(choices, 12)) {
        enum cursor_action action = (enum cursor_action)(CURSOR_DEFINE + choose(choices, 2));
        struct cursor_change cursor = {.action = action,
                                       .name = draw_text(arena, choices, 1, LIMIT_NAME_BYTES)};
        if (cursor.action != CURSOR_DROP)
            cursor.position = choose(choices, choose_one_in(choices, 2) ? 200 : UINT64_MAX);
        return (struct change){.kind = CHANGE_CURSOR, .cursor = cursor};
    }
    if (!choose_one_in(choices, 6)) return draw_part(arena, choices);
    size_t count = choose_between(choices, 1, 6);
    struct change *parts = arena_array(arena, count, sizeof *parts);
    if (!parts) abort();
    for (size_t i = 0; i < count; i++)
        parts[i] = draw_part(arena, choices);
    return (struct change){.kind = CHANGE_TRANSACTION, .transaction = {parts, count}};
}

static inline bool entities_equal(const struct entity_reference *a,
                                  const struct entity_reference *b)
{
    return a->kind == b->kind && a->id == b->id && slice_equal(a->key, b->key);
}

static inline bool puts_equal(const struct put_change *a, const struct put_change *b)
{
    if (!entities_equal(&a->entity, &b->entity) || !slice_equal(a->key, b->key)) return false;
    if (a->field_count != b->field_count || a->embedding_count != b->embedding_count) return false;
    for (size_t i = 0; i < a->field_count; i++) {
        if (a->fields[i].field != b->fields[i].field) return false;
        if (!value_equal(&a->fields[i].value, &b->fields[i].value)) return false;
    }
    for (size_t i = 0; i < a->embedding_count; i++) {
        if (a->embeddings[i].embedding != b->embeddings[i].embedding) return false;
        if (!value_equal(&a->embeddings[i].value, &b->embeddings[i].value)) return false;
    }
    return true;
}

static inline bool signals_equal(const struct signal_change *a, const struct signal_change *b)
{
    return a->signal == b->signal && entities_equal(&a->entity, &b->entity) &&
           a->has_user == b->has_user && (!a->has_user || entities_equal(&a->user, &b->user)) &&
           a->value == b->value && a->has_time == b->has_time && a->time_ms == b->time_ms &&
           a->retract == b->retract && a->slate == b->slate && a->position == b->position;
}

static inline bool relates_equal(const struct relate_change *a, const struct relate_change *b)
{
    return a->relation == b->relation && entities_equal(&a->from, &b->from) &&
           entities_equal(&a->to, &b->to) && a->weight == b->weight && a->has_time == b->has_time &&
           a->time_ms == b->time_ms;
}

static inline bool texts_equal(const struct slice *a, const struct slice *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!slice_equal(a[i], b[i])) return false;
    return true;
}

static inline bool served_equal(const struct served_item *a, const struct served_item *b,
                                size_t count)
{
    if (a->item != b->item || memcmp(&a->score, &b->score, sizeof a->score) != 0) return false;
    if (a->sources != b->sources || a->missing != b->missing) return false;
    return count == 0 || memcmp(a->features, b->features, count * sizeof *a->features) == 0;
}

static inline bool slates_equal(const struct slate_change *a, const struct slate_change *b)
{
    bool same = a->has_user == b->has_user &&
                (!a->has_user || entities_equal(&a->user, &b->user)) &&
                slice_equal(a->profile, b->profile) && a->version == b->version &&
                slice_equal(a->query, b->query) && slice_equal(a->surface, b->surface) &&
                a->seed == b->seed && a->now_ms == b->now_ms && a->read_at == b->read_at &&
                a->offset == b->offset && a->source_count == b->source_count &&
                a->feature_count == b->feature_count && a->item_count == b->item_count &&
                texts_equal(a->sources, b->sources, a->source_count) &&
                texts_equal(a->features, b->features, a->feature_count);
    for (size_t i = 0; same && i < a->item_count; i++)
        same = served_equal(&a->items[i], &b->items[i], a->feature_count);
    return same;
}

static inline bool backfills_equal(const struct backfill_change *a, const struct backfill_change *b)
{
    bool same = a->signal == b->signal && a->defined == b->defined && a->ends == b->ends &&
                a->since_ms == b->since_ms && a->pair_count == b->pair_count;
    for (size_t i = 0; same && i < a->pair_count; i++)
        same = a->pairs[i].entity == b->pairs[i].entity &&
               slice_equal(a->pairs[i].row, b->pairs[i].row);
    return same;
}

/* To the bit. */
static inline bool changes_equal(const struct change *a, const struct change *b)
{
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case CHANGE_DEFINE:
    case CHANGE_DROP:
    case CHANGE_RENAME:
        return slice_equal(a->define, b->define);
    case CHANGE_PUT:
    case CHANGE_PATCH:
        return puts_equal(&a->put, &b->put);
    case CHANGE_DELETE:
    case CHANGE_FORGET:
        return entities_equal(&a->delete, &b->delete);
    case CHANGE_SIGNAL:
        return signals_equal(&a->signal, &b->signal);
    case CHANGE_RELATE:
    case CHANGE_UNRELATE:
        return relates_equal(&a->relate, &b->relate);
    case CHANGE_CURSOR:
        return a->cursor.action == b->cursor.action && a->cursor.position == b->cursor.position &&
               slice_equal(a->cursor.name, b->cursor.name);
    case CHANGE_SLATE:
        return slates_equal(a->slate, b->slate);
    case CHANGE_BACKFILL:
        return backfills_equal(&a->backfill, &b->backfill);
    case CHANGE_TRANSACTION:
        break;
    }
    if (a->transaction.count != b->transaction.count) return false;
    for (size_t i = 0; i < a->transaction.count; i++) {
        if (!changes_equal(&a->transaction.changes[i], &b->transaction.changes[i])) return false;
    }
    return true;
}

#endif
