/* tidal status: what a database says of itself. */
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/result.h"
#include "cli/text.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

static bool open_read_only(const char *path, tidal_db **db)
{
    tidal_options options = {.size = sizeof options, .read_only = true, .must_exist = true};
    tidal_error error;
    if (tidal_open(path, &options, db, &error) == TIDAL_OK) return true;
    report_open(path, &error);
    return false;
}

/* The only argument and --format; returns EXIT_OK if they are well. */
static int parse(int argc, char **argv, const char **path, enum format *format)
{
    static const struct option options[] = {{"format", required_argument, NULL, 'F'},
                                            {NULL, 0, NULL, 0}};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option != 'F') return report_option(argv[0], option, argv);
        if (!format_find(optarg, format))
            return report_usage(argv[0], "there is no format '%s'", optarg);
    }
    if (optind + 1 != argc) return report_usage(argv[0], "one directory is expected");
    *path = argv[optind];
    return EXIT_OK;
}

struct status_line {
    const char *name;
    uint64_t value;
    enum { LINE_COUNT, LINE_BYTES, LINE_TIME } kind;
};

static void print_json(const struct status_line *lines, size_t count)
{
    struct buffer out = {0};
    for (size_t i = 0; i < count; i++) {
        bool missing = lines[i].kind == LINE_TIME && (int64_t)lines[i].value == INT64_MIN;
        buffer_print(&out, "%s\"%s\": ", i == 0 ? "{" : ", ", lines[i].name);
        if (missing) {
            buffer_append_text(&out, "null");
        } else if (lines[i].kind == LINE_TIME) {
            buffer_append_char(&out, '"');
            text_append_time(&out, (int64_t)lines[i].value);
            buffer_append_char(&out, '"');
        } else {
            buffer_print(&out, "%" PRIu64, lines[i].value);
        }
    }
    printf("%s}\n", out.data);
    buffer_release(&out);
}

static void print_lines(const struct status_line *lines, size_t count, enum format format)
{
    struct buffer value = {0};
    if (format == FORMAT_CSV) puts("name,value");
    for (size_t i = 0; i < count; i++) {
        buffer_clear(&value);
        if (lines[i].kind == LINE_TIME) {
            if ((int64_t)lines[i].value == INT64_MIN)
                buffer_append_text(&value, "none");
            else
                text_append_time(&value, (int64_t)lines[i].value);
        } else if (format == FORMAT_CSV) {
            buffer_print(&value, "%" PRIu64, lines[i].value);
        } else if (lines[i].kind == LINE_BYTES) {
            text_append_size(&value, lines[i].value);
        } else {
            text_append_count(&value, lines[i].value);
        }
        printf(format == FORMAT_CSV ? "%s,%s\n" : "%-16s %s\n", lines[i].name, value.data);
    }
    buffer_release(&value);
}

int command_status(int argc, char **argv)
{
    const char *path = NULL;
    enum format format = FORMAT_TABLE;
    int code = parse(argc, argv, &path, &format);
    if (code != EXIT_OK) return code;
    tidal_db *db = NULL;
    if (!open_read_only(path, &db)) return EXIT_FAULT;
    tidal_status status;
    tidal_get_status(db, &status);
    const struct status_line lines[] = {
        {"items", status.items, LINE_COUNT},
        {"users", status.users, LINE_COUNT},
        {"creators", status.creators, LINE_COUNT},
        {"newest_event", (uint64_t)status.newest_event_ms, LINE_TIME},
        {"lsn", status.lsn, LINE_COUNT},
        {"checkpoint_lsn", status.checkpoint_lsn, LINE_COUNT},
        {"oldest_lsn", status.oldest_lsn, LINE_COUNT},
        {"log_bytes", status.log_bytes, LINE_BYTES},
        {"store_bytes", status.store_bytes, LINE_BYTES},
        {"memory_bytes", status.memory_bytes, LINE_BYTES},
        {"open_ms", (uint64_t)status.open_ms, LINE_COUNT},
        {"replayed", status.replayed, LINE_COUNT},
    };
    size_t count = sizeof lines / sizeof *lines;
    if (format == FORMAT_JSON)
        print_json(lines, count);
    else
        print_lines(lines, count, format);
    (void)tidal_close(db, NULL);
    return EXIT_OK;
}
