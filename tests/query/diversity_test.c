/* Caps against a naive reading: walk the order without caps, leave out what would pass one. */
#include "world.h"

enum { ROUNDS = 400, VALUES = 8 };

struct cap {
    const char *field;
    int maximum;
};

/* The item's values of the field, as small numbers; returns how many. */
static int values_of(const struct item *item, const char *field, int values[VALUES])
{
    int count = 0;
    if (strcmp(field, "creator") == 0) {
        if (item->has_creator) values[count++] = item->creator;
        return count;
    }
    if (strcmp(field, "tags") == 0) {
        for (int tag = 0; tag < item->tag_count; tag++)
            for (int i = 0; i < 5; i++)
                if (strcmp(item->tags[tag], all_tags[i]) == 0) values[count++] = i;
        return count;
    }
    const char *text = strcmp(field, "genre") == 0 ? item->genre : item->twin;
    for (int i = 0; text && i < 4; i++)
        if (strcmp(text, genres[i]) == 0) values[count++] = i;
    return count;
}

struct slate {
    struct cap caps[4];
    int cap_count, limit, offset;
};

static bool passes(const struct item *item, const struct slate *slate, int taken[][VALUES])
{
    int values[VALUES];
    for (int cap = 0; cap < slate->cap_count; cap++) {
        int count = values_of(item, slate->caps[cap].field, values);
        for (int i = 0; i < count; i++)
            if (taken[cap][values[i]] >= slate->caps[cap].maximum) return false;
    }
    return true;
}

static void take(const struct item *item, const struct slate *slate, int taken[][VALUES])
{
    int values[VALUES];
    for (int cap = 0; cap < slate->cap_count; cap++) {
        int count = values_of(item, slate->caps[cap].field, values);
        for (int i = 0; i < count; i++)
            taken[cap][values[i]]++;
    }
}

/* The ids that are left of `order`, after OFFSET and LIMIT, as text. */
static void expect(const struct world *world, const struct feed *order, const struct slate *slate,
                   char out[1024])
{
    int taken[4][VALUES] = {{0}}, place = 0;
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < order->count && place < slate->offset + slate->limit; i++) {
        const struct item *item = &world->items[order->ids[i] - 1];
        if (!passes(item, slate, taken)) continue;
        take(item, slate, taken);
        if (place++ < slate->offset) continue;
        used += (size_t)snprintf(out + used, 1024 - used, "%s%" PRIu64, used > 0 ? " " : "",
                                 order->ids[i]);
    }
}

static void caps_are_what_a_walk_down_the_order_leaves(struct test *t)
{
    static const char *const fields[] = {"creator", "genre", "tags", "twin"};
    static struct world world;
    struct choices choices;
    CHECK(world_open(&world, 9));
    CHECK(feed_ask(&world.feed, "RETRIEVE items SCORE coalesce(item.rating, 0) LIMIT 1000"));
    static struct feed order;
    order = world.feed;
    CHECK_EQ(order.count, ITEMS);
    choices_from_seed(&choices, 11, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        struct slate slate;
        char text[512], wanted[1024];
        slate.cap_count = (int)choose_between(&choices, 1, 4);
        slate.limit = (int)choose(&choices, 25);
        slate.offset = (int)choose(&choices, 8);
        size_t used = (size_t)snprintf(text, sizeof text,
                                       "RETRIEVE items SCORE coalesce(item.rating, 0) DIVERSIFY");
        for (int i = 0; i < slate.cap_count; i++) {
            slate.caps[i] =
                (struct cap){fields[choose(&choices, 3)], (int)choose_between(&choices, 1, 5)};
            used += (size_t)snprintf(text + used, sizeof text - used, "%s max %d per %s",
                                     i > 0 ? "," : "", slate.caps[i].maximum, slate.caps[i].field);
        }
        snprintf(text + used, sizeof text - used, " LIMIT %d OFFSET %d", slate.limit, slate.offset);
        expect(&world, &order, &slate, wanted);
        CHECK(feed_gives(&world.feed, text, wanted));
    }
    CHECK(feed_close(&world.feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(caps_are_what_a_walk_down_the_order_leaves));
}
