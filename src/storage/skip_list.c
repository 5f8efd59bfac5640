/* Skip list: Pugh, CACM 1990.  A node is on level i + 1 with a quarter of the chance of level i. */
#include "storage/skip_list.h"

#include "base/hash.h"

void skip_list_init(struct skip_list *list, struct memory *memory)
{
    *list = (struct skip_list){.memory = memory};
}

static size_t node_bytes(const struct skip_node *node)
{
    return sizeof *node + node->level_count * sizeof(struct skip_node *) + node->key_bytes;
}

static void node_free(struct skip_list *list, struct skip_node *node)
{
    memory_free(list->memory, node->value, node->value_bytes);
    memory_free(list->memory, node, node_bytes(node));
}

void skip_list_release(struct skip_list *list)
{
    struct skip_node *node = list->first[0];
    while (node) {
        struct skip_node *next = node->next[0];
        node_free(list, node);
        node = next;
    }
    skip_list_init(list, list->memory);
}

struct slice skip_node_key(const struct skip_node *node)
{
    return slice_of(node->next + node->level_count, node->key_bytes);
}

struct slice skip_node_value(const struct skip_node *node)
{
    return slice_of(node->value, node->value_bytes);
}

/* Where `key` is or would be: on each level the link that leads to it. */
static struct skip_node *find(struct skip_list *list, struct slice key,
                              struct skip_node **links[SKIP_LIST_LEVELS])
{
    struct skip_node **row = list->first;
    for (int level = SKIP_LIST_LEVELS - 1; level >= 0; level--) {
        while (row[level] && slice_compare(skip_node_key(row[level]), key) < 0)
            row = row[level]->next;
        links[level] = &row[level];
    }
    struct skip_node *found = *links[0];
    return found && slice_equal(skip_node_key(found), key) ? found : NULL;
}

static uint32_t levels_of(struct slice key)
{
    uint64_t hash = hash_bytes(key.data, key.bytes);
    uint32_t levels = 1;
    for (; levels < SKIP_LIST_LEVELS && (hash & 3) == 0; hash >>= 2)
        levels++;
    return levels;
}

struct skip_node *skip_list_prepare(struct skip_list *list, struct slice key, struct slice value)
{
    struct skip_node shape = {
        .value_bytes = value.bytes, .key_bytes = key.bytes, .level_count = levels_of(key)};
    if (value.bytes > 0) {
        shape.value = memory_allocate(list->memory, value.bytes);
        if (!shape.value) return NULL;
        memcpy(shape.value, value.data, value.bytes);
    }
    struct skip_node *node = memory_allocate(list->memory, node_bytes(&shape));
    if (!node) {
        memory_free(list->memory, shape.value, value.bytes);
        return NULL;
    }
    *node = shape;
    if (key.bytes > 0) memcpy(node->next + node->level_count, key.data, key.bytes);
    return node;
}

void skip_list_discard(struct skip_list *list, struct skip_node *node)
{
    node_free(list, node);
}

/* The old node takes the new one's value, which leaves with the old value. */
static void exchange(struct skip_list *list, struct skip_node *old, struct skip_node *new)
{
    struct skip_node taken = *old;
    old->value = new->value;
    old->value_bytes = new->value_bytes;
    new->value = taken.value;
    new->value_bytes = taken.value_bytes;
    list->bytes += old->value_bytes;
    list->bytes -= taken.value_bytes;
    node_free(list, new);
}

void skip_list_place(struct skip_list *list, struct skip_node *node)
{
    struct skip_node **links[SKIP_LIST_LEVELS];
    struct skip_node *old = find(list, skip_node_key(node), links);
    if (old) {
        exchange(list, old, node);
        return;
    }
    for (uint32_t level = 0; level < node->level_count; level++) {
        node->next[level] = *links[level];
        *links[level] = node;
    }
    list->count++;
    list->bytes += node->key_bytes + node->value_bytes;
}

bool skip_list_put(struct skip_list *list, struct slice key, struct slice value)
{
    struct skip_node *node = skip_list_prepare(list, key, value);
    if (!node) return false;
    skip_list_place(list, node);
    return true;
}

bool skip_list_remove(struct skip_list *list, struct slice key)
{
    struct skip_node **links[SKIP_LIST_LEVELS];
    struct skip_node *node = find(list, key, links);
    if (!node) return false;
    for (uint32_t level = 0; level < node->level_count; level++)
        *links[level] = node->next[level];
    list->count--;
    list->bytes -= node->key_bytes + node->value_bytes;
    node_free(list, node);
    return true;
}

const struct skip_node *skip_list_seek(const struct skip_list *list, struct slice key)
{
    struct skip_node *const *row = list->first;
    for (int level = SKIP_LIST_LEVELS - 1; level >= 0; level--)
        while (row[level] && slice_compare(skip_node_key(row[level]), key) < 0)
            row = row[level]->next;
    return row[0];
}
