#include "signals/rising.h"

#include "schema/schema.h"
#include "signals/ids.h"
#include "signals/popular.h"
#include "signals/trending.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNAL = 2, USERS = 300000, CHUNK = 10000, BURST_ONE_IN = 2000, BURST_USERS = 12 };

static const int64_t origin_ms = INT64_C(1700000000000);

/* The same events in three ledgers: alone, with what trends, and with what is popular. */
enum { ALONE, TRENDS, POPULAR, KINDS };

struct kept {
    struct memory memory;
    struct fold folds[2];
    struct ledger *ledger;
};

struct trending_bench {
    struct trending_scale scale;
    struct schema schema;
    struct signal signals[SIGNAL + 1];
    struct kept kept[KINDS];
    struct trending *trending;
    struct popular *popular;
    struct stream stream;
    uint64_t random;
    int64_t now_ms;
    struct event *events;
    struct ranked *list;
};

static void define(struct trending_bench *bench)
{
    static const int64_t windows_ms[] = {HOUR_MS, DAY_MS};
    bench->schema = (struct schema){.signals = bench->signals, .signal_count = SIGNAL + 1};
    for (signal_id i = 0; i <= SIGNAL; i++)
        bench->signals[i] = (struct signal){.id = i, .kind = ENTITY_ITEM};
    struct signal *view = &bench->signals[SIGNAL];
    view->lateness_ms = 12 * HOUR_MS;
    view->half_life_count = 1;
    view->half_life_ms[0] = DAY_MS;
    view->window_count = 2;
    memcpy(view->window_ms, windows_ms, sizeof windows_ms);
    view->velocity_count = 1;
    view->velocity_baseline[0] = 1;
    view->trending_half_life_ms = 2 * HOUR_MS;
    view->popular_count = 1;
}

static void open_kept(struct trending_bench *bench, int kind)
{
    struct kept *kept = &bench->kept[kind];
    struct ledger_ids ids = {ids_ordinal_of, ids_id_of, NULL};
    struct error error;
    memory_init(&kept->memory, 0);
    must_hold(ledger_create(&kept->memory, &ids, &kept->folds[0], &kept->ledger, &error) == CODE_OK,
              "a ledger");
    struct index_source source = {kept->ledger, ids, NULL};
    enum code code = CODE_OK;
    if (kind == TRENDS)
        code = trending_create(&kept->memory, &source, &kept->folds[1], &bench->trending, &error);
    if (kind == POPULAR)
        code = popular_create(&kept->memory, &source, &kept->folds[1], &bench->popular, &error);
    must_hold(code == CODE_OK, "an index");
}

static void apply_one(struct trending_bench *bench, int kind, const struct event *event,
                      uint64_t user)
{
    struct kept *kept = &bench->kept[kind];
    struct change change = {.kind = CHANGE_SIGNAL, .signal = {.signal = SIGNAL}};
    struct resolved_change resolved = {.schema = &bench->schema,
                                       .change = &change,
                                       .watermark_ms = bench->now_ms,
                                       .subject = event->entity,
                                       .subject_id = event->entity,
                                       .other = (ordinal)user,
                                       .other_id = user,
                                       .time_ms = event->time_ms,
                                       .effective = true,
                                       .contributions = {{event->time_ms, SIGNAL_VALUE_ONE, 1}},
                                       .contribution_count = 1};
    struct error error;
    for (int i = 0; i < 2 && kept->folds[i].ops; i++)
        must_hold(kept->folds[i].ops->apply(kept->folds[i].state, &resolved, &error) == CODE_OK,
                  "an event is applied");
}

/* Zipf as ever, and now and then an entity that many come to at once. */
static void draw(struct trending_bench *bench, size_t count)
{
    stream_draw(&bench->stream, bench->events, count);
    for (size_t i = 0; i + BURST_USERS < count; i++) {
        if (measure_random(&bench->random) % BURST_ONE_IN != 0) continue;
        uint32_t entity = (uint32_t)(measure_random(&bench->random) % bench->scale.entities) + 1;
        for (size_t j = 0; j < BURST_USERS; j++)
            bench->events[i + j].entity = entity;
    }
}

/* seconds[kind]: of processor time. */
static void apply(struct trending_bench *bench, size_t count, double seconds[KINDS])
{
    for (size_t done = 0; done < count; done += CHUNK) {
        size_t some = count - done < CHUNK ? count - done : CHUNK;
        uint64_t random = bench->random;
        int64_t now_ms = bench->now_ms;
        draw(bench, some);
        random = bench->random;
        for (int kind = 0; kind < KINDS; kind++) {
            double start = measure_thread_seconds();
            bench->random = random;
            bench->now_ms = now_ms;
            for (size_t i = 0; i < some; i++) {
                const struct event *event = &bench->events[i];
                apply_one(bench, kind, event, measure_random(&bench->random) % USERS);
                if (event->time_ms > bench->now_ms) bench->now_ms = event->time_ms;
            }
            seconds[kind] += measure_thread_seconds() - start;
        }
    }
}

struct trending_bench *trending_bench_open(const struct trending_scale *scale)
{
    struct trending_bench *bench = calloc(1, sizeof *bench);
    double seconds[KINDS] = {0};
    must_hold(bench != NULL, "memory");
    bench->scale = *scale;
    bench->random = 5;
    define(bench);
    for (int kind = 0; kind < KINDS; kind++)
        open_kept(bench, kind);
    stream_init(&bench->stream, scale->entities, 3);
    bench->stream.step_ms = 2.0 * (double)DAY_MS / (double)scale->history;
    bench->events = calloc(CHUNK, sizeof *bench->events);
    bench->list = calloc(LISTED, sizeof *bench->list);
    must_hold(bench->events && bench->list, "memory");
    apply(bench, scale->history, seconds);
    return bench;
}

static size_t top_trending(struct trending_bench *bench, struct arena *arena, struct ranked *out,
                           size_t limit)
{
    struct trending_question question = {
        .signal = &bench->signals[SIGNAL], .now_ms = bench->now_ms, .out = out, .limit = limit};
    struct error error;
    size_t count;
    must_hold(trending_top(bench->trending, &question, arena, &count, &error) == CODE_OK,
              "what trends is listed");
    return count;
}

static void top_popular(struct trending_bench *bench, struct arena *arena)
{
    struct popular_question question = {.signal = &bench->signals[SIGNAL],
                                        .now_ms = bench->now_ms,
                                        .out = bench->list,
                                        .limit = LISTED};
    struct error error;
    size_t count;
    must_hold(popular_top(bench->popular, &question, arena, &count, &error) == CODE_OK &&
                  count == LISTED,
              "what is popular is listed");
}

static void ask(struct trending_bench *bench, struct trending_figures *figures)
{
    struct feature decay = {.op = FEATURE_DECAY, .signal = SIGNAL};
    struct samples trending = {0}, popular = {0};
    struct memory memory;
    struct arena arena;
    memory_init(&memory, 0);
    arena_init(&arena, &memory, (size_t)64 << 20);
    for (size_t i = 0; i < bench->scale.queries; i++) {
        arena_reset(&arena);
        double start = measure_thread_seconds();
        (void)top_trending(bench, &arena, bench->list, LISTED);
        samples_add(&trending, (measure_thread_seconds() - start) * 1e6);
        start = measure_thread_seconds();
        top_popular(bench, &arena);
        samples_add(&popular, (measure_thread_seconds() - start) * 1e6);
    }
    double start = measure_thread_seconds();
    (void)features_top(bench->kept[POPULAR].ledger, &(struct top_question){.feature = &decay,
                                                                           .now_ms = bench->now_ms,
                                                                           .out = bench->list,
                                                                           .limit = LISTED});
    samples_add(&figures->scan, (measure_thread_seconds() - start) * 1e6);
    samples_add(&figures->p50, samples_quantile(&trending, 0.5));
    samples_add(&figures->p99, samples_quantile(&trending, 0.99));
    samples_add(&figures->popular, samples_quantile(&popular, 0.5));
    samples_release(&trending);
    samples_release(&popular);
    arena_release(&arena);
    memory_release(&memory);
}

void trending_bench_round(struct trending_bench *bench, struct trending_figures *figures)
{
    double seconds[KINDS] = {0}, events = (double)bench->scale.burst;
    apply(bench, bench->scale.burst, seconds);
    samples_add(&figures->trending_ns, (seconds[TRENDS] - seconds[ALONE]) / events * 1e9);
    samples_add(&figures->popular_ns, (seconds[POPULAR] - seconds[ALONE]) / events * 1e9);
    samples_add(&figures->listed, (double)trending_count(bench->trending, SIGNAL, NULL));
    ask(bench, figures);
}

size_t trending_bench_ranks(struct trending_bench *bench, struct rank **ranks)
{
    size_t limit = trending_count(bench->trending, SIGNAL, NULL);
    struct ranked *all = calloc(limit + 1, sizeof *all);
    struct memory memory;
    struct arena arena;
    memory_init(&memory, 0);
    arena_init(&arena, &memory, (size_t)64 << 20);
    *ranks = calloc(limit + 1, sizeof **ranks);
    must_hold(all && *ranks, "memory");
    size_t count = top_trending(bench, &arena, all, limit);
    double half_lives =
        (double)(bench->now_ms - origin_ms) / (double)bench->signals[SIGNAL].trending_half_life_ms;
    for (size_t i = 0; i < count; i++)
        (*ranks)[i] = (struct rank){all[i].entity, log2(all[i].value) + half_lives};
    arena_release(&arena);
    memory_release(&memory);
    free(all);
    return count;
}

double trending_bench_top_us(struct trending_bench *bench)
{
    enum { READS = 100 };
    struct memory memory;
    struct arena arena;
    memory_init(&memory, 0);
    arena_init(&arena, &memory, (size_t)64 << 20);
    double start = measure_thread_seconds();
    for (int i = 0; i < READS; i++) {
        arena_reset(&arena);
        (void)top_trending(bench, &arena, bench->list, LISTED);
    }
    double seconds = measure_thread_seconds() - start;
    arena_release(&arena);
    memory_release(&memory);
    return seconds / READS * 1e6;
}

void trending_bench_close(struct trending_bench *bench)
{
    for (int kind = 0; kind < KINDS; kind++) {
        for (int i = 1; i >= 0; i--)
            if (bench->kept[kind].folds[i].ops)
                bench->kept[kind].folds[i].ops->free(bench->kept[kind].folds[i].state);
        memory_release(&bench->kept[kind].memory);
    }
    free(bench->events);
    free(bench->list);
    free(bench);
}
