/* What became of the lines of an import: counts, refusals, progress. */
#ifndef CLI_TALLY_H
#define CLI_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct tally {
    const char *file; /* name of what is read; lent, as the others */
    const char *path; /* of `refused` */
    FILE *refused;    /* NULL: refused lines are not kept */
    bool progress;
    uint64_t read, taken, refused_count, duplicates;
    uint64_t pending; /* accepted, not yet durable */
    double started_s, told_s;
};

/* `path` NULL: refused lines are not kept.  False, with a report: it cannot be written. */
bool tally_open(struct tally *tally, const char *file, const char *path, bool progress);
/* Counts a refused line, tells of the first few, and keeps it. */
void tally_refuse(struct tally *tally, uint64_t line, const char *reason, const char *raw,
                  size_t raw_bytes);
/* Says how far it is, at most once a second. */
void tally_tell(struct tally *tally);
/* The last word, on standard output; `noun`: what is counted. */
void tally_print(const struct tally *tally, const char *noun, bool dry_run);
/* False, with a report: not all refused lines could be written. */
bool tally_close(struct tally *tally);

#endif
