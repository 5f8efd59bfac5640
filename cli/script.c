#include "cli/script.h"

#include "cli/report.h"
#include "cli/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double milliseconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Moves a place behind `bytes` of text. */
static void advance(const char *text, size_t bytes, uint64_t *line, uint64_t *column)
{
    const char *end = text + bytes;
    for (const char *newline; (newline = memchr(text, '\n', (size_t)(end - text)));) {
        text = newline + 1;
        (*line)++;
        *column = 0;
    }
    *column += text_characters(text, (size_t)(end - text));
}

/* The line of `text` in which byte `at` lies, and a caret under it.  Tabs stay tabs, so that the
 * caret stands right whatever their width. */
static void print_caret(const char *text, size_t bytes, size_t at)
{
    enum { SHOWN_BYTES_MAXIMUM = 160 };
    size_t start = at, end = at;
    while (start > 0 && text[start - 1] != '\n')
        start--;
    while (end < bytes && text[end] != '\n' && text[end] != '\r')
        end++;
    if (end - start > SHOWN_BYTES_MAXIMUM) {
        if (at - start > SHOWN_BYTES_MAXIMUM / 2) start = at - SHOWN_BYTES_MAXIMUM / 2;
        while (start < at && ((unsigned char)text[start] & 0xc0) == 0x80)
            start++;
        if (end - start > SHOWN_BYTES_MAXIMUM) end = start + SHOWN_BYTES_MAXIMUM;
    }
    struct buffer caret = {0};
    for (size_t i = start; i < at;) {
        size_t length = 1;
        while (i + length < at && ((unsigned char)text[i + length] & 0xc0) == 0x80)
            length++;
        size_t columns = text_columns(text + i, length);
        if (text[i] == '\t') {
            buffer_append_char(&caret, '\t');
        } else {
            while (columns-- > 0)
                buffer_append_char(&caret, ' ');
        }
        i += length;
    }
    fprintf(stderr, "  %.*s\n  %s^\n", (int)(end - start), text + start,
            caret.data ? caret.data : "");
    buffer_release(&caret);
}

/* `offset`: of the statement in the script's text. */
static void print_error(const struct script *script, size_t offset, size_t bytes,
                        const tidal_error *error)
{
    uint64_t line = script->line, column = script->column;
    const char *text = script->text.data + script->start;
    bool placed = error->position != TIDAL_NO_POSITION && error->position <= bytes;
    size_t at = offset + (placed ? (size_t)error->position : 0);
    advance(text, at, &line, &column);
    fprintf(stderr, "%s:%" PRIu64 ":%" PRIu64 ": %s\n", script->name, line, column + 1,
            error->message);
    if (placed) print_caret(text, script->text.bytes - script->start, at);
    report_hint(error->hint);
}

static void print_summary(const tidal_query *query, uint64_t rows, double elapsed_ms)
{
    if (tidal_column_count(query) > 0) {
        printf("%" PRIu64 " row%s, %.1f ms%s\n", rows, rows == 1 ? "" : "s", elapsed_ms,
               tidal_query_cut(query) ? ", cut short" : "");
    } else {
        printf("ok, lsn %" PRIu64 ", %.1f ms\n", tidal_query_lsn(query), elapsed_ms);
    }
}

static bool run_statement(const struct script *script, size_t offset, size_t bytes)
{
    struct session *session = script->session;
    const char *text = script->text.data + script->start + offset;
    double start_ms = milliseconds_now();
    uint64_t rows = 0;
    tidal_query *query = NULL;
    tidal_error error;
    tidal_code code = tidal_prepare(session->db, text, (int64_t)bytes, &query, &error);
    if (code == TIDAL_OK) {
        if (session->running) session->running(query);
        code = parameters_bind(&session->parameters, query, &error);
        if (code == TIDAL_OK) code = result_print(query, session->format, stdout, &rows, &error);
        if (session->running) session->running(NULL);
    }
    if (code == TIDAL_OK && session->format == FORMAT_TABLE && tidal_query_page(query) != 0)
        printf("NEXT PAGE OF %" PRIu64 ";\n", tidal_query_page(query));
    if (code == TIDAL_OK && session->verbose)
        print_summary(query, rows, milliseconds_now() - start_ms);
    tidal_query_free(query);
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    if (code != TIDAL_OK) print_error(script, offset, bytes, &error);
    if (!written) report("standard output cannot be written");
    return code == TIDAL_OK && written;
}

static void consume(struct script *script, size_t bytes)
{
    if (bytes == 0) return;
    advance(script->text.data + script->start, bytes, &script->line, &script->column);
    script->start += bytes;
}

/* Spaces and comments before a statement: messages point at the statement. */
static size_t blank_prefix(const char *text, size_t bytes)
{
    size_t at = 0;
    for (;;) {
        while (at < bytes && strchr(" \t\r\n", text[at]) && text[at] != 0)
            at++;
        if (bytes - at < 2 || text[at] != '-' || text[at + 1] != '-') return at;
        while (at < bytes && text[at] != '\n')
            at++;
    }
}

static bool run_first(struct script *script, size_t bytes, bool blank)
{
    size_t prefix = blank_prefix(script->text.data + script->start, bytes);
    bool well = blank || run_statement(script, prefix, bytes - prefix);
    consume(script, bytes);
    return well;
}

/* A statement that never ends would be looked through again with each piece that arrives: when it
 * is longer than the library takes, it is run as it is, to be refused. */
static bool run_overlong(struct script *script, size_t bytes, bool blank)
{
    enum { PENDING_BYTES_MAXIMUM = 2 << 20 };
    if (bytes <= PENDING_BYTES_MAXIMUM) return true;
    const char *text = script->text.data + script->start;
    const char *newline = memrchr(text, '\n', bytes);
    if (blank) {
        consume(script, newline ? (size_t)(newline - text) + 1 : 0);
        return true;
    }
    return run_first(script, bytes, false);
}

static bool run_complete(struct script *script)
{
    for (;;) {
        bool blank;
        size_t bytes = script->text.bytes - script->start;
        size_t length = tidal_statement_bytes(script->text.data + script->start, bytes, &blank);
        if (length == 0) return run_overlong(script, bytes, blank);
        if (!run_first(script, length, blank)) return false;
    }
}

/* Drops what was run, all at once. */
static void forget(struct script *script)
{
    buffer_drop(&script->text, script->start);
    script->start = 0;
}

bool script_feed(struct script *script, const char *text, size_t bytes)
{
    buffer_append(&script->text, text, bytes);
    bool well = run_complete(script);
    forget(script);
    return well;
}

bool script_read(struct script *script, FILE *file)
{
    char piece[65536];
    ssize_t bytes;
    /* Not fread: what somebody types into a pipe is run line by line. */
    while ((bytes = read(fileno(file), piece, sizeof piece)) != 0) {
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes < 0) {
            report("'%s' cannot be read: %s", script->name, strerror(errno));
            return false;
        }
        if (!script_feed(script, piece, (size_t)bytes)) return false;
    }
    return true;
}

bool script_idle(const struct script *script)
{
    bool blank = true;
    if (script->text.bytes == 0) return true;
    return tidal_statement_bytes(script->text.data, script->text.bytes, &blank) == 0 && blank;
}

bool script_finish(struct script *script)
{
    if (!script_feed(script, "", 0)) return false;
    bool well = script_idle(script) || run_first(script, script->text.bytes, false);
    forget(script);
    script_drop(script);
    return well;
}

void script_drop(struct script *script)
{
    consume(script, script->text.bytes);
    forget(script);
}

void script_release(struct script *script)
{
    buffer_release(&script->text);
}
