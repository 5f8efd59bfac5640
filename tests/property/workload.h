/* Changes of every kind from a seed: puts, patches and deletes of items, users and creators, with
 * and without external keys; occurrences, states, their retraction, values, good and bad; edges;
 * transactions; events out of order, without a time, too late, in the future; resends.
 *
 * A change is a function of the seed and its index alone, never of what the database answered. */
#ifndef TIDAL_TESTS_PROPERTY_WORKLOAD_H
#define TIDAL_TESTS_PROPERTY_WORKLOAD_H

#include "unit/engine/world.h"

/* Sanitizers make everything some ten times slower: there, fewer rounds of the same. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define ROUNDS(many, few) (few)
#else
#define ROUNDS(many, few) (many)
#endif

enum {
    WORKLOAD_PARTS = 4,
    WORKLOAD_SERVED = 12,
    WORKLOAD_RESEND_BACK = 48,
    WORKLOAD_TEXT_BYTES = 600
};

/* In the order of their definition, which gives them their ids. */
enum { TITLE, GENRE, TAGS, YEAR, RATING, IS_LIVE, PUBLISHED, MADE_BY, NAME_OF_USER, TRUST };
enum { WATCH = 2, LIKED, SKIP, RATE, VISIT, POKE, SHARED };
enum { FOLLOWS, BLOCKS, SAVED };

static const char *const workload_definitions[] = {
    "DEFINE FIELD title ON item TEXT",
    "DEFINE FIELD genre ON item KEYWORD",
    "DEFINE FIELD tags ON item KEYWORD[]",
    "DEFINE FIELD year ON item INTEGER",
    "DEFINE FIELD rating ON item FLOAT",
    "DEFINE FIELD is_live ON item BOOLEAN",
    "DEFINE FIELD published ON item TIMESTAMP",
    "DEFINE FIELD made_by ON item REFERENCES creator",
    "DEFINE FIELD name ON user KEYWORD",
    "DEFINE FIELD trust ON user FLOAT",
    "DEFINE EMBEDDING content ON item DIMENSIONS 4",
    "DEFINE SIGNAL watch ON item HALF LIFE 1h, 24h WINDOWS 1h, 24h, 7d VELOCITY 1h VALUE MIN MAX "
    "DISTINCT USERS 2d TOTALS PER genre, tags, made_by POSITIVE FROM 0.5 NEGATIVE BELOW 0.1 "
    "TRENDING HALF LIFE 2h POPULAR 1h, 24h PER genre, tags",
    "DEFINE SIGNAL liked ON item HALF LIFE 7d WINDOWS 24h UNIQUE PER USER POSITIVE "
    "CAP 6 PER USER PER 1h TRUST user.trust POPULAR 7d",
    "DEFINE SIGNAL skip ON item HALF LIFE 24h NEGATIVE LATENESS 7d SUBLINEAR PER 6h TRUST "
    "user.trust",
    "DEFINE SIGNAL rate ON item HALF LIFE 24h VALUE UNIQUE PER USER POSITIVE FROM 4 NEGATIVE "
    "BELOW 2",
    "DEFINE SIGNAL visit ON creator HALF LIFE 1h WINDOWS 1h ALLOW UNKNOWN CAP 1 PER USER PER "
    "creator PER 1h, 4 PER USER PER 1h",
    "DEFINE SIGNAL poke ON user HALF LIFE 1h UNIQUE PER USER CAP 2 PER USER PER user PER 24h",
    "DEFINE SIGNAL shared ON item WINDOWS 30d ALLOW UNKNOWN LATENESS 1h",
    "DEFINE RELATION follows FROM user TO creator",
    "DEFINE RELATION blocks FROM user TO creator EXCLUDING",
    "DEFINE RELATION saved FROM user TO item",
    "DEFINE EXPOSURE ON item.made_by HALF LIFE 6h",
    "DEFINE EXPOSURE ON item.tags HALF LIFE 1h",
};

/* One more, at some point among the changes: a built-in signal is defined anew. */
#define WORKLOAD_LATER                                                                             \
    "DEFINE SIGNAL impression ON item HALF LIFE 1h, 7d WINDOWS 24h POPULAR 7d PER tags"

struct event {
    struct change change;
    int64_t now_ms; /* the clock's, when it is sent */
    bool is_unique; /* a resend of it is a duplicate */
    struct slice key;
    char key_text[24];
    struct change parts[WORKLOAD_PARTS];
    struct field_value fields[8];
    struct slice tags[3];
    struct embedding_value embedding;
    struct slate_change slate;
    struct served_item served[WORKLOAD_SERVED];
    float vector[4];
    char text[WORKLOAD_TEXT_BYTES];
    char entity_key[24];
};

struct workload {
    struct choices choices;
    int64_t now_ms;
    uint64_t index;
    /* Items, users and creators are 1 .. entities, every `lanes`-th from `lane` on. */
    uint64_t entities, lanes, lane;
    bool keys;     /* external keys too, so that ids are given in order of arrival */
    bool refusals; /* also events that are late, ahead, or of nobody */
    bool stands;   /* the clock does */
    bool slates;   /* also what was served, whose state has LSNs in it, and signals that cite it */
};

static inline void workload_init(struct workload *workload, uint64_t seed)
{
    *workload = (struct workload){
        .now_ms = WORLD_NOW_MS, .entities = 60, .lanes = 1, .keys = true, .refusals = true};
    choices_from_seed(&workload->choices, seed, NULL);
}

static inline entity_id workload_id(struct workload *workload)
{
    uint64_t most = workload->entities / workload->lanes - 1;
    /* A few are met often. */
    if (choose_one_in(&workload->choices, 2)) most = most < 8 ? most : 8;
    return 1 + workload->lane + workload->lanes * choose(&workload->choices, most);
}

static inline struct entity_reference workload_entity(struct workload *workload,
                                                      struct event *event, enum entity_kind kind)
{
    struct entity_reference reference = {.kind = kind};
    if (workload->keys && choose_one_in(&workload->choices, 12)) {
        int bytes = snprintf(event->entity_key, sizeof event->entity_key, "key-%d-%d", (int)kind,
                             (int)choose(&workload->choices, 5));
        reference.key = slice_of(event->entity_key, (size_t)bytes);
    } else {
        reference.id = workload_id(workload);
    }
    return reference;
}

/* Every time is another, so that two events are never the same by chance. */
static inline int64_t workload_time(struct workload *workload)
{
    struct choices *choices = &workload->choices;
    int64_t time_ms = workload->now_ms - (int64_t)choose(choices, 3600);
    if (choose_one_in(choices, 6)) time_ms -= (int64_t)choose(choices, 10 * (uint64_t)HOUR_MS);
    if (workload->refusals && choose_one_in(choices, 60)) time_ms -= 20 * HOUR_MS;
    if (workload->refusals && choose_one_in(choices, 120)) time_ms += 2 * HOUR_MS;
    time_ms -= time_ms % 16384 + 16384;
    return time_ms + (int64_t)(workload->index * workload->lanes + workload->lane) % 16384;
}

static inline void workload_fields(struct workload *workload, struct event *event,
                                   struct put_change *put, bool patch)
{
    static const char *const words[] = {"jazz", "soul", "rock", "folk", "dub", "live", "new"};
    struct choices *choices = &workload->choices;
    size_t count = 0;
    for (field_id field = TITLE; field <= MADE_BY; field++) {
        if (!choose_one_in(choices, patch ? 4 : 2)) continue;
        struct value value = {.type = VALUE_MISSING};
        const char *word = words[choose(choices, 6)];
        if (patch && choose_one_in(choices, 4)) goto add;
        switch (field) {
        case TITLE:
            value.type = VALUE_TEXT;
            value.text = slice_of(event->text, (size_t)choose(choices, WORKLOAD_TEXT_BYTES));
            memset(event->text, 'a' + (int)choose(choices, 25), WORKLOAD_TEXT_BYTES);
            break;
        case GENRE:
            value.type = VALUE_TEXT;
            value.text = slice_of_text(word);
            break;
        case TAGS:
            value.type = VALUE_TEXT_LIST;
            event->tags[0] = slice_of_text(word);
            event->tags[1] = slice_of_text("all");
            value.list.texts = event->tags;
            value.list.count = 1 + (size_t)choose(choices, 1);
            break;
        case YEAR:
            value.type = VALUE_INTEGER;
            value.integer = 1950 + (int64_t)choose(choices, 76);
            break;
        case RATING:
            value.type = VALUE_FLOAT;
            value.number = (double)choose(choices, 50) / 10;
            break;
        case IS_LIVE:
            value.type = VALUE_BOOLEAN;
            value.boolean = choose_one_in(choices, 2);
            break;
        case PUBLISHED:
            value.type = VALUE_TIMESTAMP;
            value.integer = workload->now_ms - (int64_t)choose(choices, 1000000);
            break;
        default:
            value.type = VALUE_REFERENCE;
            value.reference = workload_id(workload);
            break;
        }
    add:
        event->fields[count++] = (struct field_value){field, value};
    }
    put->fields = event->fields;
    put->field_count = count;
    if (!choose_one_in(choices, 3)) return;
    for (int i = 0; i < 4; i++)
        event->vector[i] = (float)choose(choices, 1000) / 1000;
    event->embedding = (struct embedding_value){0, {.type = VALUE_VECTOR}};
    event->embedding.value.vector.numbers = event->vector;
    event->embedding.value.vector.dimensions = 4;
    put->embeddings = &event->embedding;
    put->embedding_count = 1;
}

static inline void workload_put(struct workload *workload, struct event *event,
                                struct change *change)
{
    struct choices *choices = &workload->choices;
    bool user = choose_one_in(choices, 6);
    bool patch = choose_one_in(choices, 3);
    change->kind = patch ? CHANGE_PATCH : CHANGE_PUT;
    change->put.entity = workload_entity(workload, event, user ? ENTITY_USER : ENTITY_ITEM);
    if (user) {
        event->fields[0].field = NAME_OF_USER;
        event->fields[0].value.type = VALUE_TEXT;
        event->fields[0].value.text = slice_of_text(choose_one_in(choices, 2) ? "Ann" : "Bo");
        event->fields[1].field = TRUST;
        event->fields[1].value.type = VALUE_FLOAT;
        event->fields[1].value.number = (double)(workload->index % 9) / 8;
        change->put.fields = event->fields;
        change->put.field_count = 1 + workload->index % 2;
    } else {
        workload_fields(workload, event, &change->put, patch);
    }
    bool by_id = change->put.entity.key.bytes == 0;
    if (!workload->keys || patch || !by_id || !choose_one_in(choices, 6)) return;
    int bytes = snprintf(event->entity_key, sizeof event->entity_key, "own-%d-%d", (int)user,
                         (int)change->put.entity.id);
    change->put.key = slice_of(event->entity_key, (size_t)bytes);
}

static inline void workload_signal(struct workload *workload, struct event *event,
                                   struct change *change)
{
    struct choices *choices = &workload->choices;
    struct signal_change *signal = &change->signal;
    change->kind = CHANGE_SIGNAL;
    signal->signal = (signal_id)choose(choices, SHARED);
    enum entity_kind kind = signal->signal == VISIT  ? ENTITY_CREATOR
                            : signal->signal == POKE ? ENTITY_USER
                                                     : ENTITY_ITEM;
    bool unique = signal->signal == SIGNAL_HIDE || signal->signal == LIKED ||
                  signal->signal == RATE || signal->signal == POKE;
    signal->entity = workload_entity(workload, event, kind);
    signal->has_user = unique || !choose_one_in(choices, 10);
    if (signal->has_user)
        signal->user = (struct entity_reference){.kind = ENTITY_USER, .id = workload_id(workload)};
    signal->value = SIGNAL_VALUE_ONE;
    if (signal->signal == WATCH) signal->value = (int64_t)choose(choices, SIGNAL_VALUE_ONE);
    if (signal->signal == RATE) signal->value = SIGNAL_VALUE_ONE * (int64_t)choose(choices, 5);
    signal->has_time = !choose_one_in(choices, 8);
    if (signal->has_time) signal->time_ms = workload_time(workload);
    if (workload->slates && choose_one_in(choices, 12)) signal->slate = 1 + choose(choices, 9);
    if (signal->slate > 0) signal->position = (uint32_t)choose(choices, 20);
    signal->retract = unique && choose_one_in(choices, 4);
    if (signal->retract) signal->value = SIGNAL_VALUE_ONE;
    event->is_unique = signal->has_time && !unique;
}

static inline void workload_relate(struct workload *workload, struct event *event,
                                   struct change *change)
{
    struct choices *choices = &workload->choices;
    struct relate_change *relate = &change->relate;
    bool unrelate = choose_one_in(choices, 4);
    change->kind = unrelate ? CHANGE_UNRELATE : CHANGE_RELATE;
    relate->relation = (relation_id)choose(choices, SAVED);
    relate->from = (struct entity_reference){.kind = ENTITY_USER, .id = workload_id(workload)};
    relate->to =
        workload_entity(workload, event, relate->relation == SAVED ? ENTITY_ITEM : ENTITY_CREATOR);
    if (!unrelate) relate->weight = (float)choose(choices, 100) / 100;
    relate->has_time = choose_one_in(choices, 2);
    if (relate->has_time) relate->time_ms = workload_time(workload);
}

static inline void workload_part(struct workload *workload, struct event *event,
                                 struct change *change)
{
    uint64_t kind = choose(&workload->choices, 59);
    *change = (struct change){0};
    if (kind < 38) {
        workload_signal(workload, event, change);
    } else if (kind < 49) {
        workload_put(workload, event, change);
    } else if (kind < 59) {
        workload_relate(workload, event, change);
    } else {
        static const enum entity_kind kinds[] = {ENTITY_ITEM, ENTITY_USER, ENTITY_CREATOR};
        change->kind = CHANGE_DELETE;
        change->delete = workload_entity(workload, event, kinds[choose(&workload->choices, 2)]);
    }
}

/* Some items that there may be, on one of a few surfaces, now and then a day ago. */
static inline void workload_slate(struct workload *workload, struct event *event)
{
    static const char *const surfaces[] = {"", "home", "search"};
    struct choices *choices = &workload->choices;
    struct slate_change *slate = &event->slate;
    *slate = (struct slate_change){.surface = slice_of_text(surfaces[choose(choices, 2)]),
                                   .query = slice_of_text("RETRIEVE"),
                                   .now_ms = workload->now_ms,
                                   .offset = choose(choices, 1) * 20,
                                   .items = event->served};
    slate->has_user = !choose_one_in(choices, 10);
    if (slate->has_user) slate->user = workload_entity(workload, event, ENTITY_USER);
    if (choose_one_in(choices, 10)) slate->now_ms -= (int64_t)choose(choices, 30) * HOUR_MS;
    slate->item_count = (size_t)choose(choices, WORKLOAD_SERVED);
    entity_id first = workload_id(workload);
    for (size_t i = 0; i < slate->item_count; i++)
        event->served[i] = (struct served_item){.item = first + i * 3, .score = (double)i};
    event->change = (struct change){.kind = CHANGE_SLATE, .slate = slate};
}

/* Fills *event, which must stay where it is: the change points into it. */
static inline void workload_next(struct workload *workload, struct event *event)
{
    struct choices *choices = &workload->choices;
    /* Frames are cut by 10 ms of the clock: so that they do not depend on when the log is written,
     * it moves by more, or not at all. */
    if (!workload->stands && !choose_one_in(choices, 3))
        workload->now_ms += 10 + (int64_t)choose(choices, 900);
    *event = (struct event){.now_ms = workload->now_ms};
    bool transaction = choose_one_in(choices, 25);
    if (transaction) {
        /* One part may point into the event's own space. */
        size_t count = 1 + (size_t)choose(choices, WORKLOAD_PARTS - 1);
        workload_part(workload, event, &event->parts[0]);
        for (size_t i = 1; i < count; i++) {
            /* One by one: compilers draw the arguments of a call in different order. */
            entity_id item = workload_id(workload);
            entity_id user = workload_id(workload);
            event->parts[i] = signal_of(SIGNAL_IMPRESSION, item, user, workload_time(workload));
        }
        event->change.kind = CHANGE_TRANSACTION;
        event->change.transaction.changes = event->parts;
        event->change.transaction.count = count;
        event->is_unique = false;
    } else if (workload->slates && choose_one_in(choices, 25)) {
        workload_slate(workload, event);
    } else {
        workload_part(workload, event, &event->change);
    }
    if (choose_one_in(choices, 15)) {
        int bytes = snprintf(event->key_text, sizeof event->key_text, "k%d-%d", (int)workload->lane,
                             (int)workload->index);
        event->key = slice_of(event->key_text, (size_t)bytes);
        event->is_unique = true;
    }
    workload->index++;
}

#endif
