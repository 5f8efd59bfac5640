/* An ordered map from bytes to bytes: a skip list whose levels are drawn from the key's hash, so
 * that the same rows give the same list.  one thread for writing. */
#ifndef TIDAL_STORAGE_SKIP_LIST_H
#define TIDAL_STORAGE_SKIP_LIST_H

#include "base/bytes.h"

enum { SKIP_LIST_LEVELS = 20 };

struct skip_node {
    uint8_t *value;
    size_t value_bytes;
    size_t key_bytes;
    uint32_t level_count;
    struct skip_node *next[]; /* level_count of them, then the key's bytes */
};

struct skip_list {
    struct memory *memory;
    struct skip_node *first[SKIP_LIST_LEVELS];
    size_t count;
    size_t bytes; /* of keys and values */
};

void skip_list_init(struct skip_list *list, struct memory *memory);
void skip_list_release(struct skip_list *list);
/* False on no memory; then nothing has changed. */
MUST_USE bool skip_list_put(struct skip_list *list, struct slice key, struct slice value);
/* The same in two steps, of which only the first needs memory: a node outside of the list (NULL on
 * no memory), which is then placed, in place of an equal key's value, or discarded. */
MUST_USE struct skip_node *skip_list_prepare(struct skip_list *list, struct slice key,
                                             struct slice value);
void skip_list_place(struct skip_list *list, struct skip_node *node);
void skip_list_discard(struct skip_list *list, struct skip_node *node);
bool skip_list_remove(struct skip_list *list, struct slice key);
/* The first node whose key is not below `key`; NULL: none. */
const struct skip_node *skip_list_seek(const struct skip_list *list, struct slice key);
struct slice skip_node_key(const struct skip_node *node);
struct slice skip_node_value(const struct skip_node *node);

#endif
