/* What is kept for NEXT PAGE: the statement, its parameters, and the order of what comes.
 *
 * In memory alone, and of this handle: not in the log, gone when the database is closed.  At most
 * PAGES_MAXIMUM; beyond, the one that was asked for longest ago goes, and each after an hour
 * unasked.  any thread. */
#ifndef TIDAL_ENGINE_PAGES_H
#define TIDAL_ENGINE_PAGES_H

#include "engine/execute.h"
#include "os/threads.h"
#include "query/page.h"

enum { PAGES_MAXIMUM = 1024, PAGE_STATEMENT_MAXIMUM = 1 << 16 };
#define PAGES_KEPT_MS INT64_C(3600000)

struct page {
    uint64_t number; /* unpredictable, so that nobody reads what is another's */
    struct arena arena;
    struct slice text;
    struct value *values; /* of its parameters, in their order */
    struct page_rest rest;
    int64_t used_ms;
    bool is_taken;
};

struct pages {
    struct memory *memory;
    struct mutex mutex; /* over all below */
    struct page *list[PAGES_MAXIMUM];
    size_t count;
};

void pages_init(struct pages *pages, struct memory *memory, int rank);
void pages_release(struct pages *pages);

/* Copies what `execution` and `rest` say.  LIMIT: text and parameters are too large to be kept.
 * NO_MEMORY, IO (no entropy). */
MUST_USE enum code pages_keep(struct pages *pages, const struct execution *execution,
                              const struct page_rest *rest, int64_t now_ms, uint64_t *number,
                              struct error *error);
/* Lent to the caller alone until pages_give.  NOT_FOUND; BUSY: it is lent to another. */
MUST_USE enum code pages_take(struct pages *pages, uint64_t number, int64_t now_ms,
                              struct page **page, struct error *error);
/* Gives it back; one that is read to its end goes. */
void pages_give(struct pages *pages, struct page *page);

#endif
