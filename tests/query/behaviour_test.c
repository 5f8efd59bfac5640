/* What a user did and was shown, in the language: against a naive reading of a list of all events,
 * which came in any order, and of which some were taken back. */
#include "feed.h"

#include "base/choices.h"

#include <math.h>

enum { USERS = 4, ITEMS = 60, CREATORS = 7, EVENTS = 2500, STEPS = 5 };

static const char *const tags[] = {"jazz", "soul", "folk", "dub", "tango", "polka"};

/* A state of user and item: the last word that stands, by its own time. */
struct state {
    bool known, present;
    int64_t time_ms;
    double value;
};

struct shown {
    int user, item;
    int64_t time_ms;
};

struct world {
    struct feed feed;
    int creators[ITEMS + 1]; /* 0: none */
    bool has_tags[ITEMS + 1][6];
    int tag_counts[ITEMS + 1];
    struct state likes[USERS + 1][ITEMS + 1], hides[USERS + 1][ITEMS + 1];
    struct state completions[USERS + 1][ITEMS + 1];
    int64_t seen_ms[USERS + 1][ITEMS + 1];
    int seen_counts[USERS + 1][ITEMS + 1];
    bool blocks[USERS + 1][CREATORS + 1];
    struct shown shown[EVENTS];
    int shown_count;
};

static bool open_world(struct world *world, struct choices *choices)
{
    memset(world, 0, sizeof *world);
    if (!feed_open(&world->feed)) return false;
    if (!feed_script(&world->feed, "DEFINE FIELD tags ON item KEYWORD[];"
                                   "DEFINE FIELD creator ON item REFERENCES creator;"
                                   "DEFINE EXPOSURE ON item.creator HALF LIFE 6h;"
                                   "DEFINE EXPOSURE ON item.tags HALF LIFE 30m;"
                                   "DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE;"
                                   "DEFINE SIGNAL completion ON item VALUE UNIQUE PER USER;"
                                   "DEFINE RELATION blocks FROM user TO creator EXCLUDING;"))
        return false;
    for (int user = 1; user <= USERS; user++)
        if (!feed_do(&world->feed, "PUT user %d {}", user)) return false;
    for (int item = 1; item <= ITEMS; item++) {
        char list[200] = "";
        size_t used = 0;
        world->creators[item] = (int)choose(choices, CREATORS);
        for (size_t i = 0; i < 6; i++) {
            world->has_tags[item][i] = choose_one_in(choices, 3);
            if (!world->has_tags[item][i]) continue;
            used += (size_t)snprintf(list + used, sizeof list - used, "%s\"%s\"",
                                     used > 0 ? ", " : "", tags[i]);
            world->tag_counts[item]++;
        }
        char creator[40] = "";
        if (world->creators[item] > 0)
            snprintf(creator, sizeof creator, "%s\"creator\": %d", used > 0 ? ", " : "",
                     world->creators[item]);
        if (!feed_do(&world->feed, "PUT item %d {%s%s%s%s}", item, used > 0 ? "\"tags\": [" : "",
                     list, used > 0 ? "]" : "", creator))
            return false;
    }
    return true;
}

static void see(struct world *world, int user, int item, int64_t time_ms)
{
    world->seen_counts[user][item]++;
    if (time_ms > world->seen_ms[user][item]) world->seen_ms[user][item] = time_ms;
}

/* Does the event say something new? */
static bool say(struct state *state, int64_t time_ms, bool retract, double value)
{
    if (state->known && time_ms < state->time_ms) return false;
    if (state->present && !retract && state->value == value) return false;
    if (state->known && !state->present && retract && state->time_ms == time_ms) return false;
    *state = (struct state){true, !retract, time_ms, retract ? 0 : value};
    return true;
}

static bool step(struct world *world, struct choices *choices)
{
    static const char *const names[] = {"impression", "impression", "like", "completion", "hide"};
    struct feed *feed = &world->feed;
    uint64_t kind = choose(choices, 5);
    int user = (int)choose_between(choices, 1, USERS),
        item = (int)choose_between(choices, 1, ITEMS);
    feed->now_ms += (int64_t)choose(choices, 90000);
    int64_t time_ms = feed->now_ms - (int64_t)choose(choices, 11 * 3600000);
    if (kind == 5) {
        int creator = (int)choose_between(choices, 1, CREATORS);
        bool *blocks = &world->blocks[user][creator];
        *blocks = !*blocks && choose_one_in(choices, 2);
        return feed_do(feed, "%s user %d blocks creator %d", *blocks ? "RELATE" : "UNRELATE", user,
                       creator);
    }
    bool retract = kind >= 2 && choose_one_in(choices, 3);
    double value = kind == 3 ? (double)choose(choices, 4) / 4 : 1;
    char suffix[40] = "";
    if (kind == 3 && !retract) snprintf(suffix, sizeof suffix, "VALUE %.2f", value);
    if (!feed_do(feed, "%sSIGNAL %s ON item %d BY user %d %s AT %" PRId64,
                 retract ? "RETRACT " : "", names[kind], item, user, suffix, time_ms))
        return false;
    bool new = true;
    if (kind == 2) new = say(&world->likes[user][item], time_ms, retract, value);
    if (kind == 3) new = say(&world->completions[user][item], time_ms, retract, value);
    if (kind == 4) new = say(&world->hides[user][item], time_ms, retract, value);
    if (new && !retract && kind != 3) see(world, user, item, time_ms);
    if (kind < 2) world->shown[world->shown_count++] = (struct shown){user, item, time_ms};
    return true;
}

/* What is not seen lately, not hidden, not blocked: every one of them, and no other. */
static bool check_gates(struct world *world, int user)
{
    struct feed *feed = &world->feed;
    char text[200];
    bool got[ITEMS + 1] = {false};
    snprintf(text, sizeof text,
             "RETRIEVE items FOR user %d EXCLUDE seen(3h), hidden, blocked LIMIT 1000", user);
    if (!feed_ask(feed, text)) return false;
    for (size_t i = 0; i < feed->count; i++)
        got[feed->ids[i]] = true;
    for (int item = 1; item <= ITEMS; item++) {
        bool seen = world->seen_counts[user][item] > 0 &&
                    world->seen_ms[user][item] > feed->now_ms - 3 * HOUR_MS;
        bool wanted = !seen && !world->hides[user][item].present &&
                      !world->blocks[user][world->creators[item]];
        if (wanted == got[item]) continue;
        fprintf(stderr, "    item %d for user %d: wanted %d\n", item, user, wanted);
        return false;
    }
    return true;
}

/* Impressions of the items of a creator, or with a tag. */
static double exposure_of(const struct world *world, int user, int creator, int tag,
                          double half_life_ms)
{
    double sum = 0;
    for (int i = 0; i < world->shown_count; i++) {
        const struct shown *shown = &world->shown[i];
        if (shown->user != user) continue;
        if (creator > 0 ? world->creators[shown->item] != creator
                        : !world->has_tags[shown->item][tag])
            continue;
        sum += exp2(-(double)(world->feed.now_ms - shown->time_ms) / half_life_ms);
    }
    return sum;
}

/* The share of what the user likes that has a tag, weighted by age. */
static double affinity_of(const struct world *world, int user, int tag, double half_life_ms)
{
    double sum = 0, all = 0;
    for (int item = 1; item <= ITEMS; item++) {
        const struct state *like = &world->likes[user][item];
        if (!like->present || world->tag_counts[item] == 0) continue;
        double weight = exp2(-(double)(world->feed.now_ms - like->time_ms) / half_life_ms);
        all += weight;
        if (world->has_tags[item][tag]) sum += weight;
    }
    return all > 0 ? sum / all : (double)NAN;
}

enum form { LAST, SINCE, TIMES_SEEN, LAST_SEEN, BY_CREATOR, BY_TAGS, NEAR, NEAR_ALIKE, FORMS };

static const char *const forms[FORMS] = {
    [LAST] = "last(user, completion)",
    [SINCE] = "since(user, like)",
    [TIMES_SEEN] = "times_seen(user)",
    [LAST_SEEN] = "last_seen(user)",
    [BY_CREATOR] = "exposure(user, item.creator)",
    [BY_TAGS] = "exposure(user, item.tags)",
    [NEAR] = "affinity(user, item.tags, 2h)",
    [NEAR_ALIKE] = "affinity(user, item.tags)",
};

/* NaN: missing. */
static double want(const struct world *world, enum form form, int user, int item)
{
    const double hour_ms = (double)HOUR_MS, forever_ms = 1e18;
    const struct state *completion = &world->completions[user][item];
    const struct state *like = &world->likes[user][item];
    double missing = (double)NAN, now_ms = (double)world->feed.now_ms, sum = 0;
    bool seen = world->seen_counts[user][item] > 0;
    switch (form) {
    case LAST:
        return completion->present ? completion->value : missing;
    case SINCE:
        return like->present ? (now_ms - (double)like->time_ms) / hour_ms : missing;
    case TIMES_SEEN:
        return world->seen_counts[user][item];
    case LAST_SEEN:
        return seen ? (now_ms - (double)world->seen_ms[user][item]) / hour_ms : missing;
    case BY_CREATOR:
        if (world->creators[item] == 0) return missing;
        return exposure_of(world, user, world->creators[item], 0, 6 * hour_ms);
    default:
        break;
    }
    if (world->tag_counts[item] == 0) return missing;
    for (int tag = 0; tag < 6; tag++) {
        if (!world->has_tags[item][tag]) continue;
        sum += form == BY_TAGS
                   ? exposure_of(world, user, 0, tag, 0.5 * hour_ms)
                   : affinity_of(world, user, tag, form == NEAR ? 2 * hour_ms : forever_ms);
    }
    return sum / world->tag_counts[item];
}

static bool check_form(struct world *world, enum form form, int user)
{
    struct feed *feed = &world->feed;
    char text[300];
    snprintf(text, sizeof text, "RETRIEVE items FOR user %d SCORE coalesce(%s, -7) LIMIT 1000",
             user, forms[form]);
    if (!feed_ask(feed, text) || feed->count != ITEMS) return false;
    for (size_t i = 0; i < feed->count; i++) {
        double wanted = want(world, form, user, (int)feed->ids[i]);
        if (isnan(wanted)) wanted = -7;
        if (fabs(feed->scores[i] - wanted) <= 2.5e-7 * fabs(wanted) + 1e-12) continue;
        fprintf(stderr, "    %s of item %d for user %d: got %.17g, want %.17g\n", forms[form],
                (int)feed->ids[i], user, feed->scores[i], wanted);
        return false;
    }
    return true;
}

static void every_reading_is_that_of_the_list_of_all_events(struct test *t)
{
    static struct world world;
    struct choices choices;
    choices_from_seed(&choices, 2026, NULL);
    CHECK(open_world(&world, &choices));
    for (int i = 0; i < EVENTS; i++) {
        CHECK(step(&world, &choices));
        if (i % (EVENTS / STEPS) != EVENTS / STEPS - 1) continue;
        for (int user = 1; user <= USERS; user++) {
            CHECK(check_gates(&world, user));
            for (enum form form = 0; form < FORMS; form++)
                CHECK(check_form(&world, form, user));
        }
    }
    choices_release(&choices);
    CHECK(feed_close(&world.feed));
}

static void conditions_ask_for_what_was_said(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed, "DEFINE SIGNAL completion ON item VALUE UNIQUE PER USER;"
                             "PUT item 1 {}; PUT item 2 {}; PUT item 3 {};"
                             "SIGNAL completion ON item 1 BY user 5 VALUE 0.95;"
                             "SIGNAL completion ON item 2 BY user 5 VALUE 0.3;"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 5 WHERE last(user, completion) < 0.9", "2"));
    CHECK(feed_gives(
        &feed, "RETRIEVE items FOR user 5 WHERE NOT coalesce(last(user, completion), 0) > 0.9",
        "2 3"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 5 WHERE last(user, completion) IS MISSING",
                     "3"));
    CHECK(feed_do(&feed, "RETRACT SIGNAL completion ON item 2 BY user 5"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 5 WHERE since(user, completion) IS MISSING",
                     "2 3"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE last(user, completion) IS MISSING", "1 2 3"));
    CHECK(feed_close(&feed));
}

static void what_tires_sinks_and_comes_back(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(
        &feed, "DEFINE FIELD creator ON item REFERENCES creator;"
               "DEFINE EXPOSURE ON item.creator HALF LIFE 1h;"
               "PUT item 1 {\"creator\": 7}; PUT item 2 {\"creator\": 7}; PUT item 3 "
               "{\"creator\": 8}; PUT item 4 {};"
               "SIGNAL impression ON item 1 BY user 5; SIGNAL impression ON item 1 BY user 5;"
               "SIGNAL impression ON item 3 BY user 5;"
               "SIGNAL impression ON item 3 BY user 6; SIGNAL impression ON item 3;"));
    const char *asks = "RETRIEVE items FOR user 5 SCORE 2 - exposure(user, item.creator)";
    CHECK(feed_gives(&feed, asks, "4 3 1 2")); /* 4 has no creator: nothing is taken off */
    CHECK(fabs(feed.scores[1] - 1) < 1e-6 && fabs(feed.scores[2]) < 1e-6);
    feed.now_ms += 10 * HOUR_MS;
    CHECK(feed_gives(&feed, asks, "4 3 1 2"));
    CHECK(feed.scores[3] > 1.99);
    /* What an item was about when it was shown stays so. */
    CHECK(feed_do(&feed, "PATCH item 1 {\"creator\": 8}"));
    CHECK(feed_gives(&feed, asks, "4 1 3 2"));
    CHECK(feed_do(&feed, "DELETE user 5"));
    CHECK(feed_gives(&feed, asks, "1 2 3 4"));
    CHECK(feed.scores[0] == 2 && feed.scores[3] == 2);
    CHECK(feed_gives(&feed, "RETRIEVE items SCORE 2 - exposure(user, item.creator)", "1 2 3 4"));
    CHECK(feed_close(&feed));
}

static void exposure_counts_from_its_definition_on(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed, "DEFINE FIELD genre ON item KEYWORD; PUT item 1 {\"genre\": \"jazz\"};"
                             "SIGNAL impression ON item 1 BY user 5;"
                             "DEFINE EXPOSURE ON item.genre HALF LIFE 1h;"));
    const char *asks = "RETRIEVE items FOR user 5 SCORE exposure(user, item.genre)";
    CHECK(feed_ask(&feed, asks) && feed.scores[0] == 0);
    CHECK(feed_do(&feed, "SIGNAL impression ON item 1 BY user 5"));
    CHECK(feed_ask(&feed, asks) && fabs(feed.scores[0] - 1) < 1e-6);
    /* One that came late counts by its own time, if it is not too late. */
    feed.now_ms += 2 * HOUR_MS;
    CHECK(feed_do(&feed, "SIGNAL impression ON item 1 BY user 5 AT %" PRId64, feed.now_ms));
    CHECK(
        feed_do(&feed, "SIGNAL impression ON item 1 BY user 5 AT %" PRId64, feed.now_ms - HOUR_MS));
    CHECK(feed_ask(&feed, asks) && fabs(feed.scores[0] - 1.75) < 1e-6);
    CHECK(feed_close(&feed));
}

/* The lines of EXPLAIN give the score to the bit. */
static void explained_lines_are_the_score(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(
        &feed,
        "DEFINE FIELD tags ON item KEYWORD[]; DEFINE EXPOSURE ON item.tags HALF LIFE 7h;"
        "DEFINE SIGNAL like ON item VALUE UNIQUE PER USER POSITIVE;"
        "PUT item 1 {\"tags\": [\"a\", \"b\", \"c\"]}; PUT item 2 {\"tags\": [\"a\"]};"
        "SIGNAL impression ON item 1 BY user 5; SIGNAL like ON item 2 BY user 5 VALUE 0.7;"));
    feed.now_ms += 1234567;
    const char *text =
        "RETRIEVE items FOR user 5 SCORE 0.3 * affinity(user, item.tags, 5h) - 0.7 * "
        "exposure(user, item.tags) + 0.1 * last(user, like) + since(user, like) / 3 "
        "- 0.01 * last_seen(user) TIMES 1 / (1 + times_seen(user))";
    CHECK(feed_ask(&feed, text) && feed.count == 2);
    for (size_t i = 0; i < 2; i++) {
        char explain[1000];
        tidal_query *query;
        double sum = 0, line = 0;
        snprintf(explain, sizeof explain, "EXPLAIN %s", text);
        CHECK((query = feed_prepare(&feed, explain)));
        while (tidal_step(query, &feed.error) == TIDAL_ROW) {
            const char *step = tidal_column_text(query, 3, NULL);
            if (tidal_column_u64(query, 1) != i + 1) continue;
            line = tidal_column_double(query, 4);
            if (strcmp(step, "= score") != 0) sum += line;
        }
        tidal_query_free(query);
        CHECK(line == feed.scores[i] && sum == line);
    }
    CHECK(feed_close(&feed));
}

static void mistakes_are_told(struct test *t)
{
    static const struct {
        const char *text, *message, *hint;
    } mistakes[] = {
        {"RETRIEVE items SCORE exposure(user, item.genre)", "no exposure is kept by 'genre'",
         "DEFINE EXPOSURE ON item.genre HALF LIFE 6h"},
        {"RETRIEVE items SCORE exposure(user, item.year)",
         "exposure cannot be kept for 'year', of type integer",
         "use a keyword, keyword[] or reference"},
        {"RETRIEVE items SCORE exposure(item, item.genre)",
         "exposure takes 'user' here, not 'item'", ""},
        {"RETRIEVE items SCORE affinity(user, item.genre, 0s)", "half-life of affinity is zero",
         "write a duration above 0, as in 24h"},
        {"RETRIEVE items SCORE last(user, view)",
         "what a user last said with signal 'view' is not kept",
         "only what is UNIQUE PER USER has a state"},
        {"RETRIEVE items SCORE since(user, lik)", "signal 'lik' does not exist",
         "did you mean 'like'?"},
        {"RETRIEVE items SCORE times_seen(user, like)", "times_seen has too many arguments",
         "write times_seen(user)"},
        {"DEFINE EXPOSURE ON item.year HALF LIFE 1h",
         "exposure cannot be kept for 'year', of type integer",
         "use a keyword, keyword[] or reference"},
        {"DEFINE EXPOSURE ON item.gerne HALF LIFE 1h", "item has no field 'gerne'",
         "did you mean 'genre'?"},
        {"DEFINE EXPOSURE ON user.country HALF LIFE 1h",
         "'country' is a field of user, and items are shown", "use a field of item"},
        {"DEFINE EXPOSURE ON item.genre HALF LIFE 59s", "half-life of EXPOSURE is too short",
         "use 1m to 366d, best 1h to 24h"},
        {"DEFINE EXPOSURE ON item.tags HALF LIFE 2h", "exposure of 'tags' is already defined",
         "a definition stays as it is"},
    };
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed,
                      "DEFINE FIELD genre ON item KEYWORD; DEFINE FIELD year ON item INTEGER;"
                      "DEFINE FIELD tags ON item KEYWORD[]; DEFINE FIELD country ON user "
                      "KEYWORD; DEFINE EXPOSURE ON item.tags HALF LIFE 1h;"
                      "DEFINE SIGNAL view ON item; DEFINE SIGNAL like ON item UNIQUE PER "
                      "USER;"));
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        tidal_code code = tidal_execute(feed.db, mistakes[i].text, NULL, &feed.error);
        CHECK_EQ(code, TIDAL_INVALID);
        CHECK_TEXT(feed.error.message, mistakes[i].message);
        CHECK_TEXT(feed.error.hint, mistakes[i].hint);
    }
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(every_reading_is_that_of_the_list_of_all_events),
               CASE(conditions_ask_for_what_was_said), CASE(what_tires_sinks_and_comes_back),
               CASE(exposure_counts_from_its_definition_on), CASE(explained_lines_are_the_score),
               CASE(mistakes_are_told));
}
