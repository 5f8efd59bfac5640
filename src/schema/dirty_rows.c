#include "schema/dirty_rows.h"

#include <assert.h>
#include <string.h>

void dirty_rows_init(struct dirty_rows *rows, struct memory *memory, size_t entry_bytes)
{
    *rows = (struct dirty_rows){.memory = memory, .entry_bytes = entry_bytes};
}

static void list_release(const struct dirty_rows *rows, struct dirty_list *list)
{
    memory_free(rows->memory, list->entries, list->capacity * rows->entry_bytes);
    *list = (struct dirty_list){0};
}

void dirty_rows_release(struct dirty_rows *rows)
{
    list_release(rows, &rows->changed);
    list_release(rows, &rows->sealed);
}

static uint8_t *entry_at(const struct dirty_rows *rows, const struct dirty_list *list, size_t i)
{
    return (uint8_t *)list->entries + i * rows->entry_bytes;
}

bool dirty_rows_add(struct dirty_rows *rows, const void *entry)
{
    struct dirty_list *changed = &rows->changed;
    if (!memory_grow(rows->memory, &changed->entries, &changed->capacity,
                     changed->count + rows->sealed.count + 1, rows->entry_bytes,
                     SIZE_MAX / rows->entry_bytes))
        return false;
    memcpy(entry_at(rows, changed, changed->count), entry, rows->entry_bytes);
    changed->count++;
    return true;
}

static void swap(struct dirty_rows *rows)
{
    struct dirty_list list = rows->sealed;
    rows->sealed = rows->changed;
    rows->changed = list;
}

void dirty_rows_seal(struct dirty_rows *rows)
{
    assert(rows->sealed.count == 0);
    swap(rows);
}

void dirty_rows_sealed(struct dirty_rows *rows, bool durable)
{
    struct dirty_list *changed = &rows->changed, *sealed = &rows->sealed;
    if (!durable && changed->count == 0) {
        swap(rows);
    } else if (!durable && sealed->count > 0) {
        assert(changed->capacity - changed->count >= sealed->count);
        memcpy(entry_at(rows, changed, changed->count), sealed->entries,
               sealed->count * rows->entry_bytes);
        changed->count += sealed->count;
    }
    sealed->count = 0;
    /* The next one may be a tenth of it. */
    list_release(rows, sealed);
}

size_t dirty_rows_bytes(const struct dirty_rows *rows)
{
    return (rows->changed.capacity + rows->sealed.capacity) * rows->entry_bytes;
}
