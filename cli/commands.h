/* The commands.  Each takes its own arguments, argv[0] being its name, and returns an exit code. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/buffer.h"

#include <stdbool.h>
#include <tidal/tidal.h>

int command_shell(int argc, char **argv);
int command_import(int argc, char **argv);
int command_check(int argc, char **argv);
int command_size(int argc, char **argv);
int command_status(int argc, char **argv);
int command_follow(int argc, char **argv);
int command_backfill(int argc, char **argv);
int command_backup(int argc, char **argv);
int command_restore(int argc, char **argv);
int command_log(int argc, char **argv);
int command_salvage(int argc, char **argv);

/* backup.c: backs up a database that is open, and says so; returns an exit code. */
int backup_run(tidal_db *db, const char *path);
/* check.c: verifies a database and says what was found; returns an exit code. */
int check_report(const char *path);
/* log.c: what a log is, in words, for those who report on one. */
void log_append_entry(struct buffer *line, const tidal_log_entry *entry); /* as JSON */
void log_describe(struct buffer *out, const tidal_log_report *log);

/* The help text of a command, "" being that of all; NULL: there is no such command. */
const char *help_text(const char *command);

#endif
