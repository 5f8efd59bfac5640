/* What of a user's events counts, through the log: events in batches, the batches in any order,
 * against a walk over all events in the order that the log got.  The same order in other batches,
 * with a checkpoint and a crash anywhere, gives the same state. */
#include "behaviour/quota.h"
#include "property/workload.h"

#include <math.h>

enum { EVENTS = 1200, USERS = 6, ITEMS = 5, ORDERS = 6, BATCH_MOST = 60 };
/* Two are built in. */
enum { VIEW = 2, PLAY, LIKE, SIGNALS };

static const char *const definitions[] = {
    "DEFINE FIELD trust ON user FLOAT",
    "DEFINE SIGNAL view ON item HALF LIFE 1h WINDOWS 1h ALLOW UNKNOWN "
    "CAP 4 PER USER PER item PER 1h, 15 PER USER PER 2h",
    "DEFINE SIGNAL play ON item HALF LIFE 1h WINDOWS 24h ALLOW UNKNOWN SUBLINEAR PER 3h "
    "TRUST user.trust",
    "DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE ALLOW UNKNOWN CAP 3 PER USER PER 1h "
    "TRUST user.trust",
};

struct occurrence {
    struct change change; /* a SIGNAL, or the PUT of a user's trust */
    struct field_value trust;
    /* The model's */
    unsigned weight;
    bool stands; /* a like that is there */
};

/* All are within the lateness of 12 hours of each other. */
static void draw(struct choices *choices, struct occurrence *all)
{
    for (int i = 0; i < EVENTS; i++) {
        entity_id user = 1 + choose(choices, USERS - 1), item = 1 + choose(choices, ITEMS - 1);
        int64_t time_ms = WORLD_NOW_MS - (int64_t)choose(choices, 4) * HOUR_MS - i;
        signal_id signal = (signal_id)choose_between(choices, VIEW, LIKE);
        all[i] = (struct occurrence){.change = signal_of(signal, item, user, time_ms)};
        all[i].change.signal.retract = signal == LIKE && choose_one_in(choices, 3);
        if (!choose_one_in(choices, 30)) continue;
        all[i].trust.value.type = VALUE_FLOAT;
        all[i].trust.value.number = (double)choose(choices, 10) / 10;
        all[i].change = (struct change){
            .kind = CHANGE_PUT,
            .put = {.entity = user_of(user), .fields = &all[i].trust, .field_count = 1}};
    }
}

static bool same_user(const struct occurrence *a, const struct occurrence *b)
{
    return a->change.kind == CHANGE_SIGNAL && a->change.signal.signal == b->change.signal.signal &&
           a->change.signal.user.id == b->change.signal.user.id;
}

static bool same_item(const struct occurrence *a, const struct occurrence *b)
{
    return same_user(a, b) && a->change.signal.entity.id == b->change.signal.entity.id;
}

/* Of the events before `at`: how many counted in the same period of so many hours. */
static unsigned counted(struct occurrence *const *log, int at, bool one_item, int64_t hours)
{
    const struct occurrence *event = log[at];
    unsigned count = 0;
    for (int i = 0; i < at; i++)
        count += (one_item ? same_item(log[i], event) : same_user(log[i], event)) &&
                 !log[i]->change.signal.retract && log[i]->weight > 0 &&
                 log[i]->change.signal.time_ms / (hours * HOUR_MS) ==
                     event->change.signal.time_ms / (hours * HOUR_MS);
    return count;
}

/* The newest PUT of the user before `at`, in 1/256. */
static unsigned trusted(struct occurrence *const *log, int at)
{
    for (int i = at; i-- > 0;)
        if (log[i]->change.kind == CHANGE_PUT &&
            log[i]->change.put.entity.id == log[at]->change.signal.user.id)
            return (unsigned)floor(log[i]->trust.value.number * 256 + 0.5);
    return 256;
}

/* The last like or unlike of the user and item that was not out of date or a repeat. */
static struct occurrence *last_word(struct occurrence *const *log, int at, const bool *took)
{
    for (int i = at; i-- > 0;)
        if (took[i] && same_item(log[i], log[at])) return log[i];
    return NULL;
}

static void model_like(struct occurrence *const *log, int at, bool *took)
{
    struct occurrence *event = log[at], *last = last_word(log, at, took);
    bool retract = event->change.signal.retract;
    if (last && event->change.signal.time_ms < last->change.signal.time_ms) return;
    if (last && !retract && !last->change.signal.retract) return;
    took[at] = true;
    if (last) last->stands = false;
    if (retract) return;
    event->stands = true;
    event->weight = counted(log, at, false, 1) < 3 ? trusted(log, at) : 0;
}

/* Weighs every event in the order of the log. */
static void model(struct occurrence *const *log)
{
    static bool took[EVENTS];
    memset(took, 0, sizeof took);
    for (int i = 0; i < EVENTS; i++) {
        log[i]->weight = 0;
        log[i]->stands = false;
    }
    for (int i = 0; i < EVENTS; i++) {
        struct occurrence *event = log[i];
        if (event->change.kind != CHANGE_SIGNAL) continue;
        if (event->change.signal.signal == VIEW) {
            bool room = counted(log, i, true, 1) < 4 && counted(log, i, false, 2) < 15;
            event->weight = room ? 256 : 0;
        } else if (event->change.signal.signal == PLAY) {
            double k = counted(log, i, true, 3) + 1;
            event->weight = (unsigned)floor(trusted(log, i) * floor(256 / k + 0.5) / 256 + 0.5);
        } else {
            model_like(log, i, took);
        }
    }
}

/* The ledger's totals are the model's, to the bit. */
static bool as_the_model_says(struct world *world, struct occurrence *const *log)
{
    struct view view;
    bool same = true;
    if (database_read_begin(world->database, &view, &world->error) != CODE_OK) return false;
    for (signal_id signal = VIEW; signal < SIGNALS; signal++) {
        for (entity_id item = 1; item <= ITEMS; item++) {
            int64_t count = 0, weight = 0;
            for (int i = 0; i < EVENTS; i++) {
                const struct signal_change *said = &log[i]->change.signal;
                if (log[i]->change.kind != CHANGE_SIGNAL || said->signal != signal ||
                    said->entity.id != item || (signal == LIKE && !log[i]->stands))
                    continue;
                count += log[i]->weight > 0;
                weight += log[i]->weight;
            }
            ordinal entity = entities_find(view.entities, ENTITY_ITEM, item);
            struct ledger_totals totals = ledger_entity_totals(view.ledger, signal, entity);
            same = same && totals.count == count && totals.sum * 256 == (double)weight;
        }
    }
    database_read_end(world->database);
    return same;
}

static bool begin(struct world *world)
{
    return world_init(world) && world_open(world) == CODE_OK &&
           world_define_all(world, definitions, sizeof definitions / sizeof *definitions);
}

/* Sends log[from .. to) as one batch. */
static bool send(struct world *world, struct occurrence *const *log, int from, int to)
{
    static struct write writes[EVENTS];
    static struct write_result results[EVENTS];
    struct write_batch batch = {writes, (size_t)(to - from), ACKNOWLEDGE_DURABLE, results, 0};
    for (int i = from; i < to; i++)
        writes[i - from] = (struct write){.change = &log[i]->change};
    return database_write(world->database, &batch, &world->error) == CODE_OK &&
           batch.first_refused == batch.count;
}

static void shuffle_batches(struct choices *choices, struct occurrence *all,
                            struct occurrence **log, int *sizes, int *count)
{
    int starts[EVENTS], left = EVENTS, at = 0;
    for (*count = 0; left > 0; (*count)++) {
        int most = left < BATCH_MOST ? left : BATCH_MOST;
        starts[*count] = EVENTS - left;
        sizes[*count] = 1 + (int)choose(choices, (uint64_t)most - 1);
        left -= sizes[*count];
    }
    for (int i = 0; i < *count; i++) {
        int other = i + (int)choose(choices, (uint64_t)(*count - 1 - i));
        int start = starts[other], size = sizes[other];
        starts[other] = starts[i];
        sizes[other] = sizes[i];
        sizes[i] = size;
        for (int j = 0; j < size; j++)
            log[at++] = &all[start + j];
    }
}

static void batches_in_any_order_weigh_what_their_log_says(struct test *t)
{
    static struct occurrence all[EVENTS];
    static struct occurrence *log[EVENTS];
    static int sizes[EVENTS];
    struct choices choices;
    choices_from_seed(&choices, 31, NULL);
    draw(&choices, all);
    for (int order = 0; order < ORDERS; order++) {
        struct world batched, single;
        uint8_t hash[32];
        int count;
        shuffle_batches(&choices, all, log, sizes, &count);
        model(log);
        CHECK(begin(&batched) && begin(&single));
        for (int i = 0, at = 0; i < count; at += sizes[i++])
            CHECK(send(&batched, log, at, at + sizes[i]));
        CHECK(as_the_model_says(&batched, log));
        CHECK_EQ(database_check(batched.database, &batched.error), CODE_OK);
        CHECK_EQ(database_state_hash(batched.database, hash, &batched.error), CODE_OK);
        int place = (int)choose(&choices, EVENTS - 1);
        int crash = place + (int)choose(&choices, (uint64_t)(EVENTS - 1 - place));
        for (int i = 0; i < EVENTS; i++) {
            if (i == place) CHECK_EQ(database_checkpoint(single.database, &single.error), CODE_OK);
            if (i == crash) {
                CHECK_EQ(world_crash(&single, SIMULATED_POWER, 0, &choices), CODE_OK);
                CHECK_EQ(world_open(&single), CODE_OK);
            }
            CHECK(send(&single, log, i, i + 1));
        }
        CHECK(as_the_model_says(&single, log));
        CHECK(world_same_hash(&single, hash));
        world_release(&batched);
        world_release(&single);
    }
    choices_release(&choices);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(batches_in_any_order_weigh_what_their_log_says));
}
