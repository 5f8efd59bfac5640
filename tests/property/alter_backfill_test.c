/* A signal is dropped while a backfill of it, and of another one, is under way, and its name is
 * given to a new one: that one never gets what the old one counted, the other gets all of it, and
 * every way to come to the state leads to the same. */
#include "property/directory.h"
#include "signals/backfill.h"

enum { PAIRS = 2500, OLD_EVENTS = 3, VIEW_CHANGES = PAIRS / 64 + 2 };
enum { PLAY = BUILTIN_SIGNALS + 1 };

static bool do_all(struct run *run, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool accepted;
        if (!run_text(run, texts[i], &accepted)) return false;
        if (!accepted) fprintf(stderr, "    refused: %s\n", texts[i]);
        if (!accepted) return false;
    }
    return true;
}
#define DO_ALL(run, ...)                                                                           \
    do_all(run, (const char *const[]){__VA_ARGS__},                                                \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* One event of the signal on each item. */
static bool signal_all(struct run *run, const char *signal)
{
    static tidal_event events[PAIRS];
    tidal_error error;
    for (uint64_t i = 0; i < PAIRS; i++)
        events[i] = (tidal_event){
            .signal = signal, .entity = i + 1, .user = 1, .time_ms = run->now_ms + (int64_t)i};
    if (tidal_signal_batch(run->db, events, PAIRS, TIDAL_DURABLE, NULL, &error) == TIDAL_OK)
        return true;
    fprintf(stderr, "    %s\n", error.message);
    return false;
}

/* What all items have of it. */
static double best_count(struct run *run, const char *count)
{
    char text[256];
    tidal_query *query = NULL;
    double best = -1, worst = -1;
    tidal_error error;
    snprintf(text, sizeof text, "RETRIEVE items FROM all SCORE %s LIMIT 1000 RETURNING score",
             count);
    tidal_code code = tidal_prepare(run->db, text, -1, &query, &error);
    while (code == TIDAL_OK || code == TIDAL_ROW) {
        code = tidal_step(query, &error);
        if (code != TIDAL_ROW) break;
        worst = tidal_column_double(query, 0);
        if (best < 0) best = worst;
    }
    if (code != TIDAL_DONE) fprintf(stderr, "    %s\n    -> %s\n", text, error.message);
    tidal_query_free(query);
    return best == worst ? best : -1;
}

static bool backfill_all(struct run *run)
{
    bool more = true;
    while (more)
        if (backfill_step(run->db->database, &more, &run->error) != CODE_OK)
            return told(run, "backfill");
    return true;
}

static bool put_all(struct run *run)
{
    tidal_code code = TIDAL_OK;
    for (uint64_t i = 0; i < PAIRS && code == TIDAL_OK; i++)
        code = tidal_put(run->db, &(tidal_entity){TIDAL_ITEM, i + 1, NULL}, "{}", TIDAL_ACCEPTED,
                         NULL, NULL);
    return code == TIDAL_OK && tidal_wait(run->db, tidal_lsn(run->db), NULL) == TIDAL_OK;
}

/* Both signals were heard of days ago, and get a window that reaches as far. */
static bool begin_backfill(struct run *run)
{
    bool right = put_all(run) && DO_ALL(run, "DEFINE SIGNAL view ON item WINDOWS 24h LATENESS 7d",
                                        "DEFINE SIGNAL play ON item WINDOWS 24h LATENESS 7d");
    for (int i = 0; i < OLD_EVENTS && right; i++) {
        right = signal_all(run, "view") && signal_all(run, "play");
        run->now_ms += 20 * HOUR_MS;
    }
    run->now_ms += 24 * HOUR_MS;
    return right &&
           DO_ALL(run, "DEFINE SIGNAL view ON item HALF LIFE 7d WINDOWS 24h, 60d LATENESS 7d",
                  "DEFINE SIGNAL play ON item WINDOWS 24h, 60d LATENESS 7d");
}

static bool kill_and_open(struct run *run)
{
    kill_it(run);
    return open_at(run, run->source) && is_as_before(run);
}

/* By the log, and by a checkpoint. */
static bool comes_again_as_it_was(struct run *run)
{
    return remember(run) && kill_and_open(run) && checkpoint(run) && kill_and_open(run);
}

/* How far the backfill is when the drop comes. */
enum stage { NOTHING_YET, SHADOW_MADE, HALF_READ, HALF_BROUGHT, OTHER_HALF_BROUGHT, STAGES };

static bool has_come_to(const struct run *run, enum stage stage)
{
    const struct database *database = run->db->database;
    size_t brought = run->tally->brought;
    return (stage == NOTHING_YET) || (stage == SHADOW_MADE && database->backfiller.job) ||
           (stage == HALF_READ && atomic_load(&database->backfiller.read) > PAIRS) ||
           (stage == HALF_BROUGHT && brought > 0) ||
           (stage == OTHER_HALF_BROUGHT && brought > VIEW_CHANGES);
}

/* What takes its name begins with nothing. */
static bool drop_at(struct run *run, enum stage stage)
{
    run->tally->brought = 0;
    while (!has_come_to(run, stage))
        if (!backfill_on(run)) return false;
    lsn defined;
    bool is_due = backfill_is_due(run->db->database->ledger, PLAY, &defined);
    return is_due &&
           DO_ALL(run, "DROP SIGNAL view", "DEFINE SIGNAL view ON item WINDOWS 24h LATENESS 7d") &&
           signal_all(run, "view") && remember(run);
}

static void a_drop_in_the_middle_of_a_backfill_is_a_drop(struct test *t)
{
    static struct run run;
    struct tally tally = {0};
    for (enum stage stage = NOTHING_YET; stage < STAGES; stage++) {
        CHECK(begin(&run, stage, &tally));
        CHECK(begin_backfill(&run));
        CHECK(drop_at(&run, stage));
        if (stage % 2 == 1) CHECK(comes_again_as_it_was(&run));
        CHECK(backfill_all(&run));
        CHECK(best_count(&run, "count(play, 60d)") == OLD_EVENTS);
        CHECK(best_count(&run, "count(view, 24h)") == 1);
        CHECK(DO_ALL(&run, "DEFINE SIGNAL view ON item WINDOWS 24h, 60d LATENESS 7d"));
        CHECK(backfill_all(&run));
        CHECK(best_count(&run, "count(view, 60d)") == 1);
        CHECK(comes_again_as_it_was(&run));
        CHECK(the_past_is_the_same(&run));
        CHECK(the_copy_is_the_same(&run));
        CHECK(is_verified(run.source) && is_verified(run.copy));
        CHECK(end(&run));
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_drop_in_the_middle_of_a_backfill_is_a_drop));
}
