/* Warm copies. */
#include "api/handle.h"

#include "engine/follow.h"
#include "os/clock.h"
#include "os/threads.h"

#define POLL_NS (INT64_C(10) * 1000000)

struct tidal_follow {
    struct follow *follow;
    tidal_db *db;
};

static enum code open_follow(const struct follow_options *options, const tidal_options *known,
                             tidal_follow **opened, struct error *error)
{
    struct follow *follow;
    struct error ignored;
    enum code code;
    TRY(follow_open(options, &follow, error));
    struct database *copy = follow_database(follow);
    tidal_follow *handle = memory_allocate_zeroed(database_memory(copy), sizeof *handle);
    tidal_db *db = handle ? handle_create(copy, known) : NULL;
    if (!db) {
        memory_free(database_memory(copy), handle, handle ? sizeof *handle : 0);
        (void)follow_close(follow, &ignored);
        return error_no_memory(error, AREA_API, sizeof *handle);
    }
    db->is_followers = true;
    *handle = (struct tidal_follow){follow, db};
    *opened = handle;
out:
    return code;
}

tidal_code tidal_follow_open(const char *source, const char *copy, const tidal_options *options,
                             tidal_follow **follow, tidal_error *error)
{
    struct error fault;
    tidal_options known;
    enum code code;
    if (!follow) return give_misuse(error, "follow is NULL", "pass the address of a pointer");
    *follow = NULL;
    if (!source || !copy || source[0] == '\0' || copy[0] == '\0')
        return give_misuse(error, "a path is empty", "name the source and the copy");
    TRY(options_read(options, &known, &fault));
    if (known.read_only || strcmp(copy, ":memory:") == 0)
        return give_misuse(error, "a copy is kept in a directory, and written to",
                           "leave read_only out, and name a directory");
    const struct follow_options wanted = {.source = source, .copy = options_for(copy, &known)};
    code = open_follow(&wanted, &known, follow, &fault);
out:
    return give_error(code, &fault, error);
}

tidal_code tidal_follow_step(tidal_follow *follow, uint32_t wait_ms, uint64_t *entries,
                             tidal_error *error)
{
    int64_t until_ns = clock_monotonic_ns(clock_system()) + (int64_t)wait_ms * 1000000;
    uint64_t taken = 0;
    struct error fault;
    enum code code;
    for (;;) {
        code = follow_step(follow->follow, &taken, &fault);
        int64_t left_ns = until_ns - clock_monotonic_ns(clock_system());
        if (code != CODE_OK || taken > 0 || left_ns <= 0) break;
        thread_sleep_ns(left_ns < POLL_NS ? left_ns : POLL_NS);
    }
    if (entries) *entries = taken;
    return give_error(code, &fault, error);
}

tidal_db *tidal_follow_db(tidal_follow *follow)
{
    return follow->db;
}

tidal_code tidal_follow_close(tidal_follow *follow, tidal_error *error)
{
    struct error fault;
    if (!follow) return TIDAL_OK;
    if (atomic_load(&follow->db->query_count) > 0)
        return give_misuse(error, "the database has queries that are not freed",
                           "tidal_query_free them, then close again");
    struct follow *inner = follow->follow;
    struct memory *memory = database_memory(follow_database(inner));
    memory_free(memory, follow->db, sizeof *follow->db);
    memory_free(memory, follow, sizeof *follow);
    return give_error(follow_close(inner, &fault), &fault, error);
}
