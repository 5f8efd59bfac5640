#include "cli/commands.h"

#include <string.h>

static const char general[] =
    "usage: tidal DIR [options]           run statements, or a shell, on the database in DIR\n"
    "       tidal import DIR FILE ...     read entities, signals or relations from CSV or JSONL\n"
    "       tidal check DIR               verify a database\n"
    "       tidal log verify|dump DIR     the log: is it whole, what is in it\n"
    "       tidal salvage DIR NEWDIR      make a database of what is whole in a damaged one\n"
    "       tidal follow DIR COPY         keep a warm copy of a database that is in use\n"
    "       tidal size DIR|--plan FILE    what signals take, or would take, of memory\n"
    "       tidal backfill DIR            wait until what was added to signals has what was "
    "before\n"
    "       tidal backup DIR DEST         a copy that can be verified\n"
    "       tidal restore DEST NEWDIR     a database made of one\n"
    "       tidal status DIR              what a database holds and costs\n"
    "\n"
    "  -c STATEMENTS          run these statements and end\n"
    "  -f FILE                run the statements of a file and end; '-': of standard input\n"
    "  --format FORMAT        of rows: table (default), json, csv\n"
    "  --param NAME=VALUE     give $NAME a value: 42, 0.5, true, text, '[1, 2]'; may be repeated\n"
    "  --read-only            write nothing\n"
    "  --retain-log DURATION  keep the log as long, for AS OF: 7d, 12h; the database keeps it\n"
    "  --signal-memory SIZE   of what signals take, pairs long quiet go to the disk: 256MiB\n"
    "  --help, --version\n"
    "\n"
    "DIR is created if it does not exist; ':memory:' is a database that ends with the program.\n"
    "Without -c and -f, statements come from standard input: from a terminal, in a shell.\n"
    "The first error ends the run, with exit code 1.  'tidal help import' tells more of a\n"
    "command.\n";

static const char import[] =
    "usage: tidal import DIR FILE --into KIND [options]\n"
    "\n"
    "Reads FILE ('-': standard input) into the database in DIR.  KIND is item, user or creator\n"
    "for entities, signals for events, or the name of a relation.  Lines that are wrong are\n"
    "refused and counted, the others are taken.  Exit code 1 if any was refused.\n"
    "\n"
    "the file\n"
    "  --format csv|jsonl     default: by the file's name, else csv\n"
    "  --delimiter TEXT       between CSV columns, default ',': may be longer, as '::', or '\\t'\n"
    "  --columns A,B,C        names of the CSV columns of a file without a header line\n"
    "  --header               the first CSV line names the columns (default without --columns)\n"
    "  --no-quotes            quotation marks are characters like others\n"
    "\n"
    "entities\n"
    "  --id COLUMN            holds the id (default: id)\n"
    "  --key COLUMN           holds an external key, in place of the id, or beside --id\n"
    "  --map FIELD=COLUMN,... fields whose columns have other names\n"
    "  --skip COLUMN,...      columns to leave out\n"
    "  --split COLUMN=TEXT    cuts a column into the values of a list, as genres='|'\n"
    "  An empty cell is a missing value.  CSV columns without a name are left out.\n"
    "\n"
    "signals\n"
    "  --signal NAME          all events are of this signal\n"
    "  --event COLUMN         holds the signal's name (default: event, else signal)\n"
    "  --id COLUMN            holds the id of what the signal is about (default: item, item_id)\n"
    "  --key COLUMN           holds its external key instead\n"
    "  --user COLUMN          holds the id of the user (default: user, user_id)\n"
    "  --user-key COLUMN      holds the user's external key instead\n"
    "  --time COLUMN          holds when it happened (default: time, timestamp)\n"
    "  --time-unit UNIT       rfc3339, ms or s (default: RFC 3339 or ms, as it looks)\n"
    "  --value COLUMN         holds a number that belongs to it (default: value)\n"
    "  --batch N              events in one write (default 1000)\n"
    "  Events are sorted by time before they are sent, since lateness is measured against the\n"
    "  newest: the whole file is held in memory.  An import that was broken off is run again:\n"
    "  what it sent within a day is recognised, up to 4 million events.\n"
    "\n"
    "relations\n"
    "  --from COLUMN, --to COLUMN, --weight COLUMN   (default: from, to, weight)\n"
    "  --from-key COLUMN, --to-key COLUMN            hold external keys instead\n"
    "\n"
    "how\n"
    "  --dry-run              check all on a copy of the database, keep nothing\n"
    "  --refused FILE         write refused lines there: line number, reason, the line; as CSV\n"
    "  --progress             say on standard error how far it is\n"
    "  --signal-memory SIZE   of what signals take, pairs long quiet go to the disk: 256MiB\n"
    "\n"
    "A line, or a CSV record with all its lines, has at most 16 MiB.\n";

static const char check[] =
    "usage: tidal check DIR\n"
    "\n"
    "Verifies all of a database, also of one that does not open, and\n"
    "changes nothing: every hash of the log and the chain over them; every\n"
    "row of the store; and that the log, where it reaches back to the\n"
    "first entry, folded from nothing gives the same state.\n"
    "Exit code 1 if something is damaged.\n";

static const char status[] = "usage: tidal status DIR [--format table|json|csv]\n"
                             "\n"
                             "Opens the database read-only and prints what it holds and costs.\n";

static const char log_help[] =
    "usage: tidal log verify DIR\n"
    "       tidal log dump DIR [--from LSN] [--to LSN] [--raw]\n"
    "\n"
    "Reads the log of a database, also of one that does not open, and changes nothing.\n"
    "'verify' checks the hash of every frame, the chain over all of them, and that no entry is\n"
    "missing.  'dump' prints the entries up to the first damage, a JSON object a line.\n"
    "Exit code 1 if the log is damaged.\n"
    "\n"
    "  --from LSN, --to LSN   the first and the last entry to print\n"
    "  --raw                  the payload as hexadecimal digits instead of the change\n";

static const char salvage[] =
    "usage: tidal salvage DIR NEWDIR [--behind FILE] [--json]\n"
    "\n"
    "Makes a database in NEWDIR of what is whole in DIR, which is only read and need not open:\n"
    "the rows of the store, or of the newest base that is whole, and the log's entries that\n"
    "follow on them without a gap.  Says what is lost.  Entries behind a gap are not applied.\n"
    "Exit code 1 if no database could be made.\n"
    "\n"
    "  --behind FILE   write the whole entries behind a gap there, a JSON object a line\n"
    "  --json          print the report as one JSON object\n";

static const char follow[] =
    "usage: tidal follow DIR COPY [--once] [--signal-memory SIZE]\n"
    "\n"
    "Makes, or goes on with, a copy of the database in DIR, which may be in use: its log is read\n"
    "as it grows, as far as it is durable.  The copy has the same LSNs and, at each of them, the\n"
    "same state; other programs can open it with --read-only.  A line tells the LSN whenever the\n"
    "copy has caught up.  ^C ends it, and it goes on where it was when it is started again.\n"
    "Where the two differ it stops and names the LSN; where DIR's log begins later than the copy\n"
    "ends, restore a new backup of DIR into an empty directory and follow into that; a cursor\n"
    "keeps the log, so that it does not come to that.\n"
    "\n"
    "  --once                 end when there is no more\n"
    "  --signal-memory SIZE   of what the copy's signals take, pairs long quiet go to the disk\n";

static const char size[] =
    "usage: tidal size DIR [--format table|json|csv]\n"
    "       tidal size --plan FILE --items COUNT [--events COUNT]\n"
    "\n"
    "Opens the database read-only and prints the memory of its parts and of each signal.\n"
    "With --plan nothing is opened: FILE has the definitions, and a sample of up to 5,000 items "
    "is\n"
    "filled in memory, popular ones more than others, over 30 days, by as many users; what it "
    "took\n"
    "is scaled to the count.  Fields of entities are not in it.\n"
    "\n"
    "  --plan FILE            definitions; '-': of standard input\n"
    "  --items COUNT          items to plan for\n"
    "  --events COUNT         of each signal, an item, on average; default 20\n";

static const char backfill[] =
    "usage: tidal backfill DIR [--quiet]\n"
    "\n"
    "Opens the database and waits until the half-lives and windows that were added to its signals\n"
    "hold what happened before, as far as the log tells.  A program that has the database open\n"
    "does it by itself, in the background: SHOW SIGNALS tells how far it is.  ^C ends it; the "
    "next\n"
    "to open the database goes on.\n"
    "\n"
    "  --quiet                print no progress\n";

static const char backup[] =
    "usage: tidal backup DIR DEST\n"
    "\n"
    "Backs up a database that nobody has open into the directory DEST, which is new or empty.\n"
    "Of one that a shell has open: '.backup DEST' there; of a program's: tidal_backup.\n";

static const char restore[] =
    "usage: tidal restore DEST NEWDIR [--verify]\n"
    "\n"
    "Makes a database in NEWDIR, which is new or empty, of the backup in DEST.  Each file is\n"
    "compared with its hash as it is copied; a backup that is damaged or was not finished is\n"
    "refused.\n"
    "\n"
    "  --verify               open the new database and check all of it, as 'tidal check'\n";

const char *help_text(const char *command)
{
    static const struct {
        const char *command, *text;
    } texts[] = {{"", general},        {"import", import},    {"check", check},
                 {"log", log_help},    {"follow", follow},    {"backup", backup},
                 {"restore", restore}, {"salvage", salvage},  {"status", status},
                 {"size", size},       {"backfill", backfill}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(texts[i].command, command) == 0) return texts[i].text;
    }
    return NULL;
}
