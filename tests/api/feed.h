/* A small feed for tests of the public API: a schema, three films, two users. */
#ifndef TIDAL_TESTS_API_FEED_H
#define TIDAL_TESTS_API_FEED_H

#include "harness/test.h"

#include <tidal/tidal.h>

/* 2026-11-01T10:00:00Z; the clock of `feed_open` stands at it until it is told otherwise. */
#define FEED_NOW_MS INT64_C(1793527200000)

struct feed {
    tidal_db *db;
    int64_t now_ms;
    tidal_error error;
};

static inline int64_t feed_clock(void *context)
{
    return *(const int64_t *)context;
}

/* Runs a statement; on failure `error` is the feed's. */
static inline tidal_code feed_run(struct feed *feed, const char *text)
{
    return tidal_execute(feed->db, text, NULL, &feed->error);
}

static inline bool feed_open_at(struct feed *feed, const char *path, const tidal_options *given)
{
    tidal_options options = given ? *given : (tidal_options){0};
    *feed = (struct feed){.now_ms = FEED_NOW_MS};
    options.size = sizeof options;
    options.clock_ms = feed_clock;
    options.clock_context = &feed->now_ms;
    return tidal_open(path, &options, &feed->db, &feed->error) == TIDAL_OK;
}

static inline bool feed_define(struct feed *feed)
{
    static const char *const statements[] = {
        "DEFINE FIELD title ON item TEXT",
        "DEFINE FIELD genre ON item KEYWORD",
        "DEFINE FIELD year ON item INTEGER",
        "DEFINE FIELD creator ON item REFERENCES creator",
        "DEFINE EMBEDDING content ON item DIMENSIONS 3 METRIC cosine",
        "DEFINE SIGNAL view ON item HALF LIFE 1h, 24h WINDOWS 1h, 24h VELOCITY 1h",
        "DEFINE SIGNAL like ON item HALF LIFE 7d WINDOWS 24h UNIQUE PER USER POSITIVE",
        "DEFINE RELATION follows FROM user TO creator",
        "PUT item 1 {\"title\": \"Night drive\", \"genre\": \"jazz\", \"year\": 2011, \"creator\": "
        "7}",
        "PUT item 2 {\"title\": \"Blue hour\", \"genre\": \"jazz\", \"year\": 2020}",
        "PUT item 3 KEY 'film-3' {\"title\": \"Cold open\", \"genre\": \"soul\", \"year\": 2015, "
        "\"content\": [1, 0, 0.5]}",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (feed_run(feed, statements[i]) == TIDAL_OK) continue;
        fprintf(stderr, "%s: %s\n", statements[i], feed->error.message);
        return false;
    }
    return true;
}

static inline bool feed_open(struct feed *feed)
{
    return feed_open_at(feed, ":memory:", NULL) && feed_define(feed);
}

static inline bool feed_close(struct feed *feed)
{
    return tidal_close(feed->db, &feed->error) == TIDAL_OK;
}

#endif
