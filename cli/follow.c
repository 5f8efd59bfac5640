/* tidal follow: keeps a copy of a database that another process writes. */
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/text.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
    (void)number;
    stopped = 1;
}

static void catch_stops(void)
{
    struct sigaction action = {.sa_handler = on_stop};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

struct follow_arguments {
    const char *source, *copy;
    bool once;
    uint64_t signal_memory_bytes; /* of the copy; 0: as much as it takes */
};

static int parse(int argc, char **argv, struct follow_arguments *arguments)
{
    static const struct option options[] = {{"once", no_argument, NULL, 'o'},
                                            {"signal-memory", required_argument, NULL, 'm'},
                                            {NULL, 0, NULL, 0}};
    int option, code = EXIT_OK;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == 'm')
            code = report_memory(argv[0], optarg, &arguments->signal_memory_bytes);
        else if (option == 'o')
            arguments->once = true;
        else
            return report_option(argv[0], option, argv);
        if (code != EXIT_OK) return code;
    }
    if (optind + 2 != argc)
        return report_usage(argv[0], "two directories are expected: the database, and its copy");
    arguments->source = argv[optind];
    arguments->copy = argv[optind + 1];
    return EXIT_OK;
}

static void print_lsn(tidal_follow *follow)
{
    struct buffer line = {0};
    buffer_append_text(&line, "lsn ");
    text_append_count(&line, tidal_lsn(tidal_follow_db(follow)));
    puts(line.data);
    (void)fflush(stdout);
    buffer_release(&line);
}

/* Until it is told to stop, or, once, until there is no more.  A line whenever it has caught up. */
static tidal_code run(tidal_follow *follow, bool once, tidal_error *error)
{
    enum { WAIT_MS = 200, ONCE_MS = 20 };
    uint64_t entries, behind = 1;
    tidal_code code;
    while (!stopped) {
        code = tidal_follow_step(follow, once ? ONCE_MS : WAIT_MS, &entries, error);
        if (code != TIDAL_OK) return code;
        if (entries == 0 && behind > 0) print_lsn(follow);
        if (entries == 0 && once) break;
        behind = entries;
    }
    return TIDAL_OK;
}

int command_follow(int argc, char **argv)
{
    struct follow_arguments arguments = {0};
    tidal_follow *follow;
    tidal_error error, close_error;
    int parsed = parse(argc, argv, &arguments);
    if (parsed != EXIT_OK) return parsed;
    const tidal_options options = {.size = sizeof options,
                                   .signal_memory_bytes = arguments.signal_memory_bytes};
    catch_stops();
    if (tidal_follow_open(arguments.source, arguments.copy, &options, &follow, &error) !=
        TIDAL_OK) {
        report_error(&error);
        return EXIT_FAULT;
    }
    tidal_code code = run(follow, arguments.once, &error);
    tidal_code closed = tidal_follow_close(follow, &close_error);
    if (code == TIDAL_OK && closed != TIDAL_OK) {
        error = close_error;
        code = closed;
    }
    if (code != TIDAL_OK) report_error(&error);
    return code == TIDAL_OK ? EXIT_OK : EXIT_FAULT;
}
