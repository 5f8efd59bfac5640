/* tidal import: a file into a database. */
#include "cli/import.h"

#include "cli/commands.h"
#include "cli/report.h"
#include "cli/scratch.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* ^C and the end of the terminal stop between two writes, so that counts are told and a copy is
 * removed.  Without SA_RESTART: a read that waits returns. */
static void catch_interrupts(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_interrupt};
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        (void)sigaction(signals[i], &action, NULL);
}

bool import_interrupted(void)
{
    return interrupted;
}

/* --- What the parts share --- */

void import_refuse(struct import *import)
{
    const struct reader *reader = &import->reader;
    tally_refuse(&import->tally, reader->line, reader->reason, reader->raw, reader->raw_bytes);
}

bool import_is_fatal(tidal_code code)
{
    return code != TIDAL_OK && code != TIDAL_DUPLICATE && code != TIDAL_INVALID &&
           code != TIDAL_NOT_FOUND && code != TIDAL_LIMIT;
}

bool import_refuse_write(struct import *import, const tidal_error *error)
{
    if (import_is_fatal(error->code)) {
        report_error(error);
        return false;
    }
    /* The place in what was made of the line tells its reader nothing. */
    const char *place = strstr(error->message, ", at byte ");
    size_t bytes = place ? (size_t)(place - error->message) : strlen(error->message);
    (void)reader_refuse(&import->reader, "%.*s", (int)bytes, error->message);
    import_refuse(import);
    return true;
}

bool import_begin(struct import *import)
{
    const struct import_options *options = import->options;
    import->begun =
        tally_open(&import->tally, import->reader.path, options->refused, options->progress);
    return import->begun;
}

bool import_next(struct import *import, bool *well)
{
    struct reader *reader = &import->reader;
    *well = true;
    while (!import_interrupted()) {
        enum record record = reader_next(reader);
        if (record == RECORD_END) return false;
        if (record == RECORD_FAILED) break;
        import->tally.read++;
        tally_tell(&import->tally);
        if (record == RECORD_READ) return true;
        import_refuse(import);
    }
    *well = false;
    if (import_interrupted())
        report("stopped at line %" PRIu64 " of '%s'", reader->next_line, reader->path);
    else
        report("'%s' cannot be read: %s", reader->path, strerror(reader->input.os_error));
    return false;
}

bool import_settle(struct import *import)
{
    struct tally *tally = &import->tally;
    tidal_error error;
    if (tally->pending > 0 && tidal_wait(import->db, import->last_lsn, &error) != TIDAL_OK) {
        report_error(&error);
        return false;
    }
    tally->taken += tally->pending;
    tally->pending = 0;
    return true;
}

bool import_need(struct import *import, struct column *column, const char *option,
                 const char *given, const char *const defaults[2])
{
    struct reader *reader = &import->reader;
    const char *name = given ? given : defaults[0];
    if (column_find(column, reader, name, given ? NULL : defaults[1])) return true;
    struct buffer hint = {0};
    buffer_append_text(&hint, "its columns are ");
    reader_append_names(reader, &hint);
    if (!given) buffer_print(&hint, "; --%s COLUMN names the right one", option);
    report("'%s' has no column '%s'", reader->path, name);
    report_hint(hint.data);
    buffer_release(&hint);
    return false;
}

bool import_id(struct import *import, struct column *column, uint64_t *id)
{
    const char *text;
    if (!column_text(column, &import->reader, &text)) return false;
    if (!text || !text[0])
        return reader_refuse(&import->reader, "'%s' is missing", column->names[0]);
    if (text_u64(text, id)) return true;
    return reader_refuse(&import->reader,
                         "'%s' is '%.60s', not an id (a whole number from 0; other names are keys)",
                         column->names[0], text);
}

bool import_key(struct import *import, struct column *column, const char **key)
{
    if (!column_text(column, &import->reader, key)) return false;
    if (*key && **key) return true;
    return reader_refuse(&import->reader, "'%s' is missing", column->names[0]);
}

/* --- The command --- */

/* An import that was broken off is run again: within this window its events are recognised. */
enum { REPEATS_EVENTS = 1 << 22, REPEATS_MS = 24 * 3600 * 1000 };

static bool open_database(struct import *import, const char *path)
{
    /* Entities and edges are many small writes: they are sent without waiting, and waited for
     * together. */
    tidal_options options = {.size = sizeof options,
                             .must_exist = true,
                             .ack = TIDAL_ACCEPTED,
                             .dedupe_count = REPEATS_EVENTS,
                             .dedupe_window_ms = REPEATS_MS,
                             .signal_memory_bytes = import->options->signal_memory_bytes};
    tidal_error error;
    if (tidal_open(path, &options, &import->db, &error) == TIDAL_OK) return true;
    report_open(path, &error);
    return false;
}

static bool close_database(struct import *import)
{
    tidal_error error;
    tidal_code code = tidal_close(import->db, &error);
    import->db = NULL;
    if (code != TIDAL_OK) report_error(&error);
    return code == TIDAL_OK;
}

/* For a dry run: `copy` gets the name of a copy of the database.  It is made while this program has
 * the database open and checkpointed, so that nobody writes meanwhile. */
static bool copy_database(struct import *import, struct buffer *copy)
{
    tidal_error error;
    if (!open_database(import, import->options->path)) return false;
    bool copied = tidal_checkpoint(import->db, &error) == TIDAL_OK;
    if (!copied) report_error(&error);
    copied = copied && scratch_copy(import->options->path, copy);
    bool closed = close_database(import);
    return copied && closed;
}

/* Writing the refused lines over the file that is read would destroy it. */
static bool check_refused(const struct import *import)
{
    struct stat refused, read;
    const char *path = import->options->refused;
    if (!path || stat(path, &refused) != 0 || fstat(import->reader.input.file, &read) != 0)
        return true;
    if (refused.st_dev != read.st_dev || refused.st_ino != read.st_ino) return true;
    report("'%s' is the file that is read: refused lines need another", path);
    return false;
}

static bool check_relation(const struct import *import)
{
    const struct catalog *catalog = &import->catalog;
    const char *into = import->options->into;
    if (import->options->target != INTO_RELATION ||
        catalog_find(catalog->relations, catalog->relation_count, into) < catalog->relation_count)
        return true;
    report("there is no relation '%s'", into);
    report_hint("--into takes item, user, creator, signals or a relation; SHOW RELATIONS lists "
                "those that are defined");
    return false;
}

static bool run_target(struct import *import)
{
    static bool (*const run[])(struct import * import) = {
        [INTO_ENTITIES] = import_entities,
        [INTO_SIGNALS] = import_signals,
        [INTO_RELATION] = import_edges,
    };
    static const char *const nouns[] = {"entities", "events", "edges"};
    const struct import_options *options = import->options;
    if (!catalog_read(&import->catalog, import->db, options->kind) || !check_relation(import) ||
        !check_refused(import))
        return false;
    bool well = run[options->target](import);
    if (!import->begun) return false;
    tally_print(&import->tally, nouns[options->target], options->dry_run);
    return tally_close(&import->tally) && well && import->tally.refused_count == 0;
}

static bool run(struct import *import)
{
    const struct import_options *options = import->options;
    struct buffer copy = {0};
    bool copies = options->dry_run && strcmp(options->path, ":memory:") != 0;
    bool well = reader_open(&import->reader, options->file, &options->reader);
    well = well && (!copies || copy_database(import, &copy));
    if (well && open_database(import, copies ? copy.data : options->path)) {
        well = run_target(import);
        well = close_database(import) && well;
    } else {
        well = false;
    }
    scratch_remove(&copy);
    catalog_release(&import->catalog);
    reader_close(&import->reader);
    return well;
}

int command_import(int argc, char **argv)
{
    struct import_options options;
    int code = import_options_parse(&options, argc, argv);
    if (code == EXIT_OK) {
        struct import import = {.options = &options};
        catch_interrupts();
        code = run(&import) ? EXIT_OK : EXIT_FAULT;
    }
    import_options_release(&options);
    return code;
}
