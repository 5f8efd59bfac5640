#include "schema/change.h"

#include "harness/test.h"
#include "unit/schema/drawn_change.h"

struct fixture {
    struct memory memory;
    struct arena arena;
    struct buffer bytes;
    struct error error;
};

static void fixture_init(struct fixture *f)
{
    memory_init(&f->memory, 0);
    arena_init(&f->arena, &f->memory, 64 << 20);
    buffer_init(&f->bytes, &f->memory, 4 << 20);
}

static void fixture_release(struct fixture *f)
{
    buffer_release(&f->bytes);
    arena_release(&f->arena);
    memory_release(&f->memory);
}

static enum code encode(struct fixture *f, const struct change *change)
{
    buffer_clear(&f->bytes);
    return change_encode(change, &f->bytes, &f->error);
}

static bool encodes_to(struct fixture *f, const struct change *change, const char *expected,
                       size_t expected_bytes)
{
    if (encode(f, change) != CODE_OK) return false;
    if (slice_equal(buffer_slice(&f->bytes), slice_of(expected, expected_bytes))) return true;
    for (size_t i = 0; i < f->bytes.bytes; i++)
        fprintf(stderr, "\\x%02x", f->bytes.data[i]);
    fprintf(stderr, "\n");
    return false;
}

#define ENCODES_TO(fixture, change, text) encodes_to(fixture, change, text, sizeof(text) - 1)

/* The format is on disk: these bytes may never change. */
static void golden_changes_have_their_bytes(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    struct change change = {.kind = CHANGE_SIGNAL,
                            .signal = {.signal = 2,
                                       .entity = entity(ENTITY_ITEM, 1001),
                                       .has_user = true,
                                       .user = entity(ENTITY_USER, 42),
                                       .value = SIGNAL_VALUE_ONE,
                                       .has_time = true,
                                       .time_ms = 1000}};
    CHECK(ENCODES_TO(&f, &change, "\x01\x05\x02\x05\x00\xe9\x07\x01\x2a\xd0\x0f"));
    change.signal.has_time = false;
    change.signal.value = -SIGNAL_VALUE_ONE / 2;
    change.signal.retract = true;
    CHECK(ENCODES_TO(&f, &change, "\x01\x05\x02\x0b\x00\xe9\x07\x01\x2a\xff\xff\x03"));
    change = (struct change){.kind = CHANGE_DEFINE, .define = text_of("DEFINE")};
    CHECK(ENCODES_TO(&f, &change,
                     "\x01\x01\x06"
                     "DEFINE"));
    change.kind = CHANGE_DROP;
    CHECK(ENCODES_TO(&f, &change,
                     "\x04\x0d\x06"
                     "DEFINE"));
    change.kind = CHANGE_RENAME;
    CHECK(ENCODES_TO(&f, &change,
                     "\x04\x0e\x06"
                     "DEFINE"));
    change = (struct change){.kind = CHANGE_DELETE, .delete = entity(ENTITY_CREATOR, 0)};
    change.delete.key = text_of("ab");
    CHECK(ENCODES_TO(&f, &change,
                     "\x01\x04\x82\x02"
                     "ab"));
    change = (struct change){.kind = CHANGE_RELATE,
                             .relate = {.relation = 1,
                                        .from = entity(ENTITY_USER, 1),
                                        .to = entity(ENTITY_CREATOR, 2),
                                        .weight = 1,
                                        .has_time = true,
                                        .time_ms = -1}};
    CHECK(ENCODES_TO(&f, &change, "\x01\x06\x01\x01\x01\x01\x02\x02\x00\x00\x80\x3f\x01"));
    change.kind = CHANGE_UNRELATE;
    CHECK(ENCODES_TO(&f, &change, "\x01\x07\x01\x01\x01\x01\x02\x02\x01"));
    struct change parts[] = {change, {.kind = CHANGE_DELETE, .delete = entity(ENTITY_ITEM, 9)}};
    change = (struct change){.kind = CHANGE_TRANSACTION, .transaction = {parts, 2}};
    CHECK(ENCODES_TO(&f, &change, "\x01\x08\x02\x07\x01\x01\x01\x01\x02\x02\x01\x04\x00\x09"));
    fixture_release(&f);
}

static void golden_put_has_its_bytes(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    struct slice tags[] = {text_of("x"), text_of("")};
    float numbers[] = {1, -2};
    struct field_value fields[] = {
        {0, {.type = VALUE_TEXT, .text = text_of("hi")}},
        {1, {.type = VALUE_TEXT_LIST, .list = {tags, 2}}},
        {2, {.type = VALUE_INTEGER, .integer = -3}},
        {3, {.type = VALUE_FLOAT, .number = 1.5}},
        {4, {.type = VALUE_BOOLEAN, .boolean = true}},
        {5, {.type = VALUE_BOOLEAN, .boolean = false}},
        {6, {.type = VALUE_TIMESTAMP, .integer = 64}},
        {200, {.type = VALUE_REFERENCE, .reference = 300}},
    };
    struct embedding_value embedding = {7, {.type = VALUE_VECTOR, .vector = {numbers, 2}}};
    struct change change = {.kind = CHANGE_PUT,
                            .put = {.entity = entity(ENTITY_ITEM, 1),
                                    .key = text_of("k"),
                                    .fields = fields,
                                    .field_count = 8,
                                    .embeddings = &embedding,
                                    .embedding_count = 1}};
    CHECK(ENCODES_TO(&f, &change,
                     "\x01\x02\x00\x01\x01k\x08"
                     "\x00\x06\x02hi\x01\x07\x02\x01x\x00\x02\x03\x05"
                     "\x03\x04\x00\x00\x00\x00\x00\x00\xf8\x3f\x04\x02\x05\x01\x06\x05\x80\x01"
                     "\xc8\x01\x08\xac\x02"
                     "\x01\x07\x09\x02\x00\x00\x80\x3f\x00\x00\x00\xc0"));
    fields[0].value = (struct value){.type = VALUE_MISSING};
    change.kind = CHANGE_PATCH;
    change.put.field_count = 1;
    change.put.embedding_count = 0;
    CHECK(ENCODES_TO(&f, &change, "\x01\x03\x00\x01\x01k\x01\x00\x00\x00"));
    fixture_release(&f);
}

static enum code decode_text(struct fixture *f, const char *bytes, size_t count)
{
    struct change change;
    arena_reset(&f->arena);
    return change_decode(slice_of(bytes, count), &f->arena, &change, &f->error);
}

#define DECODE(fixture, text) decode_text(fixture, text, sizeof(text) - 1)

static void golden_cursor_has_its_bytes(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    struct change change = {.kind = CHANGE_CURSOR,
                            .cursor = {CURSOR_DEFINE, text_of("search"), 300}};
    CHECK(ENCODES_TO(&f, &change, "\x02\x0a\x01\x06search\xac\x02"));
    change.cursor = (struct cursor_change){CURSOR_ADVANCE, text_of("x"), 0};
    CHECK(ENCODES_TO(&f, &change, "\x02\x0a\x02\x01x\x00"));
    change.cursor.action = CURSOR_DROP;
    CHECK(ENCODES_TO(&f, &change, "\x02\x0a\x03\x01x"));
    CHECK_EQ(DECODE(&f, "\x02\x0a\x00\x01x"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x02\x0a\x04\x01x"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x02\x0a\x03\x00"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x02\x0a\x03\x01x\x00"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x01\x08\x01\x0a\x03\x01x"), CODE_CORRUPT);
    fixture_release(&f);
}

static void golden_backfill_has_its_bytes(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    struct backfill_pair pairs[] = {{5, text_of("row")}, {300, text_of("\xff")}};
    struct change change = {
        .kind = CHANGE_BACKFILL,
        .backfill = {.signal = 2, .defined = 300, .pairs = pairs, .pair_count = 2}};
    CHECK(ENCODES_TO(&f, &change, "\x04\x0c\x02\xac\x02\x00\x02\x05\x03row\xac\x02\x01\xff"));
    change.backfill =
        (struct backfill_change){.signal = 2, .defined = 1, .ends = true, .since_ms = 1};
    CHECK(ENCODES_TO(&f, &change, "\x04\x0c\x02\x01\x01\x02\x00"));
    CHECK_EQ(DECODE(&f, "\x04\x0c\x02\x01\x01\x02\x01\x05\x01x"), CODE_CORRUPT); /* both */
    CHECK_EQ(DECODE(&f, "\x04\x0c\x02\x01\x00\x00"), CODE_CORRUPT);              /* neither */
    CHECK_EQ(DECODE(&f, "\x04\x0c\x02\x01\x02\x02\x00"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x04\x0c\x80\x01\x01\x01\x02\x00"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x03\x0c\x02\x01\x01\x02\x00"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x01\x08\x01\x0c\x02\x01\x01\x02\x00"), CODE_CORRUPT);
    fixture_release(&f);
}

static void golden_slate_has_its_bytes(struct test *t)
{
    struct fixture f;
    struct slice sources[] = {text_of("all")}, features[] = {text_of("f")};
    double values[] = {2, 0};
    struct served_item items[] = {{5, 1.5, 1, 0, &values[0]}, {300, 0, 0, 1, &values[1]}};
    struct slate_change slate = {.has_user = true,
                                 .user = entity(ENTITY_USER, 42),
                                 .profile = text_of("home"),
                                 .version = 2,
                                 .query = text_of("Q"),
                                 .surface = text_of("tv"),
                                 .seed = 7,
                                 .now_ms = 1000,
                                 .read_at = 300,
                                 .offset = 20,
                                 .sources = sources,
                                 .source_count = 1,
                                 .features = features,
                                 .feature_count = 1,
                                 .items = items,
                                 .item_count = 2};
    struct change change = {.kind = CHANGE_SLATE, .slate = &slate};
    fixture_init(&f);
    CHECK(ENCODES_TO(&f, &change,
                     "\x03\x0b\x07\x01\x2a\x04home\x02\x01Q\x02tv\x07\xd0\x0f\xac\x02\x14"
                     "\x01\x03"
                     "all\x01\x01"
                     "f\x02\x05\x00\x00\x00\x00\x00\x00\xf8\x3f\x01\x00"
                     "\x00\x00\x00\x00\x00\x00\x00\x40"
                     "\xac\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"));
    slate = (struct slate_change){.query = text_of("")};
    CHECK(ENCODES_TO(&f, &change, "\x03\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00"));
    CHECK_EQ(DECODE(&f, "\x03\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00"), CODE_OK);
    CHECK_EQ(DECODE(&f, "\x02\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x03\x08\x01\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00"), CODE_CORRUPT);
    fixture_release(&f);
}

static void a_signal_that_cites_a_slate_has_its_bytes(struct test *t)
{
    struct fixture f;
    struct change change = {.kind = CHANGE_SIGNAL,
                            .signal = {.entity = entity(ENTITY_ITEM, 7),
                                       .has_user = true,
                                       .user = entity(ENTITY_USER, 42),
                                       .value = SIGNAL_VALUE_ONE,
                                       .slate = 1234,
                                       .position = 3}};
    fixture_init(&f);
    CHECK(ENCODES_TO(&f, &change, "\x03\x05\x00\x11\x00\x07\x01\x2a\xd2\x09\x03"));
    CHECK_EQ(DECODE(&f, "\x01\x05\x00\x11\x00\x07\x01\x2a\xd2\x09\x03"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x03\x05\x00\x01\x00\x07\x01\x2a"), CODE_CORRUPT);
    struct change parts[] = {{.kind = CHANGE_DELETE, .delete = entity(ENTITY_ITEM, 9)}, change};
    change = (struct change){.kind = CHANGE_TRANSACTION, .transaction = {parts, 2}};
    CHECK(ENCODES_TO(&f, &change,
                     "\x03\x08\x02\x04\x00\x09\x05\x00\x11\x00\x07\x01\x2a\xd2\x09\x03"));
    fixture_release(&f);
}

static void a_newer_format_is_named_as_such(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    CHECK_EQ(DECODE(&f, "\x05\x04\x00\x01"), CODE_VERSION);
    CHECK(strstr(f.error.message, "format 5, newer than 4"));
    CHECK_EQ(DECODE(&f, "\x05"), CODE_VERSION);
    /* Each kind has one format: the oldest that knows it. */
    CHECK_EQ(DECODE(&f, "\x02\x04\x00\x01"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x03\x04\x00\x01"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x01\x0d\x01x"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x04\x0d\x01x"), CODE_OK);
    CHECK_EQ(DECODE(&f, "\x04\x0e\x01x"), CODE_OK);
    CHECK_EQ(DECODE(&f, "\x01\x0a\x03\x01x"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x02\x0a\x03\x01x"), CODE_OK);
    CHECK_EQ(DECODE(&f, "\x00\x04\x00\x01"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x01\x04\x00\x01"), CODE_OK);
    fixture_release(&f);
}

/* What no encoder writes, and how the error names what is wrong. */
static const struct {
    const char *bytes;
    size_t count;
    const char *part;
} wrong_encodings[] = {
#define BYTES(text) text, sizeof(text) - 1
    {BYTES(""), "it ends early"},
    {BYTES("\x01"), "it ends early"},
    {BYTES("\x01\x00"), "kind of a change"},
    {BYTES("\x01\x0f\x00\x01"), "kind of a change"},
    {BYTES("\x04\x0c\x02\x01\x02\x00"), "flags of a backfill"},
    {BYTES("\x04\x0c\x02\x01\x00\x00"), "count of pairs"},
    {BYTES("\x01\x04\x03\x01"), "kind of an entity"},
    {BYTES("\x01\x04\x00\x81\x00"), "it ends early"}, /* a varint with a needless byte */
    {BYTES("\x01\x04\x00\x01\x00"), "trailing bytes"},
    {BYTES("\x01\x04\x80\x00"), "empty key"},
    {BYTES("\x01\x04\x80\x01\xff"), "key of an entity"},
    {BYTES("\x01\x01\x00"), "definition without text"},
    {BYTES("\x01\x01\x01\xff"), "text of a definition"},
    {BYTES("\x04\x0d\x00"), "definition without text"},
    {BYTES("\x04\x0e\x01\xff"), "text of a definition"},
    {BYTES("\x04\x08\x01\x0d\x01x"), "definition in a transaction"},
    {BYTES("\x01\x02\x00\x01\x00\x02\x01\x01\x01\x01\x00"), "order of fields"},
    {BYTES("\x01\x02\x00\x01\x00\x02\x02\x01\x01\x01\x00"), "order of fields"},
    {BYTES("\x01\x02\x00\x01\x00\x01\x01\x00\x00"), "missing in a put"},
    {BYTES("\x01\x02\x00\x01\x00\x01\x01\x0a\x00"), "type of a value"},
    {BYTES("\x01\x02\x00\x01\x00\x01\x01\x09\x01\x00\x00\x00\x00\x00"), "vector in a field"},
    {BYTES("\x01\x02\x00\x01\x00\x7f\x01\x01\x00"), "count of fields"},
    {BYTES("\x01\x02\x00\x01\x00\x01\x80\x08\x01\x00"), "number of a field"},
    {BYTES("\x01\x02\x00\x01\x00\x01\x01\x04\x00\x00\x00\x00\x00\x00\xf8\x7f\x00"), "not finite"},
    {BYTES("\x01\x02\x80\x01k\x01k\x00\x00"), "second key"},
    {BYTES("\x01\x02\x00\x01\x00\x00\x01\x00\x01"), "embedding that is no vector"},
    {BYTES("\x01\x02\x00\x01\x00\x00\x01\x00\x09\x00"), "vector without numbers"},
    {BYTES("\x01\x02\x00\x01\x00\x00\x01\x00\x09\x01\x00\x00\x80\x7f"), "not finite"},
    {BYTES("\x01\x02\x00\x01\x00\x00\x01\x40\x09\x01\x00\x00\x00\x00"), "number of an embedding"},
    {BYTES("\x01\x05\x02\x20\x00\x01"), "flags of a signal"},
    {BYTES("\x03\x05\x00\x10\x00\x07\x00\x01"), "slate of a signal"},
    {BYTES("\x03\x05\x00\x10\x00\x07\x01\xff\xff\xff\xff\x0f"), "position in a slate"},
    {BYTES("\x01\x05\x00\x10\x00\x07\x01\x00"), "format"},
    {BYTES("\x03\x0b\x08"), "flags of a slate"},
    {BYTES("\x03\x0b\x01\x00\x07"), "user of a slate"},
    {BYTES("\x03\x0b\x02\x00"), "profile without a name"},
    {BYTES("\x03\x0b\x04\x00\x00"), "surface without a name"},
    {BYTES("\x03\x0b\x00\x00\x00\x00\x00\x00\x11"), "sources of a slate"},
    {BYTES("\x03\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x01"), "items of a slate"},
    {BYTES("\x03\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x01\x05\x00\x00\x00\x00\x00\x00\xf8"
           "\x7f\x00"),
     "score of an item"},
    {BYTES("\x03\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x01\x05\x00\x00\x00\x00\x00\x00\x00"
           "\x00\x01"),
     "sources of an item"},
    {BYTES("\x03\x0b\x00\x00\x00\x00\x00\x00\x00\x01\x01"
           "f\x01\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02"),
     "missing features of an item"},
    {BYTES("\x01\x05\x80\x01\x00\x00\x01"), "number of a signal"},
    {BYTES("\x01\x05\x02\x08\x00\x01"), "retraction by nobody"},
    {BYTES("\x01\x05\x02\x01\x00\x01\x00\x01"), "user of a signal"},
    {BYTES("\x01\x05\x02\x02\x00\x01\x80\x80\x08"), "value of a signal"}, /* one, spelt out */
    {BYTES("\x01\x05\x02\x02\x00\x01\x80\x80\x80\x80\x80\x80\x40"), "value of a signal"},
    {BYTES("\x01\x06\x00\x02\x01\x01\x02\x02\x00\x00\x80\x3f"), "flags of a relation"},
    {BYTES("\x01\x06\x00\x00\x01\x01\x02\x02\x00\x00\xc0\x7f"), "not finite"},
    {BYTES("\x01\x06\x80\x01\x00\x01\x01\x02\x02\x00\x00\x80\x3f"), "number of a relation"},
    {BYTES("\x01\x08\x00"), "transaction without changes"},
    {BYTES("\x01\x08\x01\x08\x01\x04\x00\x09"), "kind of a change"}, /* nested */
    {BYTES("\x01\x08\x01\x01\x01x"), "definition in a transaction"},
    {BYTES("\x01\x08\x64\x04\x00\x09"), "count of changes"},
};

static void what_no_encoder_wrote_is_refused_by_name(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < sizeof wrong_encodings / sizeof *wrong_encodings; i++) {
        CHECK_EQ(decode_text(&f, wrong_encodings[i].bytes, wrong_encodings[i].count), CODE_CORRUPT);
        if (!strstr(f.error.message, wrong_encodings[i].part))
            fprintf(stderr, "    case %zu: %s\n", i, f.error.message);
        CHECK(strstr(f.error.message, wrong_encodings[i].part));
        CHECK(f.error.position <= wrong_encodings[i].count);
    }
    fixture_release(&f);
}

static void a_change_that_is_too_large_is_refused_by_the_encoder(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    static char text[LIMIT_TEXT_BYTES];
    memset(text, 'x', sizeof text);
    struct field_value fields[16];
    for (field_id i = 0; i < 16; i++)
        fields[i] =
            (struct field_value){i, {.type = VALUE_TEXT, .text = slice_of(text, sizeof text)}};
    struct change change = {
        .kind = CHANGE_PUT,
        .put = {.entity = entity(ENTITY_ITEM, 1), .fields = fields, .field_count = 16}};
    CHECK_EQ(encode(&f, &change), CODE_LIMIT);
    CHECK(strstr(f.error.message, "the encoded put is too large"));
    change.put.field_count = 15;
    CHECK_EQ(encode(&f, &change), CODE_OK);
    CHECK_EQ(f.bytes.maximum_bytes, 4 << 20);
    fixture_release(&f);
}

static void a_forgetting_is_of_a_user_and_by_itself(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    struct change change = {.kind = CHANGE_FORGET, .delete = entity(ENTITY_USER, 5)};
    CHECK_EQ(encode(&f, &change), CODE_OK);
    CHECK(slice_equal(buffer_slice(&f.bytes), slice_of("\x02\x09\x01\x05", 4)));
    CHECK_EQ(DECODE(&f, "\x02\x09\x01\x05"), CODE_OK);
    CHECK_EQ(DECODE(&f, "\x01\x09\x01\x05"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x02\x09\x81\x02"
                        "ab"),
             CODE_OK);
    CHECK_EQ(DECODE(&f, "\x02\x09\x00\x05"), CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x02\x09\x82\x02"
                        "ab"),
             CODE_CORRUPT);
    CHECK_EQ(DECODE(&f, "\x01\x08\x01\x04\x01\x05"), CODE_OK);
    CHECK_EQ(DECODE(&f, "\x01\x08\x01\x09\x01\x05"), CODE_CORRUPT);
    fixture_release(&f);
}

static void encoding_appends_and_reports_want_of_memory(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    struct change change = {.kind = CHANGE_DELETE, .delete = entity(ENTITY_ITEM, 5)};
    buffer_put_u8(&f.bytes, 'x');
    CHECK_EQ(change_encode(&change, &f.bytes, &f.error), CODE_OK);
    CHECK(slice_equal(buffer_slice(&f.bytes), slice_of("x\x01\x04\x00\x05", 5)));
    buffer_release(&f.bytes);
    buffer_init(&f.bytes, &f.memory, 4 << 20);
    f.memory.call_count = 0;
    f.memory.fail_at_call = 1;
    CHECK_EQ(change_encode(&change, &f.bytes, &f.error), CODE_NO_MEMORY);
    f.memory.fail_at_call = 0;
    fixture_release(&f);
}

static void decoding_reports_want_of_memory(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    arena_release(&f.arena);
    arena_init(&f.arena, &f.memory, 64 << 20);
    f.memory.call_count = 0;
    f.memory.fail_at_call = 1;
    CHECK_EQ(DECODE(&f, "\x01\x02\x00\x01\x00\x01\x01\x01\x00"), CODE_NO_MEMORY);
    f.memory.fail_at_call = 0;
    CHECK_EQ(DECODE(&f, "\x01\x02\x00\x01\x00\x01\x01\x01\x00"), CODE_OK);
    fixture_release(&f);
}

static void a_change_survives_its_encoding(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    int kinds[CHANGE_RENAME + 1] = {0};
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        arena_reset(&f.arena);
        struct change change = draw_change(&f.arena, &choices), back;
        CHECK_EQ(encode(&f, &change), CODE_OK);
        CHECK_EQ(change_decode(buffer_slice(&f.bytes), &f.arena, &back, &f.error), CODE_OK);
        CHECK(changes_equal(&change, &back));
        kinds[change.kind]++;
    }
    for (int kind = CHANGE_DEFINE; kind <= CHANGE_RENAME; kind++)
        CHECK(kinds[kind] > 200);
    fixture_release(&f);
}

/* Decodes a copy of just these bytes on the heap, so that a sanitizer sees a read past the end. */
static enum code decode_exactly(struct fixture *f, const uint8_t *bytes, size_t count,
                                struct change *change)
{
    uint8_t *copy = arena_allocate(&f->arena, count + 1);
    if (!copy) abort();
    memcpy(copy, bytes, count);
    return change_decode(slice_of(copy, count), &f->arena, change, &f->error);
}

/* Encodes what was decoded into a second buffer and compares. */
static bool encodes_back(struct fixture *f, const struct change *change, struct slice bytes)
{
    struct buffer again;
    buffer_init(&again, &f->memory, 4 << 20);
    bool same = change_encode(change, &again, &f->error) == CODE_OK &&
                slice_equal(buffer_slice(&again), bytes);
    buffer_release(&again);
    return same;
}

static size_t mutate(struct choices *choices, uint8_t *bytes, size_t count, size_t capacity)
{
    for (uint64_t edits = choose_between(choices, 1, 3); edits > 0 && count > 0; edits--) {
        size_t at = choose(choices, count - 1);
        switch (choose(choices, 3)) {
        case 0:
            bytes[at] = (uint8_t)choose(choices, 255);
            break;
        case 1:
            bytes[at] ^= (uint8_t)(1u << choose(choices, 7));
            break;
        case 2:
            count = at;
            break;
        default:
            if (count == capacity) break;
            memmove(bytes + at + 1, bytes + at, count - at);
            bytes[at] = (uint8_t)choose(choices, 255);
            count++;
        }
    }
    return count;
}

static void mutated_bytes_are_an_error_or_the_one_encoding_of_a_change(struct test *t)
{
    struct fixture f;
    static uint8_t bytes[1 << 16];
    int accepted = 0, refused = 0;
    fixture_init(&f);
    for (uint64_t seed = 1; seed <= 40000; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        arena_reset(&f.arena);
        struct change change = draw_change(&f.arena, &choices);
        CHECK_EQ(encode(&f, &change), CODE_OK);
        CHECK(f.bytes.bytes < sizeof bytes);
        memcpy(bytes, f.bytes.data, f.bytes.bytes);
        size_t count = mutate(&choices, bytes, f.bytes.bytes, sizeof bytes);
        enum code code = decode_exactly(&f, bytes, count, &change);
        CHECK(code == CODE_OK || code == CODE_CORRUPT || code == CODE_VERSION);
        if (code == CODE_OK) CHECK(encodes_back(&f, &change, slice_of(bytes, count)));
        accepted += code == CODE_OK;
        refused += code != CODE_OK;
    }
    CHECK(accepted > 2000 && refused > 2000);
    fixture_release(&f);
}

static void any_bytes_are_an_error_or_the_one_encoding_of_a_change(struct test *t)
{
    struct fixture f;
    int accepted = 0;
    fixture_init(&f);
    for (uint64_t seed = 1; seed <= 150000; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        arena_reset(&f.arena);
        uint8_t bytes[24];
        size_t count = choose(&choices, sizeof bytes);
        for (size_t i = 0; i < count; i++)
            bytes[i] = (uint8_t)choose(&choices, choose_one_in(&choices, 2) ? 255 : 9);
        if (count > 0 && !choose_one_in(&choices, 8)) {
            bytes[0] = (uint8_t)choose_between(&choices, 1, CHANGE_FORMAT);
        }
        struct change change;
        enum code code = decode_exactly(&f, bytes, count, &change);
        if (code == CODE_OK) CHECK(encodes_back(&f, &change, slice_of(bytes, count)));
        accepted += code == CODE_OK;
    }
    CHECK(accepted > 20);
    fixture_release(&f);
}

static void every_proper_prefix_of_an_encoding_is_refused(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        arena_reset(&f.arena);
        struct change change = draw_change(&f.arena, &choices), back;
        CHECK_EQ(encode(&f, &change), CODE_OK);
        for (size_t count = 0; count < f.bytes.bytes; count++)
            CHECK_EQ(decode_exactly(&f, f.bytes.data, count, &back), CODE_CORRUPT);
    }
    fixture_release(&f);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(golden_changes_have_their_bytes), CASE(golden_put_has_its_bytes),
               CASE(golden_cursor_has_its_bytes), CASE(golden_slate_has_its_bytes),
               CASE(golden_backfill_has_its_bytes), CASE(a_signal_that_cites_a_slate_has_its_bytes),
               CASE(a_newer_format_is_named_as_such),
               CASE(what_no_encoder_wrote_is_refused_by_name),
               CASE(a_change_that_is_too_large_is_refused_by_the_encoder),
               CASE(a_forgetting_is_of_a_user_and_by_itself),
               CASE(encoding_appends_and_reports_want_of_memory),
               CASE(decoding_reports_want_of_memory), CASE(a_change_survives_its_encoding),
               CASE(mutated_bytes_are_an_error_or_the_one_encoding_of_a_change),
               CASE(any_bytes_are_an_error_or_the_one_encoding_of_a_change),
               CASE(every_proper_prefix_of_an_encoding_is_refused));
}
