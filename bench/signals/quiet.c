#include "signals/quiet.h"

#include "schema/schema.h"
#include "signals/cold.h"
#include "signals/eviction.h"
#include "signals/features.h"
#include "signals/ids.h"
#include "storage/rocksdb_store.h"

#include <stdlib.h>
#include <string.h>

/* As many as a durable batch has. */
enum { FIRST_SIGNAL = 2, GROUP = 1000 };

struct side {
    struct fold fold;
    struct ledger *ledger;
};

struct cold_bench {
    struct cold_scale scale;
    struct memory memory;
    struct schema schema;
    struct signal signals[FIRST_SIGNAL + SIGNALS];
    struct store *store;
    struct side cold, warm;
    int64_t now_ms;
    uint64_t random;
};

static void define(struct cold_bench *bench)
{
    bench->schema =
        (struct schema){.signals = bench->signals, .signal_count = FIRST_SIGNAL + SIGNALS};
    for (signal_id i = 0; i < FIRST_SIGNAL + SIGNALS; i++)
        ids_define(&bench->signals[i], i);
}

static void open_side(struct cold_bench *bench, struct side *side, size_t budget_bytes)
{
    struct ledger_ids ids = {ids_ordinal_of, ids_id_of, NULL};
    struct error error;
    must_hold(ledger_create(&bench->memory, &ids, &side->fold, &side->ledger, &error) == CODE_OK &&
                  ledger_set_budget(side->ledger, budget_bytes, &error) == CODE_OK &&
                  side->fold.ops->load(side->fold.state, bench->store, &bench->schema, &error) ==
                      CODE_OK,
              "a ledger");
}

static void apply(struct cold_bench *bench, struct side *side, const struct event *event,
                  struct cold_reader *ahead)
{
    struct change change = {.kind = CHANGE_SIGNAL,
                            .signal = {.signal = (signal_id)(FIRST_SIGNAL + event->signal)}};
    struct resolved_change resolved = {.schema = &bench->schema,
                                       .change = &change,
                                       .subject = event->entity,
                                       .subject_id = event->entity,
                                       .other = ORDINAL_NONE,
                                       .time_ms = event->time_ms,
                                       .effective = true,
                                       .contributions = {{event->time_ms, SIGNAL_VALUE_ONE, 1}},
                                       .contribution_count = 1};
    struct error error;
    if (event->time_ms > bench->now_ms) bench->now_ms = event->time_ms;
    must_hold(ledger_warm(side->ledger, &resolved, ahead, &error) == CODE_OK &&
                  side->fold.ops->apply(side->fold.state, &resolved, &error) == CODE_OK,
              "an event is applied");
}

/* And then all of it is cold. */
static void checkpoint(struct cold_bench *bench)
{
    struct fold *fold = &bench->cold.fold;
    struct store_batch *batch;
    struct eviction eviction;
    struct error error;
    must_hold(store_batch_create(bench->store, &batch, &error) == CODE_OK, "a batch");
    fold->ops->seal(fold->state);
    bool done = fold->ops->write(fold->state, batch, &error) == CODE_OK &&
                store_write(bench->store, batch, &error) == CODE_OK &&
                store_flush(bench->store, &error) == CODE_OK;
    must_hold(done, "a checkpoint");
    fold->ops->sealed(fold->state, true);
    store_batch_free(batch);
    eviction_run(&eviction, bench->cold.ledger, bench->now_ms);
}

struct cold_bench *cold_bench_open(const struct cold_scale *scale, const char *directory)
{
    struct cold_bench *bench = calloc(1, sizeof *bench);
    struct rocksdb_store_options options = {.create = true};
    struct stream stream;
    struct event event;
    struct error error;
    must_hold(bench != NULL, "memory");
    bench->scale = *scale;
    bench->random = 3;
    memory_init(&bench->memory, 0);
    define(bench);
    must_hold(rocksdb_store_open(directory, &options, &bench->memory, &bench->store, &error) ==
                  CODE_OK,
              "a store");
    open_side(bench, &bench->cold, 1);
    open_side(bench, &bench->warm, 0);
    stream_init(&stream, scale->entities, 7);
    stream.step_ms = 40.0 * (double)DAY_MS / (double)scale->history;
    for (size_t i = 0; i < scale->history; i++) {
        stream_draw(&stream, &event, 1);
        apply(bench, &bench->cold, &event, NULL);
        apply(bench, &bench->warm, &event, NULL);
    }
    checkpoint(bench);
    return bench;
}

/* Microseconds by the clock: a store waits for the disk. */
static double read_five(const struct cold_bench *bench, const struct ledger *ledger,
                        const ordinal *entities)
{
    static const struct feature features[FEATURES] = {
        {.op = FEATURE_COUNT, .signal = FIRST_SIGNAL + VIEW, .slot = 0},
        {.op = FEATURE_COUNT, .signal = FIRST_SIGNAL + VIEW, .slot = 1},
        {.op = FEATURE_COUNT, .signal = FIRST_SIGNAL + VIEW, .slot = 2},
        {.op = FEATURE_COUNT, .signal = FIRST_SIGNAL + LIKE, .slot = 1},
        {.op = FEATURE_DECAY, .signal = FIRST_SIGNAL + VIEW, .slot = 1}};
    static double values[FEATURES][CANDIDATES];
    static bool missing[FEATURES][CANDIDATES];
    struct memory memory;
    struct cold_reader reader;
    struct error error;
    memory_init(&memory, 0);
    double start = measure_seconds();
    cold_reader_init(&reader, ledger, &memory);
    for (size_t i = 0; i < FEATURES; i++)
        features_read(ledger, &features[i], bench->now_ms, entities, CANDIDATES,
                      (struct feature_column){values[i], missing[i], &reader});
    must_hold(cold_reader_end(&reader, &error) == CODE_OK, "cold pairs are read");
    double seconds = measure_seconds() - start;
    memory_release(&memory);
    return seconds * 1e6;
}

static void draw(struct cold_bench *bench, ordinal *entities, size_t count)
{
    for (size_t i = 0; i < count; i++)
        entities[i] = (ordinal)(measure_random(&bench->random) % bench->scale.entities) + 1;
}

/* Views of as many entities, read in and counted as the engine does with a group. */
static double count_group(struct cold_bench *bench)
{
    static ordinal entities[GROUP];
    static struct cold_pair pairs[GROUP];
    struct cold_reader ahead;
    struct error error;
    draw(bench, entities, GROUP);
    double start = measure_seconds();
    for (size_t i = 0; i < GROUP; i++)
        pairs[i] = (struct cold_pair){FIRST_SIGNAL + VIEW, entities[i]};
    cold_reader_init(&ahead, bench->cold.ledger, &bench->memory);
    cold_read_pairs(&ahead, pairs, GROUP);
    for (size_t i = 0; i < GROUP; i++)
        apply(bench, &bench->cold, &(struct event){bench->now_ms, entities[i], VIEW}, &ahead);
    must_hold(cold_reader_end(&ahead, &error) == CODE_OK, "cold pairs are read ahead");
    return (measure_seconds() - start) / GROUP * 1e6;
}

void cold_bench_round(struct cold_bench *bench, struct cold_figures *figures)
{
    static ordinal entities[CANDIDATES];
    struct samples cold = {0}, warm = {0};
    for (size_t i = 0; i < bench->scale.queries; i++) {
        draw(bench, entities, CANDIDATES);
        samples_add(&cold, read_five(bench, bench->cold.ledger, entities));
        samples_add(&warm, read_five(bench, bench->warm.ledger, entities));
    }
    samples_add(&figures->p50, samples_quantile(&cold, 0.5));
    samples_add(&figures->p99, samples_quantile(&cold, 0.99));
    samples_add(&figures->warm_us, samples_quantile(&warm, 0.5));
    samples_release(&cold);
    samples_release(&warm);
    samples_add(&figures->bytes, (double)ledger_resident_bytes(bench->cold.ledger) /
                                     (double)ledger_record_count(bench->cold.ledger));
    samples_add(&figures->event_us, count_group(bench));
    checkpoint(bench);
}

void cold_bench_close(struct cold_bench *bench)
{
    bench->cold.fold.ops->free(bench->cold.fold.state);
    bench->warm.fold.ops->free(bench->warm.fold.state);
    store_close(bench->store);
    memory_release(&bench->memory);
    free(bench);
}
