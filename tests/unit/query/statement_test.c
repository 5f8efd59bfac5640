#include "unit/query/parse.h"

/* Every form of every statement. */
static const struct {
    const char *text;
    enum statement_kind kind;
} forms[] = {
    {"DEFINE FIELD title ON item TEXT (analyzer = english, weight = 2)", STATEMENT_DEFINE},
    {"define field tags on item keyword[]", STATEMENT_DEFINE},
    {"DEFINE FIELD creator ON item REFERENCES creator", STATEMENT_DEFINE},
    {"DEFINE EMBEDDING content ON item DIMENSIONS 384 METRIC cosine", STATEMENT_DEFINE},
    {"DEFINE EMBEDDING content ON item DIMENSIONS 384", STATEMENT_DEFINE},
    {"DEFINE SIGNAL view ON item HALF LIFE 1h, 24h WINDOWS 1h, 24h VELOCITY 1h LATENESS 2h",
     STATEMENT_DEFINE},
    {"DEFINE SIGNAL rate ON item VALUE MIN MAX UNIQUE PER USER ALLOW UNKNOWN POSITIVE FROM 4 "
     "NEGATIVE BELOW 2.5",
     STATEMENT_DEFINE},
    {"DEFINE SIGNAL watch ON item VALUE SUM POSITIVE", STATEMENT_DEFINE},
    {"DEFINE RELATION blocks FROM user TO creator EXCLUDING", STATEMENT_DEFINE},
    {"DEFINE CONTEXT device KEYWORD", STATEMENT_DEFINE},
    {"DEFINE PROFILE home VERSION 3 AS FROM newest(10), trending(view, 1h, 200), related(user "
     "follows creator, 5), all SCORE 1 TIMES 2 EXCLUDE seen(7d), blocked, hidden DIVERSIFY max 2 "
     "per creator, max 5 per genre",
     STATEMENT_DEFINE},
    {"PUT item 1 {\"a\": {\"b\": [1, \"}\"]}}", STATEMENT_PUT},
    {"PUT item KEY 'film-7' $body", STATEMENT_PUT},
    {"PUT item 1 KEY 'film-7' {}", STATEMENT_PUT},
    {"PATCH user $who {\"a\": null}", STATEMENT_PATCH},
    {"DELETE creator KEY $k", STATEMENT_DELETE},
    {"SIGNAL view ON item 1", STATEMENT_SIGNAL},
    {"SIGNAL view ON item 1 BY user KEY 'ann' VALUE -0.5 AT '2026-11-01T10:00:00Z' KEY 'x'",
     STATEMENT_SIGNAL},
    {"RETRACT SIGNAL like ON item 1 BY user 2", STATEMENT_SIGNAL},
    {"RELATE user 1 follows creator 2 WEIGHT 0.5 AT 17", STATEMENT_RELATE},
    {"UNRELATE user 1 follows creator 2", STATEMENT_UNRELATE},
    {"TRANSACTION { PUT item 1 {}; SIGNAL view ON item 1; }", STATEMENT_TRANSACTION},
    {"RETRIEVE items", STATEMENT_RETRIEVE},
    {"RETRIEVE items FOR user 42 USING home VERSION 2 WHERE a AND b CONTEXT device = 'tv', "
     "hour = $h RETURNING id, key, score, rank, source, explain, item.title, genre LIMIT 5 "
     "OFFSET 10 NOW '2026-11-01T10:00:00Z' SEED 7 AT LEAST $lsn",
     STATEMENT_RETRIEVE},
    {"EXPLAIN RETRIEVE items FROM all SCORE 1", STATEMENT_RETRIEVE},
    {"WHY NOT item KEY 'x' IN RETRIEVE items LIMIT 1", STATEMENT_WHY_NOT},
    {"SHOW SCHEMA", STATEMENT_SHOW},
    {"SHOW FIELDS", STATEMENT_SHOW},
    {"SHOW SIGNALS", STATEMENT_SHOW},
    {"SHOW RELATIONS", STATEMENT_SHOW},
    {"SHOW PROFILES", STATEMENT_SHOW},
    {"SHOW STATUS;", STATEMENT_SHOW},
    {"CHECKPOINT", STATEMENT_CHECKPOINT},
    {"DEFINE FIELD until ON item TIMESTAMP EXPIRES", STATEMENT_DEFINE},
    {"DEFINE SIGNAL play ON item CAP 3 PER USER PER item PER 1h, 200 PER USER PER 24h SUBLINEAR "
     "PER "
     "24h TRUST user.trust",
     STATEMENT_DEFINE},
    {"FORGET user KEY 'ann'", STATEMENT_FORGET},
    {"DEFINE CURSOR search", STATEMENT_CURSOR},
    {"DEFINE CURSOR search FROM $lsn", STATEMENT_CURSOR},
    {"ADVANCE CURSOR search TO 7;", STATEMENT_CURSOR},
    {"DROP CURSOR search", STATEMENT_CURSOR},
    {"SHOW CURSORS", STATEMENT_SHOW},
    {"TAIL CURSOR search WHERE kind = 'put' WAIT 1s", STATEMENT_TAIL},
    {"TAIL FROM 1", STATEMENT_TAIL},
    {"TAIL FROM $lsn WHERE kind = 'signal' AND name IN ('like', $x) AND user != 42 AND id IN $ids "
     "AND user_key = 'ann' AND key <> 'k' AND target = 'item' LIMIT 5 WAIT 500ms;",
     STATEMENT_TAIL},
    {"DEFINE EXPOSURE ON item.creator HALF LIFE 6h", STATEMENT_DEFINE},
    {"DEFINE SIGNAL view ON item TRENDING HALF LIFE 2h POPULAR 1h, 7d PER item.genre, tags",
     STATEMENT_DEFINE},
    {"RETRIEVE items FROM trending(view), trending(view, 5), trending(view, 1h), "
     "trending(view, 1h, 5), trending(view, genre = 'a'), trending(view, 1h, item.genre = $g, 5), "
     "popular(view, 7d), popular(view, 7d, 5), popular(view, 7d, genre = 'a', 5)",
     STATEMENT_RETRIEVE},
    {"RETRIEVE items LIMIT 20 PAGED", STATEMENT_RETRIEVE},
    {"NEXT PAGE OF 17;", STATEMENT_NEXT_PAGE},
    {"NEXT PAGE OF $page LIMIT $n", STATEMENT_NEXT_PAGE},
};

static void every_form_of_every_statement_parses(struct test *t)
{
    struct parsed parsed;
    parsed_init(&parsed);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        enum code code = parse(&parsed, forms[i].text);
        if (code != CODE_OK) fprintf(stderr, "    %s: %s\n", forms[i].text, parsed.error.message);
        CHECK_EQ(code, CODE_OK);
        CHECK_EQ(parsed.statement.kind, forms[i].kind);
    }
    parsed_release(&parsed);
}

/* A prefix that parses is a whole statement; any other says where it stopped, within the text. */
static void a_statement_cut_off_anywhere_is_refused_or_is_a_shorter_one(struct test *t)
{
    struct parsed parsed;
    parsed_init(&parsed);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t bytes = strlen(forms[i].text), refused = 0;
        for (size_t cut = 0; cut < bytes; cut++) {
            enum code code = parse_bytes(&parsed, forms[i].text, cut);
            refused += code != CODE_OK;
            if (code == CODE_OK) continue;
            CHECK_EQ(code, CODE_INVALID);
            CHECK(parsed.error.position <= cut);
            CHECK(parsed.error.message[0] != '\0');
        }
        CHECK(refused > 0);
    }
    parsed_release(&parsed);
}

/* The statement's text is what was written, without spaces around it and the semicolon. */
static void a_statement_keeps_its_text_and_its_parameters_once_each(struct test *t)
{
    struct parsed parsed;
    parsed_init(&parsed);
    CHECK_EQ(parse(&parsed, "  SIGNAL view ON item $a BY user $b VALUE $a AT $c ; -- end"),
             CODE_OK);
    CHECK(slice_equal(parsed.statement.text,
                      slice_of("SIGNAL view ON item $a BY user $b VALUE $a AT $c", 48)));
    CHECK_EQ(parsed.statement.parameter_count, 3);
    CHECK(slice_equal(parsed.statement.parameters[0], slice_of("a", 1)));
    CHECK(slice_equal(parsed.statement.parameters[2], slice_of("c", 1)));
    CHECK_EQ(parse(&parsed, "TRANSACTION { PUT item $x $y; DELETE item $z; };"), CODE_OK);
    CHECK_EQ(parsed.statement.parameter_count, 3);
    const struct statement *first = &parsed.statement.transaction.statements[0];
    CHECK(slice_equal(first->text, slice_of("PUT item $x $y", 14)));
    parsed_release(&parsed);
}

static void the_parts_of_a_retrieve_are_where_they_belong(struct test *t)
{
    struct parsed parsed;
    parsed_init(&parsed);
    CHECK_EQ(parse(&parsed, forms[23].text), CODE_OK);
    const struct retrieve_statement *retrieve = &parsed.statement.retrieve;
    CHECK(retrieve->has_user && !retrieve->explain);
    CHECK_EQ(retrieve->user.operand.value.reference, 42);
    CHECK_EQ(retrieve->version, 2);
    CHECK_EQ(retrieve->limit.value.integer, 5);
    CHECK_EQ(retrieve->offset.value.integer, 10);
    CHECK_EQ(retrieve->seed.value.integer, 7);
    CHECK_EQ(retrieve->at_least.kind, OPERAND_PARAMETER);
    CHECK_EQ(retrieve->context_count, 2);
    CHECK(slice_equal(retrieve->contexts[1].operand.parameter, slice_of("h", 1)));
    CHECK_EQ(retrieve->returning_count, 8);
    CHECK_EQ(retrieve->returning[5].kind, RETURNING_EXPLAIN);
    CHECK_EQ(retrieve->returning[6].kind, RETURNING_FIELD);
    CHECK(slice_equal(retrieve->returning[6].name.text, slice_of("title", 5)));
    CHECK_EQ(parse(&parsed, "EXPLAIN RETRIEVE items"), CODE_OK);
    CHECK(retrieve->explain);
    CHECK_EQ(retrieve->version, -1);
    parsed_release(&parsed);
}

static void ids_reach_to_the_end_of_64_bits(struct test *t)
{
    struct parsed parsed;
    parsed_init(&parsed);
    CHECK_EQ(parse(&parsed, "DELETE item 18446744073709551615"), CODE_OK);
    CHECK_EQ(parsed.statement.delete.operand.value.reference, UINT64_MAX);
    CHECK_EQ(parse(&parsed, "DELETE item 18446744073709551616"), CODE_INVALID);
    CHECK_EQ(parse(&parsed, "DELETE item -1"), CODE_INVALID);
    CHECK_EQ(parse(&parsed, "DELETE item 1.5"), CODE_INVALID);
    parsed_release(&parsed);
}

static const struct {
    const char *text;
    uint64_t position;
    const char *message, *hint;
} mistakes[] = {
    {"", 0,
     "expected a statement (DEFINE, PUT, SIGNAL, RELATE, RETRIEVE, EXPLAIN, WHY NOT, SHOW, "
     "...), found the end of the statement",
     ""},
    {"RETREIVE items", 0,
     "expected a statement (DEFINE, PUT, SIGNAL, RELATE, RETRIEVE, EXPLAIN, WHY NOT, SHOW, "
     "...), found 'RETREIVE'",
     "did you mean 'RETRIEVE'?"},
    {"RETRIEVE itms", 9, "expected ITEMS, found 'itms'", "did you mean 'ITEMS'?"},
    {"RETRIEVE items LIMT 5", 15, "expected a clause or the end of the statement, found 'LIMT'",
     "did you mean 'LIMIT'?"},
    {"RETRIEVE items LIMIT", 20,
     "expected a whole number or a parameter, found the end of the statement", ""},
    {"RETRIEVE items LIMIT 5 LIMIT 6", 23, "expected each clause once, found 'LIMIT'", ""},
    {"RETRIEVE items WHERE a WHERE b", 23, "expected each clause once, found 'WHERE'", ""},
    {"RETRIEVE items WHERE a SCORE 1", 23, "expected the end of the statement, found 'SCORE'",
     "FROM, SCORE, TIMES, EXCLUDE, DIVERSIFY stand in this order, before WHERE"},
    {"RETRIEVE items EXCLUDE blocked SCORE 1", 31,
     "expected the end of the statement, found 'SCORE'",
     "FROM, SCORE, TIMES, EXCLUDE, DIVERSIFY stand in this order, before WHERE"},
    {"RETRIEVE items; RETRIEVE items", 16, "expected the end of the statement, found 'RETRIEVE'",
     "';' ends a statement, and one is prepared at a time"},
    {"PUT item 1 {} SIGNAL view ON item 1", 14, "expected the end of the statement, found 'SIGNAL'",
     "';' ends a statement, and one is prepared at a time"},
    {"RETRIEVE items ORDER BY year", 15,
     "expected a clause or the end of the statement, found 'ORDER'",
     "items are ordered by their SCORE: the highest comes first"},
    {"RETRIEVE items DIVERSIFY 2 per creator", 25, "expected MAX, found '2'",
     "write max 2 per creator"},
    {"SIGNAL view ON item 3 BY 2", 25, "expected USER, found '2'",
     "write SIGNAL view ON item 1001 BY user 42 AT '2026-11-01T10:00:00Z'"},
    {"RELATE user 1 follows 2", 22, "expected item, user or creator, found '2'",
     "write user 42 follows creator 7"},
    {"DEFINE SIGNAL v ON item CAP 3 PER 1h", 34, "expected USER, found '1h'",
     "write 3 PER USER PER item PER 1h, or 200 PER USER PER 24h"},
    {"DEFINE SIGNAL v ON item TRUST trust", 30, "expected USER, found 'trust'",
     "write TRUST user.trust"},
    {"EXPORT TRAINING FROM SLATES LABEL like", 38,
     "expected WITHIN, found the end of the statement", "write LABEL like WITHIN 30m"},
    {"RETRIEVE items MATCHING 'night'", 15, "'MATCHING' is not available in this version",
     "filter with WHERE"},
    {"RETRIEVE items NEAR $v", 15, "'NEAR' is not available in this version",
     "rank with a profile"},
    {"RETRIEVE items FROM similar(user.taste, 4)", 20, "'similar' is not available in this version",
     "use newest, trending, popular, related, coengaged or all"},
    {"RETRIEVE items FROM oldest(4)", 20,
     "expected a source (newest, trending, popular, related, coengaged or all), "
     "found 'oldest'",
     ""},
    {"RETRIEVE items SCORE similarity(user.taste, item.content)", 21,
     "'similarity' is not available in this version", "leave the term out"},
    {"RETRIEVE items SCORE popular(view, 7d)", 21, "there is no function 'popular'",
     "it is a source: FROM newest(200), trending(view, 1h, 200)"},
    {"RETRIEVE items SCORE exp(1)", 21, "there is no function 'exp'",
     "docs/language.md lists the functions"},
    {"RETRIEVE items SCORE 1 RESCORE top 5 BY 1", 23, "'RESCORE' is not available in this version",
     "leave the clause out"},
    {"RETRIEVE items SCORE 1 EXPLORE 0.1 newest", 23, "'EXPLORE' is not available in this version",
     "leave the clause out"},
    {"RETRIEVE items DIVERSIFY mmr 0.7", 25, "'mmr' is not available in this version",
     "cap values with DIVERSIFY max N per field"},
    {"RETRIEVE items EXCLUDE muted", 23,
     "expected a gate (seen, served, blocked or hidden), found 'muted'", ""},
    {"RETRIEVE items WHERE a = ", 25,
     "expected a value, field, signal or function, found the end of the statement", ""},
    {"RETRIEVE items WHERE (a", 23, "expected ')', found the end of the statement", ""},
    {"RETRIEVE items WHERE a IS NULL", 26, "expected MISSING, found 'NULL'",
     "write IS MISSING or IS NOT MISSING"},
    {"RETRIEVE items WHERE a IN 'x'", 26,
     "expected '(', a parameter or a field of user, found ''x''", ""},
    {"RETRIEVE items WHERE log10(1,)", 29, "expected a value, field, signal or function, found ')'",
     ""},
    {"RETRIEVE items WHERE ratio(a, b, prior -1) > 0", 39, "expected a number from 0, found '-'",
     ""},
    {"RETRIEVE items WHERE a > 1x", 25,
     "a number ends with a unit that is none of ms, s, m, h, d, w: '1x'", ""},
    {"RETRIEVE items WHERE a = \"x\"", 25, "no statement has this character here: '\"'",
     "texts stand in single quotes: 'jazz'"},
    {"RETRIEVE items WHERE a = 'x", 25, "the string has no end: ''x'", ""},
    {"RETRIEVE items AS OF 5 AT 5", 26, "expected LEAST, found '5'", ""},
    {"RETRIEVE items CONTEXT device 'tv'", 30, "expected '=', found ''tv''", ""},
    {"DEFINE THING x", 7,
     "expected FIELD, EMBEDDING, SIGNAL, RELATION, CONTEXT, EXPOSURE, PROFILE or CURSOR, found "
     "'THING'",
     ""},
    {"DEFINE EXPOSURE ON item creator HALF LIFE 6h", 24, "expected '.', found 'creator'", ""},
    {"DEFINE EXPOSURE ON item.creator 6h", 32, "expected HALF, found '6h'", ""},
    {"DEFINE FIELD x ON item STRING", 23, "expected the type of the field, found 'STRING'",
     "KEYWORD, KEYWORD[], TEXT, INTEGER, FLOAT, BOOLEAN, TIMESTAMP, or REFERENCES item, user "
     "or creator"},
    {"DEFINE FIELD x ON things TEXT", 18, "expected item, user or creator, found 'things'", ""},
    {"DEFINE FIELD 7 ON item TEXT", 13, "expected the name of a field, found '7'", ""},
    {"DEFINE SIGNAL v ON item HALF LIFE 7", 34, "expected a duration, found '7'",
     "write a number and a unit: 30m, 24h, 7d"},
    {"DEFINE SIGNAL v ON item HALF LIVE 7d", 29, "expected LIFE, found 'LIVE'",
     "did you mean 'LIFE'?"},
    {"DEFINE SIGNAL v ON item POSITIVE POSITIVE", 33, "expected each clause once, found 'POSITIVE'",
     ""},
    {"DEFINE EMBEDDING e ON item DIMENSIONS 3 METRIC hamming", 47,
     "expected cosine, dot or l2, found 'hamming'", ""},
    {"PUT item 1", 10, "expected a JSON object or a parameter, found the end of the statement", ""},
    {"PUT item 1 {\"a\": 1", 11, "the JSON object has no end",
     "close its braces, brackets and quotes"},
    {"PUT item {}", 9, "expected an id, KEY or a parameter, found '{'",
     "an id is a whole number; a text of yours stands behind KEY: item KEY 'film-7'"},
    {"DEFINE SIGNAL a ON item HALFLIFE 1h", 24, "expected a clause of the signal, found 'HALFLIFE'",
     "HALF LIFE 1h, WINDOWS 1h, 24h, VELOCITY 1h, LATENESS, TRENDING HALF LIFE, POPULAR, PER, "
     "DISTINCT USERS, TOTALS PER, VALUE, UNIQUE PER USER, POSITIVE, NEGATIVE, ..."},
    {"DEFINE SIGNAL a ON item WINDOW 1h", 24, "expected a clause of the signal, found 'WINDOW'",
     "did you mean 'WINDOWS'?"},
    {"RETRIEVE items FROM popular(a)", 29, "expected ',' and a half-life, found ')'",
     "write popular(signal, half life), as in popular(view, 7d, 200)"},
    {"SIGNAL view item 1", 12, "expected ON, found 'item'",
     "write SIGNAL view ON item 1001 BY user 42 AT '2026-11-01T10:00:00Z'"},
    {"RETRACT SIGNAL like ON item 1", 29, "expected BY, found the end of the statement",
     "write RETRACT SIGNAL like ON item 1001 BY user 42"},
    {"TRANSACTION {}", 13, "expected a write, found '}'", ""},
    {"TRANSACTION { SHOW SCHEMA; }", 14,
     "a transaction holds writes alone: PUT, PATCH, DELETE, SIGNAL, RELATE",
     "run this statement by itself"},
    {"TRANSACTION { PUT item 1 {} }", 28, "expected ';', found '}'", ""},
    {"SHOW TABLES", 5,
     "expected SCHEMA, FIELDS, SIGNALS, RELATIONS, PROFILES, STATUS, CURSORS, SIZE or SLATE, "
     "found 'TABLES'",
     ""},
    {"WHY item 1 IN RETRIEVE items", 4, "expected NOT, found 'item'", ""},
    {"EXPLAIN PUT item 1 {}", 8, "expected RETRIEVE, found 'PUT'", ""},
    {"\xe2\x82\xac", 0, "no statement has this character here: '€'", ""},
};

static void mistakes_are_shown_where_they_are_with_what_to_do(struct test *t)
{
    struct parsed parsed;
    parsed_init(&parsed);
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        CHECK_EQ(parse(&parsed, mistakes[i].text), CODE_INVALID);
        CHECK_TEXT(parsed.error.message, mistakes[i].message);
        CHECK_EQ(parsed.error.position, mistakes[i].position);
        CHECK_TEXT(parsed.error.hint, mistakes[i].hint);
    }
    parsed_release(&parsed);
}

static void limits_of_length_and_of_parameters_are_told(struct test *t)
{
    struct parsed parsed;
    struct buffer text;
    parsed_init(&parsed);
    buffer_init(&text, &parsed.memory, (size_t)4 << 20);
    buffer_printf(&text, "RETRIEVE items WHERE a IN (");
    for (int i = 0; i < 257; i++)
        buffer_printf(&text, "%s$p%d", i > 0 ? ", " : "", i);
    buffer_printf(&text, ")");
    CHECK_EQ(parse_bytes(&parsed, text.data, text.bytes), CODE_LIMIT);
    CHECK_TEXT(parsed.error.message, "the statement has more than 256 parameters");
    CHECK(strncmp((const char *)text.data + parsed.error.position, "$p256", 5) == 0);
    buffer_clear(&text);
    buffer_printf(&text, "RETRIEVE items");
    while (text.bytes <= STATEMENT_BYTES_MAXIMUM)
        buffer_put_u8(&text, ' ');
    CHECK_EQ(parse_bytes(&parsed, text.data, text.bytes - 1), CODE_OK);
    CHECK_EQ(parse_bytes(&parsed, text.data, text.bytes), CODE_LIMIT);
    CHECK_TEXT(parsed.error.message, "the statement has 1048577 bytes, the limit is 1048576");
    CHECK_TEXT(parsed.error.hint, "bind long values as parameters");
    buffer_release(&text);
    parsed_release(&parsed);
}

static void text_that_is_not_utf8_is_refused_at_its_first_bad_byte(struct test *t)
{
    struct parsed parsed;
    parsed_init(&parsed);
    CHECK_EQ(parse(&parsed, "PUT item 1 {\"a\": \"\xc3\x28\"}"), CODE_INVALID);
    CHECK_TEXT(parsed.error.message, "the statement is not valid UTF-8");
    CHECK_EQ(parsed.error.position, 18);
    parsed_release(&parsed);
}

static void want_of_memory_is_an_error_wherever_it_comes(struct test *t)
{
    struct parsed parsed;
    parsed_init(&parsed);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        bool done = false;
        for (size_t room = 0; !done; room += 16) {
            struct arena arena;
            arena_init(&arena, &parsed.memory, room);
            enum code code = statement_parse(slice_of(forms[i].text, strlen(forms[i].text)), &arena,
                                             &parsed.statement, &parsed.error);
            done = code == CODE_OK;
            CHECK(done || code == CODE_LIMIT);
            arena_release(&arena);
        }
    }
    parsed_release(&parsed);
}

/* --- Scripts --- */

static void a_script_is_split_at_the_semicolons_that_end_statements(struct test *t)
{
    static const char *const statements[] = {
        "SHOW SCHEMA;",
        " -- a comment; not an end\n SIGNAL view ON item 1;",
        "PUT item 1 {\"a\": \"};{\", \"b\": [{\"c\": \"\\\"}\"}]};",
        "PUT item 2 {};",
        "TRANSACTION { PUT item 1 { \"a\": \";\" }; DELETE item 2; };",
        "RETRIEVE items WHERE a = ';' AND b = 'it''s;';",
        " ;",
    };
    char script[1024] = "";
    size_t at = 0;
    bool blank;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        strcat(script, statements[i]);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        size_t bytes = statement_bytes(slice_of(script + at, strlen(script + at)), &blank);
        CHECK_EQ(bytes, strlen(statements[i]));
        CHECK_EQ(blank, i == 6);
        at += bytes;
    }
    CHECK_EQ(statement_bytes(slice_of(script + at, 0), &blank), 0);
    CHECK(blank);
}

static void an_unfinished_statement_of_a_script_waits_for_more(struct test *t)
{
    static const char *const unfinished[] = {"SHOW SCHEMA", "PUT item 1 {\"a\": \";", "x = ';",
                                             "TRANSACTION { DELETE item 1;",
                                             "PUT item 1 {\"a\": [1};"};
    bool blank;
    for (size_t i = 0; i < sizeof unfinished / sizeof *unfinished; i++) {
        CHECK_EQ(statement_bytes(slice_of(unfinished[i], strlen(unfinished[i])), &blank), 0);
        CHECK(!blank);
    }
    CHECK_EQ(statement_bytes(slice_of(" -- only; a comment", 19), &blank), 0);
    CHECK(blank);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(every_form_of_every_statement_parses),
               CASE(a_statement_cut_off_anywhere_is_refused_or_is_a_shorter_one),
               CASE(a_statement_keeps_its_text_and_its_parameters_once_each),
               CASE(the_parts_of_a_retrieve_are_where_they_belong),
               CASE(ids_reach_to_the_end_of_64_bits),
               CASE(mistakes_are_shown_where_they_are_with_what_to_do),
               CASE(limits_of_length_and_of_parameters_are_told),
               CASE(text_that_is_not_utf8_is_refused_at_its_first_bad_byte),
               CASE(want_of_memory_is_an_error_wherever_it_comes),
               CASE(a_script_is_split_at_the_semicolons_that_end_statements),
               CASE(an_unfinished_statement_of_a_script_waits_for_more));
}
