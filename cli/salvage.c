/* tidal salvage: a new database of what is whole in a damaged one. */
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/text.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct salvage {
    const char *path, *to, *behind_path; /* behind_path may be NULL */
    bool json;
    FILE *behind;
    struct buffer line;
    struct buffer lost; /* as text, or as the elements of a JSON array */
};

static tidal_code note_lost(void *context, const tidal_lost *lost)
{
    struct salvage *salvage = context;
    struct buffer *out = &salvage->lost;
    if (salvage->json) {
        buffer_print(out,
                     "%s{\"from_lsn\":%" PRIu64 ",\"to_lsn\":%" PRIu64 ",\"segment\":%" PRIu64
                     ",\"offset\":%" PRIu64 "}",
                     out->bytes > 0 ? "," : "", lost->from_lsn, lost->to_lsn, lost->segment,
                     lost->offset);
        return TIDAL_OK;
    }
    buffer_append_text(out, out->bytes > 0 ? "       lsn " : "lost:  lsn ");
    text_append_count(out, lost->from_lsn);
    buffer_append_text(out, " to ");
    text_append_count(out, lost->to_lsn);
    if (lost->segment != 0) {
        buffer_print(out, " (segment %" PRIu64 ", offset %" PRIu64 ")\n", lost->segment,
                     lost->offset);
    } else {
        buffer_append_text(out, " (no file has them)\n");
    }
    return TIDAL_OK;
}

static tidal_code note_behind(void *context, const tidal_log_entry *entry)
{
    struct salvage *salvage = context;
    if (!salvage->behind) return TIDAL_OK;
    buffer_clear(&salvage->line);
    log_append_entry(&salvage->line, entry);
    buffer_append_char(&salvage->line, '\n');
    return fputs(salvage->line.data, salvage->behind) >= 0 ? TIDAL_OK : TIDAL_IO;
}

static void append_hash(struct buffer *out, const tidal_salvage_report *report)
{
    for (size_t i = 0; i < sizeof report->state_hash; i++)
        buffer_print(out, "%02x", report->state_hash[i]);
}

static void print_json(const struct salvage *salvage, const tidal_salvage_report *report)
{
    struct buffer out = {0};
    buffer_append_text(&out, "{\"rows_from\":");
    text_append_json(&out, report->rows_from, strlen(report->rows_from));
    buffer_print(&out,
                 ",\"checkpoint_lsn\":%" PRIu64 ",\"lsn\":%" PRIu64 ",\"kept_entries\":%" PRIu64
                 ",\"lost_entries\":%" PRIu64 ",\"behind_entries\":%" PRIu64 ",\"lost\":[%s]",
                 report->checkpoint_lsn, report->lsn, report->kept_entries, report->lost_entries,
                 report->behind_entries, salvage->lost.bytes > 0 ? salvage->lost.data : "");
    buffer_print(&out,
                 ",\"items\":%" PRIu64 ",\"users\":%" PRIu64 ",\"creators\":%" PRIu64
                 ",\"state_hash\":\"",
                 report->items, report->users, report->creators);
    append_hash(&out, report);
    buffer_append_text(&out, "\"}\n");
    fputs(out.data, stdout);
    buffer_release(&out);
}

static void append_kept(struct buffer *out, const tidal_salvage_report *report)
{
    if (report->checkpoint_lsn > 0) {
        buffer_print(out, "rows:  of the %s, up to lsn ",
                     strcmp(report->rows_from, "store") == 0 ? "store" : report->rows_from);
        text_append_count(out, report->checkpoint_lsn);
    } else {
        buffer_append_text(out, "rows:  none");
    }
    if (report->store_error.code != TIDAL_OK)
        buffer_print(out, "\n       not those of the store: %s", report->store_error.message);
    buffer_append_text(out, "\nlog:   ");
    text_append_count(out, report->kept_entries);
    buffer_append_text(out, report->kept_entries == 1 ? " entry" : " entries");
    buffer_append_text(out, report->checkpoint_lsn > 0 ? " behind them\n" : " from lsn 1 on\n");
}

static void print_text(const struct salvage *salvage, const tidal_salvage_report *report)
{
    struct buffer out = {0};
    append_kept(&out, report);
    buffer_append_text(&out, salvage->lost.bytes > 0 ? salvage->lost.data : "lost:  nothing\n");
    if (report->behind_entries > 0) {
        buffer_append_text(&out, "       ");
        text_append_count(&out, report->behind_entries);
        buffer_append_text(&out, " whole entries behind that are not in the new database");
        if (salvage->behind_path) buffer_print(&out, ": see '%s'", salvage->behind_path);
        buffer_append_char(&out, '\n');
    }
    buffer_append_text(&out, "new:   up to lsn ");
    text_append_count(&out, report->lsn);
    buffer_append_text(&out, ", opened and checked: ");
    text_append_count(&out, report->items);
    buffer_append_text(&out, " items, ");
    text_append_count(&out, report->users);
    buffer_append_text(&out, " users, ");
    text_append_count(&out, report->creators);
    buffer_append_text(&out, " creators\n       hash ");
    append_hash(&out, report);
    printf("%s\n", out.data);
    buffer_release(&out);
}

enum { OPTION_BEHIND = 256, OPTION_JSON };

static int parse(int argc, char **argv, struct salvage *salvage)
{
    static const struct option options[] = {{"behind", required_argument, NULL, OPTION_BEHIND},
                                            {"json", no_argument, NULL, OPTION_JSON},
                                            {NULL, 0, NULL, 0}};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == OPTION_BEHIND) {
            salvage->behind_path = optarg;
        } else if (option == OPTION_JSON) {
            salvage->json = true;
        } else {
            return report_option("salvage", option, argv);
        }
    }
    if (optind + 2 != argc)
        return report_usage("salvage", "two directories are expected: the damaged, and a new one");
    salvage->path = argv[optind];
    salvage->to = argv[optind + 1];
    return EXIT_OK;
}

static int run(struct salvage *salvage)
{
    tidal_salvage_options options = {
        .size = sizeof options, .lost = note_lost, .behind = note_behind, .context = salvage};
    tidal_salvage_report report;
    tidal_error error;
    tidal_code code = tidal_salvage(salvage->path, salvage->to, &options, &report, &error);
    if (code != TIDAL_OK) {
        if (!salvage->json && salvage->lost.bytes > 0) fputs(salvage->lost.data, stdout);
        (void)fflush(stdout);
        report_place(&error);
        return EXIT_FAULT;
    }
    if (salvage->json) {
        print_json(salvage, &report);
    } else {
        print_text(salvage, &report);
    }
    return EXIT_OK;
}

int command_salvage(int argc, char **argv)
{
    struct salvage salvage = {0};
    int code = parse(argc, argv, &salvage);
    if (code != EXIT_OK) return code;
    if (salvage.behind_path) {
        salvage.behind = fopen(salvage.behind_path, "wx");
        if (!salvage.behind) {
            fprintf(stderr, "tidal: '%s' cannot be made\n  hint: name a new file\n",
                    salvage.behind_path);
            return EXIT_FAULT;
        }
    }
    code = run(&salvage);
    if (salvage.behind && fclose(salvage.behind) != 0) {
        fprintf(stderr, "tidal: '%s' could not be written\n", salvage.behind_path);
        code = EXIT_FAULT;
    }
    buffer_release(&salvage.line);
    buffer_release(&salvage.lost);
    return code;
}
