#include "os/threads.h"

#include "fixture.h"
#include "harness/await.h"
#include "wal/wal_private.h"

#include <unistd.h>

#define THREADS    16
#define EACH       250
#define MANY_PLACE (THREADS * EACH + 1)

struct producer {
    struct thread thread;
    struct wal *wal;
    uint64_t first_id;
    uint64_t lsns[EACH];
    bool pauses; /* often, so that others do not find it among those who come back */
    bool wrong;
};

static void produce(void *argument)
{
    struct producer *producer = argument;
    struct error error;
    for (uint64_t i = 0; i < EACH; i++) {
        struct wal_result result;
        if (event_append(producer->wal, producer->first_id + i, &result, &error) != CODE_OK ||
            result.code != CODE_OK || wal_wait(producer->wal, result.lsn, &error) != CODE_OK ||
            wal_durable(producer->wal) < result.lsn) {
            producer->wrong = true;
            return;
        }
        producer->lsns[i] = result.lsn;
        if (producer->pauses && (producer->first_id + i * 7) % 3 == 0) thread_sleep_ns(200000);
    }
}

struct consumer {
    struct thread thread;
    struct wal *wal;
    struct seen seen;
    atomic_bool stop;
};

static void consume(void *argument)
{
    struct consumer *consumer = argument;
    struct error error;
    struct wal_group *group;
    struct wal_entry entry;
    while (!atomic_load(&consumer->stop)) {
        wal_wait_untaken(consumer->wal, 1000);
        while (wal_take(consumer->wal, &group)) {
            while (wal_group_next(group, &entry)) {
                (void)!seen_visit(&consumer->seen, &entry, &error);
            }
            wal_group_release(group);
        }
    }
}

static bool start_consumer(struct consumer *consumer, struct fixture *log)
{
    consumer->wal = log->wal;
    return thread_start(&consumer->thread, "consumer", consume, consumer, &log->error) == CODE_OK;
}

static void stop_consumer(struct consumer *consumer)
{
    atomic_store(&consumer->stop, true);
    wal_wake(consumer->wal);
    thread_join(&consumer->thread);
}

static const struct disk_operations *fast;

static enum code slow_sync(struct disk_file *file, struct error *error)
{
    thread_sleep_ns(100000);
    return fast->sync(file, error);
}

struct variant {
    uint32_t commit_delay_us;
    bool no_flusher;
    bool pauses;
    bool slow; /* syncs, so that groups are not of one */
};

/* Sixteen wait for each of their entries, one takes; then all is there once more. */
static void produce_and_reopen(struct test *t, struct variant variant)
{
    static uint64_t ids[MANY_PLACE], taken[MANY_PLACE];
    struct fixture log;
    static struct producer producers[THREADS];
    static struct consumer consumer;
    consumer = (struct consumer){.seen = {.ids = taken, .capacity = MANY_PLACE}};
    CHECK(fixture_init(&log));
    log.options.flusher_thread = !variant.no_flusher;
    log.options.segment_bytes = 8 * WAL_SEGMENT_MINIMUM_BYTES;
    log.options.clock = clock_system();
    log.options.commit_delay_us = variant.commit_delay_us;
    fast = log.disk->operations;
    struct disk_operations slow = *fast;
    slow.sync = slow_sync;
    if (variant.slow) log.disk->operations = &slow;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(start_consumer(&consumer, &log));
    for (uint64_t i = 0; i < THREADS; i++) {
        producers[i] =
            (struct producer){.wal = log.wal, .first_id = i * EACH + 1, .pauses = variant.pauses};
        CHECK_EQ(thread_start(&producers[i].thread, "producer", produce, &producers[i], &log.error),
                 CODE_OK);
    }
    for (uint64_t i = 0; i < THREADS; i++)
        thread_join(&producers[i].thread);
    struct wal_stats stats;
    wal_stats(log.wal, &stats);
    stop_consumer(&consumer);
    printf("%" PRIu64 " entries in %" PRIu64 " groups\n", stats.entry_count, stats.group_count);
    drain(log.wal);
    /* A crash of the process: nothing is flushed. */
    wal_abandon(log.wal);
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK_EQ(log.report.last_lsn, THREADS * EACH);
    struct seen seen = {.ids = ids, .capacity = MANY_PLACE};
    CHECK_EQ(wal_replay(log.wal, 1, seen_visit, &seen, &log.error), CODE_OK);
    CHECK(!seen.wrong && !consumer.seen.wrong);
    for (uint64_t i = 0; i < THREADS; i++) {
        CHECK(!producers[i].wrong);
        for (uint64_t k = 0; k < EACH; k++) {
            CHECK_EQ(ids[producers[i].lsns[k]], producers[i].first_id + k);
        }
    }
    for (uint64_t lsn = 1; lsn <= consumer.seen.last_lsn; lsn++)
        CHECK_EQ(taken[lsn], ids[lsn]);
    fixture_release(&log);
}

static void every_acknowledged_entry_of_sixteen_threads_is_there(struct test *t)
{
    produce_and_reopen(t, (struct variant){0});
}

static void waiters_that_do_not_come_back_hold_nobody_up(struct test *t)
{
    produce_and_reopen(t, (struct variant){.no_flusher = true, .pauses = true, .slow = true});
}

static void a_leader_that_lingers_loses_nothing(struct test *t)
{
    produce_and_reopen(t, (struct variant){.commit_delay_us = 100});
}

static bool becomes_durable(struct wal *wal, uint64_t lsn)
{
    struct await await = {0};
    while (wal_durable(wal) < lsn && await_more(&await)) {
    }
    return wal_durable(wal) >= lsn;
}

static void entries_that_nobody_waits_for_become_durable(struct test *t)
{
    struct fixture log;
    struct wal_result result;
    struct wal_stats stats = {0};
    CHECK(fixture_init(&log));
    log.options.flusher_thread = true;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    for (uint64_t id = 1; id <= 3; id++) {
        CHECK_EQ(event_append(log.wal, id, &result, &log.error), CODE_OK);
        CHECK(becomes_durable(log.wal, result.lsn));
    }
    /* Then, idle, it marks that they are. */
    struct await await = {0};
    while (stats.mark_count == 0 && await_more(&await))
        wal_stats(log.wal, &stats);
    CHECK(stats.mark_count > 0);
    CHECK(wal_wait_untaken(log.wal, 1000));
    CHECK_EQ(drain(log.wal), 3);
    CHECK(!wal_wait_untaken(log.wal, 1));
    wal_wake(log.wal);
    CHECK(!wal_wait_untaken(log.wal, 1000000));
    CHECK_EQ(fixture_close(&log), CODE_OK);
    fixture_release(&log);
}

/* The log's clock gives the time of frames; who sleeps, sleeps by the machine's. */
static void a_clock_of_another_age_delays_no_commit(struct test *t)
{
    struct fixture log;
    struct wal_result result;
    CHECK(fixture_init(&log));
    simulated_clock_advance(&log.clock, INT64_C(100) * 365 * 86400 * 1000);
    log.options.flusher_thread = true;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK_EQ(event_append(log.wal, 1, &result, &log.error), CODE_OK);
    CHECK(becomes_durable(log.wal, result.lsn));
    CHECK_EQ(fixture_close(&log), CODE_OK);
    fixture_release(&log);
}

static void whoever_finds_no_room_waits_until_some_is_released(struct test *t)
{
    struct fixture log;
    struct wal_result result;
    static struct consumer consumer;
    consumer = (struct consumer){.seen = {.capacity = 1U << 20}};
    CHECK(fixture_init(&log));
    log.options.flusher_thread = true;
    log.options.outstanding_bytes = 40 << 10;
    log.options.segment_bytes = 16 * WAL_SEGMENT_MINIMUM_BYTES;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(start_consumer(&consumer, &log));
    for (uint64_t id = 1; id <= 3000; id++) {
        CHECK_EQ(event_append(log.wal, id, &result, &log.error), CODE_OK);
        CHECK_EQ(result.lsn, id);
    }
    CHECK_EQ(wal_wait(log.wal, 3000, &log.error), CODE_OK);
    stop_consumer(&consumer);
    CHECK(!consumer.seen.wrong);
    struct wal_stats stats;
    wal_stats(log.wal, &stats);
    CHECK_EQ(fixture_close(&log), CODE_OK);
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK_EQ(log.report.last_lsn, 3000);
    fixture_release(&log);
}

static void a_failed_sync_reaches_everyone_who_waits(struct test *t)
{
    struct fixture log;
    static struct producer producers[THREADS];
    struct choices choices;
    CHECK(fixture_init(&log));
    log.options.flusher_thread = true;
    choices_from_seed(&choices, 3, NULL);
    CHECK_EQ(fixture_open(&log), CODE_OK);
    struct simulated_faults faults = {.choices = &choices, .fail_at_operation = 101};
    simulated_disk_set_faults(log.disk, &faults);
    for (uint64_t i = 0; i < THREADS; i++) {
        producers[i] = (struct producer){.wal = log.wal, .first_id = i * EACH + 1};
        CHECK_EQ(thread_start(&producers[i].thread, "producer", produce, &producers[i], &log.error),
                 CODE_OK);
    }
    for (uint64_t i = 0; i < THREADS; i++)
        thread_join(&producers[i].thread);
    uint64_t highest = 0;
    for (uint64_t i = 0; i < THREADS; i++) {
        CHECK(producers[i].wrong);
        for (uint64_t k = 0; k < EACH; k++) {
            if (producers[i].lsns[k] > highest) highest = producers[i].lsns[k];
        }
    }
    CHECK_EQ(fixture_close(&log), CODE_FAILED);
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(log.report.last_lsn >= highest);
    fixture_release(&log);
}

/* The machine's own disk, with the default sizes. */
static void a_real_disk_keeps_what_was_acknowledged(struct test *t)
{
    struct fixture log;
    struct wal_result result;
    char root[] = "/tmp/tidal-log-XXXXXX";
    CHECK(fixture_init(&log));
    CHECK(mkdtemp(root));
    struct disk *disk;
    CHECK_EQ(disk_open_posix(root, false, &log.memory, &disk, &log.error), CODE_OK);
    log.options.disk = disk;
    log.options.clock = clock_system();
    log.options.segment_bytes = 0;
    log.options.flusher_thread = true;
    uint64_t id = 1;
    for (int life = 0; life < 4; life++) {
        CHECK_EQ(fixture_open(&log), CODE_OK);
        CHECK_EQ(log.report.last_lsn, id - 1);
        CHECK(log.report.torn_bytes == 0 && !log.report.undecidable);
        for (int i = 0; i < 500; i++) {
            CHECK_EQ(event_append(log.wal, id++, &result, &log.error), CODE_OK);
            if (i % 100 == 99) {
                CHECK_EQ(wal_wait(log.wal, result.lsn, &log.error), CODE_OK);
                drain(log.wal);
            }
        }
        if (life % 2 == 0) {
            CHECK_EQ(fixture_close(&log), CODE_OK);
        } else {
            wal_abandon(log.wal);
            log.wal = NULL;
        }
    }
    struct disk_names names = {.memory = &log.memory};
    CHECK_EQ(disk_list(disk, "wal", &log.memory, &names, &log.error), CODE_OK);
    for (size_t i = 0; i < names.count; i++) {
        char path[DISK_PATH_BYTES];
        snprintf(path, sizeof(path), "wal/%.100s", names.names[i]);
        CHECK_EQ(disk_remove(disk, path, &log.error), CODE_OK);
    }
    disk_names_release(&names);
    CHECK_EQ(disk_remove(disk, "wal", &log.error), CODE_OK);
    disk_free(disk);
    CHECK_EQ(rmdir(root), 0);
    log.options.disk = log.disk;
    fixture_release(&log);
}

static atomic_int spare_tries;
static atomic_bool disk_is_full;
static const struct disk_operations *real_disk;

static enum code create_slowly_on_a_full_disk(struct disk *disk, const char *path,
                                              struct disk_file **file, struct error *error)
{
    if (!atomic_load(&disk_is_full) || !strstr(path, ".tmp"))
        return real_disk->create(disk, path, file, error);
    atomic_fetch_add(&spare_tries, 1);
    thread_sleep_ns(200 * 1000 * 1000);
    return error_set(error, CODE_NO_SPACE, AREA_OS, "the disk is full");
}

static void an_accepted_entry_is_durable_soon_although_no_spare_can_be_made(struct test *t)
{
    struct fixture log;
    struct wal_result result;
    uint64_t id = 0;
    CHECK(fixture_init(&log));
    real_disk = log.disk->operations;
    struct disk_operations operations = *real_disk;
    operations.create = create_slowly_on_a_full_disk;
    log.disk->operations = &operations;
    log.options.flusher_thread = true;
    log.options.segment_bytes = 1 << 20;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    int64_t started_ms = await_now_ms();
    atomic_store(&disk_is_full, true);
    /* Beyond half of the segment's 256 pages the flusher goes for a spare; a frame takes one. */
    while (id < 150) {
        CHECK_EQ(event_append(log.wal, ++id, &result, &log.error), CODE_OK);
        CHECK_EQ(wal_wait(log.wal, result.lsn, &log.error), CODE_OK);
        drain(log.wal);
    }
    struct await await = {0};
    while (atomic_load(&spare_tries) == 0 && await_more(&await)) {
    }
    CHECK(atomic_load(&spare_tries) > 0);
    CHECK_EQ(event_append(log.wal, ++id, &result, &log.error), CODE_OK);
    CHECK(becomes_durable(log.wal, result.lsn));
    /* It is tried once a second, and not instead of a commit. */
    int tries = atomic_load(&spare_tries);
    CHECK(tries <= 1 + (await_now_ms() - started_ms) / 1000);
    atomic_store(&disk_is_full, false);
    CHECK_EQ(fixture_close(&log), CODE_OK);
    log.disk->operations = real_disk;
    fixture_release(&log);
}

/* Its own group is the next one, and it is awake: nobody else can be called. */
static void who_leads_the_group_before_its_own_then_leads_its_own(struct test *t)
{
    static uint8_t payload[600000];
    struct fixture log;
    struct wal_record record = {
        .type = 1, .flags = WAL_ENTRY_NO_DEDUPE, .payload = slice_of(payload, sizeof(payload))};
    struct wal_result result;
    CHECK(fixture_init(&log));
    log.options.segment_bytes = (uint64_t)16 << 20;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(wal_append(log.wal, &record, 1, 0, &result, &log.error), CODE_OK);
    CHECK(log.wal->pending != log.wal->pending_last);
    /* Two wait for it, who once they are served stay away. */
    log.wal->pending->waiter_count += 2;
    log.wal->waiter_count += 2;
    CHECK_EQ(wal_wait(log.wal, result.lsn, &log.error), CODE_OK);
    CHECK_EQ(wal_durable(log.wal), 3);
    drain(log.wal);
    fixture_release(&log);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(who_leads_the_group_before_its_own_then_leads_its_own),
               CASE(every_acknowledged_entry_of_sixteen_threads_is_there),
               CASE(waiters_that_do_not_come_back_hold_nobody_up),
               CASE(a_leader_that_lingers_loses_nothing),
               CASE(entries_that_nobody_waits_for_become_durable),
               CASE(a_clock_of_another_age_delays_no_commit),
               CASE(whoever_finds_no_room_waits_until_some_is_released),
               CASE(a_failed_sync_reaches_everyone_who_waits),
               CASE(a_real_disk_keeps_what_was_acknowledged),
               CASE(an_accepted_entry_is_durable_soon_although_no_spare_can_be_made));
}
