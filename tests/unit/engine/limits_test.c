/* Limits on a real directory: each is reached, is an error that names it, leaves reading as it was,
 * and gives way when there is room. */
#include "harness/folder.h"
#include "unit/engine/world.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAXIMUM_ITEMS = 200000, SEGMENT_BYTES = 1 << 20 };

struct place {
    struct folder folder;
    struct database_options options;
    struct database *database;
    struct error error;
    uint64_t acknowledged; /* items 1 .. */
};

static bool place_make(struct place *place)
{
    *place = (struct place){0};
    if (!folder_make(&place->folder)) return false;
    place->options = (struct database_options){.path = place->folder.path,
                                               .segment_bytes = SEGMENT_BYTES,
                                               .dedupe_count = 16,
                                               .checkpoint_log_bytes = (uint64_t)1 << 40};
    return database_open(&place->options, &place->database, &place->error) == CODE_OK;
}

static enum code place_close(struct place *place)
{
    enum code code = database_close(place->database, &place->error);
    place->database = NULL;
    return code;
}

static void place_release(struct place *place)
{
    (void)place_close(place);
    folder_remove(&place->folder);
}

/* Until a write is refused, or there are `most`. */
static enum code fill(struct place *place, uint64_t most)
{
    enum { BATCH = 8 };
    while (place->acknowledged < most) {
        struct change puts[BATCH];
        struct write writes[BATCH];
        struct write_result results[BATCH] = {0};
        for (size_t i = 0; i < BATCH; i++) {
            puts[i] = put_of(place->acknowledged + 1 + i);
            writes[i] = (struct write){.change = &puts[i]};
        }
        struct write_batch batch = {writes, BATCH, ACKNOWLEDGE_DURABLE, results, 0};
        enum code code = database_write(place->database, &batch, &place->error);
        for (size_t i = 0; i < BATCH && code == CODE_OK; i++) {
            code = results[i].code;
            place->acknowledged += code == CODE_OK;
        }
        if (code != CODE_OK) return code;
    }
    return CODE_OK;
}

static bool all_there(struct place *place)
{
    struct view view;
    uint64_t found = 0;
    if (database_read_begin(place->database, &view, &place->error) != CODE_OK) return false;
    for (uint64_t id = 1; id <= place->acknowledged; id++) {
        ordinal item = entities_find(view.entities, ENTITY_ITEM, id);
        found += item != ORDINAL_NONE && entities_live(view.entities, ENTITY_ITEM, item);
    }
    database_read_end(place->database);
    return found == place->acknowledged;
}

static bool survives_reopening(struct place *place)
{
    return place_close(place) == CODE_OK &&
           database_open(&place->options, &place->database, &place->error) == CODE_OK &&
           all_there(place);
}

static void fill_the_log(struct test *t, struct place *place)
{
    CHECK_EQ(fill(place, MAXIMUM_ITEMS), CODE_LIMIT);
    printf("log: %" PRIu64 " items, then '%s' (%s)\n", place->acknowledged, place->error.message,
           place->error.hint);
    CHECK(strstr(place->error.message, "the log is full") && place->error.hint[0]);
    CHECK(all_there(place));
    CHECK_EQ(fill(place, MAXIMUM_ITEMS), CODE_LIMIT);
    CHECK_EQ(database_checkpoint(place->database, &place->error), CODE_OK);
    CHECK_EQ(fill(place, place->acknowledged + 800), CODE_OK);
    CHECK(survives_reopening(place));
}

static void a_full_log_takes_writes_again_after_a_checkpoint(struct test *t)
{
    struct place place;
    CHECK(place_make(&place));
    CHECK_EQ(place_close(&place), CODE_OK);
    place.options.log_limit_bytes = 4 * SEGMENT_BYTES;
    CHECK_EQ(database_open(&place.options, &place.database, &place.error), CODE_OK);
    fill_the_log(t, &place);
    place_release(&place);
}

static void fill_the_memory(struct test *t, struct place *place)
{
    CHECK_EQ(fill(place, MAXIMUM_ITEMS), CODE_NO_MEMORY);
    printf("memory: %" PRIu64 " items, then '%s' (%s)\n", place->acknowledged, place->error.message,
           place->error.hint);
    CHECK(strstr(place->error.message, "limit") && place->error.hint[0]);
    CHECK(all_there(place));
    place->options.memory_limit_bytes *= 4;
    CHECK(survives_reopening(place));
    CHECK_EQ(fill(place, place->acknowledged + 800), CODE_OK);
    CHECK(survives_reopening(place));
}

static void a_full_memory_is_read_and_a_larger_one_is_written(struct test *t)
{
    struct place place;
    CHECK(place_make(&place));
    CHECK_EQ(place_close(&place), CODE_OK);
    place.options.memory_limit_bytes = (size_t)8 << 20;
    CHECK_EQ(database_open(&place.options, &place.database, &place.error), CODE_OK);
    fill_the_memory(t, &place);
    place_release(&place);
}

static void fill_the_files(struct test *t, struct place *place, struct rlimit limit)
{
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(next >= 0 && close(next) == 0);
    struct rlimit less = {.rlim_cur = (rlim_t)next, .rlim_max = limit.rlim_max};
    CHECK_EQ(fill(place, 800), CODE_OK);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &less), 0);
    CHECK_EQ(fill(place, MAXIMUM_ITEMS), CODE_LIMIT);
    printf("files: %" PRIu64 " items, then '%s' (%s)\n", place->acknowledged, place->error.message,
           place->error.hint);
    CHECK(strstr(place->error.message, "open files") && strstr(place->error.hint, "ulimit"));
    CHECK(all_there(place));
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(fill(place, place->acknowledged + 800), CODE_OK);
    CHECK_EQ(database_checkpoint(place->database, &place->error), CODE_OK);
    CHECK(survives_reopening(place));
}

static void without_a_file_to_spare_reading_goes_on_and_writing_later(struct test *t)
{
    struct place place;
    struct rlimit limit;
    CHECK(place_make(&place));
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    fill_the_files(t, &place, limit);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    place_release(&place);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_full_log_takes_writes_again_after_a_checkpoint),
               CASE(a_full_memory_is_read_and_a_larger_one_is_written),
               CASE(without_a_file_to_spare_reading_goes_on_and_writing_later));
}
