/* Expressions against a naive reading of them.
 *
 * A generator writes an expression and, beside it, what it is for every item: numbers that may be
 * missing, truths that may be unknown, texts that may be missing.  The database is then asked. */
#include "world.h"

enum { TEXT_BYTES = 1 << 16, NUMBERS = 2000, TRUTHS = 2000 };

struct numbers {
    double of[ITEMS];
    bool missing[ITEMS];
};

struct texts {
    const char *of[ITEMS]; /* NULL: missing */
};

enum truth { NO, YES, UNKNOWN };
struct truths {
    enum truth of[ITEMS];
};

/* What is being written. */
struct writer {
    struct choices choices;
    const struct world *world;
    bool reader; /* FOR user 1, who has fields; else user 2, who has none */
    bool context;
    char text[TEXT_BYTES];
    size_t used;
    double largest; /* magnitude of anything met: what rounding is measured by */
};

#define NUMBER_PARAMETER 2.5
#define TEXT_PARAMETER   "soul"
static const char *const text_list[] = {"folk", "new", "jazz"};
static const uint64_t id_list[] = {2, 4, UINT64_MAX};

__attribute__((format(printf, 2, 3))) static void put(struct writer *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(w->text + w->used, TEXT_BYTES - w->used, format, arguments);
    va_end(arguments);
    if (bytes > 0 && w->used + (size_t)bytes < TEXT_BYTES) w->used += (size_t)bytes;
}

static void note(struct writer *w, const struct numbers *numbers)
{
    for (int i = 0; i < ITEMS; i++)
        if (!numbers->missing[i] && fabs(numbers->of[i]) > w->largest)
            w->largest = fabs(numbers->of[i]);
}

static struct numbers constant(double number, bool missing)
{
    struct numbers numbers;
    for (int i = 0; i < ITEMS; i++) {
        numbers.of[i] = number;
        numbers.missing[i] = missing;
    }
    return numbers;
}

/* --- Numbers whose arithmetic is exact: small multiples of a quarter --- */

static struct truths write_truth(struct writer *w, int depth);

static struct numbers exact_leaf(struct writer *w)
{
    struct numbers numbers = constant(0, false);
    const struct item *items = w->world->items;
    double quarters = (double)choose(&w->choices, 24) / 4;
    switch (choose(&w->choices, 5)) {
    case 0:
        put(w, "%g", quarters);
        return constant(quarters, false);
    case 1:
        put(w, choose_one_in(&w->choices, 2) ? "item.year" : "year");
        for (int i = 0; i < ITEMS; i++) {
            numbers.of[i] = (double)items[i].year;
            numbers.missing[i] = !items[i].has_year;
        }
        return numbers;
    case 2:
        put(w, "item.rating");
        for (int i = 0; i < ITEMS; i++) {
            numbers.of[i] = items[i].rating;
            numbers.missing[i] = !items[i].has_rating;
        }
        return numbers;
    case 3:
        put(w, "$n");
        return constant(NUMBER_PARAMETER, false);
    case 4:
        put(w, "user.age");
        return constant(30, !w->reader);
    default:
        put(w, "context.hour");
        return constant(21, !w->context);
    }
}

static double combine_exact(int op, double a, double b)
{
    switch (op) {
    case 0:
        return a + b;
    case 1:
        return a - b;
    case 2:
        return fmin(a, b);
    default:
        return fmax(a, b);
    }
}

static struct numbers write_exact(struct writer *w, int depth)
{
    static const char *const before[] = {"(", "(", "min(", "max("};
    static const char *const between[] = {" + ", " - ", ", ", ", "};
    if (depth == 0) return exact_leaf(w);
    uint64_t op = choose(&w->choices, 7);
    struct numbers a, b;
    if (op < 4) {
        put(w, "%s", before[op]);
        a = write_exact(w, depth - 1);
        put(w, "%s", between[op]);
        b = write_exact(w, depth - 1);
        put(w, ")");
        for (int i = 0; i < ITEMS; i++) {
            a.missing[i] = a.missing[i] || b.missing[i];
            a.of[i] = combine_exact((int)op, a.of[i], b.of[i]);
        }
        note(w, &a);
        return a;
    }
    if (op == 4) {
        put(w, "-");
        a = write_exact(w, 0);
        for (int i = 0; i < ITEMS; i++)
            a.of[i] = -a.of[i];
    } else if (op == 5) {
        put(w, "abs(");
        a = write_exact(w, depth - 1);
        put(w, ")");
        for (int i = 0; i < ITEMS; i++)
            a.of[i] = fabs(a.of[i]);
    } else if (op == 6) {
        put(w, "coalesce(");
        a = write_exact(w, depth - 1);
        put(w, ", ");
        b = write_exact(w, depth - 1);
        put(w, ")");
        for (int i = 0; i < ITEMS; i++) {
            if (!a.missing[i]) continue;
            a.of[i] = b.of[i];
            a.missing[i] = b.missing[i];
        }
    } else {
        put(w, "if(");
        struct truths k = write_truth(w, depth - 1);
        put(w, ", ");
        a = write_exact(w, depth - 1);
        put(w, ", ");
        b = write_exact(w, depth - 1);
        put(w, ")");
        for (int i = 0; i < ITEMS; i++) {
            if (k.of[i] == YES) continue;
            a.of[i] = b.of[i];
            a.missing[i] = b.missing[i];
        }
    }
    return a;
}

/* --- Texts --- */

static struct texts write_text(struct writer *w, int depth)
{
    struct texts texts = {0}, other;
    const struct item *items = w->world->items;
    uint64_t kind = choose(&w->choices, depth > 0 ? 7 : 5);
    const char *word = genres[choose(&w->choices, 3)];
    if (kind == 6) {
        put(w, "coalesce(");
        texts = write_text(w, depth - 1);
        for (uint64_t more = choose_between(&w->choices, 1, 3); more > 0; more--) {
            put(w, ", ");
            other = write_text(w, depth - 1);
            for (int i = 0; i < ITEMS; i++)
                if (!texts.of[i]) texts.of[i] = other.of[i];
        }
        put(w, ")");
        return texts;
    }
    if (kind == 7) {
        put(w, "if(");
        struct truths k = write_truth(w, depth - 1);
        put(w, ", ");
        texts = write_text(w, depth - 1);
        put(w, ", ");
        other = write_text(w, depth - 1);
        put(w, ")");
        for (int i = 0; i < ITEMS; i++)
            if (k.of[i] != YES) texts.of[i] = other.of[i];
        return texts;
    }
    for (int i = 0; i < ITEMS; i++)
        texts.of[i] = kind == 0   ? word
                      : kind == 1 ? items[i].genre
                      : kind == 2 ? items[i].twin
                      : kind == 3 ? TEXT_PARAMETER
                      : kind == 4 ? (w->reader ? "jazz" : NULL)
                                  : (w->context ? "dub" : NULL);
    if (kind == 0) put(w, "'%s'", word);
    if (kind > 0)
        put(w, "%s",
            (const char *const[]){"", "genre", "item.twin", "$t", "user.country",
                                  "context.device"}[kind]);
    return texts;
}

/* --- Truths --- */

static enum truth and_of(enum truth a, enum truth b)
{
    if (a == NO || b == NO) return NO;
    return a == YES && b == YES ? YES : UNKNOWN;
}

static enum truth not_of(enum truth a)
{
    return a == UNKNOWN ? UNKNOWN : a == YES ? NO : YES;
}

static enum truth or_of(enum truth a, enum truth b)
{
    return not_of(and_of(not_of(a), not_of(b)));
}

static enum truth truth_of(bool b)
{
    return b ? YES : NO;
}

static bool compare(int op, double a, double b)
{
    return op == 0   ? a == b
           : op == 1 ? a != b
           : op == 2 ? a < b
           : op == 3 ? a <= b
           : op == 4 ? a > b
                     : a >= b;
}

static const char *const comparisons[] = {" = ", " != ", " < ", " <= ", " > ", " >= "};

static struct truths compare_numbers(struct writer *w, int depth)
{
    struct truths truths;
    int op = (int)choose(&w->choices, 5);
    struct numbers a = write_exact(w, depth);
    put(w, "%s", comparisons[op]);
    struct numbers b = write_exact(w, depth);
    for (int i = 0; i < ITEMS; i++)
        truths.of[i] =
            a.missing[i] || b.missing[i] ? UNKNOWN : truth_of(compare(op, a.of[i], b.of[i]));
    return truths;
}

static struct truths compare_texts(struct writer *w, int depth)
{
    struct truths truths;
    int op = (int)choose(&w->choices, 1);
    struct texts a = write_text(w, depth);
    put(w, "%s", comparisons[op]);
    struct texts b = write_text(w, depth);
    for (int i = 0; i < ITEMS; i++)
        truths.of[i] =
            !a.of[i] || !b.of[i] ? UNKNOWN : truth_of((strcmp(a.of[i], b.of[i]) == 0) == (op == 0));
    return truths;
}

/* x IN (a, b), x IN $texts */
static struct truths text_in(struct writer *w, int depth)
{
    struct truths truths;
    struct texts subject = write_text(w, depth), one;
    bool listed = choose_one_in(&w->choices, 2);
    put(w, listed ? " IN (" : " IN $texts");
    for (int i = 0; i < ITEMS; i++)
        truths.of[i] = subject.of[i] ? NO : UNKNOWN;
    for (int j = 0; j < 3; j++) {
        if (listed) {
            one = write_text(w, 0);
            put(w, j < 2 ? ", " : ")");
        }
        for (int i = 0; i < ITEMS; i++) {
            const char *text = listed ? one.of[i] : text_list[j];
            enum truth equal =
                !subject.of[i] || !text ? UNKNOWN : truth_of(strcmp(subject.of[i], text) == 0);
            truths.of[i] = or_of(truths.of[i], equal);
        }
    }
    return truths;
}

static bool has_tag(const struct item *item, const char *tag)
{
    for (int i = 0; i < item->tag_count; i++)
        if (strcmp(item->tags[i], tag) == 0) return true;
    return false;
}

/* A list is equal to a text, or to a list, if they have a value in common. */
static struct truths compare_tags(struct writer *w)
{
    struct truths truths;
    const struct item *items = w->world->items;
    uint64_t form = choose(&w->choices, 5);
    const char *tag = all_tags[choose(&w->choices, 4)];
    if (form == 0) put(w, "tags = '%s'", tag);
    if (form == 1) put(w, "item.tags != '%s'", tag);
    if (form == 2) put(w, "tags IN ('%s', 'demo')", tag);
    if (form == 3) put(w, "tags = twin");
    if (form == 4) put(w, "tags = user.langs");
    if (form == 5) put(w, "tags IN user.langs");
    for (int i = 0; i < ITEMS; i++) {
        const struct item *item = &items[i];
        bool found = has_tag(item, tag);
        bool missing = item->tag_count == 0;
        if (form == 1) found = !found;
        if (form == 2) found = found || has_tag(item, "demo");
        if (form == 3) missing = missing || !item->twin;
        if (form == 3) found = item->twin && has_tag(item, item->twin);
        if (form > 3) missing = missing || !w->reader;
        if (form > 3) found = has_tag(item, "soul") || has_tag(item, "new");
        truths.of[i] = missing ? UNKNOWN : truth_of(found);
    }
    return truths;
}

static struct truths compare_others(struct writer *w)
{
    struct truths truths;
    static const char *const spellings[] = {"live",
                                            "item.live = false",
                                            "creator = 3",
                                            "creator IN $ids",
                                            "published < '2026-10-28T00:00:00Z'",
                                            "published >= $when",
                                            "item.published > user.joined"};
    const int64_t late_october_ms = FEED_NOW_MS - 4 * DAY_MS - 10 * HOUR_MS;
    uint64_t form = choose(&w->choices, 6);
    put(w, "%s", spellings[form]);
    for (int i = 0; i < ITEMS; i++) {
        const struct item *item = &w->world->items[i];
        bool present = form < 2   ? item->has_live
                       : form < 4 ? item->has_creator
                                  : item->has_published;
        int64_t published_ms = item->published_ms;
        bool holds = form == 0   ? item->live
                     : form == 1 ? !item->live
                     : form == 2 ? item->creator == 3
                     : form == 3 ? item->creator == 2 || item->creator == 4
                     : form == 4 ? published_ms < late_october_ms
                     : form == 5 ? published_ms >= late_october_ms
                                 : published_ms > 1793000000000;
        if (form == 6) present = present && w->reader;
        truths.of[i] = present ? truth_of(holds) : UNKNOWN;
    }
    return truths;
}

static struct truths ask_seen(struct writer *w)
{
    struct truths truths;
    bool aged = choose_one_in(&w->choices, 2);
    put(w, aged ? "seen(3h)" : "seen");
    for (int i = 0; i < ITEMS; i++) {
        int64_t seen_ms = w->world->items[i].liked_ms[w->reader ? 0 : 1];
        truths.of[i] = truth_of(seen_ms > (aged ? FEED_NOW_MS - 3 * HOUR_MS : 0));
    }
    return truths;
}

static struct truths ask_missing(struct writer *w, int depth)
{
    struct truths truths;
    bool negated = choose_one_in(&w->choices, 2), of_text = choose_one_in(&w->choices, 2);
    struct texts texts;
    struct numbers numbers;
    if (of_text) {
        texts = write_text(w, depth);
    } else {
        put(w, "(");
        numbers = write_exact(w, depth);
        put(w, ")");
    }
    put(w, negated ? " IS NOT MISSING" : " IS MISSING");
    for (int i = 0; i < ITEMS; i++)
        truths.of[i] = truth_of((of_text ? !texts.of[i] : numbers.missing[i]) != negated);
    return truths;
}

static struct truths write_connected(struct writer *w, int depth)
{
    uint64_t op = choose(&w->choices, 2);
    put(w, op == 2 ? "NOT (" : "(");
    struct truths a = write_truth(w, depth - 1);
    if (op == 2) {
        put(w, ")");
        for (int i = 0; i < ITEMS; i++)
            a.of[i] = not_of(a.of[i]);
        return a;
    }
    for (uint64_t more = choose_between(&w->choices, 1, 3); more > 0; more--) {
        put(w, op == 0 ? " AND " : " OR ");
        struct truths b = write_truth(w, depth - 1);
        for (int i = 0; i < ITEMS; i++)
            a.of[i] = op == 0 ? and_of(a.of[i], b.of[i]) : or_of(a.of[i], b.of[i]);
    }
    put(w, ")");
    return a;
}

static struct truths write_truth(struct writer *w, int depth)
{
    if (depth > 0 && !choose_one_in(&w->choices, 3)) return write_connected(w, depth);
    put(w, "(");
    uint64_t kind = choose(&w->choices, 6);
    struct truths truths = kind == 0   ? compare_numbers(w, depth)
                           : kind == 1 ? compare_texts(w, depth)
                           : kind == 2 ? text_in(w, depth)
                           : kind == 3 ? compare_tags(w)
                           : kind == 4 ? compare_others(w)
                           : kind == 5 ? ask_seen(w)
                                       : ask_missing(w, depth);
    put(w, ")");
    return truths;
}

/* --- Numbers of any kind --- */

/* Of the user's liked items: which share has the value? */
static double share_of(const struct writer *w, const char *genre)
{
    int liked = 0, having = 0;
    for (int i = 0; i < ITEMS; i++) {
        const struct item *item = &w->world->items[i];
        if (item->liked_ms[w->reader ? 0 : 1] == 0 || !item->genre) continue;
        liked++;
        having += strcmp(item->genre, genre) == 0;
    }
    return liked > 0 ? (double)having / liked : (double)NAN;
}

static struct numbers feature(struct writer *w)
{
    static const char *const spellings[] = {"count(view)",
                                            "decay(view, 24h)",
                                            "rate(view, 24h)",
                                            "ratio(like, view, prior 4 MEAN 0.25)",
                                            "ratio(like, view, prior 2)",
                                            "freshness(item.published, 48h)",
                                            "age(item.published)",
                                            "related(user follows creator)",
                                            "affinity(user, item.genre)"};
    uint64_t form = choose(&w->choices, 8);
    struct numbers numbers;
    put(w, "%s", spellings[form]);
    for (int i = 0; i < ITEMS; i++) {
        const struct item *item = &w->world->items[i];
        double global = (double)w->world->likes_all / w->world->views_all;
        double age_h = (double)(FEED_NOW_MS - item->published_ms) / (double)HOUR_MS;
        if (age_h < 0) age_h = 0;
        double share = item->genre ? share_of(w, item->genre) : (double)NAN;
        int64_t edge =
            item->has_creator && w->reader ? w->world->follows_quarters[item->creator] : 0;
        const double values[] = {item->views,
                                 item->decayed,
                                 item->decayed * log(2) / (24 * 3600),
                                 (item->likes + 1.0) / (item->views + 4.0),
                                 (item->likes + 2 * global) / (item->views + 2.0),
                                 exp2(-age_h / 48),
                                 age_h,
                                 (double)edge / 4,
                                 share};
        numbers.of[i] = values[form];
        numbers.missing[i] = form == 5 || form == 6 ? !item->has_published
                             : form == 7            ? edge == 0
                             : form == 8            ? isnan(share)
                                                    : false;
    }
    note(w, &numbers);
    return numbers;
}

static double call_one(uint64_t form, double x)
{
    switch (form) {
    case 0:
        return log10(1 + fabs(x));
    case 1:
        return log2(1 + fabs(x));
    case 2:
        return log(fmax(x, 0.5));
    case 3:
        return sqrt(fmax(x, 0));
    case 4:
        return pow(fmax(x, 0.5), 1.5);
    case 5:
        return x * x * x;
    case 6:
        return fmax(x, 0) / (fmax(x, 0) + 3);
    case 7:
        return fmin(fmax(x, -1), 2);
    default:
        return x / (1 + fabs(x));
    }
}

static struct numbers write_number(struct writer *w, int depth);

static struct numbers write_call(struct writer *w, int depth)
{
    static const char *const before[] = {"log10(1 + abs(", "LOG2(1 + abs(", "log(max(",
                                         "sqrt(max(",      "pow(max(",      "pow(",
                                         "saturate(",      "clamp("};
    static const char *const after[] = {"))",           "))",   ", 0.5))", ", 0))",
                                        ", 0.5), 1.5)", ", 3)", ", 3)",    ", -1, 2)"};
    uint64_t form = choose(&w->choices, 7);
    put(w, "%s", before[form]);
    struct numbers numbers = write_number(w, depth - 1);
    put(w, "%s", after[form]);
    for (int i = 0; i < ITEMS; i++)
        if (!numbers.missing[i]) numbers.of[i] = call_one(form, numbers.of[i]);
    note(w, &numbers);
    return numbers;
}

static struct numbers write_number(struct writer *w, int depth)
{
    uint64_t kind = choose(&w->choices, depth > 0 ? 5 : 1);
    if (kind == 0) return write_exact(w, depth);
    if (kind == 1) return feature(w);
    if (kind < 4) return write_call(w, depth);
    put(w, "(");
    struct numbers a = write_number(w, depth - 1);
    put(w, kind == 4 ? " * " : " / (1 + abs(");
    struct numbers b = write_number(w, depth - 1);
    put(w, kind == 4 ? ")" : ")))");
    for (int i = 0; i < ITEMS; i++) {
        a.missing[i] = a.missing[i] || b.missing[i];
        a.of[i] = kind == 4 ? a.of[i] * b.of[i] : a.of[i] / (1 + fabs(b.of[i]));
    }
    note(w, &a);
    return a;
}

/* --- Asking --- */

static bool bind_all(struct feed *feed, tidal_query *query)
{
    static const char *const names[] = {"n", "t", "texts", "ids", "when"};
    const tidal_code codes[] = {
        tidal_bind_double(query, names[0], NUMBER_PARAMETER, NULL),
        tidal_bind_text(query, names[1], TEXT_PARAMETER, -1, NULL),
        tidal_bind_text_list(query, names[2], text_list, 3, NULL),
        tidal_bind_u64_list(query, names[3], id_list, 3, NULL),
        tidal_bind_text(query, names[4], "2026-10-28T00:00:00Z", -1, NULL),
    };
    (void)feed;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i] != TIDAL_OK && codes[i] != TIDAL_NOT_FOUND) return false;
    return true;
}

/* before, the expression, after */
static tidal_query *ask(struct writer *w, struct feed *feed, const char *before, const char *after)
{
    static char text[TEXT_BYTES + 512];
    snprintf(text, sizeof text, "RETRIEVE items FOR user %d %s%.*s%s%s", w->reader ? 1 : 2, before,
             (int)w->used, w->text, after, w->context ? " CONTEXT device = 'dub', hour = 21" : "");
    tidal_query *query = feed_prepare(feed, text);
    if (query && !bind_all(feed, query)) {
        tidal_query_free(query);
        return NULL;
    }
    return query;
}

static void begin(struct writer *w, const struct world *world, uint64_t seed)
{
    choices_from_seed(&w->choices, seed, NULL);
    w->world = world;
    w->reader = !choose_one_in(&w->choices, 3);
    w->context = choose_one_in(&w->choices, 2);
    w->used = 0;
    w->largest = 1;
}

static bool check_numbers(struct writer *w, struct feed *feed, const struct numbers *expected)
{
    tidal_query *query =
        ask(w, feed, "FROM all SCORE (", ") LIMIT 1000 RETURNING id, score, explain");
    size_t rows = 0;
    bool ok = query != NULL;
    double tolerance = 1e-6 * w->largest;
    while (ok && tidal_step(query, &feed->error) == TIDAL_ROW) {
        size_t item = tidal_column_u64(query, 0) - 1;
        double score = tidal_column_double(query, 1);
        bool missing = strstr(tidal_column_text(query, 2, NULL), "\"missing\":true") != NULL;
        double wanted = expected->missing[item] ? 0 : expected->of[item];
        ok = missing == expected->missing[item] && fabs(score - wanted) <= tolerance;
        if (!ok)
            fprintf(stderr, "    item %zu: got %.17g%s, want %.17g%s\n    %.*s\n", item + 1, score,
                    missing ? " (missing)" : "", wanted,
                    expected->missing[item] ? " (missing)" : "", (int)w->used, w->text);
        rows++;
    }
    tidal_query_free(query);
    if (ok && rows != ITEMS)
        fprintf(stderr, "    %s\n    %.*s\n", feed->error.message, (int)w->used, w->text);
    return ok && rows == ITEMS;
}

static bool check_truths(struct writer *w, struct feed *feed, const struct truths *expected,
                         bool negated)
{
    tidal_query *query = ask(w, feed, negated ? "FROM all WHERE NOT (" : "FROM all WHERE (",
                             ") LIMIT 1000 RETURNING id");
    bool found[ITEMS] = {false}, ok = query != NULL;
    if (ok) ok = feed_rows(feed, query) == TIDAL_DONE;
    for (size_t i = 0; ok && i < feed->count; i++)
        found[feed->ids[i] - 1] = true;
    if (!ok) fprintf(stderr, "    %s\n    %.*s\n", feed->error.message, (int)w->used, w->text);
    for (int i = 0; ok && i < ITEMS; i++) {
        ok = found[i] == (expected->of[i] == (negated ? NO : YES));
        if (!ok)
            fprintf(stderr, "    item %d is %s the slate of %s\n    %.*s\n", i + 1,
                    found[i] ? "in" : "not in", negated ? "NOT" : "", (int)w->used, w->text);
    }
    tidal_query_free(query);
    return ok;
}

/* 2,000 expressions of 40 items: 80,000 evaluations of scores. */
static void numbers_are_what_a_naive_reading_of_them_gives(struct test *t)
{
    static struct world world;
    static struct writer writer;
    CHECK(world_open(&world, 7));
    for (uint64_t seed = 1; seed <= NUMBERS; seed++) {
        begin(&writer, &world, seed);
        struct numbers expected = write_number(&writer, 3);
        CHECK(check_numbers(&writer, &world.feed, &expected));
    }
    CHECK(feed_close(&world.feed));
}

/* The same number of gates, and of their negations: an unknown one is in neither. */
static void truths_are_what_a_naive_three_valued_reading_gives(struct test *t)
{
    static struct world world;
    static struct writer writer;
    CHECK(world_open(&world, 8));
    for (uint64_t seed = 1; seed <= TRUTHS; seed++) {
        begin(&writer, &world, seed);
        struct truths expected = write_truth(&writer, 2);
        CHECK(check_truths(&writer, &world.feed, &expected, false));
        CHECK(check_truths(&writer, &world.feed, &expected, true));
    }
    CHECK(feed_close(&world.feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(numbers_are_what_a_naive_reading_of_them_gives),
               CASE(truths_are_what_a_naive_three_valued_reading_gives));
}
