/* The keeper: one thread that applies what nobody waits for, and checkpoints when the log has grown
 * enough, or is too old. */
#include "engine/internal.h"

#define REST_NS         (INT64_C(100) * 1000000)
#define REST_MAXIMUM_NS (INT64_C(5) * 1000000000)
#define LOOK_NS         (INT64_C(60) * 1000000000)

static bool has_unapplied(struct database *database)
{
    return atomic_load(&database->accepted) > atomic_load(&database->applied);
}

static bool checkpoint_due(struct database *database)
{
    return atomic_load(&database->applied_bytes) >= database->checkpoint_log_bytes ||
           atomic_load(&database->awaits_checkpoint);
}

/* Until there is something to do; false: stop.  A checkpoint waits for its time, and now and then
 * it is looked how old the log is. */
static bool keeper_sleep(struct database *database, int64_t checkpoint_at_ns, int64_t look_at_ns)
{
    mutex_lock(&database->keeper_mutex);
    while (!database->keeper_stops && !has_unapplied(database) &&
           !atomic_load(&database->over_budget)) {
        bool due = checkpoint_due(database) && checkpoint_at_ns < look_at_ns;
        if (!condition_wait_until(&database->keeper_wakes, &database->keeper_mutex,
                                  due ? checkpoint_at_ns : look_at_ns))
            break;
    }
    bool stops = database->keeper_stops;
    mutex_unlock(&database->keeper_mutex);
    return !stops;
}

static void keeper_rest(struct database *database)
{
    int64_t until_ns = clock_monotonic_ns(clock_system()) + REST_NS;
    mutex_lock(&database->keeper_mutex);
    while (!database->keeper_stops &&
           condition_wait_until(&database->keeper_wakes, &database->keeper_mutex, until_ns)) {
    }
    mutex_unlock(&database->keeper_mutex);
}

/* False where nothing will come any more: the log failed, or an entry could not be applied. */
static bool keeper_apply(struct database *database)
{
    enum { WAIT_MS = 20 };
    struct error error;
    struct wal_stats stats;
    if (has_unapplied(database) && wal_durable(database->wal) <= atomic_load(&database->applied))
        (void)wal_wait_untaken(database->wal, WAIT_MS);
    if (apply_behind(database, &error) != CODE_OK) return false;
    if (wal_durable(database->wal) >= atomic_load(&database->accepted)) return true;
    wal_stats(database->wal, &stats);
    return !stats.failed;
}

static void keeper_run(void *argument)
{
    struct database *database = argument;
    struct error error;
    int64_t checkpoint_at_ns = 0, look_at_ns = 0, delay_ns = REST_NS;
    while (keeper_sleep(database, checkpoint_at_ns, look_at_ns)) {
        /* What failed stays failed; the writers are told, this thread only waits for its end. */
        if (!keeper_apply(database)) {
            keeper_rest(database);
            continue;
        }
        if (atomic_load(&database->over_budget)) budget_keep(database);
        int64_t now_ns = clock_monotonic_ns(clock_system());
        if (now_ns >= look_at_ns) {
            /* What fails (a full disk, say) is tried again at the next look. */
            look_at_ns = now_ns + LOOK_NS;
            (void)!database_retain(database, &error);
        }
        if (!checkpoint_due(database) || now_ns < checkpoint_at_ns) continue;
        if (database_checkpoint(database, &error) == CODE_OK) {
            delay_ns = REST_NS;
            continue;
        }
        /* A full disk, say: each attempt encodes all that is dirty, so they become rarer. */
        checkpoint_at_ns = clock_monotonic_ns(clock_system()) + delay_ns;
        if (delay_ns < REST_MAXIMUM_NS) delay_ns *= 2;
    }
}

enum code keeper_start(struct database *database, struct error *error)
{
    database->has_keeper = true; /* before the thread reads it */
    enum code code = thread_start(&database->keeper, "tidal-keeper", keeper_run, database, error);
    if (code != CODE_OK) database->has_keeper = false;
    return code;
}

void keeper_wake(struct database *database)
{
    if (!database->has_keeper) return;
    mutex_lock(&database->keeper_mutex);
    condition_signal(&database->keeper_wakes);
    mutex_unlock(&database->keeper_mutex);
}

void keeper_stop(struct database *database)
{
    if (!database->has_keeper) return;
    mutex_lock(&database->keeper_mutex);
    database->keeper_stops = true;
    condition_signal(&database->keeper_wakes);
    mutex_unlock(&database->keeper_mutex);
    if (database->wal) wal_wake(database->wal);
    thread_join(&database->keeper);
    database->has_keeper = false;
}
