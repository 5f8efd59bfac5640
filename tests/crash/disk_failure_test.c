/* A real disk that fails under the real program: ext4 on a loop device.
 *
 *   full     a small file system; what is missing comes back when a file is removed
 *   broken   its image is a sparse file on a tmpfs too small for it: where the tmpfs is full, the
 *            device answers EIO, to a write back or to a sync
 *
 * The database with RocksDB writes one item after the other until it is refused.  Each that was
 * acknowledged must be there when the disk is well and mounted again, with its content; the error
 * must say what happened; reading must go on.  Needs root, mkfs.ext4 and a kernel that mounts. */
#include "engine/database.h"
#include "entities/entities.h"
#include "harness/folder.h"
#include "harness/test.h"

#include <stdarg.h>
#include <unistd.h>

enum { TEXT_BYTES = 8000, MAXIMUM_ITEMS = 30000 };

struct site {
    struct folder folder;
    struct database *database;
    uint64_t acknowledged; /* items 1 .. */
    char why[160];
    struct error error;
};

static bool shell(const struct site *site, const char *format, ...) PRINTF_LIKE(2, 3);
/* Runs a command in the site's folder. */
static bool shell(const struct site *site, const char *format, ...)
{
    char command[512];
    int at = snprintf(command, sizeof command, "cd '%s' && { ", site->folder.path);
    va_list arguments;
    va_start(arguments, format);
    at += vsnprintf(command + at, sizeof command - (size_t)at, format, arguments);
    va_end(arguments);
    snprintf(command + at, sizeof command - (size_t)at, "; } >>log 2>&1");
    return system(command) == 0;
}

static enum code site_close(struct site *site)
{
    enum code code = database_close(site->database, &site->error);
    site->database = NULL;
    return code;
}

static bool site_release(struct site *site)
{
    (void)site_close(site);
    (void)!shell(site, "umount mnt; umount ram");
    /* Nothing is removed from below a mount that is still there. */
    bool unmounted = shell(site, "! mountpoint -q mnt && ! mountpoint -q ram");
    if (unmounted) folder_remove(&site->folder);
    return unmounted;
}

/* Others may be about to give a loop device back, or have them all for a while. */
static bool mount_image(const struct site *site, int tries)
{
    return shell(site,
                 "for try in $(seq %d); do mount -o loop ram/image mnt && exit 0; sleep 0.2; done; "
                 "exit 1",
                 tries);
}

/* An ext4 of `disk_mb` whose image lies on a tmpfs of `ram_mb`; false with a reason to skip. */
static bool site_make(struct site *site, unsigned disk_mb, unsigned ram_mb)
{
    *site = (struct site){0};
    if (geteuid() != 0) {
        snprintf(site->why, sizeof site->why, "only root can mount");
        return false;
    }
    if (!folder_make(&site->folder)) return false;
    if (!shell(site, "mkdir ram mnt && mount -t tmpfs -o size=%um none ram", ram_mb)) {
        snprintf(site->why, sizeof site->why, "a tmpfs cannot be mounted here");
    } else if (!shell(site,
                      "truncate -s %uM ram/image && "
                      "mkfs.ext4 -q -E lazy_itable_init=1,lazy_journal_init=1 ram/image",
                      disk_mb)) {
        snprintf(site->why, sizeof site->why, "mkfs.ext4 is missing (package e2fsprogs)");
    } else if (!mount_image(site, 25)) {
        snprintf(site->why, sizeof site->why, "a loop device cannot be mounted here");
    } else {
        return true;
    }
    site_release(site);
    return false;
}

static enum code site_open(struct site *site)
{
    char path[300];
    snprintf(path, sizeof path, "%s/mnt/db", site->folder.path);
    struct database_options options = {
        .path = path, .segment_bytes = 1 << 20, .checkpoint_log_bytes = 3 << 20};
    return database_open(&options, &site->database, &site->error);
}

/* What item `id` says: no two are alike. */
static struct slice text_of(uint64_t id, char out[TEXT_BYTES])
{
    int head = snprintf(out, TEXT_BYTES, "item %" PRIu64 " ", id);
    for (size_t i = (size_t)head; i < TEXT_BYTES; i++)
        out[i] = (char)('a' + (id * 31 + i * i) % 26);
    return slice_of(out, TEXT_BYTES);
}

static enum code put(struct site *site, uint64_t id)
{
    char text[TEXT_BYTES];
    struct field_value field = {0, {.type = VALUE_TEXT, .text = text_of(id, text)}};
    struct change change = {
        .kind = CHANGE_PUT,
        .put = {.entity = {.kind = ENTITY_ITEM, .id = id}, .fields = &field, .field_count = 1}};
    struct write write = {.change = &change};
    struct write_result result;
    struct write_batch batch = {&write, 1, ACKNOWLEDGE_DURABLE, &result, 0};
    enum code code = database_write(site->database, &batch, &site->error);
    return code == CODE_OK ? result.code : code;
}

/* Until one is refused. */
static enum code fill(struct site *site, uint64_t most)
{
    enum code code = CODE_OK;
    while (site->acknowledged < most && (code = put(site, site->acknowledged + 1)) == CODE_OK)
        site->acknowledged++;
    return code;
}

static enum code begin(struct site *site)
{
    static const char definition[] = "DEFINE FIELD title ON item TEXT";
    lsn given;
    enum code code;
    TRY(site_open(site));
    TRY(database_define(site->database, slice_of(definition, strlen(definition)), &given,
                        &site->error));
out:
    return code;
}

/* The first acknowledged item that is not there as it was written; 0: none. */
static uint64_t first_lost(struct site *site)
{
    struct view view;
    uint64_t lost = 0;
    if (database_read_begin(site->database, &view, &site->error) != CODE_OK) return 1;
    for (uint64_t id = 1; id <= site->acknowledged && lost == 0; id++) {
        char text[TEXT_BYTES];
        ordinal item = entities_find(view.entities, ENTITY_ITEM, id);
        bool right = item != ORDINAL_NONE && entities_live(view.entities, ENTITY_ITEM, item);
        if (right) {
            struct value value =
                entities_value(view.entities, &view.schema->fields[0], item, NULL, 0);
            right = value.type == VALUE_TEXT && slice_equal(value.text, text_of(id, text));
        }
        if (!right) lost = id;
    }
    database_read_end(site->database);
    return lost;
}

/* What failed a while ago may fail once more: the keeper tries beside us. */
static bool checkpoint_comes_back(struct site *site)
{
    enum { TRIES = 120, PAUSE_US = 500000 };
    for (int i = 0; i < TRIES; i++) {
        if (database_checkpoint(site->database, &site->error) == CODE_OK) {
            printf("full: the store was back after %d tries\n", i + 1);
            return true;
        }
        usleep(PAUSE_US);
    }
    fprintf(stderr, "    the last of %d tries: %s (%s)\n", TRIES, site->error.message,
            site->error.hint);
    return false;
}

static void fill_the_disk(struct test *t, struct site *site)
{
    CHECK(shell(site, "head -c 20000000 /dev/zero >mnt/filler"));
    CHECK_EQ(begin(site), CODE_OK);
    CHECK_EQ(fill(site, MAXIMUM_ITEMS), CODE_NO_SPACE);
    uint64_t before = site->acknowledged;
    printf("full: %" PRIu64 " items, then '%s' (%s)\n", before, site->error.message,
           site->error.hint);
    CHECK(strstr(site->error.message, "No space left") != NULL && site->error.hint[0] != 0);
    CHECK_EQ(first_lost(site), 0);
    /* The store may have given some room back meanwhile. */
    CHECK_EQ(fill(site, MAXIMUM_ITEMS), CODE_NO_SPACE);
    before = site->acknowledged;
    CHECK(shell(site, "rm mnt/filler"));
    CHECK_EQ(fill(site, before + 200), CODE_OK);
    CHECK_EQ(first_lost(site), 0);
    CHECK(checkpoint_comes_back(site));
    CHECK_EQ(site_close(site), CODE_OK);
    CHECK_EQ(site_open(site), CODE_OK);
    CHECK_EQ(first_lost(site), 0);
}

static void a_full_disk_refuses_writes_and_takes_them_again_when_there_is_room(struct test *t)
{
    struct site site;
    if (!site_make(&site, 64, 128)) SKIP(site.why);
    fill_the_disk(t, &site);
    CHECK(site_release(&site));
}

static void break_the_disk(struct test *t, struct site *site)
{
    CHECK_EQ(begin(site), CODE_OK);
    enum code code = fill(site, MAXIMUM_ITEMS);
    printf("broken: %" PRIu64 " items, then '%s' (%s)\n", site->acknowledged, site->error.message,
           site->error.hint);
    /* A sync may tell why the device failed: the tmpfs below it is full. */
    CHECK(code == CODE_IO || code == CODE_FAILED || code == CODE_READ_ONLY ||
          code == CODE_NO_SPACE);
    CHECK(site->error.message[0] != 0 && site->error.hint[0] != 0);
    CHECK_EQ(first_lost(site), 0);
    code = site_close(site);
    printf("broken: closing it says '%s'\n", code == CODE_OK ? "ok" : site->error.message);
    CHECK(shell(site, "umount mnt"));
    CHECK(shell(site, "mount -o remount,size=400m ram"));
    CHECK(shell(site, "e2fsck -fy ram/image; test $? -lt 4"));
    if (!mount_image(site, 300)) SKIP("a loop device cannot be had again");
    code = site_open(site);
    if (code != CODE_OK) fprintf(stderr, "    %s\n", site->error.message);
    CHECK_EQ(code, CODE_OK);
    CHECK_EQ(first_lost(site), 0);
    CHECK_EQ(fill(site, site->acknowledged + 100), CODE_OK);
    CHECK_EQ(site_close(site), CODE_OK);
}

static void a_disk_that_breaks_loses_nothing_that_was_acknowledged(struct test *t)
{
    struct site site;
    if (!site_make(&site, 192, 40)) SKIP(site.why);
    break_the_disk(t, &site);
    CHECK(site_release(&site));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_full_disk_refuses_writes_and_takes_them_again_when_there_is_room),
               CASE(a_disk_that_breaks_loses_nothing_that_was_acknowledged));
}
