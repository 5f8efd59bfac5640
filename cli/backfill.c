/* tidal backfill: waits until what was added to signals has what was before. */
#include "cli/commands.h"
#include "cli/report.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { STATE_BYTES = 128, COLUMN_STATE = 7 };

/* What was said last, so that nothing is said twice. */
struct watch {
    tidal_db *db;
    tidal_error error;
    bool quiet;
    bool is_due; /* of any signal */
    bool has_said;
    char said[64][STATE_BYTES];
};

static int parse(int argc, char **argv, struct watch *watch, const char **path)
{
    static const struct option options[] = {{"quiet", no_argument, NULL, 'q'}, {NULL, 0, NULL, 0}};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option != 'q') return report_option(argv[0], option, argv);
        watch->quiet = true;
    }
    if (optind + 1 != argc) return report_usage(argv[0], "one directory is expected");
    *path = argv[optind];
    return EXIT_OK;
}

/* A line on standard output for each signal whose state is another one, but for those that are
 * exact from the beginning. */
static void say(struct watch *watch, size_t at, const tidal_query *query)
{
    const char *state = tidal_column_text(query, COLUMN_STATE, NULL);
    bool is_first = watch->said[at][0] == '\0';
    bool changed = strcmp(watch->said[at], state) != 0;
    if (strncmp(state, "backfill", strlen("backfill")) == 0) watch->is_due = true;
    snprintf(watch->said[at], STATE_BYTES, "%s", state);
    if (watch->quiet || !changed || (is_first && strcmp(state, "exact") == 0)) return;
    watch->has_said = true;
    printf("%s: %s\n", tidal_column_text(query, 0, NULL), state);
    (void)fflush(stdout);
}

static tidal_code look(struct watch *watch)
{
    tidal_query *query = NULL;
    tidal_code code = tidal_prepare(watch->db, "SHOW SIGNALS", -1, &query, &watch->error);
    watch->is_due = false;
    if (code != TIDAL_OK) return code;
    for (size_t i = 0; (code = tidal_step(query, &watch->error)) == TIDAL_ROW; i++)
        if (i < sizeof watch->said / sizeof *watch->said) say(watch, i, query);
    tidal_query_free(query);
    return code == TIDAL_DONE ? TIDAL_OK : code;
}

/* What keeps it from going on, if anything: it is tried again, but not for ever by this command. */
static bool is_stuck(struct watch *watch)
{
    tidal_query *query = NULL;
    bool stuck = false;
    if (tidal_prepare(watch->db, "SHOW STATUS", -1, &query, &watch->error) != TIDAL_OK) return true;
    while (!stuck && tidal_step(query, &watch->error) == TIDAL_ROW) {
        if (strcmp(tidal_column_text(query, 0, NULL), "backfill_error") != 0) continue;
        fprintf(stderr, "tidal: the backfill does not go on: %s\n",
                tidal_column_text(query, 1, NULL));
        stuck = true;
    }
    tidal_query_free(query);
    return stuck;
}

static int wait_for_all(struct watch *watch)
{
    const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
    for (;;) {
        if (look(watch) != TIDAL_OK) {
            report_error(&watch->error);
            return EXIT_FAULT;
        }
        if (!watch->is_due) {
            if (!watch->quiet && !watch->has_said) puts("all is exact: nothing to backfill");
            return EXIT_OK;
        }
        if (is_stuck(watch)) return EXIT_FAULT;
        (void)nanosleep(&pause, NULL);
    }
}

int command_backfill(int argc, char **argv)
{
    static struct watch watch;
    tidal_options options = {.size = sizeof options, .must_exist = true};
    const char *path = NULL;
    int code = parse(argc, argv, &watch, &path);
    if (code != EXIT_OK) return code;
    if (tidal_open(path, &options, &watch.db, &watch.error) != TIDAL_OK) {
        report_open(path, &watch.error);
        return EXIT_FAULT;
    }
    code = wait_for_all(&watch);
    if (tidal_close(watch.db, &watch.error) == TIDAL_OK) return code;
    report_error(&watch.error);
    return EXIT_FAULT;
}
