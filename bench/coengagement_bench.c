/* Co-engagement: what a positive event costs, and what a question for neighbours.
 *
 * 100,000 items, drawn in proportion to 1/rank; 5,000 users, who take turns at liking 50 each: an
 * event has 16 partners on average, and 20 when all is in.  The folds are driven by themselves
 * (resolved and applied, without log: with
 * co-engagement, less without it), the questions go through the library. */
#include "measure.h"

#include "behaviour/coengagement.h"
#include "schema/schema.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIKE, SIGNALS };

#define NOW "NOW '2026-11-13T00:00:00Z' "

static uint64_t item_count = 100000, user_count = 5000;
static uint64_t likes_each = 50;
static const int64_t start_ms = INT64_C(1793527200000);

struct event {
    uint32_t item, user;
    int64_t time_ms;
};

static struct event *make_events(size_t count)
{
    struct event *events = malloc(count * sizeof *events);
    const int64_t step_ms = INT64_C(1000000000) / (int64_t)count;
    uint64_t random = 88172645463325252;
    for (size_t i = 0; events && i < count; i++) {
        double share = (double)(measure_random(&random) >> 11) * 0x1p-53;
        uint32_t item = (uint32_t)pow((double)item_count, share);
        events[i] =
            (struct event){item, (uint32_t)(i % user_count), start_ms + (int64_t)i * step_ms};
    }
    return events;
}

static ordinal no_ordinal(void *context, enum entity_kind kind, entity_id id)
{
    (void)context;
    (void)kind;
    (void)id;
    return ORDINAL_NONE;
}

struct folds {
    struct memory memory;
    struct fold behaviour_fold, fold;
    struct behaviour *behaviour;
    struct coengagement *coengagement;
};

/* Seconds of behaviour, and of co-engagement as well unless `partners` is NULL; *partners is how
 * many there were. */
static double drive(struct folds *folds, const struct event *events, size_t count,
                    uint64_t *partners)
{
    static struct signal signals[SIGNALS];
    struct schema schema = {.signals = signals, .signal_count = SIGNALS};
    struct partner space[COENGAGEMENT_PARTNERS_MAXIMUM];
    struct error error;
    signals[LIKE] = (struct signal){.id = LIKE,
                                    .kind = ENTITY_ITEM,
                                    .unique_per_user = true,
                                    .positive = true,
                                    .positive_from = -(double)INFINITY};
    double began = measure_thread_seconds();
    for (size_t i = 0; i < count; i++) {
        const struct event *event = &events[i];
        struct change change = {.kind = CHANGE_SIGNAL,
                                .signal = {.signal = LIKE,
                                           .has_user = true,
                                           .value = SIGNAL_VALUE_ONE,
                                           .has_time = true,
                                           .time_ms = event->time_ms}};
        struct resolved_change resolved = {.schema = &schema,
                                           .change = &change,
                                           .subject = event->item,
                                           .subject_id = event->item,
                                           .other = event->user,
                                           .other_id = event->user,
                                           .time_ms = event->time_ms};
        behaviour_resolve(folds->behaviour, &resolved);
        bool ok = true;
        if (partners) {
            coengagement_resolve(folds->behaviour, &resolved, space);
            ok = folds->fold.ops->apply(folds->fold.state, &resolved, &error) == CODE_OK;
            *partners += resolved.partner_count;
        }
        ok = ok && folds->behaviour_fold.ops->apply(folds->behaviour_fold.state, &resolved,
                                                    &error) == CODE_OK;
        must_hold(ok, "there is memory");
    }
    return measure_thread_seconds() - began;
}

static void folds_open(struct folds *folds)
{
    struct error error;
    memory_init(&folds->memory, 0);
    must_hold(behaviour_create(&folds->memory, no_ordinal, NULL, &folds->behaviour_fold,
                               &folds->behaviour, &error) == CODE_OK &&
                  coengagement_create(&folds->memory, no_ordinal, NULL, &folds->fold,
                                      &folds->coengagement, &error) == CODE_OK,
              "there is memory");
}

static void folds_close(struct folds *folds)
{
    folds->fold.ops->free(folds->fold.state);
    folds->behaviour_fold.ops->free(folds->behaviour_fold.state);
}

static void measure_apply(const struct benchmark *benchmark, const struct event *events,
                          size_t count)
{
    struct folds folds;
    struct samples apply = {0}, read = {0}, bytes = {0};
    struct coengaged neighbours[COENGAGEMENT_NEIGHBOURS_MAXIMUM];
    for (size_t round = 0; round < benchmark->rounds; round++) {
        uint64_t partners = 0, found = 0, random = 7;
        folds_open(&folds);
        double without = drive(&folds, events, count, NULL);
        folds_close(&folds);
        folds_open(&folds);
        double with = drive(&folds, events, count, &partners);
        samples_add(&apply, (with - without) * 1e9 / (double)count);
        samples_add(&bytes, (double)folds.fold.ops->bytes(folds.fold.state) /
                                (double)coengagement_count(folds.coengagement));
        double began = measure_thread_seconds();
        enum { READS = 20000 };
        for (int i = 0; i < READS; i++)
            found += coengagement_neighbours(folds.coengagement,
                                             events[measure_random(&random) % count].item,
                                             events[count - 1].time_ms, neighbours);
        samples_add(&read, (measure_thread_seconds() - began) * 1e9 / READS);
        if (round == 0)
            printf("    %.1f partners an event, %zu items, %.1f neighbours a read\n",
                   (double)partners / (double)count, coengagement_count(folds.coengagement),
                   (double)found / READS);
        folds_close(&folds);
    }
    benchmark_report(benchmark, "a positive event, of the fold alone", "ns", &apply);
    benchmark_report(benchmark, "neighbours of an item", "ns", &read);
    benchmark_report(benchmark, "memory", "B/item", &bytes);
    samples_release(&apply);
    samples_release(&read);
    samples_release(&bytes);
}

static void fill(tidal_db *db, const struct event *events, size_t count)
{
    enum { BATCH = 1000 };
    static tidal_event batch[BATCH];
    tidal_error error;
    must(tidal_execute(db, "DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE", NULL, &error),
         "define", &error);
    for (uint64_t id = 1; id <= item_count; id++) {
        char text[48];
        snprintf(text, sizeof text, "PUT item %" PRIu64 " {}", id);
        must(tidal_execute(db, text, NULL, &error), "put", &error);
    }
    for (size_t done = 0; done < count; done += BATCH) {
        size_t some = count - done < BATCH ? count - done : BATCH;
        for (size_t i = 0; i < some; i++)
            batch[i] = (tidal_event){.signal = "like",
                                     .entity = events[done + i].item,
                                     .user = events[done + i].user + 1,
                                     .has_time = true,
                                     .time_ms = events[done + i].time_ms};
        must(tidal_signal_batch(db, batch, some, TIDAL_DURABLE, NULL, &error), "write", &error);
    }
}

static void measure_query(const struct benchmark *benchmark, tidal_db *db, const char *name,
                          const char *text, uint64_t ids)
{
    struct samples p50 = {0}, times_us = {0};
    tidal_query *query;
    tidal_error error;
    uint64_t random = 88172645463325252, rows = 0;
    must(tidal_prepare(db, text, -1, &query, &error), text, &error);
    for (size_t round = 0; round < benchmark->rounds; round++) {
        samples_clear(&times_us);
        for (int i = 0; i < (benchmark->tiny ? 10 : 1000); i++) {
            tidal_code code;
            double began = measure_thread_seconds();
            must(tidal_bind_u64(query, "id", 1 + measure_random(&random) % ids, &error), "bind",
                 &error);
            while ((code = tidal_step(query, &error)) == TIDAL_ROW)
                rows++;
            must(code, "step", &error);
            samples_add(&times_us, (measure_thread_seconds() - began) * 1e6);
            tidal_reset(query);
        }
        samples_add(&p50, samples_quantile(&times_us, 0.5));
    }
    benchmark_report(benchmark, name, "us", &p50);
    printf("    %" PRIu64 " rows: %s\n", rows, text);
    must_hold(rows > 0, "the query has rows");
    tidal_query_free(query);
    samples_release(&p50);
    samples_release(&times_us);
}

int main(int argc, char **argv)
{
    struct benchmark benchmark;
    tidal_db *db;
    tidal_error error;
    benchmark_init(&benchmark, argc, argv);
    if (benchmark.tiny) {
        item_count = 500;
        user_count = 100;
    }
    size_t count = (size_t)(user_count * likes_each);
    struct event *events = make_events(count);
    must_hold(events != NULL, "there is memory");
    measure_apply(&benchmark, events, count);
    must(tidal_open(":memory:", NULL, &db, &error), "open", &error);
    fill(db, events, count);
    measure_query(&benchmark, db, "coengaged(user.recent(20), 400), 20 rows",
                  "RETRIEVE items FOR user $id FROM coengaged(user.recent(20), 400) " NOW
                  "LIMIT 20",
                  user_count);
    measure_query(&benchmark, db, "FOR item, coengaged(item, 20), 20 rows",
                  "RETRIEVE items FOR item $id FROM coengaged(item, 20) " NOW "LIMIT 20", 100);
    must(tidal_close(db, &error), "close", &error);
    free(events);
    return 0;
}
