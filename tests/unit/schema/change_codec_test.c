#include "schema/change.h"

#include "base/choices.h"
#include "harness/test.h"
#include "unit/schema/declare.h"

#include <stdlib.h>

static struct entity_reference entity(enum entity_kind kind, entity_id id)
{
    return (struct entity_reference){.kind = kind, .id = id, .key = text_of("")};
}

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

static void what_no_encoder_wrote_is_refused_by_name(struct test *t)
{
    static const struct {
        const char *bytes;
        size_t count;
        const char *part;
    } cases[] = {
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
        {BYTES("\x01\x02\x00\x01\x00\x01\x01\x04\x00\x00\x00\x00\x00\x00\xf8\x7f\x00"),
         "not finite"},
        {BYTES("\x01\x02\x80\x01k\x01k\x00\x00"), "second key"},
        {BYTES("\x01\x02\x00\x01\x00\x00\x01\x00\x01"), "embedding that is no vector"},
        {BYTES("\x01\x02\x00\x01\x00\x00\x01\x00\x09\x00"), "vector without numbers"},
        {BYTES("\x01\x02\x00\x01\x00\x00\x01\x00\x09\x01\x00\x00\x80\x7f"), "not finite"},
        {BYTES("\x01\x02\x00\x01\x00\x00\x01\x40\x09\x01\x00\x00\x00\x00"),
         "number of an embedding"},
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
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_EQ(decode_text(&f, cases[i].bytes, cases[i].count), CODE_CORRUPT);
        if (!strstr(f.error.message, cases[i].part))
            fprintf(stderr, "    case %zu: %s\n", i, f.error.message);
        CHECK(strstr(f.error.message, cases[i].part));
        CHECK(f.error.position <= cases[i].count);
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

static struct slice draw_text(struct arena *arena, struct choices *choices, size_t minimum,
                              size_t limit)
{
    static const char *const letters[] = {
        "a", "z", "'", "\n", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8e\xb5"};
    size_t length = choose_between(choices, minimum, minimum + choose(choices, 12)), bytes = 0;
    char text[128];
    for (size_t i = 0; i < length && bytes + 4 <= limit && bytes + 4 <= sizeof text; i++) {
        const char *letter = letters[choose(choices, 6)];
        memcpy(text + bytes, letter, strlen(letter));
        bytes += strlen(letter);
    }
    char *copy = arena_copy(arena, text, bytes);
    if (!copy) abort();
    return slice_of(copy, bytes);
}

static uint64_t draw_u64(struct choices *choices)
{
    return choose(choices, UINT64_MAX) >> choose(choices, 63);
}

static int64_t draw_signed(struct choices *choices)
{
    uint64_t number = draw_u64(choices);
    return (int64_t)(choose_one_in(choices, 2) ? ~number : number);
}

static struct entity_reference draw_entity(struct arena *arena, struct choices *choices,
                                           enum entity_kind kind)
{
    struct entity_reference drawn = entity(kind, 0);
    if (choose_one_in(choices, 4)) {
        drawn.key = draw_text(arena, choices, 1, LIMIT_KEY_BYTES);
    } else {
        drawn.id = draw_u64(choices);
    }
    return drawn;
}

static enum entity_kind draw_kind(struct choices *choices)
{
    return (enum entity_kind)choose(choices, ENTITY_KIND_COUNT - 1);
}

static double draw_double(struct choices *choices)
{
    double number;
    uint64_t bits = choose(choices, UINT64_MAX);
    memcpy(&number, &bits, sizeof number);
    return number - number == 0 ? number : -0.0;
}

static struct value draw_vector(struct arena *arena, struct choices *choices)
{
    size_t count = choose_between(choices, 1, 9);
    float *numbers = arena_array(arena, count, sizeof *numbers);
    if (!numbers) abort();
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)choose(choices, UINT32_MAX);
        memcpy(&numbers[i], &bits, sizeof bits);
        if (numbers[i] - numbers[i] != 0) numbers[i] = 0.5f;
    }
    return (struct value){.type = VALUE_VECTOR, .vector = {numbers, count}};
}

static struct value draw_list(struct arena *arena, struct choices *choices)
{
    size_t count = choose(choices, 5);
    struct slice *texts = arena_array(arena, count + 1, sizeof *texts);
    if (!texts) abort();
    for (size_t i = 0; i < count; i++)
        texts[i] = draw_text(arena, choices, 0, LIMIT_TEXT_BYTES);
    return (struct value){.type = VALUE_TEXT_LIST, .list = {texts, count}};
}

static struct value draw_value(struct arena *arena, struct choices *choices, bool may_miss)
{
    switch (choose(choices, may_miss ? 7 : 6)) {
    case 0:
        return (struct value){.type = VALUE_INTEGER, .integer = draw_signed(choices)};
    case 1:
        return (struct value){.type = VALUE_BOOLEAN, .boolean = choose_one_in(choices, 2)};
    case 2:
        return (struct value){.type = VALUE_FLOAT, .number = draw_double(choices)};
    case 3:
        return (struct value){.type = VALUE_TIMESTAMP, .integer = draw_signed(choices)};
    case 4:
        return (struct value){.type = VALUE_TEXT,
                              .text = draw_text(arena, choices, 0, LIMIT_TEXT_BYTES)};
    case 5:
        return draw_list(arena, choices);
    case 6:
        return (struct value){.type = VALUE_REFERENCE, .reference = draw_u64(choices)};
    default:
        return (struct value){.type = VALUE_MISSING};
    }
}

static struct put_change draw_put(struct arena *arena, struct choices *choices, bool patch)
{
    struct put_change put = {.entity = draw_entity(arena, choices, draw_kind(choices))};
    put.key = text_of("");
    if (put.entity.key.bytes == 0 && choose_one_in(choices, 3))
        put.key = draw_text(arena, choices, 0, LIMIT_KEY_BYTES);
    struct field_value *fields = arena_array(arena, 8, sizeof *fields);
    struct embedding_value *embeddings = arena_array(arena, 8, sizeof *embeddings);
    if (!fields || !embeddings) abort();
    field_id field = 0;
    for (size_t count = choose(choices, 6); put.field_count < count; put.field_count++) {
        field = (field_id)(field + 1 + choose(choices, 30));
        fields[put.field_count] = (struct field_value){field, draw_value(arena, choices, patch)};
    }
    for (embedding_id i = 0; i < LIMIT_EMBEDDINGS; i++) {
        if (!choose_one_in(choices, 8)) continue;
        bool misses = patch && choose_one_in(choices, 3);
        embeddings[put.embedding_count++] = (struct embedding_value){
            i, misses ? (struct value){.type = VALUE_MISSING} : draw_vector(arena, choices)};
    }
    put.fields = fields;
    put.embeddings = embeddings;
    return put;
}

static struct signal_change draw_signal(struct arena *arena, struct choices *choices)
{
    struct signal_change signal = {.signal = (signal_id)choose(choices, LIMIT_SIGNAL_IDS - 1),
                                   .entity = draw_entity(arena, choices, draw_kind(choices)),
                                   .has_user = choose_one_in(choices, 2),
                                   .value = SIGNAL_VALUE_ONE,
                                   .has_time = choose_one_in(choices, 2)};
    if (signal.has_user) signal.user = draw_entity(arena, choices, ENTITY_USER);
    if (signal.has_user) signal.retract = choose_one_in(choices, 3);
    if (signal.has_time) signal.time_ms = draw_signed(choices);
    if (choose_one_in(choices, 3)) signal.slate = draw_u64(choices);
    if (signal.slate > 0) signal.position = (uint32_t)choose(choices, SIGNAL_POSITION_MAXIMUM);
    if (choose_one_in(choices, 2)) signal.value = draw_signed(choices) % SIGNAL_VALUE_MAXIMUM;
    return signal;
}

static struct relate_change draw_relate(struct arena *arena, struct choices *choices, bool weighs)
{
    struct relate_change relate = {.relation = (relation_id)choose(choices, LIMIT_RELATION_IDS - 1),
                                   .from = draw_entity(arena, choices, draw_kind(choices)),
                                   .to = draw_entity(arena, choices, draw_kind(choices)),
                                   .has_time = choose_one_in(choices, 2)};
    if (weighs) relate.weight = (float)choose(choices, 1000) / 8;
    if (relate.has_time) relate.time_ms = draw_signed(choices);
    return relate;
}

static struct change draw_part(struct arena *arena, struct choices *choices)
{
    struct change change = {.kind = CHANGE_DELETE};
    switch (choose(choices, 5)) {
    case 0:
        change.delete = draw_entity(arena, choices, draw_kind(choices));
        break;
    case 1:
        change.kind = CHANGE_SIGNAL;
        change.signal = draw_signal(arena, choices);
        break;
    case 2:
    case 3:
        change.kind = choose_one_in(choices, 2) ? CHANGE_PATCH : CHANGE_PUT;
        change.put = draw_put(arena, choices, change.kind == CHANGE_PATCH);
        break;
    default:
        change.kind = choose_one_in(choices, 2) ? CHANGE_UNRELATE : CHANGE_RELATE;
        change.relate = draw_relate(arena, choices, change.kind == CHANGE_RELATE);
    }
    return change;
}

static const struct slice *draw_texts(struct arena *arena, struct choices *choices, size_t count)
{
    struct slice *texts = arena_array(arena, count + 1, sizeof *texts);
    if (!texts) abort();
    for (size_t i = 0; i < count; i++)
        texts[i] = draw_text(arena, choices, 0, 60);
    return texts;
}

static void draw_served(struct arena *arena, struct choices *choices,
                        const struct slate_change *slate, struct served_item *item)
{
    size_t count = slate->feature_count;
    double *features = arena_array(arena, count + 1, sizeof *features);
    if (!features) abort();
    *item = (struct served_item){.item = draw_u64(choices), .score = draw_double(choices)};
    item->sources = (uint32_t)choose(choices, (UINT64_C(1) << slate->source_count) - 1);
    for (size_t i = 0; i < count; i++) {
        if (choose_one_in(choices, 4)) item->missing |= UINT64_C(1) << i;
        if (!(item->missing >> i & 1)) features[i] = draw_double(choices);
    }
    if (count > 0) item->features = features;
}

static struct change draw_slate(struct arena *arena, struct choices *choices)
{
    struct slate_change *slate = arena_allocate(arena, sizeof *slate);
    if (!slate) abort();
    slate->has_user = choose_one_in(choices, 2);
    if (slate->has_user) slate->user = draw_entity(arena, choices, ENTITY_USER);
    if (choose_one_in(choices, 2)) {
        slate->profile = draw_text(arena, choices, 1, LIMIT_NAME_BYTES);
        slate->version = (uint32_t)choose(choices, UINT32_MAX);
    }
    slate->query = draw_text(arena, choices, 0, LIMIT_SLATE_QUERY);
    if (choose_one_in(choices, 2))
        slate->surface = draw_text(arena, choices, 1, LIMIT_SURFACE_BYTES);
    slate->seed = draw_u64(choices);
    slate->now_ms = draw_signed(choices);
    slate->read_at = draw_u64(choices);
    slate->offset = draw_u64(choices);
    slate->source_count = choose(choices, LIMIT_SOURCES);
    slate->sources = draw_texts(arena, choices, slate->source_count);
    slate->feature_count = choose(choices, choose_one_in(choices, 2) ? LIMIT_SLATE_FEATURES : 0);
    slate->features = draw_texts(arena, choices, slate->feature_count);
    slate->item_count = choose(choices, 8);
    struct served_item *items = arena_array(arena, slate->item_count + 1, sizeof *items);
    if (!items) abort();
    for (size_t i = 0; i < slate->item_count; i++)
        draw_served(arena, choices, slate, &items[i]);
    slate->items = items;
    return (struct change){.kind = CHANGE_SLATE, .slate = slate};
}

static struct change draw_backfill(struct arena *arena, struct choices *choices)
{
    struct backfill_change backfill = {.signal = (signal_id)choose(choices, LIMIT_SIGNAL_IDS - 1),
                                       .defined = draw_u64(choices),
                                       .pair_count = choose(choices, 5)};
    struct backfill_pair *pairs = arena_array(arena, backfill.pair_count + 1, sizeof *pairs);
    if (!pairs) abort();
    for (size_t i = 0; i < backfill.pair_count; i++)
        pairs[i] = (struct backfill_pair){draw_u64(choices), draw_text(arena, choices, 0, 300)};
    backfill.pairs = pairs;
    backfill.ends = backfill.pair_count == 0;
    if (backfill.ends) backfill.since_ms = draw_signed(choices);
    return (struct change){.kind = CHANGE_BACKFILL, .backfill = backfill};
}

static struct change draw_change(struct arena *arena, struct choices *choices)
{
    static const enum change_kind definitions[] = {CHANGE_DEFINE, CHANGE_DROP, CHANGE_RENAME};
    if (choose_one_in(choices, 12))
        return (struct change){.kind = definitions[choose(choices, 2)],
                               .define = draw_text(arena, choices, 1, CHANGE_DEFINE_MAXIMUM)};
    if (choose_one_in(choices, 40))
        return (struct change){.kind = CHANGE_FORGET,
                               .delete = draw_entity(arena, choices, ENTITY_USER)};
    if (choose_one_in(choices, 12)) return draw_slate(arena, choices);
    if (choose_one_in(choices, 12)) return draw_backfill(arena, choices);
    if (choose_one_in(choices, 12)) {
        enum cursor_action action = (enum cursor_action)(CURSOR_DEFINE + choose(choices, 2));
        struct cursor_change cursor = {.action = action,
                                       .name = draw_text(arena, choices, 1, LIMIT_NAME_BYTES)};
        if (cursor.action != CURSOR_DROP)
            cursor.position = choose(choices, choose_one_in(choices, 2) ? 200 : UINT64_MAX);
        return (struct change){.kind = CHANGE_CURSOR, .cursor = cursor};
    }
    if (!choose_one_in(choices, 6)) return draw_part(arena, choices);
    size_t count = choose_between(choices, 1, 6);
    struct change *parts = arena_array(arena, count, sizeof *parts);
    if (!parts) abort();
    for (size_t i = 0; i < count; i++)
        parts[i] = draw_part(arena, choices);
    return (struct change){.kind = CHANGE_TRANSACTION, .transaction = {parts, count}};
}

static bool entities_equal(const struct entity_reference *a, const struct entity_reference *b)
{
    return a->kind == b->kind && a->id == b->id && slice_equal(a->key, b->key);
}

static bool puts_equal(const struct put_change *a, const struct put_change *b)
{
    if (!entities_equal(&a->entity, &b->entity) || !slice_equal(a->key, b->key)) return false;
    if (a->field_count != b->field_count || a->embedding_count != b->embedding_count) return false;
    for (size_t i = 0; i < a->field_count; i++) {
        if (a->fields[i].field != b->fields[i].field) return false;
        if (!value_equal(&a->fields[i].value, &b->fields[i].value)) return false;
    }
    for (size_t i = 0; i < a->embedding_count; i++) {
        if (a->embeddings[i].embedding != b->embeddings[i].embedding) return false;
        if (!value_equal(&a->embeddings[i].value, &b->embeddings[i].value)) return false;
    }
    return true;
}

static bool signals_equal(const struct signal_change *a, const struct signal_change *b)
{
    return a->signal == b->signal && entities_equal(&a->entity, &b->entity) &&
           a->has_user == b->has_user && (!a->has_user || entities_equal(&a->user, &b->user)) &&
           a->value == b->value && a->has_time == b->has_time && a->time_ms == b->time_ms &&
           a->retract == b->retract && a->slate == b->slate && a->position == b->position;
}

static bool relates_equal(const struct relate_change *a, const struct relate_change *b)
{
    return a->relation == b->relation && entities_equal(&a->from, &b->from) &&
           entities_equal(&a->to, &b->to) && a->weight == b->weight && a->has_time == b->has_time &&
           a->time_ms == b->time_ms;
}

static bool texts_equal(const struct slice *a, const struct slice *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!slice_equal(a[i], b[i])) return false;
    return true;
}

static bool served_equal(const struct served_item *a, const struct served_item *b, size_t count)
{
    if (a->item != b->item || memcmp(&a->score, &b->score, sizeof a->score) != 0) return false;
    if (a->sources != b->sources || a->missing != b->missing) return false;
    return count == 0 || memcmp(a->features, b->features, count * sizeof *a->features) == 0;
}

static bool slates_equal(const struct slate_change *a, const struct slate_change *b)
{
    bool same = a->has_user == b->has_user &&
                (!a->has_user || entities_equal(&a->user, &b->user)) &&
                slice_equal(a->profile, b->profile) && a->version == b->version &&
                slice_equal(a->query, b->query) && slice_equal(a->surface, b->surface) &&
                a->seed == b->seed && a->now_ms == b->now_ms && a->read_at == b->read_at &&
                a->offset == b->offset && a->source_count == b->source_count &&
                a->feature_count == b->feature_count && a->item_count == b->item_count &&
                texts_equal(a->sources, b->sources, a->source_count) &&
                texts_equal(a->features, b->features, a->feature_count);
    for (size_t i = 0; same && i < a->item_count; i++)
        same = served_equal(&a->items[i], &b->items[i], a->feature_count);
    return same;
}

static bool backfills_equal(const struct backfill_change *a, const struct backfill_change *b)
{
    bool same = a->signal == b->signal && a->defined == b->defined && a->ends == b->ends &&
                a->since_ms == b->since_ms && a->pair_count == b->pair_count;
    for (size_t i = 0; same && i < a->pair_count; i++)
        same = a->pairs[i].entity == b->pairs[i].entity &&
               slice_equal(a->pairs[i].row, b->pairs[i].row);
    return same;
}

static bool changes_equal(const struct change *a, const struct change *b)
{
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case CHANGE_DEFINE:
    case CHANGE_DROP:
    case CHANGE_RENAME:
        return slice_equal(a->define, b->define);
    case CHANGE_PUT:
    case CHANGE_PATCH:
        return puts_equal(&a->put, &b->put);
    case CHANGE_DELETE:
    case CHANGE_FORGET:
        return entities_equal(&a->delete, &b->delete);
    case CHANGE_SIGNAL:
        return signals_equal(&a->signal, &b->signal);
    case CHANGE_RELATE:
    case CHANGE_UNRELATE:
        return relates_equal(&a->relate, &b->relate);
    case CHANGE_CURSOR:
        return a->cursor.action == b->cursor.action && a->cursor.position == b->cursor.position &&
               slice_equal(a->cursor.name, b->cursor.name);
    case CHANGE_SLATE:
        return slates_equal(a->slate, b->slate);
    case CHANGE_BACKFILL:
        return backfills_equal(&a->backfill, &b->backfill);
    case CHANGE_TRANSACTION:
        break;
    }
    if (a->transaction.count != b->transaction.count) return false;
    for (size_t i = 0; i < a->transaction.count; i++) {
        if (!changes_equal(&a->transaction.changes[i], &b->transaction.changes[i])) return false;
    }
    return true;
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
