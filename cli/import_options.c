/* The command line of tidal import; cli/help.c specifies it. */
#include "cli/import.h"
#include "cli/report.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_DEFAULT = 1000, BATCH_MAXIMUM = 65536 };

/* To which targets an option belongs. */
enum { FOR_ENTITIES = 1, FOR_SIGNALS = 2, FOR_RELATION = 4, FOR_ALL = 7 };

enum {
    OPTION_TEXT = 256, /* + index: text that is kept as it is */
    OPTION_FORMAT = 512,
    OPTION_DELIMITER,
    OPTION_COLUMNS,
    OPTION_HEADER,
    OPTION_NO_QUOTES,
    OPTION_MAP,
    OPTION_SKIP,
    OPTION_SPLIT,
    OPTION_TIME_UNIT,
    OPTION_DRY_RUN,
    OPTION_BATCH,
    OPTION_PROGRESS,
    OPTION_SIGNAL_MEMORY,
};

static const struct {
    const char *name;
    size_t offset;
    int targets;
} texts[] = {
    {"into", offsetof(struct import_options, into), FOR_ALL},
    {"id", offsetof(struct import_options, id), FOR_ENTITIES | FOR_SIGNALS},
    {"key", offsetof(struct import_options, key), FOR_ENTITIES | FOR_SIGNALS},
    {"signal", offsetof(struct import_options, signal), FOR_SIGNALS},
    {"event", offsetof(struct import_options, event), FOR_SIGNALS},
    {"user", offsetof(struct import_options, user), FOR_SIGNALS},
    {"user-key", offsetof(struct import_options, user_key), FOR_SIGNALS},
    {"time", offsetof(struct import_options, time), FOR_SIGNALS},
    {"value", offsetof(struct import_options, value), FOR_SIGNALS},
    {"from", offsetof(struct import_options, from), FOR_RELATION},
    {"to", offsetof(struct import_options, to), FOR_RELATION},
    {"from-key", offsetof(struct import_options, from_key), FOR_RELATION},
    {"to-key", offsetof(struct import_options, to_key), FOR_RELATION},
    {"weight", offsetof(struct import_options, weight), FOR_RELATION},
    {"refused", offsetof(struct import_options, refused), FOR_ALL},
};

enum { TEXT_COUNT = sizeof texts / sizeof *texts };

static const struct {
    const char *name;
    int takes, code, targets;
} others[] = {
    {"format", required_argument, OPTION_FORMAT, FOR_ALL},
    {"delimiter", required_argument, OPTION_DELIMITER, FOR_ALL},
    {"columns", required_argument, OPTION_COLUMNS, FOR_ALL},
    {"header", no_argument, OPTION_HEADER, FOR_ALL},
    {"no-quotes", no_argument, OPTION_NO_QUOTES, FOR_ALL},
    {"map", required_argument, OPTION_MAP, FOR_ENTITIES},
    {"skip", required_argument, OPTION_SKIP, FOR_ENTITIES},
    {"split", required_argument, OPTION_SPLIT, FOR_ENTITIES},
    {"time-unit", required_argument, OPTION_TIME_UNIT, FOR_SIGNALS},
    {"dry-run", no_argument, OPTION_DRY_RUN, FOR_ALL},
    {"batch", required_argument, OPTION_BATCH, FOR_SIGNALS},
    {"progress", no_argument, OPTION_PROGRESS, FOR_ALL},
    {"signal-memory", required_argument, OPTION_SIGNAL_MEMORY, FOR_ALL},
};

enum { OTHER_COUNT = sizeof others / sizeof *others };

/* What getopt_long takes; `given` is set to the targets that each option met so far allows. */
struct parsing {
    struct import_options *options;
    int targets;           /* that all options so far belong to */
    const char *narrowing; /* an option that belongs to some targets alone; NULL: none */
    const char *format;
};

/* --- Lists --- */

static void add_name(struct names *names, const char *name, size_t bytes)
{
    names->list = heap_grow(names->list, &names->capacity, names->count + 1, sizeof *names->list);
    names->list[names->count++] = heap_copy(name, bytes);
}

static void add_names(struct names *names, const char *text)
{
    for (;;) {
        size_t bytes = strcspn(text, ",");
        add_name(names, text, bytes);
        if (text[bytes] == 0) return;
        text += bytes + 1;
    }
}

/* "left=right" of `bytes` bytes; false: it is not. */
static bool add_pair(struct pairs *pairs, const char *text, size_t bytes)
{
    const char *equals = memchr(text, '=', bytes);
    if (!equals || equals == text || equals + 1 == text + bytes) return false;
    size_t left = (size_t)(equals - text);
    pairs->list = heap_grow(pairs->list, &pairs->capacity, pairs->count + 1, sizeof *pairs->list);
    pairs->list[pairs->count++] = (struct pair){.left = heap_copy(text, left),
                                                .right = heap_copy(equals + 1, bytes - left - 1)};
    return true;
}

static int add_map(struct pairs *map, const char *text)
{
    for (;;) {
        size_t bytes = strcspn(text, ",");
        if (!add_pair(map, text, bytes))
            return report_usage("import", "'--map %s' is not FIELD=COLUMN,...", text);
        if (text[bytes] == 0) return EXIT_OK;
        text += bytes + 1;
    }
}

/* --- Options --- */

static int take_delimiter(struct import_options *options, const char *text)
{
    if (strcmp(text, "\\t") == 0) text = "\t";
    if (text[0] == 0 || strpbrk(text, "\"\r\n"))
        return report_usage("import", "a delimiter is neither empty, nor does it hold quotation "
                                      "marks or line ends");
    options->reader.delimiter = text;
    return EXIT_OK;
}

static int take_format(struct import_options *options, const char *text)
{
    if (strcmp(text, "csv") == 0)
        options->reader.format = FILE_CSV;
    else if (strcmp(text, "jsonl") == 0)
        options->reader.format = FILE_JSONL;
    else
        return report_usage("import", "'--format' takes csv or jsonl, not '%s'", text);
    return EXIT_OK;
}

static int take_time_unit(struct import_options *options, const char *text)
{
    if (strcmp(text, "rfc3339") == 0)
        options->time_unit = TIME_RFC3339;
    else if (strcmp(text, "ms") == 0)
        options->time_unit = TIME_MILLISECONDS;
    else if (strcmp(text, "s") == 0)
        options->time_unit = TIME_SECONDS;
    else
        return report_usage("import", "'--time-unit' takes rfc3339, ms or s, not '%s'", text);
    return EXIT_OK;
}

static int take_batch(struct import_options *options, const char *text)
{
    uint64_t batch;
    if (!text_u64(text, &batch) || batch == 0 || batch > BATCH_MAXIMUM)
        return report_usage("import", "'--batch' takes 1 to %d, not '%s'", BATCH_MAXIMUM, text);
    options->batch = batch;
    return EXIT_OK;
}

static int take_other(struct import_options *options, int code, const char *text)
{
    switch (code) {
    case OPTION_FORMAT:
        return take_format(options, text);
    case OPTION_DELIMITER:
        return take_delimiter(options, text);
    case OPTION_COLUMNS:
        add_names(&options->columns, text);
        break;
    case OPTION_HEADER:
        options->reader.header = true;
        break;
    case OPTION_NO_QUOTES:
        options->reader.no_quotes = true;
        break;
    case OPTION_MAP:
        return add_map(&options->map, text);
    case OPTION_SKIP:
        add_names(&options->skip, text);
        break;
    case OPTION_SPLIT:
        if (!add_pair(&options->split, text, strlen(text)))
            return report_usage("import", "'--split %s' is not COLUMN=TEXT", text);
        break;
    case OPTION_TIME_UNIT:
        return take_time_unit(options, text);
    case OPTION_DRY_RUN:
        options->dry_run = true;
        break;
    case OPTION_BATCH:
        return take_batch(options, text);
    case OPTION_SIGNAL_MEMORY:
        return report_memory("import", text, &options->signal_memory_bytes);
    default:
        options->progress = true;
    }
    return EXIT_OK;
}

static void narrow(struct parsing *parsing, const char *name, int targets)
{
    if (targets != FOR_ALL && (!parsing->narrowing || (parsing->targets & ~targets)))
        parsing->narrowing = name;
    parsing->targets &= targets;
}

static int take_option(struct parsing *parsing, int code)
{
    if (code >= OPTION_TEXT && code < OPTION_TEXT + TEXT_COUNT) {
        size_t index = (size_t)(code - OPTION_TEXT);
        char *member = (char *)parsing->options + texts[index].offset;
        memcpy(member, &optarg, sizeof optarg);
        narrow(parsing, texts[index].name, texts[index].targets);
        return EXIT_OK;
    }
    for (size_t i = 0; i < OTHER_COUNT; i++) {
        if (others[i].code == code) narrow(parsing, others[i].name, others[i].targets);
    }
    return take_other(parsing->options, code, optarg);
}

static int take_options(struct parsing *parsing, int argc, char **argv)
{
    struct option known[TEXT_COUNT + OTHER_COUNT + 1] = {0};
    for (int i = 0; i < TEXT_COUNT; i++)
        known[i] = (struct option){texts[i].name, required_argument, NULL, OPTION_TEXT + i};
    for (int i = 0; i < OTHER_COUNT; i++)
        known[TEXT_COUNT + i] =
            (struct option){others[i].name, others[i].takes, NULL, others[i].code};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        if (option == '?' || option == ':') return report_option("import", option, argv);
        int code = take_option(parsing, option);
        if (code != EXIT_OK) return code;
    }
    return EXIT_OK;
}

/* --- What they mean together --- */

static void find_target(struct import_options *options)
{
    static const char *const kinds[] = {"item", "user", "creator"};
    options->target = strcmp(options->into, "signals") == 0 ? INTO_SIGNALS : INTO_RELATION;
    for (int i = 0; i < 3; i++) {
        if (strcmp(options->into, kinds[i]) != 0) continue;
        options->target = INTO_ENTITIES;
        options->kind = (tidal_kind)i;
    }
}

static int check_together(const struct parsing *parsing)
{
    const struct import_options *options = parsing->options;
    if (!(parsing->targets & 1 << options->target))
        return report_usage("import", "'--%s' does not go with '--into %s'", parsing->narrowing,
                            options->into);
    if (options->signal && options->event)
        return report_usage("import", "'--signal' and '--event' exclude each other");
    if (options->target == INTO_SIGNALS && options->id && options->key)
        return report_usage("import", "'--id' and '--key' of a signal exclude each other");
    if (options->user && options->user_key)
        return report_usage("import", "'--user' and '--user-key' exclude each other");
    if ((options->from && options->from_key) || (options->to && options->to_key))
        return report_usage("import", "an edge's end has either an id or a key");
    return EXIT_OK;
}

int import_options_parse(struct import_options *options, int argc, char **argv)
{
    *options = (struct import_options){.reader.delimiter = ",", .batch = BATCH_DEFAULT};
    struct parsing parsing = {.options = options, .targets = FOR_ALL};
    int code = take_options(&parsing, argc, argv);
    if (code != EXIT_OK) return code;
    if (argc - optind != 2) return report_usage("import", "a directory and one file are expected");
    options->path = argv[optind];
    options->file = argv[optind + 1];
    if (!options->into)
        return report_usage("import", "'--into' is missing: it takes item, user, creator, signals "
                                      "or a relation");
    find_target(options);
    options->reader.columns = options->columns.list;
    options->reader.column_count = options->columns.count;
    return check_together(&parsing);
}

static void release_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
}

static void release_pairs(struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->list[i].left);
        free(pairs->list[i].right);
    }
    free(pairs->list);
}

void import_options_release(struct import_options *options)
{
    release_names(&options->columns);
    release_names(&options->skip);
    release_pairs(&options->map);
    release_pairs(&options->split);
}
