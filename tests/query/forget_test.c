/* FORGET: what it answers, and that by its deadline no file has a byte of the person. */
#include "feed.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "harness/folder.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
    const char *data;
    size_t bytes;
} wanted;
static int found;

static bool file_has(const char *path)
{
    struct stat stat;
    bool has = false;
    int file = open(path, O_RDONLY);
    if (file < 0) return false;
    if (fstat(file, &stat) == 0 && stat.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (bytes != MAP_FAILED) {
            has = memmem(bytes, (size_t)stat.st_size, wanted.data, wanted.bytes) != NULL;
            munmap(bytes, (size_t)stat.st_size);
        }
    }
    close(file);
    return has;
}

static int look(const char *path, const struct stat *stat, int type, struct FTW *place)
{
    (void)stat;
    (void)place;
    found += type == FTW_F && file_has(path);
    return 0;
}

/* In how many files of the directory the bytes stand. */
static int files_with_bytes(const struct folder *folder, const char *below, const char *data,
                            size_t bytes)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder->path, below);
    wanted.data = data;
    wanted.bytes = bytes;
    found = 0;
    return nftw(path, look, 16, FTW_PHYS) == 0 ? found : -1;
}

static int files_with(const struct folder *folder, const char *below, const char *text)
{
    return files_with_bytes(folder, below, text, strlen(text));
}

static uint64_t retain_log_ms;

static bool open_at(struct feed *feed, const struct folder *folder)
{
    tidal_options options = {.size = sizeof options,
                             .retain_log_ms = retain_log_ms,
                             .clock_ms = feed_clock,
                             .clock_context = &feed->now_ms,
                             .segment_bytes = 1 << 20};
    return tidal_open(folder->path, &options, &feed->db, &feed->error) == TIDAL_OK;
}

static const char script[] =
    "DEFINE FIELD country ON user KEYWORD; DEFINE SIGNAL view ON item ALLOW UNKNOWN;"
    "DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE ALLOW UNKNOWN;"
    "DEFINE SIGNAL follow ON user UNIQUE PER USER POSITIVE;"
    "DEFINE RELATION knows FROM user TO user;"
    "PUT user 42 KEY 'ErikaMustermann' {\"country\": \"Klagenfurt\"};"
    "SIGNAL view ON item 1 BY user KEY 'ErikaMustermann'; SIGNAL like ON item 2 BY user 42;"
    "SIGNAL follow ON user KEY 'ErikaMustermann' BY user 7;"
    "RELATE user 42 knows user 7; RELATE user 7 knows user KEY 'ErikaMustermann';";

/* Parts as well: compression breaks a text where another has the same four bytes. */
static bool is_in_no_file(const struct folder *folder)
{
    static const char *const parts[] = {"ErikaM", "uster", "rmann", "Klage", "nfurt", "Vinko"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (files_with(folder, ".", parts[i]) != 0) return false;
    return true;
}

/* The answer's deadline; 0: it failed. */
static int64_t forget(struct feed *feed, const char *statement, uint64_t lsn)
{
    tidal_query *query = feed_prepare(feed, statement);
    int64_t deadline_ms = 0;
    if (!query) return 0;
    tidal_code code = tidal_step(query, &feed->error);
    bool right = code == TIDAL_ROW && tidal_column_count(query) == 2 &&
                 strcmp(tidal_column_name(query, 0), "lsn") == 0 &&
                 strcmp(tidal_column_name(query, 1), "deadline") == 0 &&
                 tidal_column_u64(query, 0) == lsn && tidal_query_lsn(query) == lsn &&
                 tidal_column_type(query, 1) == TIDAL_TIMESTAMP;
    if (right) deadline_ms = tidal_column_i64(query, 1);
    if (code == TIDAL_ROW && tidal_step(query, &feed->error) != TIDAL_DONE) deadline_ms = 0;
    tidal_query_free(query);
    return deadline_ms;
}

static tidal_code feed_refused(struct feed *feed, const char *text)
{
    return tidal_execute(feed->db, text, NULL, &feed->error);
}

static void by_the_deadline_no_file_has_a_byte_of_the_person(struct test *t)
{
    struct feed feed = {.now_ms = FEED_NOW_MS};
    struct folder folder;
    CHECK(folder_make(&folder));
    CHECK(open_at(&feed, &folder));
    CHECK(feed_script(&feed, script));
    for (int i = 0; i < 400; i++)
        CHECK(feed_do(&feed, "PUT user %d KEY 'other-%d' {\"country\": \"de\"}", 100 + i, i));
    CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_OK);
    /* In the tables, as well as in RocksDB's log. */
    CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
    CHECK(open_at(&feed, &folder));
    CHECK(feed_do(&feed, "PATCH user 42 {\"country\": \"Vinkovci\"}"));
    CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_OK);
    CHECK(files_with(&folder, "store", "ErikaMustermann") > 0);
    CHECK(files_with(&folder, "store", "Klagenfurt") > 0);

    int64_t deadline_ms =
        forget(&feed, "FORGET user KEY 'ErikaMustermann'", tidal_lsn(feed.db) + 1);
    CHECK(deadline_ms > feed.now_ms + 30 * DAY_MS);
    CHECK(deadline_ms <= feed.now_ms + 30 * DAY_MS + HOUR_MS);
    CHECK_EQ(tidal_execute(feed.db, "DELETE user 42", NULL, &feed.error), TIDAL_NOT_FOUND);
    CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_OK);
    CHECK_EQ(files_with(&folder, "store", "ErikaMustermann"), 0);
    CHECK_EQ(files_with(&folder, "store", "Klagenfurt"), 0);
    CHECK_EQ(files_with(&folder, "store", "Vinkovci"), 0);
    CHECK(files_with(&folder, "store", "other-7") > 0);
    CHECK(files_with(&folder, "wal", "ErikaMustermann") > 0);

    feed.now_ms = deadline_ms;
    CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_OK);
    CHECK(is_in_no_file(&folder));
    CHECK(files_with(&folder, ".", "other-7") > 0);
    CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
    CHECK(is_in_no_file(&folder));
    CHECK(open_at(&feed, &folder));
    CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
    folder_remove(&folder);
}

/* The log and the bases, which are kept longer here, hold the person until the deadline, and AS OF
 * still knows who it was. */
static void history_forgets_by_the_deadline(struct test *t)
{
    struct feed feed = {.now_ms = FEED_NOW_MS};
    struct folder folder;
    CHECK(folder_make(&folder));
    retain_log_ms = (uint64_t)(20 * DAY_MS);
    CHECK(open_at(&feed, &folder));
    CHECK(feed_script(&feed, script));
    CHECK(feed_do(&feed, "PUT item 1 {}"));
    CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_OK);
    feed.now_ms += DAY_MS;
    CHECK(files_with(&folder, "bases", "ErikaMustermann") > 0);
    int64_t deadline_ms =
        forget(&feed, "FORGET user KEY 'ErikaMustermann'", tidal_lsn(feed.db) + 1);
    feed.now_ms += DAY_MS;
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 42 EXCLUDE seen(30d)", "1"));
    char question[200];
    snprintf(question, sizeof question,
             "RETRIEVE items FOR user KEY 'ErikaMustermann' WHERE user.country = 'Klagenfurt' "
             "AS OF %" PRId64,
             FEED_NOW_MS + 1);
    CHECK(feed_gives(&feed, question, "1"));
    for (int day = 0; feed.now_ms < deadline_ms; day++) {
        CHECK(feed_do(&feed, "PUT item %d {}", 100 + day));
        CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_OK);
        feed.now_ms += feed.now_ms + DAY_MS < deadline_ms ? DAY_MS : deadline_ms - feed.now_ms;
    }
    CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_OK);
    CHECK(is_in_no_file(&folder));
    CHECK_EQ(feed_refused(&feed, question), TIDAL_NOT_RETAINED);
    CHECK(strstr(feed.error.hint, "(tidal DIR --retain-log "));
    CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
    CHECK(is_in_no_file(&folder));
    retain_log_ms = 0;
    folder_remove(&folder);
}

/* A DELETE leaves bytes; the user's id still says whose. */
static void who_was_deleted_can_be_forgotten(struct test *t)
{
    struct feed feed = {.now_ms = FEED_NOW_MS};
    struct folder folder;
    CHECK(folder_make(&folder));
    CHECK(open_at(&feed, &folder));
    CHECK(feed_script(&feed, script));
    CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
    CHECK(open_at(&feed, &folder));
    CHECK(feed_do(&feed, "DELETE user 42"));
    CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_OK);
    CHECK(files_with(&folder, "store", "ErikaMustermann") > 0);
    CHECK(forget(&feed, "FORGET user 42", tidal_lsn(feed.db) + 1) > 0);
    CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_OK);
    CHECK_EQ(files_with(&folder, "store", "ErikaMustermann"), 0);
    CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
    folder_remove(&folder);
}

/* What ties others to a person, of which each has another: the statement,
 * and the end of its row's key (docs/formats/rows.md).  The ids are texts of eight bytes. */
static const struct tie {
    const char *tie, *id, *by;
    char key[12];
    size_t bytes;
} ties[] = {
    {"RELATE creator 1 hires user", "5870272181555590505", "", "r\0\0Qwertzui", 11},
    {"RELATE item 1 shows user", "5724182274621466472", "", "r\0\1Opasdfgh", 11},
    {"RELATE user 7 knows user", "5362499050281334370", "",
     "r\0\2"
     "Jklyxcvb",
     11},
    {"SIGNAL follow ON user", "5651227203425745200", " BY user 8", "b\1Nm135790", 10},
};
enum { TIES = sizeof ties / sizeof *ties };

static int files_with_tie(const struct folder *folder, const struct tie *tie)
{
    return files_with_bytes(folder, "store", tie->key, tie->bytes);
}

/* Before the person is forgotten, with a checkpoint in between or none; the names are given anew.
 */
enum drop { NO_DROP, DROP, DROP_AND_CHECKPOINT, DROPS };

static bool drop_first(struct feed *feed, enum drop drop, const char *drops, const char *anew)
{
    if (drop == NO_DROP) return true;
    if (!feed_script(feed, drops)) return false;
    if (drop == DROP_AND_CHECKPOINT && tidal_checkpoint(feed->db, &feed->error) != TIDAL_OK)
        return false;
    return feed_script(feed, anew);
}

/* It lies with the others, also what is no more. */
static void check_ties(struct test *t, enum drop drop)
{
    struct feed feed = {.now_ms = FEED_NOW_MS};
    struct folder folder;
    char text[100];
    CHECK(folder_make(&folder));
    CHECK(open_at(&feed, &folder));
    CHECK(feed_script(&feed, "DEFINE RELATION hires FROM creator TO user;"
                             "DEFINE RELATION shows FROM item TO user;"
                             "DEFINE RELATION knows FROM user TO user;"
                             "DEFINE SIGNAL follow ON user UNIQUE PER USER POSITIVE;"
                             "PUT item 1 {}; PUT creator 1 {};"));
    for (size_t i = 0; i < TIES; i++)
        CHECK(feed_do(&feed, "%s %s%s", ties[i].tie, ties[i].id, ties[i].by));
    for (int i = 100; i < 150; i++)
        CHECK(feed_do(&feed, "RELATE creator %d hires user %d", i, i));
    CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
    CHECK(open_at(&feed, &folder));
    for (size_t i = 0; i < TIES; i++)
        CHECK(files_with_tie(&folder, &ties[i]) > 0);
    CHECK(feed_do(&feed, "UNRELATE item 1 shows user %s", ties[1].id));
    CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_OK);
    CHECK(drop_first(&feed, drop,
                     "DROP RELATION hires; RENAME RELATION shows TO hires; DROP RELATION hires;"
                     "DROP RELATION knows; DROP SIGNAL follow;",
                     "DEFINE RELATION hires FROM item TO item; DEFINE SIGNAL follow ON item;"));
    for (size_t i = 0; i < TIES; i++) {
        snprintf(text, sizeof text, "FORGET user %s", ties[i].id);
        CHECK(forget(&feed, text, tidal_lsn(feed.db) + 1) > 0);
    }
    CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_OK);
    /* RocksDB's list of files has the first and last keys of former ones until it is opened. */
    CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
    CHECK(open_at(&feed, &folder));
    for (size_t i = 0; i < TIES; i++)
        CHECK_EQ(files_with_tie(&folder, &ties[i]), 0);
    CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
    folder_remove(&folder);
}

static void what_tied_others_to_a_person_is_in_no_file(struct test *t)
{
    for (enum drop drop = NO_DROP; drop < DROPS && !t->failed; drop++)
        check_ties(t, drop);
}

/* Items name who came to them by a hash, which can be undone: files of old do so as well. */
static void check_hashes(struct test *t, enum drop drop)
{
    static const char *const signals[] = {"meet", "rise"};
    for (unsigned i = 0; i < 2; i++) {
        struct feed feed = {.now_ms = FEED_NOW_MS};
        struct folder folder;
        uint8_t hash[8];
        const char *const bytes = (const char *)hash;
        store_u64(hash, hash_u64(42));
        CHECK(folder_make(&folder));
        CHECK(open_at(&feed, &folder));
        CHECK(feed_script(&feed, "DEFINE SIGNAL meet ON item DISTINCT USERS 24h;"
                                 "DEFINE SIGNAL rise ON item WINDOWS 1h, 24h VELOCITY 1h TRENDING "
                                 "HALF LIFE 2h; PUT item 1 {};"));
        CHECK(feed_do(&feed, "SIGNAL %s ON item 1 BY user 42", signals[i]));
        CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
        CHECK(open_at(&feed, &folder));
        CHECK(files_with_bytes(&folder, "store", bytes, sizeof hash) > 0);
        CHECK(drop_first(&feed, drop, "DROP SIGNAL meet; DROP SIGNAL rise;",
                         "DEFINE SIGNAL meet ON user; DEFINE SIGNAL rise ON creator;"));
        CHECK(forget(&feed, "FORGET user 42", tidal_lsn(feed.db) + 1) > 0);
        CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_OK);
        CHECK_EQ(files_with_bytes(&folder, "store", bytes, sizeof hash), 0);
        CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
        folder_remove(&folder);
    }
}

static void no_row_of_an_item_has_a_person_by_its_hash(struct test *t)
{
    for (enum drop drop = NO_DROP; drop < DROPS && !t->failed; drop++)
        check_hashes(t, drop);
}

/* What was dropped lies in the files until they are written anew. */
static void what_a_dropped_field_said_of_a_person_goes_too(struct test *t)
{
    struct feed feed = {.now_ms = FEED_NOW_MS};
    struct folder folder;
    CHECK(folder_make(&folder));
    CHECK(open_at(&feed, &folder));
    CHECK(feed_script(&feed, "DEFINE FIELD country ON user KEYWORD; DEFINE FIELD note ON user TEXT;"
                             "PUT user 42 {\"country\": \"Klagenfurt\", \"note\": \"Erika\"};"));
    CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
    CHECK(open_at(&feed, &folder));
    CHECK(files_with(&folder, "store", "Klagenfurt") > 0);
    CHECK(feed_script(&feed, "RENAME FIELD country ON user TO land; DROP FIELD land ON user;"
                             "DROP FIELD note ON user; DEFINE FIELD note ON user INTEGER;"
                             "PATCH user 42 {\"note\": 7};"));
    CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_OK);
    CHECK(forget(&feed, "FORGET user 42", tidal_lsn(feed.db) + 1) > 0);
    CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_OK);
    CHECK_EQ(files_with(&folder, "store", "Klagenfurt"), 0);
    CHECK_EQ(files_with(&folder, "store", "Erika"), 0);
    CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
    folder_remove(&folder);
}

static void many_are_forgotten_at_once(struct test *t)
{
    struct feed feed = {.now_ms = FEED_NOW_MS};
    struct folder folder;
    CHECK(folder_make(&folder));
    CHECK(open_at(&feed, &folder));
    for (int i = 0; i < 40; i++)
        CHECK(feed_do(&feed, "PUT user %d KEY 'person-%d' {}", 1000 * i, i));
    CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
    CHECK(open_at(&feed, &folder));
    for (int i = 0; i < 39; i++)
        CHECK(feed_do(&feed, "FORGET user KEY 'person-%d'", i));
    CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_OK);
    CHECK_EQ(files_with(&folder, "store", "person-3"), 1); /* that is person-39 */
    CHECK_EQ(files_with(&folder, "store", "person-2"), 0);
    CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
    folder_remove(&folder);
}

static void only_known_users_are_forgotten(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed, script));
    CHECK_EQ(tidal_execute(feed.db, "FORGET user 9", NULL, &feed.error), TIDAL_NOT_FOUND);
    CHECK_TEXT(feed.error.message, "there is no user 9");
    CHECK_TEXT(feed.error.hint, "nothing was ever known of that user");
    CHECK_EQ(feed.error.position, 12);
    CHECK_EQ(tidal_execute(feed.db, "FORGET item 1", NULL, &feed.error), TIDAL_INVALID);
    CHECK_TEXT(feed.error.message, "only users are forgotten, and this is of kind item");
    CHECK_EQ(tidal_execute(feed.db, "TRANSACTION { FORGET user 7; }", NULL, &feed.error),
             TIDAL_INVALID);
    CHECK(feed_do(&feed, "FORGET user 7")); /* who was only mentioned */
    CHECK(feed_do(&feed, "FORGET user 7"));
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(by_the_deadline_no_file_has_a_byte_of_the_person),
               CASE(history_forgets_by_the_deadline), CASE(who_was_deleted_can_be_forgotten),
               CASE(what_tied_others_to_a_person_is_in_no_file),
               CASE(no_row_of_an_item_has_a_person_by_its_hash),
               CASE(what_a_dropped_field_said_of_a_person_goes_too),
               CASE(many_are_forgotten_at_once), CASE(only_known_users_are_forgotten));
}
