#include "engine/pages.h"

#include "os/entropy.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { PAGE_BYTES_MAXIMUM = 1 << 18 };

void pages_init(struct pages *pages, struct memory *memory, int rank)
{
    *pages = (struct pages){.memory = memory};
    mutex_init(&pages->mutex, rank);
}

static void page_free(struct pages *pages, struct page *page)
{
    arena_release(&page->arena);
    memory_free(pages->memory, page, sizeof *page);
}

void pages_release(struct pages *pages)
{
    for (size_t i = 0; i < pages->count; i++)
        page_free(pages, pages->list[i]);
    mutex_release(&pages->mutex);
}

static void *copy_bytes(struct page *page, const void *source, size_t bytes, bool *ok)
{
    void *copy = arena_copy(&page->arena, source, bytes);
    *ok = *ok && copy;
    return copy;
}

static bool copy_value(struct page *page, const struct value *from, struct value *to)
{
    bool ok = true;
    *to = *from;
    switch (from->type) {
    case VALUE_TEXT:
        to->text =
            slice_of(copy_bytes(page, from->text.data, from->text.bytes, &ok), from->text.bytes);
        break;
    case VALUE_ID_LIST:
        to->ids.ids = copy_bytes(page, from->ids.ids, from->ids.count * sizeof *from->ids.ids, &ok);
        break;
    case VALUE_VECTOR:
        to->vector.numbers =
            copy_bytes(page, from->vector.numbers,
                       from->vector.dimensions * sizeof *from->vector.numbers, &ok);
        break;
    case VALUE_TEXT_LIST: {
        struct slice *texts = arena_array(&page->arena, from->list.count + 1, sizeof *texts);
        ok = texts;
        for (size_t i = 0; ok && i < from->list.count; i++) {
            struct slice text = from->list.texts[i];
            texts[i] = slice_of(copy_bytes(page, text.data, text.bytes, &ok), text.bytes);
        }
        to->list.texts = texts;
        break;
    }
    default:
        break;
    }
    return ok;
}

static bool fill(struct page *page, const struct execution *execution, const struct page_rest *rest)
{
    const struct bindings *bindings = execution->bindings;
    struct slice text = execution->statement->text;
    bool ok = true;
    page->text = slice_of(copy_bytes(page, text.data, text.bytes, &ok), text.bytes);
    page->values = arena_array(&page->arena, bindings->count + 1, sizeof *page->values);
    page->rest = *rest;
    page->rest.items = copy_bytes(page, rest->items, rest->count * sizeof *rest->items, &ok);
    ok = ok && page->values;
    for (size_t i = 0; ok && i < bindings->count; i++)
        ok = copy_value(page, &bindings->values[i], &page->values[i]);
    return ok;
}

static void take_out(struct pages *pages, size_t at)
{
    page_free(pages, pages->list[at]);
    pages->list[at] = pages->list[--pages->count];
}

/* Makes room for one more: what was not asked for in an hour goes, and of the others the one that
 * was asked for longest ago.  False: all are being read. */
static bool make_room(struct pages *pages, int64_t now_ms)
{
    for (size_t i = pages->count; i-- > 0;) {
        const struct page *page = pages->list[i];
        if (!page->is_taken && now_ms - page->used_ms >= PAGES_KEPT_MS) take_out(pages, i);
    }
    if (pages->count < PAGES_MAXIMUM) return true;
    size_t oldest = SIZE_MAX;
    for (size_t i = 0; i < pages->count; i++) {
        const struct page *page = pages->list[i];
        if (page->is_taken) continue;
        if (oldest == SIZE_MAX || page->used_ms < pages->list[oldest]->used_ms) oldest = i;
    }
    if (oldest == SIZE_MAX) return false;
    take_out(pages, oldest);
    return true;
}

static enum code too_large(struct error *error)
{
    error_set(error, CODE_LIMIT, AREA_ENGINE,
              "the statement and its parameters do not fit into what is kept for further pages");
    error_hint(error, "bind less than 128 KiB, raise memory_limit_bytes, or page with OFFSET");
    return CODE_LIMIT;
}

enum code pages_keep(struct pages *pages, const struct execution *execution,
                     const struct page_rest *rest, int64_t now_ms, uint64_t *number,
                     struct error *error)
{
    enum code code;
    struct page *page = NULL;
    if (execution->statement->text.bytes > PAGE_STATEMENT_MAXIMUM) return too_large(error);
    TRY(entropy_fill(number, sizeof *number, error));
    *number = *number >> 1 | 1; /* above 0, and no more than a signed number holds */
    page = memory_allocate_zeroed(pages->memory, sizeof *page);
    if (!page) return error_no_memory(error, AREA_ENGINE, sizeof *page);
    arena_init(&page->arena, pages->memory, PAGE_BYTES_MAXIMUM);
    page->number = *number;
    page->used_ms = now_ms;
    if (!fill(page, execution, rest)) {
        page_free(pages, page);
        return too_large(error);
    }
    mutex_lock(&pages->mutex);
    bool room = make_room(pages, now_ms);
    if (room) pages->list[pages->count++] = page;
    mutex_unlock(&pages->mutex);
    if (room) return CODE_OK;
    page_free(pages, page);
    code = error_set(error, CODE_BUSY, AREA_ENGINE, "all %d pages are being read", PAGES_MAXIMUM);
    error_hint(error, "try again");
out:
    return code;
}

static enum code unknown(uint64_t number, struct error *error)
{
    error_set(error, CODE_NOT_FOUND, AREA_ENGINE, "there is no page %" PRIu64, number);
    error_hint(error, "run the RETRIEVE again: the last 1,024 are kept, for an hour");
    return CODE_NOT_FOUND;
}

enum code pages_take(struct pages *pages, uint64_t number, int64_t now_ms, struct page **taken,
                     struct error *error)
{
    enum code code = CODE_NOT_FOUND;
    mutex_lock(&pages->mutex);
    for (size_t i = 0; i < pages->count; i++) {
        struct page *page = pages->list[i];
        if (page->number != number || now_ms - page->used_ms >= PAGES_KEPT_MS) continue;
        code = page->is_taken ? CODE_BUSY : CODE_OK;
        if (page->is_taken) break;
        page->is_taken = true;
        page->used_ms = now_ms;
        *taken = page;
    }
    mutex_unlock(&pages->mutex);
    if (code == CODE_NOT_FOUND) return unknown(number, error);
    if (code == CODE_OK) return code;
    error_set(error, CODE_BUSY, AREA_ENGINE, "page %" PRIu64 " is being read", number);
    error_hint(error, "ask for one page after the other");
    return code;
}

void pages_give(struct pages *pages, struct page *page)
{
    mutex_lock(&pages->mutex);
    assert(page->is_taken);
    page->is_taken = false;
    for (size_t i = 0; i < pages->count; i++) {
        if (pages->list[i] != page || page->rest.next < page->rest.count) continue;
        take_out(pages, i);
        break;
    }
    mutex_unlock(&pages->mutex);
}
