#include "cli/report.h"

#include "cli/text.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

void report(const char *format, ...)
{
    va_list arguments;
    fputs("tidal: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

void report_hint(const char *hint)
{
    if (hint[0]) fprintf(stderr, "  hint: %s\n", hint);
}

void report_error(const tidal_error *error)
{
    report("%s", error->message);
    report_hint(error->hint);
}

void report_place(const tidal_error *error)
{
    if (error->position == TIDAL_NO_POSITION) {
        report_error(error);
        return;
    }
    report("%s, at byte %llu", error->message, (unsigned long long)error->position);
    report_hint(error->hint);
}

void report_open(const char *path, const tidal_error *error)
{
    if (error->code != TIDAL_NOT_FOUND) {
        report_error(error);
        return;
    }
    report("there is no database in '%s'", path);
    fprintf(stderr, "  hint: tidal %s makes one\n", path);
}

int report_usage(const char *command, const char *format, ...)
{
    va_list arguments;
    fputs("tidal: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n  hint: tidal %s%s--help lists what it takes\n", command,
            command[0] ? " " : "");
    return EXIT_USAGE;
}

int report_memory(const char *command, const char *text, uint64_t *bytes)
{
    if (text_size(text, bytes)) return EXIT_OK;
    return report_usage(command, "'--signal-memory' takes a size, as 256MiB, not '%s'", text);
}

int report_option(const char *command, int refusal, char **argv)
{
    char letter[] = {'-', (char)optopt, 0};
    bool is_letter = optopt > ' ' && optopt < 0x7f;
    const char *option = is_letter ? letter : argv[optind - 1];
    if (refusal == ':') return report_usage(command, "option '%s' takes a value", option);
    return report_usage(command, "there is no option '%s'", option);
}
