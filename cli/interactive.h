/* The shell on a terminal: line editing, history, statements over several lines, ^C. */
#ifndef CLI_INTERACTIVE_H
#define CLI_INTERACTIVE_H

#include "cli/script.h"

/* Reads and runs until .quit or the end of input; returns an exit code. */
int interactive_run(struct session *session, const char *path);

#endif
