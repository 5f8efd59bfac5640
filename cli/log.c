/* tidal log: the entries of a log, and whether they are whole. */
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/text.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct log_arguments {
    const char *path;
    uint64_t from_lsn, to_lsn; /* 0: not given */
    bool raw;
};

struct dump {
    struct buffer line;
    bool raw;
};

static void append_hex(struct buffer *out, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_print(out, "%02x", bytes[i]);
}

static void append_raw(struct buffer *line, const tidal_log_entry *entry)
{
    buffer_print(line,
                 "{\"lsn\": %" PRIu64 ", \"time_ms\": %" PRId64 ", \"type\": %d, \"flags\": %u, "
                 "\"identity\": \"",
                 entry->lsn, entry->time_ms, entry->type, entry->flags);
    append_hex(line, entry->identity, sizeof entry->identity);
    buffer_append_text(line, "\", \"payload\": \"");
    append_hex(line, entry->payload, entry->payload_bytes);
    buffer_append_text(line, "\"}");
}

void log_append_entry(struct buffer *line, const tidal_log_entry *entry)
{
    enum { IS_KEY = 1, HAS_NONE = 2 };
    buffer_print(line, "{\"lsn\":%" PRIu64 ",\"time\":\"", entry->lsn);
    text_append_time(line, entry->time_ms);
    buffer_append_char(line, '"');
    if (!(entry->flags & HAS_NONE)) {
        buffer_append_text(line, entry->flags & IS_KEY ? ",\"key_hash\":\"" : ",\"identity\":\"");
        append_hex(line, entry->identity, sizeof entry->identity);
        buffer_append_char(line, '"');
    }
    buffer_append_text(line, ",\"change\":");
    buffer_append_text(line, entry->change ? entry->change : "null");
    buffer_append_char(line, '}');
}

static tidal_code dump_entry(void *context, const tidal_log_entry *entry)
{
    struct dump *dump = context;
    buffer_clear(&dump->line);
    if (dump->raw) {
        append_raw(&dump->line, entry);
    } else {
        log_append_entry(&dump->line, entry);
    }
    return puts(dump->line.data) >= 0 ? TIDAL_OK : TIDAL_IO;
}

static int dump(const struct log_arguments *arguments)
{
    struct dump dump = {.raw = arguments->raw};
    tidal_error error;
    tidal_code code = tidal_log_read(arguments->path, arguments->from_lsn, arguments->to_lsn,
                                     dump_entry, &dump, &error);
    buffer_release(&dump.line);
    if (code != TIDAL_OK) {
        (void)fflush(stdout);
        report_place(&error);
    }
    return code == TIDAL_OK ? EXIT_OK : EXIT_FAULT;
}

static void append_range(struct buffer *out, const tidal_log_report *log)
{
    if (log->last_lsn < log->first_lsn) {
        buffer_append_text(out, "no entries");
        return;
    }
    buffer_append_text(out, "lsn ");
    text_append_count(out, log->first_lsn);
    buffer_append_text(out, " to ");
    text_append_count(out, log->last_lsn);
}

void log_describe(struct buffer *out, const tidal_log_report *log)
{
    append_range(out, log);
    buffer_append_text(out, " in ");
    text_append_count(out, log->segments);
    buffer_append_text(out, log->segments == 1 ? " segment" : " segments");
    if (log->torn_bytes == 0) return;
    buffer_append_text(out, "\n       ");
    text_append_count(out, log->torn_bytes);
    buffer_print(
        out, " bytes of an unfinished write at its end (segment %" PRIu64 ", offset %" PRIu64 ")",
        log->torn_segment, log->torn_offset);
}

static int verify(const struct log_arguments *arguments)
{
    tidal_log_report log;
    tidal_error error;
    struct buffer out = {0};
    tidal_code code = tidal_log_verify(arguments->path, &log, &error);
    if (code == TIDAL_OK || log.segments > 0) {
        log_describe(&out, &log);
        printf("%s: %s\n", code == TIDAL_OK ? "whole" : "whole up to the damage", out.data);
    }
    buffer_release(&out);
    if (code != TIDAL_OK) {
        (void)fflush(stdout);
        report_place(&error);
    }
    return code == TIDAL_OK ? EXIT_OK : EXIT_FAULT;
}

enum { OPTION_FROM = 256, OPTION_TO, OPTION_RAW };

static int parse(int argc, char **argv, struct log_arguments *arguments)
{
    static const struct option options[] = {{"from", required_argument, NULL, OPTION_FROM},
                                            {"to", required_argument, NULL, OPTION_TO},
                                            {"raw", no_argument, NULL, OPTION_RAW},
                                            {NULL, 0, NULL, 0}};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == OPTION_RAW) {
            arguments->raw = true;
            continue;
        }
        if (option != OPTION_FROM && option != OPTION_TO) return report_option("log", option, argv);
        uint64_t *lsn = option == OPTION_FROM ? &arguments->from_lsn : &arguments->to_lsn;
        if (!text_u64(optarg, lsn) || *lsn == 0)
            return report_usage("log", "'%s' is not an LSN: they count from 1", optarg);
    }
    if (optind + 1 != argc) return report_usage("log", "one directory is expected");
    arguments->path = argv[optind];
    return EXIT_OK;
}

int command_log(int argc, char **argv)
{
    struct log_arguments arguments = {0};
    bool verifies = argc > 1 && strcmp(argv[1], "verify") == 0;
    if (!verifies && (argc < 2 || strcmp(argv[1], "dump") != 0))
        return report_usage("log", "expected 'tidal log verify' or 'tidal log dump'");
    int code = parse(argc - 1, argv + 1, &arguments);
    if (code != EXIT_OK) return code;
    if (verifies && (arguments.raw || arguments.from_lsn || arguments.to_lsn))
        return report_usage("log", "'tidal log verify' takes no options: it reads the whole log");
    return verifies ? verify(&arguments) : dump(&arguments);
}
