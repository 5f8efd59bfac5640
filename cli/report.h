/* What goes wrong, told on stderr. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <tidal/tidal.h>

enum { EXIT_OK = 0, EXIT_FAULT = 1, EXIT_USAGE = 2 };

/* "tidal: ..." */
__attribute__((format(printf, 1, 2))) void report(const char *format, ...);
/* Behind it: "  hint: ..."; nothing if `hint` is empty. */
void report_hint(const char *hint);
/* The message and the hint of an error that has no place in a text. */
void report_error(const tidal_error *error);
/* The same of one whose place, if it has one, is a byte of the file that the message names. */
void report_place(const tidal_error *error);
/* A database that cannot be opened; what to do about it in words of the command line. */
void report_open(const char *path, const tidal_error *error);
/* A wrong command line: the fault, then which help to ask for.  Returns EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int report_usage(const char *command, const char *format,
                                                       ...);
/* EXIT_OK, and *bytes, if the value of --signal-memory is a size. */
int report_memory(const char *command, const char *text, uint64_t *bytes);
/* An option that getopt_long refused (with ':' first among its letters, and opterr 0). */
int report_option(const char *command, int refusal, char **argv);

#endif
