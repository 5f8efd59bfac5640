/* Which pairs go: those whose newest event is oldest.
 *
 * The first walk over the ledger adds up the bytes of what could go by the age of its newest event,
 * in classes an eighth of a doubling wide; so it is known from which age on enough would go.  The
 * second gives up what is that old, in the order of the directory, until enough is freed: of the
 * youngest class maybe not all.  Between the steps events come and go; then a little more or less
 * is freed than was asked for, and the next eviction makes up for it.
 *
 * An eighth of what pairs may take is freed beyond what is over, so that a ledger at its budget is
 * not walked over for every event.
 *
 * Not chosen: CLOCK, whose mark for "used since the hand came by" would be a write in every reading
 * of every pair, by all threads at once. */
#include "signals/eviction.h"

#include "signals/cold.h"
#include "signals/ledger_private.h"

#include <string.h>

enum { STEP_ENTITIES = 2048, STEPS_OF_AN_OCTAVE = 8, OCTAVE_BITS = 3 };

/* The class of an age: whole seconds up to 8, then the first four bits. */
static unsigned class_of(int64_t age_ms)
{
    uint64_t age = age_ms > 0 ? (uint64_t)age_ms / 1000 : 0;
    if (age < STEPS_OF_AN_OCTAVE) return (unsigned)age;
    unsigned octave = 63 - (unsigned)__builtin_clzll(age);
    unsigned step = (unsigned)(age >> (octave - OCTAVE_BITS)) & (STEPS_OF_AN_OCTAVE - 1);
    return (octave - OCTAVE_BITS + 1) * STEPS_OF_AN_OCTAVE + step;
}
_Static_assert((63 - OCTAVE_BITS + 2) * STEPS_OF_AN_OCTAVE <= EVICTION_AGES, "each has its place");

static unsigned class_at(const struct eviction *eviction, int64_t newest_ms)
{
    int64_t age_ms;
    bool overflows = __builtin_sub_overflow(eviction->now_ms, newest_ms, &age_ms);
    return class_of(overflows ? INT64_MAX : age_ms);
}

bool eviction_takes(const struct eviction *eviction, int64_t newest_ms)
{
    return class_at(eviction, newest_ms) > eviction->youngest;
}

static size_t bytes_of(block_handle handle, struct held held)
{
    size_t bytes = pool_block_bytes(pool_class_of(handle));
    return held.record ? bytes + record_bytes(held.record) : bytes;
}

/* The next pair that could go; false: the step has ended. */
static bool next_pair(struct eviction *eviction, const struct ledger *ledger, unsigned *looked_at,
                      block_handle *handle)
{
    while (eviction->signal < LIMIT_SIGNAL_IDS) {
        const struct signal_table *table = &ledger->tables[eviction->signal];
        size_t end = table->stays ? 0 : slots_end(&table->slots);
        while (eviction->entity < end) {
            if ((*looked_at)++ == STEP_ENTITIES) return false;
            *handle = slots_find(&table->slots, (ordinal)eviction->entity++);
            if (*handle == 0 || *handle == table->cold_handle) continue;
            if (!held_is_dirty(table_held(table, *handle))) return true;
        }
        eviction->signal++;
        eviction->entity = 0;
    }
    return false;
}

/* Whether the walk is to go on. */
static bool goes_on(const struct eviction *eviction)
{
    return eviction->signal < LIMIT_SIGNAL_IDS;
}

static void begin_walk(struct eviction *eviction)
{
    eviction->signal = 0;
    eviction->entity = 0;
}

bool eviction_begin(struct eviction *eviction, const struct ledger *ledger, int64_t now_ms)
{
    memset(eviction, 0, sizeof *eviction);
    if (!ledger_is_over_budget(ledger)) return false;
    size_t allowed = ledger_allowed_bytes(ledger);
    size_t of_pairs = allowed - ledger_directory_bytes(ledger);
    eviction->now_ms = now_ms;
    eviction->wanted_bytes = ledger_resident_bytes(ledger) - allowed + of_pairs / 8;
    return true;
}

bool eviction_survey(struct eviction *eviction, const struct ledger *ledger)
{
    unsigned looked_at = 0;
    block_handle handle;
    while (next_pair(eviction, ledger, &looked_at, &handle)) {
        struct held held = table_held(&ledger->tables[eviction->signal], handle);
        eviction->bytes_of_age[class_at(eviction, held_newest_ms(held))] += bytes_of(handle, held);
    }
    if (goes_on(eviction)) return true;
    size_t bytes = 0;
    eviction->youngest = EVICTION_AGES;
    while (eviction->youngest > 0 && bytes < eviction->wanted_bytes)
        bytes += eviction->bytes_of_age[--eviction->youngest];
    begin_walk(eviction);
    return false;
}

bool eviction_sweep(struct eviction *eviction, struct ledger *ledger)
{
    unsigned looked_at = 0;
    block_handle handle;
    if (ledger->rows.sealed.count > 0) return false;
    while (eviction->wanted_bytes > 0 && next_pair(eviction, ledger, &looked_at, &handle)) {
        struct held held = table_held(&ledger->tables[eviction->signal], handle);
        if (class_at(eviction, held_newest_ms(held)) < eviction->youngest) continue;
        size_t bytes = bytes_of(handle, held);
        ledger_give_up(ledger, (signal_id)eviction->signal, (ordinal)(eviction->entity - 1));
        eviction->wanted_bytes -= bytes < eviction->wanted_bytes ? bytes : eviction->wanted_bytes;
    }
    return eviction->wanted_bytes > 0 && goes_on(eviction);
}

void eviction_run(struct eviction *eviction, struct ledger *ledger, int64_t now_ms)
{
    if (!eviction_begin(eviction, ledger, now_ms)) return;
    while (eviction_survey(eviction, ledger)) {
    }
    while (eviction_sweep(eviction, ledger)) {
    }
}
