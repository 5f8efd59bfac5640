/* tidal: the shell and its commands. */
#include "cli/commands.h"
#include "cli/report.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

/* Widths of characters and line editing need a locale of UTF-8; numbers stay as in C. */
static void set_locale(void)
{
    if (setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0) return;
    (void)setlocale(LC_CTYPE, "C.UTF-8");
}

static int print_help(const char *command)
{
    const char *text = help_text(command);
    if (!text) return report_usage("", "there is no command '%s'", command);
    fputs(text, stdout);
    return EXIT_OK;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"import", command_import},     {"check", command_check},   {"log", command_log},
    {"follow", command_follow},     {"status", command_status}, {"salvage", command_salvage},
    {"size", command_size},         {"backup", command_backup}, {"restore", command_restore},
    {"backfill", command_backfill},
};

static int run(int argc, char **argv)
{
    if (argc < 2) {
        fputs(help_text(""), stderr);
        return EXIT_USAGE;
    }
    const char *first = argv[1];
    if (strcmp(first, "help") == 0) return print_help(argc > 2 ? argv[2] : "");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(first, commands[i].name) != 0) continue;
        for (int j = 2; j < argc; j++) {
            if (strcmp(argv[j], "--help") == 0) return print_help(first);
        }
        return commands[i].run(argc - 1, argv + 1);
    }
    return command_shell(argc, argv);
}

int main(int argc, char **argv)
{
    set_locale();
    int code = run(argc, argv);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_OK) {
        report("standard output cannot be written");
        code = EXIT_FAULT;
    }
    return code;
}
