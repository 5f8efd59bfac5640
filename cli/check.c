/* tidal check: what of a database is whole. */
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/text.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static int parse(int argc, char **argv, const char **path)
{
    static const struct option options[] = {{NULL, 0, NULL, 0}};
    opterr = 0;
    int option = getopt_long(argc, argv, ":", options, NULL);
    if (option != -1) return report_option("check", option, argv);
    if (optind + 1 != argc) return report_usage("check", "one directory is expected");
    *path = argv[optind];
    return EXIT_OK;
}

/* "log:   " and what is behind it. */
static void append_log(struct buffer *out, const tidal_verify_report *report)
{
    bool whole = report->log_error.code == TIDAL_OK;
    buffer_append_text(out, "log:   ");
    if (!whole) buffer_append_text(out, "DAMAGED; whole before that: ");
    log_describe(out, &report->log);
    if (whole) buffer_append_text(out, "\n       every hash is right, no entry is missing");
    buffer_append_char(out, '\n');
}

static void append_store(struct buffer *out, const tidal_verify_report *report)
{
    if (report->store_error.code != TIDAL_OK) {
        buffer_append_text(out, "store: DAMAGED\n");
        return;
    }
    buffer_append_text(out, "store: every row up to lsn ");
    text_append_count(out, report->checkpoint_lsn);
    buffer_append_text(out, " read, decoded and as it has to be\n");
}

static void append_state(struct buffer *out, const tidal_verify_report *report)
{
    if (report->state_error.code != TIDAL_OK) {
        buffer_append_text(out, "state: DAMAGED, or cannot be made\n");
        return;
    }
    buffer_append_text(out, "state: the rows and the log behind them, up to lsn ");
    text_append_count(out, report->lsn);
    if (report->folded) {
        buffer_append_text(out, "\n       the same as lsn 1 to ");
        text_append_count(out, report->lsn);
        buffer_append_text(out, " folded from nothing");
    }
    buffer_append_text(out, "\n       ");
    text_append_count(out, report->items);
    buffer_append_text(out, " items, ");
    text_append_count(out, report->users);
    buffer_append_text(out, " users, ");
    text_append_count(out, report->creators);
    buffer_append_text(out, " creators\n       hash ");
    for (size_t i = 0; i < sizeof report->state_hash; i++)
        buffer_print(out, "%02x", report->state_hash[i]);
    buffer_append_char(out, '\n');
}

static void report_faults(const tidal_verify_report *report)
{
    const tidal_error *errors[] = {&report->log_error, &report->store_error, &report->state_error};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        bool told = false;
        for (size_t j = 0; j < i; j++)
            told = told || strcmp(errors[j]->message, errors[i]->message) == 0;
        if (errors[i]->code != TIDAL_OK && !told) report_place(errors[i]);
    }
}

int check_report(const char *path)
{
    tidal_verify_report report;
    tidal_error error;
    struct buffer out = {0};
    tidal_code code = tidal_verify(path, &report, &error);
    bool nothing_found = report.log_error.code == TIDAL_OK && report.store_error.code == TIDAL_OK &&
                         report.state_error.code == TIDAL_OK;
    if (code != TIDAL_OK && nothing_found) {
        report_open(path, &error);
        return EXIT_FAULT;
    }
    append_log(&out, &report);
    append_store(&out, &report);
    append_state(&out, &report);
    printf("%s%s", out.data, code == TIDAL_OK ? "ok\n" : "");
    buffer_release(&out);
    (void)fflush(stdout);
    report_faults(&report);
    return code == TIDAL_OK ? EXIT_OK : EXIT_FAULT;
}

int command_check(int argc, char **argv)
{
    const char *path = NULL;
    int code = parse(argc, argv, &path);
    return code == EXIT_OK ? check_report(path) : code;
}
