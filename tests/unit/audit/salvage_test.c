/* What salvage makes of databases that were damaged. */
#include "audit/salvage.h"

#include "engine/shadow.h"
#include "place.h"

enum { ENTRIES_MAXIMUM = 4000 };

struct told {
    struct wal_gap gaps[50];
    size_t gap_count;
    lsn behind[ENTRIES_MAXIMUM];
    size_t behind_count;
    bool without_change;
};

static enum code note_lost(void *context, const struct wal_gap *gap, struct error *error)
{
    struct told *told = context;
    (void)error;
    if (told->gap_count < 50) told->gaps[told->gap_count++] = *gap;
    return CODE_OK;
}

static enum code note_behind(void *context, const struct wal_entry *entry, const char *change,
                             struct error *error)
{
    struct told *told = context;
    (void)error;
    if (!change) told->without_change = true;
    if (told->behind_count < ENTRIES_MAXIMUM) told->behind[told->behind_count++] = entry->lsn;
    return CODE_OK;
}

static enum code salvage_path(const struct place *place, const char *to_path, struct told *told,
                              struct salvage_report *report, struct error *error)
{
    struct salvage_options options = {note_lost, note_behind, told};
    struct directory from, to = {0};
    memset(told, 0, sizeof *told);
    memory_init(&to.memory, 0);
    enum code code = directory_open(&from, place->path, error);
    if (code == CODE_OK) code = directory_make(&to, to_path, error);
    if (code == CODE_OK) code = salvage_run(&from, &to, &options, report, error);
    directory_close(&to);
    directory_close(&from);
    return code;
}

/* State hashes after every LSN, from an engine that folds the log from its beginning. */
static uint8_t hashes[ENTRIES_MAXIMUM][32];

static enum code remember(void *context, const struct wal_entry *entry, const char *change,
                          struct error *error)
{
    struct database *shadow = context;
    (void)change;
    enum code code = shadow_apply(shadow, entry, error);
    if (code != CODE_OK || entry->lsn >= ENTRIES_MAXIMUM) return code;
    return database_state_hash(shadow, hashes[entry->lsn], error);
}

static bool remember_states(const struct place *place, struct error *error)
{
    struct directory directory;
    struct wal_recovery report;
    struct database *shadow = NULL;
    struct log_reading reading = {.from_lsn = 1, .visit = remember};
    bool ok = shadow_create(&shadow, error) == CODE_OK &&
              database_state_hash(shadow, hashes[0], error) == CODE_OK &&
              directory_open(&directory, place->path, error) == CODE_OK;
    reading.context = shadow;
    ok = ok && log_read(&directory, &reading, &report, error) == CODE_OK;
    directory_close(&directory);
    database_abandon(shadow);
    return ok;
}

static bool is_zero_at(const char *path, long offset)
{
    FILE *file = fopen(path, "rb");
    int byte = file && fseek(file, offset, SEEK_SET) == 0 ? fgetc(file) : EOF;
    if (file) (void)fclose(file);
    return byte <= 0;
}

/* Somewhere in a page that has something. */
static void damage_log(const struct place *place, struct choices *choices)
{
    struct listing listing;
    char path[PLACE_PATH_BYTES + 100];
    long at = 0;
    snprintf(path, sizeof path, "%s/wal", place->path);
    list_files(path, &listing);
    for (int attempt = 0; attempt < 100; attempt++) {
        const char *name = listing.names[choose(choices, listing.count)];
        snprintf(path, sizeof path, "%s/wal/%s", place->path, name);
        at = (long)choose(choices, (uint64_t)file_bytes(path));
        if (!is_zero_at(path, at)) break;
    }
    (void)flip(path, at, 1 << choose(choices, 8));
}

static void lose_store(const struct place *place)
{
    char path[PLACE_PATH_BYTES + 200];
    snprintf(path, sizeof path, "%s/store/CURRENT", place->path);
    (void)remove(path);
}

static void lose_rows(const struct place *place)
{
    struct listing listing;
    char path[PLACE_PATH_BYTES + 200];
    lose_store(place);
    snprintf(path, sizeof path, "%s/bases", place->path);
    list_files(path, &listing);
    for (size_t i = 0; i < listing.count; i++) {
        snprintf(path, sizeof path, "%s/bases/%s/CURRENT", place->path, listing.names[i]);
        (void)remove(path);
    }
}

static void damage_store(const struct place *place, struct choices *choices)
{
    struct listing listing;
    char path[PLACE_PATH_BYTES + 100];
    snprintf(path, sizeof path, "%s/store", place->path);
    list_files(path, &listing);
    for (int attempt = 0; attempt < 20; attempt++) {
        const char *name = listing.names[choose(choices, listing.count)];
        snprintf(path, sizeof path, "%s/store/%s", place->path, name);
        if (file_bytes(path) > 0 && !strstr(name, "LOG") && !strstr(name, "LOCK")) break;
    }
    (void)flip(path, (long)choose(choices, (uint64_t)file_bytes(path)), 0xff);
}

/* What is lost or handed out lies behind what is kept, in order, once. */
static bool is_consistent(const struct told *told, const struct salvage_report *report)
{
    lsn at = report->last + 1;
    uint64_t lost = 0, b = 0;
    for (size_t i = 0; i < told->gap_count; i++) {
        for (; b < told->behind_count && told->behind[b] < told->gaps[i].from_lsn; b++)
            if (told->behind[b] != at++) return false;
        if (told->gaps[i].from_lsn != at || told->gaps[i].to_lsn < at) return false;
        lost += told->gaps[i].to_lsn - at + 1;
        at = told->gaps[i].to_lsn + 1;
    }
    for (; b < told->behind_count; b++)
        if (told->behind[b] != at++) return false;
    return lost == report->lost_count && told->behind_count == report->behind_count;
}

static bool make(struct place *place, struct choices *choices, bool with_checkpoint,
                 struct error *error)
{
    bool ok = place_make(place) && world_close(&place->world) == CODE_OK;
    place->world.options.retain_log_ms = 86400000; /* so that all states can be folded anew */
    ok = ok && place_open(place) && place_write(place, choices, 60);
    if (ok && with_checkpoint) ok = database_checkpoint(place->world.database, error) == CODE_OK;
    ok = ok && place_write(place, choices, 60);
    ok = ok && database_wait(place->world.database, database_applied(place->world.database),
                             error) == CODE_OK;
    database_abandon(place->world.database);
    place->world.database = NULL;
    return ok;
}

static void what_salvage_makes_is_the_state_at_its_lsn(struct test *t)
{
    static struct told told;
    unsigned whole = 0, shorter = 0, of_log = 0, of_base = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct place place;
        struct choices choices;
        struct salvage_report report;
        struct check_report checked;
        struct error error = {0};
        char to[PLACE_PATH_BYTES + 16];
        choices_from_seed(&choices, seed, NULL);
        CHECK(make(&place, &choices, seed % 3 != 0, &error));
        CHECK(remember_states(&place, &error));
        if (seed % 2 == 0) damage_log(&place, &choices);
        if (seed % 4 == 1) damage_store(&place, &choices);
        if (seed % 4 == 2) lose_store(&place);
        if (seed % 4 == 3) lose_rows(&place);
        snprintf(to, sizeof to, "%s/new", place.folder.path);
        enum code code = salvage_path(&place, to, &told, &report, &error);
        if (code != CODE_OK) fprintf(stderr, "seed %lu: %s\n", (unsigned long)seed, error.message);
        CHECK_EQ(code, CODE_OK);
        CHECK(memcmp(report.state_hash, hashes[report.last], 32) == 0);
        CHECK(is_consistent(&told, &report) && !told.without_change);
        CHECK_EQ(check_path(to, &checked, &error), CODE_OK);
        CHECK_EQ(checked.state, report.last);
        whole += report.lost_count == 0 && report.behind_count == 0;
        shorter += report.lost_count > 0;
        of_log += report.checkpoint == 0;
        of_base += strncmp(report.rows_from, "bases/", 6) == 0;
        choices_release(&choices);
        place_remove(&place);
    }
    CHECK(whole > 0 && shorter > 0 && of_log > 0 && of_base > 0);
}

static void damage_before_the_rows_costs_nothing(struct test *t)
{
    static struct told told;
    struct place place;
    struct choices choices;
    struct salvage_report report;
    struct error error = {0};
    struct listing listing;
    char path[PLACE_PATH_BYTES + 100], to[PLACE_PATH_BYTES + 16];
    choices_from_seed(&choices, 3, NULL);
    CHECK(make(&place, &choices, true, &error));
    CHECK(remember_states(&place, &error));
    snprintf(path, sizeof path, "%s/wal", place.path);
    list_files(path, &listing);
    snprintf(path, sizeof path, "%s/wal/%s", place.path, listing.names[0]);
    CHECK(flip(path, 3 * 4096 + 200, 0xff)); /* LSN 3 */
    snprintf(to, sizeof to, "%s/new", place.folder.path);
    CHECK_EQ(salvage_path(&place, to, &told, &report, &error), CODE_OK);
    CHECK(report.checkpoint > 3 && report.lost_count == 0 && report.behind_count == 0);
    CHECK(report.last > report.checkpoint && report.kept_count == report.last - report.checkpoint);
    CHECK(memcmp(report.state_hash, hashes[report.last], 32) == 0);
    CHECK(strcmp(report.rows_from, "store") == 0);
    choices_release(&choices);
    place_remove(&place);
}

static void without_rows_and_beginning_there_is_nothing_to_build_on(struct test *t)
{
    static struct told told;
    struct place place;
    struct choices choices;
    struct salvage_report report;
    struct check_report checked;
    struct error error = {0};
    struct listing listing;
    char path[PLACE_PATH_BYTES + 100], to[PLACE_PATH_BYTES + 16];
    choices_from_seed(&choices, 4, NULL);
    CHECK(make(&place, &choices, false, &error));
    lose_rows(&place);
    snprintf(path, sizeof path, "%s/wal", place.path);
    list_files(path, &listing);
    snprintf(path, sizeof path, "%s/wal/%s", place.path, listing.names[0]);
    CHECK(remove(path) == 0);
    snprintf(to, sizeof to, "%s/new", place.folder.path);
    CHECK_EQ(salvage_path(&place, to, &told, &report, &error), CODE_CORRUPT);
    CHECK(strstr(error.message, "nothing to build on"));
    CHECK(told.behind_count > 0 && told.gap_count == 1 && told.gaps[0].from_lsn == 1);
    CHECK(check_path(to, &checked, &error) != CODE_OK);
    choices_release(&choices);
    place_remove(&place);
}

static void a_directory_that_holds_something_is_left_alone(struct test *t)
{
    static struct told told;
    struct place place;
    struct salvage_report report = {0};
    struct error error = {0};
    CHECK(place_make(&place));
    CHECK_EQ(salvage_path(&place, place.path, &told, &report, &error), CODE_INVALID);
    CHECK(strstr(error.message, "is not empty"));
    place_remove(&place);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(what_salvage_makes_is_the_state_at_its_lsn),
               CASE(damage_before_the_rows_costs_nothing),
               CASE(without_rows_and_beginning_there_is_nothing_to_build_on),
               CASE(a_directory_that_holds_something_is_left_alone));
}
