/* What check finds: rows that decode and are wrong, rows too many, a log that lies. */
#include "place.h"

#include "harness/store_rows.h"
#include "storage/key.h"

/* A database with 200 writes, closed. */
static bool prepare(struct place *place, uint64_t seed)
{
    struct choices choices;
    choices_from_seed(&choices, seed, NULL);
    bool ok = place_make(place) && place_write(place, &choices, 200);
    choices_release(&choices);
    return ok && world_close(&place->world) == CODE_OK;
}

static void a_database_as_it_was_written_is_whole(struct test *t)
{
    struct place place;
    struct check_report report;
    struct error error = {0};
    uint8_t hash[32];
    struct choices choices;
    choices_from_seed(&choices, 5, NULL);
    CHECK(place_make(&place) && place_write(&place, &choices, 100));
    CHECK_EQ(database_checkpoint(place.world.database, &error), CODE_OK);
    CHECK(place_write(&place, &choices, 100));
    CHECK(place_hash(&place, hash));
    lsn last = database_applied(place.world.database);
    CHECK_EQ(check_path(place.path, &report, &error), CODE_OK); /* while it is in use */
    CHECK_EQ(report.state, last);
    CHECK(report.checkpoint > 0 && report.checkpoint < last);
    CHECK(report.from_nothing);
    CHECK(memcmp(report.state_hash, hash, sizeof hash) == 0);
    database_abandon(place.world.database);
    place.world.database = NULL;
    CHECK_EQ(check_path(place.path, &report, &error), CODE_OK);
    CHECK(memcmp(report.state_hash, hash, sizeof hash) == 0);
    choices_release(&choices);
    place_remove(&place);
}

static void an_empty_database_is_whole(struct test *t)
{
    struct place place;
    struct check_report report;
    struct error error = {0};
    CHECK(place_make(&place));
    CHECK_EQ(check_path(place.path, &report, &error), CODE_OK);
    CHECK_EQ(report.checkpoint, 0);
    place_remove(&place);
}

static bool open_store(struct place *place, struct store **store)
{
    char path[PLACE_PATH_BYTES + 16];
    struct rocksdb_store_options options = {0};
    snprintf(path, sizeof path, "%s/store", place->path);
    return rocksdb_store_open(path, &options, &place->world.memory, store, &place->world.error) ==
           CODE_OK;
}

/* The store's first row with this tag is `change`d, and written again. */
static bool change_row(struct place *place, enum keyspace keyspace, uint8_t wanted,
                       void (*change)(struct buffer *row))
{
    struct store *store;
    struct store_scan *scan;
    struct slice key, row, suffix;
    struct error *error = &place->world.error;
    struct buffer copy, key_copy;
    bool has_row = true, found = false;
    if (!open_store(place, &store)) return false;
    buffer_init(&copy, &place->world.memory, 1 << 20);
    buffer_init(&key_copy, &place->world.memory, 1 << 20);
    bool ok = store_scan_open(store, keyspace, (struct key_range){0}, &scan, error) == CODE_OK;
    while (ok && !found) {
        uint64_t id;
        uint8_t tag;
        ok = store_scan_next(scan, &key, &row, &has_row, error) == CODE_OK && has_row;
        found = ok && key_parse(key, &id, &tag, &suffix) && tag == wanted;
    }
    buffer_append(&copy, row.data, found ? row.bytes : 0);
    buffer_append(&key_copy, key.data, found ? key.bytes : 0);
    store_scan_close(scan);
    if (found) change(&copy);
    ok = found &&
         store_put(store, keyspace, buffer_slice(&key_copy), buffer_slice(&copy), error) == CODE_OK;
    store_close(store);
    buffer_release(&copy);
    buffer_release(&key_copy);
    return ok;
}

static void another_weight(struct buffer *row)
{
    row->data[1] ^= 1; /* the lowest bit of its mantissa */
}

static void a_row_that_decodes_and_is_not_what_the_log_says_is_found(struct test *t)
{
    struct place place;
    struct check_report report;
    struct error error = {0};
    CHECK(prepare(&place, 6));
    CHECK(change_row(&place, KEYSPACE_USERS, TAG_EDGE, another_weight));
    CHECK_EQ(check_path(place.path, &report, &error), CODE_CORRUPT);
    CHECK_EQ(report.log_fault.code, CODE_OK);
    CHECK_EQ(report.store_fault.code, CODE_OK);
    CHECK_EQ(report.state_fault.code, CODE_CORRUPT);
    CHECK(strstr(error.message, "folding LSN 1 to"));
    CHECK(strstr(error.hint, "salvage"));
    place_remove(&place);
}

static void no_change(struct buffer *row)
{
    (void)row;
}

static void another_version(struct buffer *row)
{
    row->data[0] = 0;
}

static void a_row_that_does_not_decode_is_found(struct test *t)
{
    static const struct {
        enum keyspace keyspace;
        enum key_tag tag;
    } rows[] = {{KEYSPACE_ITEMS, TAG_ENTITY},
                {KEYSPACE_ITEMS, TAG_LEDGER},
                {KEYSPACE_USERS, TAG_EDGE},
                {KEYSPACE_USERS, TAG_BEHAVIOUR}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct place place;
        struct check_report report;
        struct error error = {0};
        CHECK(prepare(&place, 7));
        CHECK(change_row(&place, rows[i].keyspace, (uint8_t)rows[i].tag, no_change));
        CHECK_EQ(check_path(place.path, &report, &error), CODE_OK);
        CHECK(change_row(&place, rows[i].keyspace, (uint8_t)rows[i].tag, another_version));
        CHECK_EQ(check_path(place.path, &report, &error), CODE_CORRUPT);
        CHECK_EQ(report.log_fault.code, CODE_OK);
        CHECK_EQ(report.store_fault.code, CODE_CORRUPT);
        place_remove(&place);
    }
}

static void a_row_that_belongs_to_nothing_is_found(struct test *t)
{
    struct place place;
    struct check_report report;
    struct store *store;
    struct error error = {0};
    struct key key = key_build(1, (enum key_tag)'z', slice_of("?", 1));
    CHECK(prepare(&place, 8));
    CHECK(open_store(&place, &store));
    CHECK_EQ(store_put(store, KEYSPACE_ITEMS, key_slice(&key), slice_of("row", 3), &error),
             CODE_OK);
    store_close(store);
    CHECK_EQ(check_path(place.path, &report, &error), CODE_CORRUPT);
    CHECK(strstr(report.store_fault.message, "row 'z' of id 1 among the items"));
    place_remove(&place);
}

/* Each flipped bit of a frame is found in the log, whatever the store says. */
static void damage_in_the_log_is_told_apart_from_damage_in_the_store(struct test *t)
{
    struct place place;
    struct check_report report;
    struct listing files;
    struct error error = {0};
    char path[PLACE_PATH_BYTES + 80], wal[PLACE_PATH_BYTES + 8];
    CHECK(prepare(&place, 9));
    snprintf(wal, sizeof wal, "%s/wal", place.path);
    list_files(wal, &files);
    CHECK(files.count > 2);
    snprintf(path, sizeof path, "%s/%s", wal, files.names[1]);
    CHECK(flip(path, 4096 + 100, 4));
    CHECK_EQ(check_path(place.path, &report, &error), CODE_CORRUPT);
    CHECK_EQ(report.log_fault.code, CODE_CORRUPT);
    CHECK_EQ(report.store_fault.code, CODE_OK);
    CHECK(strstr(report.log_fault.message, files.names[1]));
    CHECK_EQ(report.log_fault.position, 4096);
    place_remove(&place);
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(a_database_as_it_was_written_is_whole), CASE(an_empty_database_is_whole),
        CASE(a_row_that_decodes_and_is_not_what_the_log_says_is_found),
        CASE(a_row_that_does_not_decode_is_found), CASE(a_row_that_belongs_to_nothing_is_found),
        CASE(damage_in_the_log_is_told_apart_from_damage_in_the_store));
}
