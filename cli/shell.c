/* tidal DIR: statements from the command line, a file, standard input or a person. */
#include "cli/commands.h"
#include "cli/interactive.h"
#include "cli/report.h"
#include "cli/text.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct arguments {
    const char *path;
    const char *statements; /* -c */
    const char *file;       /* -f */
    bool read_only;
    uint64_t retain_log_ms;       /* 0: as before */
    uint64_t signal_memory_bytes; /* 0: as much as it takes */
};

enum {
    OPTION_FORMAT = 256,
    OPTION_PARAM,
    OPTION_READ_ONLY,
    OPTION_RETAIN_LOG,
    OPTION_SIGNAL_MEMORY,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option options[] = {
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"param", required_argument, NULL, OPTION_PARAM},
    {"read-only", no_argument, NULL, OPTION_READ_ONLY},
    {"retain-log", required_argument, NULL, OPTION_RETAIN_LOG},
    {"signal-memory", required_argument, NULL, OPTION_SIGNAL_MEMORY},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

/* False: all is said, and *code is what to exit with. */
static bool take_option(int option, char **argv, struct arguments *arguments,
                        struct session *session, int *code)
{
    *code = EXIT_USAGE;
    switch (option) {
    case 'c':
        arguments->statements = optarg;
        return true;
    case 'f':
        arguments->file = optarg;
        return true;
    case OPTION_READ_ONLY:
        arguments->read_only = true;
        return true;
    case OPTION_RETAIN_LOG:
        if (text_duration(optarg, &arguments->retain_log_ms)) return true;
        *code = report_usage("", "'--retain-log' takes a duration, as 7d or 12h, not '%s'", optarg);
        return false;
    case OPTION_SIGNAL_MEMORY:
        *code = report_memory("", optarg, &arguments->signal_memory_bytes);
        return *code == EXIT_OK;
    case OPTION_PARAM:
        return parameters_add(&session->parameters, optarg);
    case OPTION_FORMAT:
        if (format_find(optarg, &session->format)) return true;
        *code = report_usage("", "there is no format '%s'", optarg);
        return false;
    case 'h':
    case OPTION_HELP:
        fputs(help_text(""), stdout);
        *code = EXIT_OK;
        return false;
    case OPTION_VERSION:
        printf("tidal %s\n", tidal_version());
        *code = EXIT_OK;
        return false;
    default:
        *code = report_option("", option, argv);
        return false;
    }
}

static bool parse(int argc, char **argv, struct arguments *arguments, struct session *session,
                  int *code)
{
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":c:f:h", options, NULL)) != -1) {
        if (!take_option(option, argv, arguments, session, code)) return false;
    }
    *code = EXIT_USAGE;
    if (optind + 1 != argc) {
        if (optind == argc)
            (void)report_usage("", "no directory is given");
        else
            (void)report_usage("", "there is no command '%s', and as a database '%s' is too much",
                               argv[optind], argv[optind + 1]);
        return false;
    }
    if (arguments->statements && arguments->file) {
        (void)report_usage("", "-c and -f exclude each other");
        return false;
    }
    arguments->path = argv[optind];
    return true;
}

static int run_text(struct session *session, const char *text)
{
    struct script script = {.name = "-c", .session = session, .line = 1};
    bool well = script_feed(&script, text, strlen(text)) && script_finish(&script);
    script_release(&script);
    return well ? EXIT_OK : EXIT_FAULT;
}

static int run_file(struct session *session, const char *path)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "r");
    if (!file) {
        report("'%s' cannot be read: %s", path, strerror(errno));
        return EXIT_FAULT;
    }
    struct script script = {.name = is_stdin ? "stdin" : path, .session = session, .line = 1};
    bool well = script_read(&script, file) && script_finish(&script);
    script_release(&script);
    if (!is_stdin) (void)fclose(file);
    return well ? EXIT_OK : EXIT_FAULT;
}

static int run(struct session *session, const struct arguments *arguments)
{
    tidal_options open_options = {.size = sizeof open_options,
                                  .read_only = arguments->read_only,
                                  .retain_log_ms = arguments->retain_log_ms,
                                  .signal_memory_bytes = arguments->signal_memory_bytes};
    tidal_error error;
    if (tidal_open(arguments->path, &open_options, &session->db, &error) != TIDAL_OK) {
        report_open(arguments->path, &error);
        return EXIT_FAULT;
    }
    int code;
    if (arguments->statements) {
        code = run_text(session, arguments->statements);
    } else if (arguments->file || !isatty(STDIN_FILENO)) {
        code = run_file(session, arguments->file ? arguments->file : "-");
    } else {
        code = interactive_run(session, arguments->path);
    }
    if (tidal_close(session->db, &error) != TIDAL_OK) {
        report_error(&error);
        return EXIT_FAULT;
    }
    return code;
}

int command_shell(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct session session = {0};
    int code;
    if (parse(argc, argv, &arguments, &session, &code)) code = run(&session, &arguments);
    parameters_release(&session.parameters);
    return code;
}
