#include "signals/ranked_top.h"

/* Does `a` come before `b` in a list of the highest? */
static bool ranks_before(const struct ranked *a, const struct ranked *b)
{
    if (a->value != b->value) return a->value > b->value;
    return a->id < b->id;
}

/* Moves the element at `at` down a heap whose root is the last of the list. */
static void sift_down(struct ranked *heap, size_t count, size_t at)
{
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && ranks_before(&heap[child], &heap[child + 1])) child++;
        if (!ranks_before(&heap[at], &heap[child])) return;
        struct ranked swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
        at = child;
    }
}

void ranked_top_offer(struct ranked_top *top, const struct ranked *found)
{
    if (top->count < top->limit) {
        top->list[top->count++] = *found;
        for (size_t at = top->count / 2; top->count == top->limit && at-- > 0;)
            sift_down(top->list, top->count, at);
    } else if (ranks_before(found, &top->list[0])) {
        top->list[0] = *found;
        sift_down(top->list, top->count, 0);
    }
}

/* Heapsort: takes the last of the list off the root until the list is in order. */
void ranked_top_finish(struct ranked_top *top)
{
    for (size_t at = top->count / 2; at-- > 0;)
        sift_down(top->list, top->count, at);
    for (size_t left = top->count; left > 1; left--) {
        struct ranked last = top->list[0];
        top->list[0] = top->list[left - 1];
        top->list[left - 1] = last;
        sift_down(top->list, left - 1, 0);
    }
}
