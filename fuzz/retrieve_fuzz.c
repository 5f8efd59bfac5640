/* Any question to a small database: rows or an error.  Its rows are no more than asked for, best
 * first, each item once, every number finite, and the same when it is asked again; a lower limit
 * gives the first of them; the lines of an explanation, added in order, are the score to the bit.
 */
#include "fuzz/fuzz.h"
#include "query/json.h"

#include <math.h>
#include <string.h>
#include <strings.h>
#include <tidal/tidal.h>

#define NOW_MS INT64_C(1793527200000)

#define PROFILE                                                                                    \
    "DEFINE PROFILE hot AS FROM newest(50), trending(view, 24h, 50) SCORE 2 * velocity(view, 1h) " \
    "+ freshness(item.published, 7d) EXCLUDE hidden"

enum { ROWS_MAXIMUM = 1000 };

static int64_t stopped_clock(void *context)
{
    (void)context;
    return NOW_MS;
}

static void must_run(tidal_db *db, const char *text)
{
    tidal_error error;
    if (tidal_execute(db, text, NULL, &error) == TIDAL_OK) return;
    fprintf(stderr, "%s: %s\n", text, error.message);
    abort();
}

static void fill(tidal_db *db)
{
    static const char *const statements[] = {
        "DEFINE FIELD title ON item TEXT",
        "DEFINE FIELD genre ON item KEYWORD",
        "DEFINE FIELD tags ON item KEYWORD[]",
        "DEFINE FIELD year ON item INTEGER",
        "DEFINE FIELD rating ON item FLOAT",
        "DEFINE FIELD live ON item BOOLEAN",
        "DEFINE FIELD published ON item TIMESTAMP",
        "DEFINE FIELD creator ON item REFERENCES creator",
        "DEFINE FIELD country ON user KEYWORD",
        "DEFINE EXPOSURE ON item.creator HALF LIFE 6h",
        "DEFINE EXPOSURE ON item.tags HALF LIFE 1h",
        "DEFINE EMBEDDING look ON item DIMENSIONS 2 METRIC cosine",
        "DEFINE SIGNAL view ON item HALF LIFE 1h, 12h, 24h WINDOWS 1h, 24h, 7d VELOCITY 1h, 24h "
        "DISTINCT USERS 7d TOTALS PER genre, creator, tags",
        "DEFINE SIGNAL like ON item HALF LIFE 7d WINDOWS 24h UNIQUE PER USER POSITIVE TOTALS PER "
        "genre, creator, tags",
        "DEFINE SIGNAL vote ON item HALF LIFE 7d WINDOWS 24h VALUE MIN MAX POSITIVE FROM 3 "
        "TOTALS PER tags",
        "DEFINE RELATION follows FROM user TO creator",
        "DEFINE RELATION blocks FROM user TO creator EXCLUDING",
        "DEFINE CONTEXT device KEYWORD",
        PROFILE,
        "PUT user 1 {\"country\": \"fr\"}",
        "RELATE user 1 follows creator 1",
        "RELATE user 2 blocks creator 2 WEIGHT -3",
    };
    char text[400];
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        must_run(db, statements[i]);
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text,
                 "PUT item %d {\"title\": \"t%d\", \"genre\": \"g%d\", \"tags\": [\"a\", \"t%d\"], "
                 "\"year\": %d, \"rating\": %d.5, \"live\": %s, \"published\": %lld, "
                 "\"creator\": %d, \"look\": [%d, 1]}",
                 i, i, i % 5, i % 3, 1990 + i, i % 7, i % 2 ? "true" : "false",
                 (long long)(NOW_MS - i * INT64_C(7200000)), i % 4, i - 20);
        must_run(db, text);
    }
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "SIGNAL view ON item %d BY USER %d AT %lld", i * 7 % 40, i % 3,
                 (long long)(NOW_MS - (40 - i) * INT64_C(900000)));
        must_run(db, text);
        snprintf(text, sizeof text, "SIGNAL vote ON item %d BY USER %d VALUE %d", i * 3 % 40, i % 3,
                 i % 9 - 4);
        must_run(db, text);
        snprintf(text, sizeof text, "SIGNAL impression ON item %d BY USER %d", i * 11 % 40, i % 3);
        must_run(db, text);
    }
    must_run(db, "PUT item 77 {}");
    must_run(db, "SIGNAL like ON item 3 BY USER 1");
    must_run(db, "SIGNAL hide ON item 5 BY USER 1");
    must_run(db, "DELETE item 9");
}

static tidal_db *database(void)
{
    static tidal_db *db;
    if (!db) {
        tidal_options options = {.size = sizeof options, .clock_ms = stopped_clock};
        tidal_error error;
        FUZZ_CHECK(tidal_open(":memory:", &options, &db, &error) == TIDAL_OK);
        fill(db);
    }
    return db;
}

/* What one run gave, as bytes. */
struct answer {
    char text[1 << 16];
    size_t used;
    size_t rows;
    size_t ends[ROWS_MAXIMUM]; /* of the row before */
    tidal_code code;
};

static void note(struct answer *answer, const void *bytes, size_t count)
{
    if (count > sizeof answer->text - answer->used) count = sizeof answer->text - answer->used;
    memcpy(answer->text + answer->used, bytes, count);
    answer->used += count;
}

static void note_cell(struct answer *answer, const tidal_query *query, int column)
{
    tidal_type type = tidal_column_type(query, column);
    double number = tidal_column_double(query, column);
    size_t bytes, dimensions;
    const char *text = tidal_column_text(query, column, &bytes);
    const float *vector = tidal_column_vector(query, column, &dimensions);
    FUZZ_CHECK(isfinite(number));
    FUZZ_CHECK(text && strlen(text) == bytes);
    note(answer, &type, sizeof type);
    note(answer, &number, sizeof number);
    note(answer, text, bytes);
    if (vector) note(answer, vector, dimensions * sizeof *vector);
}

/* Scores never rise from row to row, and no item comes twice. */
static void check_order(const tidal_query *query, double *last, uint64_t ids[], size_t row)
{
    if (tidal_column_count(query) != 2 || strcmp(tidal_column_name(query, 0), "id") != 0 ||
        strcmp(tidal_column_name(query, 1), "score") != 0)
        return;
    double score = tidal_column_double(query, 1);
    FUZZ_CHECK(row == 0 || score <= *last);
    *last = score;
    ids[row] = tidal_column_u64(query, 0);
    for (size_t i = 0; i < row; i++)
        FUZZ_CHECK(ids[i] != ids[row]);
}

static int find_column(const tidal_query *query, const char *name)
{
    for (int i = 0; i < tidal_column_count(query); i++)
        if (strcmp(tidal_column_name(query, i), name) == 0) return i;
    return -1;
}

/* [{"step": "...", "value": 0.25}, ...] */
static double sum_of_lines(const struct json *lines)
{
    double sum = 0;
    FUZZ_CHECK(lines->type == JSON_ARRAY);
    for (size_t i = 0; i < lines->array.count; i++) {
        const struct json *line = &lines->array.elements[i];
        FUZZ_CHECK(line->type == JSON_OBJECT && line->object.count >= 2);
        const struct json *value = &line->object.members[1].value;
        FUZZ_CHECK(value->type == JSON_NUMBER || value->type == JSON_INTEGER);
        sum += value->type == JSON_NUMBER ? value->number : (double)value->integer;
    }
    return sum;
}

static void check_explanation(const tidal_query *query)
{
    int explain = find_column(query, "explain"), score = find_column(query, "score");
    if (explain < 0 || score < 0 || tidal_column_type(query, explain) != TIDAL_TEXT) return;
    struct memory memory;
    struct arena arena;
    struct json lines;
    struct error error;
    size_t bytes;
    const char *text = tidal_column_text(query, explain, &bytes);
    memory_init(&memory, 0);
    arena_init(&arena, &memory, (size_t)1 << 24);
    FUZZ_CHECK(json_parse(slice_of(text, bytes), &arena, &lines, &error) == CODE_OK);
    FUZZ_CHECK(sum_of_lines(&lines) == tidal_column_double(query, score));
    arena_release(&arena);
    memory_release(&memory);
}

static void run(tidal_query *query, struct answer *answer)
{
    static uint64_t ids[ROWS_MAXIMUM];
    tidal_error error = {.message = ""};
    double last = 0;
    answer->used = answer->rows = 0;
    while ((answer->code = tidal_step(query, &error)) == TIDAL_ROW) {
        FUZZ_CHECK(answer->rows < ROWS_MAXIMUM);
        check_order(query, &last, ids, answer->rows++);
        check_explanation(query);
        answer->ends[answer->rows - 1] = answer->used;
        for (int i = 0; i < tidal_column_count(query); i++)
            note_cell(answer, query, i);
    }
    FUZZ_CHECK(answer->code == TIDAL_DONE || error.message[0] != '\0');
    FUZZ_CHECK(answer->code != TIDAL_CORRUPT && answer->code != TIDAL_FAILED &&
               answer->code != TIDAL_NO_MEMORY);
    tidal_reset(query);
}

static void bind_some(tidal_query *query)
{
    (void)tidal_bind_u64(query, "u", 1, NULL);
    (void)tidal_bind_i64(query, "n", 3, NULL);
    (void)tidal_bind_double(query, "x", 0.5, NULL);
    (void)tidal_bind_text(query, "t", "g1", -1, NULL);
    (void)tidal_bind_text(query, "device", "tv", -1, NULL);
    (void)tidal_bind_text_list(query, "l", (const char *const[]){"g1", "g2"}, 2, NULL);
    (void)tidal_bind_vector(query, "v", (const float[]){1, 2}, 2, NULL);
}

/* RECORD writes. */
static bool may_record(const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i + 6 <= bytes; i++)
        if (strncasecmp((const char *)data + i, "record", 6) == 0) return true;
    return false;
}

/* Questions alone, so that every input meets the same database. */
static int is_question(const uint8_t *data, size_t bytes)
{
    if (may_record(data, bytes)) return 0;
    static const char *const starts[] = {"RETRIEVE", "EXPLAIN", "WHY"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (bytes > strlen(starts[i]) && memcmp(data, starts[i], strlen(starts[i])) == 0) return 1;
    return 0;
}

/* The same question for three rows: if it may have a limit still, they are the first three. */
static void run_limited(tidal_db *db, const uint8_t *data, size_t bytes, const struct answer *all)
{
    static const char limit[] = "\n LIMIT 3"; /* the text may end with a comment */
    static struct answer limited;
    char text[4096];
    tidal_query *query;
    tidal_error error;
    if (all->code != TIDAL_DONE || bytes > sizeof text - sizeof limit || data[0] != 'R') return;
    memcpy(text, data, bytes);
    memcpy(text + bytes, limit, sizeof limit);
    if (tidal_prepare(db, text, -1, &query, &error) != TIDAL_OK) return;
    bind_some(query);
    run(query, &limited);
    size_t rows = all->rows < 3 ? all->rows : 3;
    size_t used = rows < all->rows ? all->ends[rows] : all->used;
    FUZZ_CHECK(limited.code == TIDAL_DONE && limited.rows == rows);
    FUZZ_CHECK(limited.used == used && memcmp(limited.text, all->text, used) == 0);
    tidal_query_free(query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct answer first, second;
    tidal_query *query;
    tidal_error error = {.message = ""};
    tidal_db *db = database();
    if (!is_question(data, bytes)) return 0;
    if (tidal_prepare(db, (const char *)data, (int64_t)bytes, &query, &error) != TIDAL_OK) {
        FUZZ_CHECK(error.message[0] != '\0');
        FUZZ_CHECK(error.position == TIDAL_NO_POSITION || error.position <= bytes);
        return 0;
    }
    bind_some(query);
    run(query, &first);
    run(query, &second);
    FUZZ_CHECK(first.code == second.code && first.rows == second.rows);
    FUZZ_CHECK(first.used == second.used && memcmp(first.text, second.text, first.used) == 0);
    tidal_query_free(query);
    run_limited(db, data, bytes, &first);
    return 0;
}
