#include "cli/interactive.h"

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/report.h"
#include "cli/script.h"

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

enum { HISTORY_LINES = 2000 };

struct terminal {
    struct session *session;
    struct script script;
    EditLine *editor;
    History *history;
    HistEvent event;
    struct buffer entry; /* the statement so far, as the history will keep it */
    struct buffer path;  /* of the history's file; empty: there is none */
    bool interrupted;    /* the line was given up */
    bool ended;
};

static const char shell_help[] =
    "Statements end with ';' and may take several lines.  SHOW SCHEMA; lists what is declared.\n"
    "\n"
    "  .help                    this\n"
    "  .mode table|json|csv     how rows are printed\n"
    "  .read FILE               run the statements of a file\n"
    "  .backup DEST             back the database up into a new directory\n"
    "  .quit                    end (so does ^D); ^C stops a query or gives up a line\n";

static char *prompt(EditLine *editor)
{
    struct terminal *terminal;
    static char first[] = "tidal> ", next[] = "  ...> ";
    (void)el_get(editor, EL_CLIENTDATA, &terminal);
    return script_idle(&terminal->script) ? first : next;
}

/* The next byte of standard input: 1, or 0 at its end, or -1 for ^C. */
static int read_byte(char *byte)
{
    struct pollfd files[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = interrupt_file(), .events = POLLIN}};
    for (;;) {
        int ready = poll(files, 2, -1);
        if (ready < 0 && errno != EINTR) return 0;
        if (ready < 0) continue;
        if (files[1].revents & POLLIN) return -1;
        ssize_t bytes = read(STDIN_FILENO, byte, 1);
        if (bytes < 0 && errno == EINTR) continue;
        return bytes == 1;
    }
}

/* libedit's way to get a character. */
static int read_character(EditLine *editor, wchar_t *character)
{
    mbstate_t state;
    memset(&state, 0, sizeof state);
    for (;;) {
        char byte;
        int got = read_byte(&byte);
        if (got < 0) {
            struct terminal *terminal;
            (void)el_get(editor, EL_CLIENTDATA, &terminal);
            interrupt_take();
            terminal->interrupted = true;
            errno = EINTR;
            return -1;
        }
        if (got == 0) return 0;
        size_t length = mbrtowc(character, &byte, 1, &state);
        if (length == (size_t)-2) continue;
        if (length == (size_t)-1)
            memset(&state, 0, sizeof state);
        else
            return 1;
    }
}

/* $XDG_STATE_HOME/tidal/history, or ~/.tidal_history. */
static void find_history(struct buffer *path)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && state[0] == '/') {
        buffer_print(path, "%s/tidal", state);
        (void)mkdir(state, 0700);
        (void)mkdir(path->data, 0700);
        buffer_append_text(path, "/history");
    } else if (home && home[0] == '/') {
        buffer_print(path, "%s/.tidal_history", home);
    }
}

/* History and editing are a comfort: without a file or memory for them the shell goes on. */
static bool terminal_open(struct terminal *terminal)
{
    terminal->editor = el_init("tidal", stdin, stdout, stderr);
    terminal->history = history_init();
    if (!terminal->editor || !terminal->history) return false;
    (void)history(terminal->history, &terminal->event, H_SETSIZE, HISTORY_LINES);
    (void)history(terminal->history, &terminal->event, H_SETUNIQUE, 1);
    find_history(&terminal->path);
    if (terminal->path.bytes > 0)
        (void)history(terminal->history, &terminal->event, H_LOAD, terminal->path.data);
    (void)el_set(terminal->editor, EL_CLIENTDATA, terminal);
    (void)el_set(terminal->editor, EL_PROMPT, prompt);
    (void)el_set(terminal->editor, EL_EDITOR, "emacs");
    (void)el_set(terminal->editor, EL_HIST, history, terminal->history);
    (void)el_set(terminal->editor, EL_GETCFN, read_character);
    (void)el_source(terminal->editor, NULL);
    return true;
}

static void terminal_close(struct terminal *terminal)
{
    if (terminal->editor) el_end(terminal->editor);
    if (terminal->history) history_end(terminal->history);
    buffer_release(&terminal->entry);
    buffer_release(&terminal->path);
    script_release(&terminal->script);
}

static void remember(struct terminal *terminal)
{
    struct buffer *entry = &terminal->entry;
    while (entry->bytes > 0 && strchr(" \n", entry->data[entry->bytes - 1]))
        entry->data[--entry->bytes] = 0;
    if (entry->bytes == 0) return;
    (void)history(terminal->history, &terminal->event, H_ENTER, entry->data);
    if (terminal->path.bytes > 0)
        (void)history(terminal->history, &terminal->event, H_SAVE, terminal->path.data);
    buffer_clear(entry);
}

static void read_file(struct session *session, const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        report("'%s' cannot be read: %s", path, strerror(errno));
        return;
    }
    struct script script = {.name = path, .session = session, .line = 1};
    bool well = script_read(&script, file);
    (void)(well && script_finish(&script));
    script_release(&script);
    (void)fclose(file);
}

/* `line` begins with a full stop. */
static void obey(struct terminal *terminal, char *line)
{
    char *rest = NULL;
    const char *command = strtok_r(line, " \t\r\n", &rest);
    const char *argument = strtok_r(NULL, " \t\r\n", &rest);
    if (strcmp(command, ".quit") == 0 || strcmp(command, ".exit") == 0) {
        terminal->ended = true;
    } else if (strcmp(command, ".help") == 0) {
        fputs(shell_help, stdout);
    } else if (strcmp(command, ".mode") == 0) {
        if (!argument || !format_find(argument, &terminal->session->format))
            report("'.mode' takes table, json or csv");
    } else if (strcmp(command, ".read") == 0) {
        if (argument)
            read_file(terminal->session, argument);
        else
            report("'.read' takes the name of a file");
    } else if (strcmp(command, ".backup") == 0) {
        if (argument)
            (void)backup_run(terminal->session->db, argument);
        else
            report("'.backup' takes the name of a directory");
    } else {
        report("'%s' is no command of the shell", command);
        report_hint("'.help' lists them");
    }
}

static void take_line(struct terminal *terminal, const char *line, size_t bytes)
{
    bool idle = script_idle(&terminal->script);
    buffer_append(&terminal->entry, line, bytes);
    if (idle && line[0] == '.') {
        char *copy = heap_copy(line, bytes);
        obey(terminal, copy);
        free(copy);
        remember(terminal);
        return;
    }
    if (idle) { /* messages count lines from the statement's first */
        script_drop(&terminal->script);
        terminal->script.line = 1;
        terminal->script.column = 0;
    }
    if (!script_feed(&terminal->script, line, bytes)) script_drop(&terminal->script);
    if (script_idle(&terminal->script)) remember(terminal);
}

/* ^C at the prompt: what was typed of the statement is forgotten. */
static void give_up(struct terminal *terminal)
{
    terminal->interrupted = false;
    script_drop(&terminal->script);
    buffer_clear(&terminal->entry);
    el_reset(terminal->editor);
    puts("^C");
}

int interactive_run(struct session *session, const char *path)
{
    struct terminal terminal = {.session = session,
                                .script = {.name = "line", .session = session, .line = 1}};
    session->verbose = true;
    session->running = interrupt_running;
    printf("tidal %s on %s; .help for help\n", tidal_version(), path);
    bool well = interrupt_catch() && terminal_open(&terminal);
    if (!well) report("the terminal cannot be used: %s", strerror(errno));
    while (well && !terminal.ended) {
        int bytes = 0;
        const char *line = el_gets(terminal.editor, &bytes);
        if (terminal.interrupted) {
            give_up(&terminal);
        } else if (!line || bytes <= 0) {
            putchar('\n');
            break;
        } else {
            take_line(&terminal, line, (size_t)bytes);
        }
    }
    terminal_close(&terminal);
    return well ? EXIT_OK : EXIT_FAULT;
}
