#include "cli/tally.h"

#include "cli/report.h"
#include "cli/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { REASONS_TOLD = 10 };

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

bool tally_open(struct tally *tally, const char *file, const char *path, bool progress)
{
    *tally = (struct tally){.file = file, .path = path, .progress = progress};
    tally->started_s = tally->told_s = now_s();
    if (!path) return true;
    tally->refused = fopen(path, "we");
    if (!tally->refused) {
        report("'%s' cannot be written: %s", path, strerror(errno));
        return false;
    }
    fputs("line,reason,text\n", tally->refused);
    return true;
}

void tally_refuse(struct tally *tally, uint64_t line, const char *reason, const char *raw,
                  size_t raw_bytes)
{
    tally->refused_count++;
    if (tally->refused_count <= REASONS_TOLD) {
        fprintf(stderr, "%s:%" PRIu64 ": refused: %s\n", tally->file, line, reason);
    } else if (tally->refused_count == REASONS_TOLD + 1) {
        fprintf(stderr, "more lines are refused; %s\n",
                tally->refused ? "the file of --refused has them all"
                               : "--refused FILE keeps them all");
    }
    if (!tally->refused) return;
    struct buffer row = {0};
    buffer_print(&row, "%" PRIu64 ",", line);
    text_append_csv(&row, reason, strlen(reason));
    buffer_append_char(&row, ',');
    text_append_csv(&row, raw, raw_bytes);
    buffer_append_char(&row, '\n');
    (void)fwrite(row.data, 1, row.bytes, tally->refused);
    buffer_release(&row);
}

void tally_tell(struct tally *tally)
{
    double now = now_s();
    if (!tally->progress || now - tally->told_s < 1) return;
    tally->told_s = now;
    struct buffer text = {0};
    text_append_count(&text, tally->read);
    buffer_append_text(&text, " read, ");
    text_append_count(&text, tally->taken);
    fprintf(stderr, "%s taken\n", text.data);
    buffer_release(&text);
}

void tally_print(const struct tally *tally, const char *noun, bool dry_run)
{
    double seconds = now_s() - tally->started_s;
    struct buffer text = {0};
    if (dry_run) buffer_append_text(&text, "dry run, nothing kept: ");
    text_append_count(&text, tally->read);
    buffer_append_text(&text, " read, ");
    text_append_count(&text, tally->taken);
    buffer_append_text(&text, " taken, ");
    text_append_count(&text, tally->refused_count);
    buffer_append_text(&text, " refused, ");
    text_append_count(&text, tally->duplicates);
    buffer_append_text(&text, " duplicates, ");
    text_append_count(&text, seconds > 0 ? (uint64_t)((double)tally->read / seconds) : 0);
    printf("%s %s/s\n", text.data, noun);
    buffer_release(&text);
}

bool tally_close(struct tally *tally)
{
    if (!tally->refused) return true;
    bool wrote = !ferror(tally->refused);
    wrote = fclose(tally->refused) == 0 && wrote;
    tally->refused = NULL;
    if (!wrote) report("'%s' cannot be written: refused lines are missing in it", tally->path);
    return wrote;
}
