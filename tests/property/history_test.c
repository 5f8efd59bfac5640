/* AS OF against memory: what a database said at a moment it says again when it is asked AS OF then,
 * to the bit; and the state from which it does is the state of then. */
#include "api/handle.h"
#include "engine/internal.h"
#include "harness/await.h"
#include "harness/folder.h"
#include "workload.h"

enum { EVENTS = 1500, MOMENTS = 200, SLATE = 12 };

#define MINUTE_MS INT64_C(60000)

/* What was so at one moment. */
struct remembered {
    lsn lsn;
    int64_t time_ms;
    uint8_t hash[32];
    size_t count;
    uint64_t ids[SLATE];
    double scores[SLATE];
};

struct story {
    struct folder folder;
    tidal_options options;
    tidal_db *db;
    tidal_error error;
    struct choices choices;
    struct workload workload;
    struct remembered moments[MOMENTS];
    size_t moment_count;
};

#define QUESTION                                                                                   \
    "RETRIEVE items FOR user 3 SCORE decay(watch, 1h) + count(liked, 24h) + affinity(user, "       \
    "item.genre) - freshness(published, 24h) EXCLUDE seen(1h), blocked, hidden LIMIT 12"

static int64_t story_clock(void *context)
{
    return ((struct story *)context)->workload.now_ms;
}

static bool story_open(struct story *story)
{
    if (tidal_open(story->folder.path, &story->options, &story->db, &story->error) == TIDAL_OK)
        return true;
    fprintf(stderr, "%s\n", story->error.message);
    return false;
}

static bool story_begin(struct story *story, uint64_t seed, int64_t retain_ms)
{
    memset(story, 0, sizeof *story);
    choices_from_seed(&story->choices, seed, NULL);
    workload_init(&story->workload, seed * 2654435761U + 1);
    story->options = (tidal_options){.size = sizeof story->options,
                                     .segment_bytes = 1 << 20,
                                     .clock_ms = story_clock,
                                     .clock_context = story,
                                     .retain_log_ms = (uint64_t)retain_ms};
    if (!folder_make(&story->folder) || !story_open(story)) return false;
    for (size_t i = 0; i < sizeof workload_definitions / sizeof *workload_definitions; i++)
        if (tidal_execute(story->db, workload_definitions[i], NULL, &story->error) != TIDAL_OK)
            return false;
    return true;
}

static bool story_end(struct story *story)
{
    bool right = tidal_close(story->db, &story->error) == TIDAL_OK;
    choices_release(&story->choices);
    choices_release(&story->workload.choices);
    folder_remove(&story->folder);
    return right;
}

static tidal_code ask(struct story *story, const char *text, struct remembered *answer)
{
    tidal_query *query;
    tidal_code code = tidal_prepare(story->db, text, -1, &query, &story->error);
    if (code != TIDAL_OK) return code;
    answer->count = 0;
    while ((code = tidal_step(query, &story->error)) == TIDAL_ROW && answer->count < SLATE) {
        answer->ids[answer->count] = tidal_column_u64(query, 0);
        answer->scores[answer->count++] = tidal_column_double(query, 1);
    }
    answer->lsn = tidal_query_lsn(query);
    tidal_query_free(query);
    return code;
}

static bool remember(struct story *story)
{
    struct remembered *moment = &story->moments[story->moment_count++];
    struct database *database = story->db->database;
    struct error error;
    if (database_wait(database, wal_last(database->wal), &error) != CODE_OK) return false;
    moment->time_ms = story->workload.now_ms;
    if (ask(story, QUESTION, moment) != TIDAL_DONE) return false;
    /* What comes next is of another time. */
    story->workload.now_ms++;
    return database_state_hash(story->db->database, moment->hash, &error) == CODE_OK;
}

static bool write_one(struct story *story)
{
    struct event event;
    struct error error;
    struct write_result result;
    workload_next(&story->workload, &event);
    struct write write = {&event.change, event.key};
    struct write_batch batch = {&write, 1, ACKNOWLEDGE_ACCEPTED, &result, 0};
    return database_write(story->db->database, &batch, &error) == CODE_OK;
}

static bool tell(struct story *story)
{
    for (int i = 0; i < EVENTS; i++) {
        if (!write_one(story)) return false;
        if (choose_one_in(&story->choices, EVENTS / 100) && story->moment_count < MOMENTS &&
            !remember(story))
            return false;
        if (choose_one_in(&story->choices, 100) &&
            tidal_checkpoint(story->db, &story->error) != TIDAL_OK)
            return false;
        if (choose_one_in(&story->choices, 900) &&
            (tidal_close(story->db, &story->error) != TIDAL_OK || !story_open(story)))
            return false;
    }
    return true;
}

/* Is the moment as it was, asked by its time or by its LSN? */
static tidal_code ask_again(struct story *story, const struct remembered *moment, bool by_time,
                            bool *same)
{
    struct moment wanted = {by_time, moment->time_ms, moment->lsn};
    struct remembered answer;
    struct database *past;
    struct error error;
    char text[512];
    uint8_t hash[32];
    if (by_time) {
        snprintf(text, sizeof text, QUESTION " AS OF %" PRId64, moment->time_ms);
    } else {
        snprintf(text, sizeof text, QUESTION " AS OF LSN %" PRIu64 " NOW %" PRId64, moment->lsn,
                 moment->time_ms);
    }
    tidal_code code = ask(story, text, &answer);
    *same = code == TIDAL_DONE && answer.lsn == moment->lsn && answer.count == moment->count &&
            memcmp(answer.ids, moment->ids, answer.count * sizeof *answer.ids) == 0 &&
            memcmp(answer.scores, moment->scores, answer.count * sizeof *answer.scores) == 0;
    if (!*same) return code;
    *same = history_begin(story->db->database, &wanted, NULL, &past, &error) == CODE_OK;
    if (!*same) return code;
    *same = database_state_hash(past, hash, &error) == CODE_OK &&
            memcmp(hash, moment->hash, sizeof hash) == 0 && database_check(past, &error) == CODE_OK;
    history_end(story->db->database);
    return code;
}

struct tally {
    size_t answered, gone;
    int64_t gone_until_ms, answered_from_ms;
};

/* Every moment, in random order: it is as it was, or says that it is not kept. */
static bool ask_all(struct story *story, struct tally *tally)
{
    *tally = (struct tally){.gone_until_ms = INT64_MIN, .answered_from_ms = INT64_MAX};
    for (size_t i = 0; i < story->moment_count; i++) {
        size_t at = (size_t)choose(&story->choices, story->moment_count - 1);
        const struct remembered *moment = &story->moments[at];
        bool same, by_time = choose_one_in(&story->choices, 2);
        tidal_code code = ask_again(story, moment, by_time, &same);
        if (code == TIDAL_NOT_RETAINED) {
            tally->gone++;
            if (moment->time_ms > tally->gone_until_ms) tally->gone_until_ms = moment->time_ms;
        } else if (same) {
            tally->answered++;
            if (moment->time_ms < tally->answered_from_ms)
                tally->answered_from_ms = moment->time_ms;
        } else {
            fprintf(stderr, "LSN %" PRIu64 " %s: %s %s\n", moment->lsn,
                    by_time ? "by time" : "by LSN", tidal_code_name(code), story->error.message);
            return false;
        }
    }
    return tally->gone_until_ms < tally->answered_from_ms;
}

static size_t count_bases(const struct story *story)
{
    const struct moment ever = {.lsn = UINT64_MAX};
    struct base newest, oldest;
    struct error error;
    if (bases_find(story->db->database, &ever, &newest, &oldest, &error) != CODE_OK) return 0;
    return newest.lsn == 0 ? 0 : newest.lsn == oldest.lsn ? 1 : 2;
}

static void the_past_is_as_it_was_with_bases_and_after_a_restart(struct test *t)
{
    static struct story story;
    struct tally tally;
    size_t answered = 0, gone = 0;
    for (uint64_t seed = 1; seed <= ROUNDS(3, 1); seed++) {
        CHECK(story_begin(&story, seed, 3 * MINUTE_MS));
        story.workload.slates = true;
        CHECK(tell(&story));
        CHECK_EQ(tidal_checkpoint(story.db, &story.error), TIDAL_OK);
        CHECK(count_bases(&story) == 2);
        CHECK(ask_all(&story, &tally));
        /* What was asked for is kept; there may be more. */
        CHECK(tally.gone_until_ms < story.workload.now_ms - 3 * MINUTE_MS);
        CHECK_EQ(tidal_close(story.db, &story.error), TIDAL_OK);
        CHECK(story_open(&story));
        CHECK(ask_all(&story, &tally));
        CHECK(write_one(&story));
        CHECK(ask_all(&story, &tally));
        answered += tally.answered;
        gone += tally.gone;
        CHECK(story_end(&story));
    }
    printf("%zu moments answered, %zu not retained\n", answered, gone);
    CHECK(answered > 0 && gone > 0);
}

/* Where the log begins at LSN 1 no base is needed. */
static void the_past_is_as_it_was_from_the_log_alone(struct test *t)
{
    static struct story story;
    struct tally tally;
    CHECK(story_begin(&story, 7, 0));
    story.workload.slates = true;
    CHECK(tell(&story));
    CHECK(ask_all(&story, &tally));
    CHECK(count_bases(&story) == 0);
    CHECK(story_end(&story));
}

struct writer {
    struct thread thread;
    struct story *story;
    atomic_bool stops;
    _Atomic uint64_t written;
    bool failed;
};

static void write_on(void *argument)
{
    struct writer *writer = argument;
    tidal_error error;
    while (!atomic_load(&writer->stops) && !writer->failed) {
        uint64_t written = atomic_fetch_add(&writer->written, 1);
        char text[128];
        snprintf(text, sizeof text, "SIGNAL shared ON item %" PRIu64 " BY user 3", written % 60);
        writer->failed =
            tidal_execute(writer->story->db, text, NULL, &error) != TIDAL_OK ||
            (written % 100 == 50 && tidal_checkpoint(writer->story->db, &error) != TIDAL_OK);
    }
}

/* The clock stands while two threads look at it. */
static void writers_and_other_questions_go_on_meanwhile(struct test *t)
{
    static struct story story;
    static struct writer writer;
    struct error error;
    struct tally tally;
    CHECK(story_begin(&story, 11, 3 * MINUTE_MS));
    CHECK(tell(&story));
    writer = (struct writer){.story = &story};
    CHECK_EQ(thread_start(&writer.thread, "writer", write_on, &writer, &error), CODE_OK);
    struct await await = {0};
    bool right = true, meanwhile = true;
    for (int i = 0; right && (i < ROUNDS(2, 1) || (!meanwhile && await_more(&await))); i++) {
        struct remembered now;
        uint64_t before = atomic_load(&writer.written);
        right = ask_all(&story, &tally) && ask(&story, QUESTION, &now) == TIDAL_DONE &&
                tally.answered > 0;
        meanwhile = atomic_load(&writer.written) > before;
    }
    atomic_store(&writer.stops, true);
    thread_join(&writer.thread);
    printf("%" PRIu64 " writes meanwhile\n", atomic_load(&writer.written));
    CHECK(right);
    CHECK(meanwhile);
    CHECK(!writer.failed);
    CHECK(story_end(&story));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(the_past_is_as_it_was_with_bases_and_after_a_restart),
               CASE(the_past_is_as_it_was_from_the_log_alone),
               CASE(writers_and_other_questions_go_on_meanwhile));
}
