/* tidal size: what the parts of a database take of memory, or would take. */
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/result.h"
#include "cli/script.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAMPLE_ITEMS = 5000,
    BATCH = 1000,
    EVENTS_DEFAULT = 20,
    NAME_BYTES = 128,
    SIGNALS_MAXIMUM = 64
};
static const uint64_t count_maximum = 1000000000;
static const int64_t span_ms = INT64_C(30) * 86400000;

struct size_options {
    const char *path, *plan;
    uint64_t items, events;
    enum format format;
};

static bool parse_count(const char *text, uint64_t *count)
{
    char *end;
    errno = 0;
    *count = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && text[0] != '-' && *count > 0 && *count <= count_maximum;
}

static int parse(int argc, char **argv, struct size_options *size)
{
    static const struct option options[] = {{"format", required_argument, NULL, 'F'},
                                            {"plan", required_argument, NULL, 'p'},
                                            {"items", required_argument, NULL, 'i'},
                                            {"events", required_argument, NULL, 'e'},
                                            {NULL, 0, NULL, 0}};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == 'F') {
            if (!format_find(optarg, &size->format))
                return report_usage(argv[0], "there is no format '%s'", optarg);
        } else if (option == 'p') {
            size->plan = optarg;
        } else if (option == 'i' || option == 'e') {
            if (!parse_count(optarg, option == 'i' ? &size->items : &size->events))
                return report_usage(argv[0], "'%s' is no count from 1 to 1000000000", optarg);
        } else {
            return report_option(argv[0], option, argv);
        }
    }
    if (size->plan) {
        if (optind != argc) return report_usage(argv[0], "a plan takes no directory");
        if (size->items == 0) return report_usage(argv[0], "say for how many: --items 1000000");
        return EXIT_OK;
    }
    if (size->items > 0) return report_usage(argv[0], "--items goes with --plan");
    if (optind + 1 != argc) return report_usage(argv[0], "one directory is expected");
    size->path = argv[optind];
    return EXIT_OK;
}

static bool run_script(tidal_db *db, enum format format, const char *name, FILE *file,
                       const char *text)
{
    struct session session = {.db = db, .format = format};
    struct script script = {.name = name, .session = &session, .line = 1};
    bool ok = file ? script_read(&script, file) : script_feed(&script, text, strlen(text));
    ok = ok && script_finish(&script);
    script_release(&script);
    return ok;
}

static int print_size(const struct size_options *size)
{
    tidal_options options = {.size = sizeof options, .read_only = true, .must_exist = true};
    tidal_db *db = NULL;
    tidal_error error;
    if (tidal_open(size->path, &options, &db, &error) != TIDAL_OK) {
        report_open(size->path, &error);
        return EXIT_FAULT;
    }
    bool ok = run_script(db, size->format, "size", NULL, "SHOW SIZE");
    (void)tidal_close(db, NULL);
    return ok ? EXIT_OK : EXIT_FAULT;
}

/* --- A plan --- */

struct sample {
    tidal_db *db;
    uint64_t items, random;
    int64_t start_ms;
    char signals[SIGNALS_MAXIMUM][NAME_BYTES];
    size_t signal_count;
    tidal_error error;
};

static double uniform(struct sample *sample) /* xorshift64 */
{
    sample->random ^= sample->random << 13;
    sample->random ^= sample->random >> 7;
    sample->random ^= sample->random << 17;
    return (double)(sample->random >> 11) * 0x1p-53;
}

/* The r-th most popular of n is drawn in proportion to 1 / r. */
static uint64_t draw_popular(struct sample *sample)
{
    uint64_t rank = (uint64_t)pow((double)sample->items + 1, uniform(sample));
    return rank < sample->items ? rank : sample->items;
}

/* The signals take turns, as time goes on for all of them. */
static bool fill_signals(struct sample *sample, uint64_t events)
{
    static tidal_event batch[BATCH];
    uint64_t total = sample->items * events * sample->signal_count;
    for (uint64_t done = 0; done < total;) {
        size_t some = total - done < BATCH ? (size_t)(total - done) : BATCH;
        for (size_t i = 0; i < some; i++)
            batch[i] = (tidal_event){
                .signal = sample->signals[(done + i) % sample->signal_count],
                .entity = draw_popular(sample),
                .user = (uint64_t)(uniform(sample) * (double)sample->items) + 1,
                .has_time = true,
                .time_ms = sample->start_ms +
                           (int64_t)((double)span_ms * (double)(done + i) / (double)total)};
        if (tidal_signal_batch(sample->db, batch, some, TIDAL_DURABLE, NULL, &sample->error) !=
            TIDAL_OK)
            return false;
        done += some;
    }
    return true;
}

static bool put_sample(struct sample *sample, tidal_kind kind)
{
    for (uint64_t id = 1; id <= sample->items; id++) {
        tidal_entity entity = {.kind = kind, .id = id};
        /* The last one waits for all: signals are about what is there. */
        tidal_ack ack = id == sample->items ? TIDAL_DURABLE : TIDAL_ACCEPTED;
        if (tidal_put(sample->db, &entity, "{}", ack, NULL, &sample->error) != TIDAL_OK)
            return false;
    }
    return true;
}

static bool fill(struct sample *sample, uint64_t events)
{
    tidal_query *query = NULL;
    bool ok = put_sample(sample, TIDAL_ITEM) && put_sample(sample, TIDAL_CREATOR) &&
              tidal_prepare(sample->db, "SHOW SIGNALS", -1, &query, &sample->error) == TIDAL_OK;
    while (ok && sample->signal_count < SIGNALS_MAXIMUM &&
           tidal_step(query, &sample->error) == TIDAL_ROW) {
        const char *name = tidal_column_text(query, 0, NULL);
        if (strcmp(name, "hide") == 0 || strcmp(name, "impression") == 0) continue;
        snprintf(sample->signals[sample->signal_count++], NAME_BYTES, "%s", name);
    }
    tidal_query_free(query);
    return ok && (sample->signal_count == 0 || fill_signals(sample, events));
}

static bool print_plan(struct sample *sample, const struct size_options *size)
{
    tidal_query *query = NULL;
    double factor = (double)size->items / (double)sample->items;
    if (tidal_prepare(sample->db, "SHOW SIZE", -1, &query, &sample->error) != TIDAL_OK)
        return false;
    printf("%-8s %-16s %14s %16s %8s\n", "what", "name", "count", "bytes", "each");
    while (tidal_step(query, &sample->error) == TIDAL_ROW) {
        double count = (double)tidal_column_i64(query, 2) * factor;
        double bytes = (double)tidal_column_i64(query, 3) * factor;
        printf("%-8s %-16s ", tidal_column_text(query, 0, NULL), tidal_column_text(query, 1, NULL));
        if (count > 0)
            printf("%14.0f %16.0f %8.1f\n", count, bytes, bytes / count);
        else
            printf("%14s %16.0f\n", "", bytes);
    }
    tidal_query_free(query);
    return true;
}

static int plan(const struct size_options *size)
{
    bool is_input = strcmp(size->plan, "-") == 0;
    FILE *file = is_input ? stdin : fopen(size->plan, "r");
    static struct sample sample = {.random = UINT64_C(0x9e3779b97f4a7c15)};
    sample.items = size->items < SAMPLE_ITEMS ? size->items : SAMPLE_ITEMS;
    sample.start_ms = INT64_C(1700000000000);
    if (!file) {
        report("%s cannot be read: %s", size->plan, strerror(errno));
        return EXIT_FAULT;
    }
    bool ok = tidal_open(":memory:", NULL, &sample.db, &sample.error) == TIDAL_OK;
    bool defined = ok && run_script(sample.db, size->format, size->plan, file, NULL);
    if (!is_input) (void)fclose(file);
    if (ok && defined) {
        ok = fill(&sample, size->events) && print_plan(&sample, size);
    }
    if (!ok) report("%s", sample.error.message);
    (void)tidal_close(sample.db, NULL);
    return ok && defined ? EXIT_OK : EXIT_FAULT;
}

int command_size(int argc, char **argv)
{
    struct size_options size = {.events = EVENTS_DEFAULT, .format = FORMAT_TABLE};
    int code = parse(argc, argv, &size);
    if (code != EXIT_OK) return code;
    return size.plan ? plan(&size) : print_size(&size);
}
