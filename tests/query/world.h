/* A small random world, kept twice: in a database, and in plain arrays for a naive reading. */
#ifndef TIDAL_TESTS_QUERY_WORLD_H
#define TIDAL_TESTS_QUERY_WORLD_H

#include "feed.h"

#include "base/choices.h"

#include <math.h>

enum { ITEMS = 40, TAGS = 3, EVENTS = 300, CREATORS = 5 };

struct event {
    int item;
    bool by_reader; /* by user 1; else by user 2 */
    int64_t time_ms;
};

struct item {
    const char *genre, *twin; /* NULL: missing */
    const char *tags[TAGS];
    int tag_count;
    bool has_year, has_rating, has_live, has_published, has_creator, live;
    int64_t year, published_ms;
    double rating;
    int creator;
    int views, likes;
    double decayed;      /* views, half-life 24h */
    int64_t liked_ms[2]; /* by user 1, by user 2; 0: never.  It is also when they saw it. */
};

struct world {
    struct feed feed;
    struct item items[ITEMS];
    struct event views[EVENTS];
    int64_t follows_quarters[CREATORS + 1]; /* weight of user 1's edge, in quarters; 0: none */
    int views_all, likes_all;
};

static const char *const genres[] = {"jazz", "soul", "folk", "dub"};
static const char *const all_tags[] = {"new", "live", "cover", "demo", "jazz"};

static inline const char *world_definitions(void)
{
    return "DEFINE FIELD genre ON item KEYWORD; DEFINE FIELD twin ON item KEYWORD;"
           "DEFINE FIELD tags ON item KEYWORD[]; DEFINE FIELD year ON item INTEGER;"
           "DEFINE FIELD rating ON item FLOAT; DEFINE FIELD live ON item BOOLEAN;"
           "DEFINE FIELD published ON item TIMESTAMP;"
           "DEFINE FIELD creator ON item REFERENCES creator;"
           "DEFINE FIELD country ON user KEYWORD; DEFINE FIELD age ON user INTEGER;"
           "DEFINE FIELD langs ON user KEYWORD[]; DEFINE FIELD joined ON user TIMESTAMP;"
           "DEFINE CONTEXT device KEYWORD; DEFINE CONTEXT hour INTEGER;"
           "DEFINE SIGNAL view ON item HALF LIFE 1h, 24h WINDOWS 1h, 24h VELOCITY 1h;"
           "DEFINE SIGNAL like ON item HALF LIFE 7d UNIQUE PER USER POSITIVE;"
           "DEFINE RELATION follows FROM user TO creator;"
           "PUT user 1 {\"country\": \"jazz\", \"age\": 30, \"langs\": [\"soul\", \"new\"], "
           "\"joined\": 1793000000000};"
           "PUT user 2 {};";
}

static inline void world_draw_item(struct choices *choices, struct item *item)
{
    memset(item, 0, sizeof *item);
    if (!choose_one_in(choices, 4)) item->genre = genres[choose(choices, 3)];
    if (!choose_one_in(choices, 4)) item->twin = genres[choose(choices, 3)];
    item->tag_count = choose_one_in(choices, 3) ? 0 : (int)choose_between(choices, 1, TAGS);
    for (int i = 0; i < item->tag_count; i++)
        item->tags[i] = all_tags[((uint64_t)i * 2 + choose(choices, 1)) % 5];
    item->has_year = !choose_one_in(choices, 4);
    item->year = (int64_t)choose(choices, 12) - 4;
    item->has_rating = !choose_one_in(choices, 4);
    item->rating = ((double)choose(choices, 40) - 12) / 4;
    item->has_live = !choose_one_in(choices, 4);
    item->live = choose_one_in(choices, 2);
    item->has_published = !choose_one_in(choices, 4);
    item->published_ms = FEED_NOW_MS - (int64_t)choose(choices, 400) * HOUR_MS + 10 * HOUR_MS;
    item->has_creator = !choose_one_in(choices, 4);
    item->creator = (int)choose_between(choices, 1, CREATORS);
}

/* The item as a JSON object. */
static inline void world_json(const struct item *item, char *out, size_t room)
{
    size_t used = (size_t)snprintf(out, room, "{");
    const char *comma = "";
    if (item->genre) {
        used += (size_t)snprintf(out + used, room - used, "\"genre\": \"%s\"", item->genre);
        comma = ", ";
    }
    if (item->twin) {
        used += (size_t)snprintf(out + used, room - used, "%s\"twin\": \"%s\"", comma, item->twin);
        comma = ", ";
    }
    for (int i = 0; i < item->tag_count; i++)
        used += (size_t)snprintf(out + used, room - used, "%s%s\"%s\"%s", i == 0 ? comma : ", ",
                                 i == 0 ? "\"tags\": [" : "", item->tags[i],
                                 i + 1 == item->tag_count ? "]" : "");
    if (item->tag_count > 0) comma = ", ";
    if (item->has_year) {
        used += (size_t)snprintf(out + used, room - used, "%s\"year\": %d", comma, (int)item->year);
        comma = ", ";
    }
    if (item->has_rating) {
        used +=
            (size_t)snprintf(out + used, room - used, "%s\"rating\": %.17g", comma, item->rating);
        comma = ", ";
    }
    if (item->has_live) {
        used += (size_t)snprintf(out + used, room - used, "%s\"live\": %s", comma,
                                 item->live ? "true" : "false");
        comma = ", ";
    }
    if (item->has_published) {
        used += (size_t)snprintf(out + used, room - used, "%s\"published\": %" PRId64, comma,
                                 item->published_ms);
        comma = ", ";
    }
    if (item->has_creator)
        used +=
            (size_t)snprintf(out + used, room - used, "%s\"creator\": %d", comma, item->creator);
    snprintf(out + used, room - used, "}");
}

static inline bool world_signals(struct world *world, struct choices *choices)
{
    int64_t clock_ms = FEED_NOW_MS - 11 * HOUR_MS;
    for (int i = 0; i < EVENTS; i++) {
        struct event *event = &world->views[i];
        event->item =
            (int)(choose_one_in(choices, 3) ? choose(choices, ITEMS - 1) : choose(choices, 5));
        event->by_reader = choose_one_in(choices, 4);
        clock_ms += (int64_t)choose(choices, 2 * 60 * 1000);
        event->time_ms = clock_ms;
        struct item *item = &world->items[event->item];
        bool likes = choose_one_in(choices, 8);
        if (!feed_do(&world->feed, "SIGNAL view ON item %d BY user %d AT %" PRId64, event->item + 1,
                     event->by_reader ? 1 : 2, event->time_ms))
            return false;
        item->views++;
        item->decayed += exp2(-(double)(FEED_NOW_MS - event->time_ms) / (24.0 * (double)HOUR_MS));
        world->views_all++;
        if (!likes) continue;
        clock_ms++;
        int64_t *liked_ms = &item->liked_ms[event->by_reader ? 0 : 1];
        bool again = *liked_ms != 0;
        if (!feed_do(&world->feed, "SIGNAL like ON item %d BY user %d AT %" PRId64, event->item + 1,
                     event->by_reader ? 1 : 2, clock_ms))
            return false;
        if (!again) *liked_ms = clock_ms;
        item->likes += !again;
        world->likes_all += !again;
    }
    return clock_ms < FEED_NOW_MS;
}

static inline bool world_open(struct world *world, uint64_t seed)
{
    struct choices choices;
    char json[1024];
    choices_from_seed(&choices, seed, NULL);
    memset(world, 0, sizeof *world);
    if (!feed_open(&world->feed) || !feed_script(&world->feed, world_definitions())) return false;
    for (int i = 0; i < ITEMS; i++) {
        world_draw_item(&choices, &world->items[i]);
        world_json(&world->items[i], json, sizeof json);
        if (!feed_do(&world->feed, "PUT item %d %s", i + 1, json)) return false;
    }
    for (int i = 1; i <= CREATORS; i++) {
        if (choose_one_in(&choices, 2)) continue;
        world->follows_quarters[i] = (int64_t)choose_between(&choices, 1, 9);
        if (!feed_do(&world->feed, "RELATE user 1 follows creator %d WEIGHT %.17g", i,
                     (double)world->follows_quarters[i] / 4))
            return false;
    }
    return world_signals(world, &choices);
}

#endif
