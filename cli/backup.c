/* tidal backup, tidal restore. */
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/text.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static void describe(const char *word, const tidal_backup_report *report)
{
    struct buffer out = {0};
    text_append_count(&out, report->files);
    buffer_append_text(&out, " files, ");
    text_append_size(&out, report->bytes);
    buffer_append_text(&out, ", up to lsn ");
    text_append_count(&out, report->lsn);
    printf("%s: %s\n", word, out.data);
    buffer_release(&out);
}

/* Two directories, and --verify where `verify` is not NULL. */
static int parse(int argc, char **argv, bool *verify)
{
    static const struct option options[] = {{"verify", no_argument, NULL, 'v'}, {NULL, 0, NULL, 0}};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option != 'v') return report_option(argv[0], option, argv);
        if (!verify) return report_usage(argv[0], "there is no option '--verify'");
        *verify = true;
    }
    if (optind + 2 != argc) return report_usage(argv[0], "two directories are expected");
    return EXIT_OK;
}

int backup_run(tidal_db *db, const char *path)
{
    tidal_backup_report report;
    tidal_error error;
    if (tidal_backup(db, path, &report, &error) != TIDAL_OK) {
        report_error(&error);
        return EXIT_FAULT;
    }
    describe("backed up", &report);
    return EXIT_OK;
}

int command_backup(int argc, char **argv)
{
    int code = parse(argc, argv, NULL);
    if (code != EXIT_OK) return code;
    tidal_options options = {.size = sizeof options, .must_exist = true};
    tidal_db *db;
    tidal_error error;
    if (tidal_open(argv[optind], &options, &db, &error) != TIDAL_OK) {
        report_open(argv[optind], &error);
        return EXIT_FAULT;
    }
    code = backup_run(db, argv[optind + 1]);
    if (tidal_close(db, &error) == TIDAL_OK) return code;
    report_error(&error);
    return EXIT_FAULT;
}

int command_restore(int argc, char **argv)
{
    bool verify = false;
    int code = parse(argc, argv, &verify);
    if (code != EXIT_OK) return code;
    tidal_backup_report report;
    tidal_error error;
    const char *path = argv[optind + 1];
    if (tidal_restore(argv[optind], path, &report, &error) != TIDAL_OK) {
        report_place(&error);
        return EXIT_FAULT;
    }
    describe("restored", &report);
    return verify ? check_report(path) : EXIT_OK;
}
