/* Statements, one function a kind; and splitting a script into them. */
#include "query/parser.h"

#include "base/text.h"

#include <string.h>

static enum code parse_statement(struct parser *parser, struct statement *statement);

/* --- Writes --- */

/* The end of the JSON object that begins at `start`: after its closing brace, or 0.  What is inside
 * is the JSON reader's. */
static size_t object_end(struct slice text, size_t start)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = start; i < text.bytes; i++) {
        uint8_t c = text.data[i];
        if (in_string) {
            if (c == '\\') i++;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

static enum code parse_body(struct parser *parser, struct operand *body)
{
    size_t start = (size_t)parser->token.position;
    if (parser->token.kind == TOKEN_PARAMETER) return parser_operand(parser, "an object", body);
    if (!token_is_symbol(&parser->token, "{"))
        return parser_expected(parser, "a JSON object or a parameter");
    size_t end = object_end(parser->text, start);
    if (end == 0) {
        error_set(parser->error, CODE_INVALID, AREA_QUERY, "the JSON object has no end");
        error_at(parser->error, start);
        error_hint(parser->error, "close its braces, brackets and quotes");
        return CODE_INVALID;
    }
    *body = (struct operand){.kind = OPERAND_LITERAL, .position = start};
    body->value.type = VALUE_TEXT;
    body->value.text = slice_of(parser->text.data + start, end - start);
    parser->lexer.at = end;
    parser_advance(parser);
    parser->end = end;
    return CODE_OK;
}

static enum code parse_put(struct parser *parser, struct put_statement *put)
{
    enum code code;
    TRY(parser_reference(parser, &put->entity));
    if (!put->entity.by_key && parser_accept(parser, "key")) {
        if (parser->token.kind != TOKEN_STRING && parser->token.kind != TOKEN_PARAMETER)
            return parser_expected(parser, "a key in quotes or a parameter");
        TRY(parser_operand(parser, "a key", &put->key));
    }
    code = parse_body(parser, &put->body);
out:
    return code;
}

static enum code parse_signal_options(struct parser *parser, struct signal_statement *signal)
{
    enum code code = CODE_OK;
    if (!signal->retract && parser_accept(parser, "value"))
        TRY(parser_operand(parser, "a number", &signal->value));
    if (parser_accept(parser, "at")) TRY(parser_operand(parser, "a time", &signal->time));
    if (parser_accept(parser, "key"))
        TRY(parser_operand(parser, "an idempotency key", &signal->idempotency_key));
    if (parser_accept(parser, "slate")) {
        TRY(parser_operand(parser, "a slate's number or a parameter", &signal->slate));
        if (parser_accept(parser, "position"))
            TRY(parser_operand(parser, "a position from 1 or a parameter", &signal->position));
    }
out:
    return code;
}

static enum code parse_signal(struct parser *parser, bool retract, struct signal_statement *signal)
{
    enum code code;
    signal->retract = retract;
    TRY(parser_name(parser, "a signal", &signal->signal));
    TRY(parser_expect(parser, "ON"));
    TRY(parser_reference(parser, &signal->entity));
    signal->has_user = retract || parser_at(parser, "by");
    if (signal->has_user) {
        TRY(parser_expect(parser, "BY"));
        TRY(parser_expect(parser, "USER"));
        TRY(parser_reference_of(parser, ENTITY_USER, &signal->user));
    }
    code = parse_signal_options(parser, signal);
out:
    return parser_form(parser, code,
                       retract ? "RETRACT SIGNAL like ON item 1001 BY user 42"
                               : "SIGNAL view ON item 1001 BY user 42 AT '2026-11-01T10:00:00Z'");
}

static enum code parse_relate(struct parser *parser, bool creates, struct relate_statement *relate)
{
    enum code code;
    TRY(parser_reference(parser, &relate->from));
    TRY(parser_name(parser, "a relation", &relate->relation));
    TRY(parser_reference(parser, &relate->to));
    if (creates && parser_accept(parser, "weight"))
        TRY(parser_operand(parser, "a number", &relate->weight));
    if (parser_accept(parser, "at")) TRY(parser_operand(parser, "a time", &relate->time));
out:
    return parser_form(parser, code, "user 42 follows creator 7");
}

static bool is_write(enum statement_kind kind)
{
    return kind >= STATEMENT_PUT && kind <= STATEMENT_UNRELATE;
}

/* The log knows repeats by entry, and a transaction is one. */
static enum code refuse_key(struct parser *parser, const struct operand *key)
{
    error_set(parser->error, CODE_INVALID, AREA_QUERY,
              "a signal in a transaction takes no idempotency key");
    error_at(parser->error, key->position);
    error_hint(parser->error, "leave out KEY, or run the signal by itself");
    return CODE_INVALID;
}

/* TRANSACTION { write; write; } */
static enum code parse_transaction(struct parser *parser, struct statement *statement)
{
    struct list writes = {0};
    enum code code;
    TRY(parser_expect_symbol(parser, "{"));
    while (!token_is_symbol(&parser->token, "}")) {
        struct statement *write = list_add(parser, &writes, sizeof *write);
        if (!write) return parser_no_memory(parser);
        uint64_t start = parser->token.position;
        TRY(parse_statement(parser, write));
        if (!is_write(write->kind)) {
            error_set(parser->error, CODE_INVALID, AREA_QUERY,
                      "a transaction holds writes alone: PUT, PATCH, DELETE, SIGNAL, RELATE");
            error_at(parser->error, start);
            error_hint(parser->error, "run this statement by itself");
            return CODE_INVALID;
        }
        if (write->kind == STATEMENT_SIGNAL && write->signal.idempotency_key.kind != OPERAND_NONE)
            return refuse_key(parser, &write->signal.idempotency_key);
        write->text = parser_text_from(parser, start);
        TRY(parser_expect_symbol(parser, ";"));
    }
    if (writes.count == 0) return parser_expected(parser, "a write");
    parser_advance(parser);
    statement->transaction.statements = writes.items;
    statement->transaction.count = writes.count;
out:
    return code;
}

/* --- RETRIEVE --- */

static enum code parse_returning(struct parser *parser, struct retrieve_statement *retrieve)
{
    static const struct {
        const char *word;
        enum returning_kind kind;
    } words[] = {{"id", RETURNING_ID},         {"key", RETURNING_KEY},
                 {"score", RETURNING_SCORE},   {"rank", RETURNING_RANK},
                 {"source", RETURNING_SOURCE}, {"explain", RETURNING_EXPLAIN},
                 {"slate", RETURNING_SLATE}};
    struct list columns = {0};
    enum code code = CODE_OK;
    do {
        struct returning *column = list_add(parser, &columns, sizeof *column);
        if (!column) return parser_no_memory(parser);
        *column = (struct returning){.kind = RETURNING_FIELD};
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (parser_at(parser, words[i].word)) column->kind = words[i].kind;
        TRY(parser_name(parser, "a column", &column->name));
        /* item.title is title */
        bool qualified = column->kind == RETURNING_FIELD &&
                         slice_equal(column->name.text, slice_of("item", 4)) &&
                         parser_accept_symbol(parser, ".");
        if (qualified) TRY(parser_name(parser, "a field", &column->name));
    } while (parser_accept_symbol(parser, ","));
    retrieve->returning = columns.items;
    retrieve->returning_count = columns.count;
out:
    return code;
}

static enum code parse_contexts(struct parser *parser, struct retrieve_statement *retrieve)
{
    struct list contexts = {0};
    enum code code = CODE_OK;
    do {
        struct context_operand *context = list_add(parser, &contexts, sizeof *context);
        if (!context) return parser_no_memory(parser);
        TRY(parser_name(parser, "a context", &context->name));
        TRY(parser_expect_symbol(parser, "="));
        TRY(parser_operand(parser, "a value or a parameter", &context->operand));
    } while (parser_accept_symbol(parser, ","));
    retrieve->contexts = contexts.items;
    retrieve->context_count = contexts.count;
out:
    return code;
}

/* A clause that is known, but not here. */
static enum code refuse_clause(struct parser *parser, const struct operand *operand)
{
    static const char *const ranking[] = {"from", "score", "times", "exclude", "diversify"};
    static const char *const clauses[] = {"WHERE", "CONTEXT", "RETURNING", "LIMIT", "OFFSET",
                                          "NOW",   "SEED",    "SCORE",     "TIMES", "EXCLUDE",
                                          "USING", "FROM",    "DIVERSIFY", "RECORD"};
    bool again = operand || parser_at(parser, "where") || parser_at(parser, "returning") ||
                 parser_at(parser, "context") || parser_at(parser, "record") ||
                 parser_at(parser, "paged");
    if (again) return parser_expected(parser, "each clause once");
    for (size_t i = 0; i < sizeof ranking / sizeof *ranking; i++) {
        if (!parser_at(parser, ranking[i])) continue;
        enum code code = parser_expected(parser, "the end of the statement");
        error_hint(parser->error, "FROM, SCORE, TIMES, EXCLUDE, DIVERSIFY stand in this order, "
                                  "before WHERE");
        return code;
    }
    if (parser->token.kind != TOKEN_WORD) return CODE_OK;
    (void)parser_expected(parser, "a clause or the end of the statement");
    if (parser_at(parser, "order") || parser_at(parser, "sort")) {
        error_hint(parser->error, "items are ordered by their SCORE: the highest comes first");
        return CODE_INVALID;
    }
    if (parser_at(parser, "for") || parser_at(parser, "using")) {
        error_hint(parser->error, "FOR and USING stand in this order, behind RETRIEVE items");
        return CODE_INVALID;
    }
    parser_suggest(parser, parser->token.text, clauses, sizeof clauses / sizeof *clauses);
    return CODE_INVALID;
}

/* One of the clauses behind the ranking, each at most once. */
static enum code parse_clause(struct parser *parser, struct retrieve_statement *retrieve,
                              bool *found)
{
    struct operand *operand = NULL;
    const char *what = "a whole number or a parameter";
    *found = true;
    if (parser_at(parser, "where") && !retrieve->where) {
        parser_advance(parser);
        return parse_expression(parser, &retrieve->where);
    }
    if (parser_at(parser, "returning") && !retrieve->returning) {
        parser_advance(parser);
        return parse_returning(parser, retrieve);
    }
    if (parser_at(parser, "context") && !retrieve->contexts) {
        parser_advance(parser);
        return parse_contexts(parser, retrieve);
    }
    if (parser_at(parser, "paged") && !retrieve->paged) {
        retrieve->paged = true;
        retrieve->paged_position = parser->token.position;
        parser_advance(parser);
        return CODE_OK;
    }
    if (parser_at(parser, "record") && !retrieve->record) {
        retrieve->record = true;
        retrieve->record_position = parser->token.position;
        parser_advance(parser);
        retrieve->record_features = parser_accept(parser, "features");
        return CODE_OK;
    }
    if (parser_at(parser, "limit")) {
        operand = &retrieve->limit;
    } else if (parser_at(parser, "offset")) {
        operand = &retrieve->offset;
    } else if (parser_at(parser, "seed")) {
        operand = &retrieve->seed;
    } else if (parser_at(parser, "now")) {
        operand = &retrieve->now;
        what = "a time";
    } else if (parser_at(parser, "at")) {
        operand = &retrieve->at_least;
        parser_advance(parser);
        if (!parser_at(parser, "least")) return parser_expected(parser, "LEAST");
    } else if (parser_at(parser, "as")) {
        operand = &retrieve->as_of;
        what = "a time, or LSN and a whole number";
        parser_advance(parser);
        if (!parser_at(parser, "of")) return parser_expected(parser, "OF");
    }
    *found = operand && operand->kind == OPERAND_NONE;
    if (!*found) return refuse_clause(parser, operand);
    parser_advance(parser);
    if (operand == &retrieve->as_of) retrieve->as_of_lsn = parser_accept(parser, "lsn");
    return parser_operand(parser, what, operand);
}

static enum code refuse_search(struct parser *parser)
{
    if (parser_at(parser, "matching"))
        return parser_unavailable(parser, "MATCHING", "filter with WHERE");
    if (parser_at(parser, "near")) return parser_unavailable(parser, "NEAR", "rank with a profile");
    return CODE_OK;
}

/* user 42; item 1001; user 42, item 1001 */
static enum code parse_for(struct parser *parser, struct retrieve_statement *retrieve)
{
    enum code code = CODE_OK;
    bool more = true;
    if (parser_accept(parser, "user")) {
        retrieve->has_user = true;
        TRY(parser_reference_of(parser, ENTITY_USER, &retrieve->user));
        more = parser_accept_symbol(parser, ",");
    } else if (!parser_at(parser, "item")) {
        return parser_expected(parser, "user or item");
    }
    if (more) {
        retrieve->has_item = true;
        TRY(parser_expect(parser, "ITEM"));
        TRY(parser_reference_of(parser, ENTITY_ITEM, &retrieve->item));
    }
out:
    return code;
}

/* A statement that records is a write of what is served now. */
static enum code check_record(struct parser *parser, const struct retrieve_statement *retrieve)
{
    bool returns = false;
    for (size_t i = 0; i < retrieve->returning_count && !returns; i++)
        returns = retrieve->returning[i].kind == RETURNING_SLATE;
    if (returns && !retrieve->record) {
        error_set(parser->error, CODE_INVALID, AREA_QUERY, "RETURNING slate without RECORD");
        error_hint(parser->error, "add RECORD; a field of that name is item.slate");
        return CODE_INVALID;
    }
    if (!retrieve->record || retrieve->as_of.kind == OPERAND_NONE) return CODE_OK;
    error_set(parser->error, CODE_INVALID, AREA_QUERY, "RECORD and AS OF exclude each other");
    error_at(parser->error, retrieve->record_position);
    error_hint(parser->error, "what is recorded is served now: leave out one of them");
    return CODE_INVALID;
}

/* EXPLAIN and WHY NOT serve nothing. */
static enum code refuse_record(struct parser *parser, const struct retrieve_statement *retrieve,
                               const char *what)
{
    if (!retrieve->record) return CODE_OK;
    error_set(parser->error, CODE_INVALID, AREA_QUERY, "%s serves nothing that RECORD could log",
              what);
    error_at(parser->error, retrieve->record_position);
    error_hint(parser->error, "leave out RECORD");
    return CODE_INVALID;
}

static enum code parse_retrieve(struct parser *parser, struct retrieve_statement *retrieve)
{
    bool found = true;
    enum code code;
    retrieve->version = -1;
    TRY(parser_expect(parser, "ITEMS"));
    TRY(refuse_search(parser));
    if (parser_accept(parser, "for")) TRY(parse_for(parser, retrieve));
    if (parser_accept(parser, "using")) {
        TRY(parser_name(parser, "a profile", &retrieve->profile));
        if (parser_accept(parser, "version")) TRY(parser_integer(parser, &retrieve->version));
    }
    TRY(refuse_search(parser));
    TRY(parse_ranking(parser, &retrieve->ranking));
    while (found)
        TRY(parse_clause(parser, retrieve, &found));
    code = check_record(parser, retrieve);
out:
    return code;
}

static enum code parse_page(struct parser *parser, struct page_statement *page)
{
    enum code code;
    TRY(parser_expect(parser, "PAGE"));
    TRY(parser_expect(parser, "OF"));
    TRY(parser_operand(parser, "the number of a page or a parameter", &page->page));
    if (parser_accept(parser, "limit"))
        TRY(parser_operand(parser, "a whole number or a parameter", &page->limit));
out:
    return code;
}

static enum code parse_why_not(struct parser *parser, struct retrieve_statement *retrieve)
{
    enum code code;
    TRY(parser_expect(parser, "NOT"));
    TRY(parser_expect(parser, "ITEM"));
    TRY(parser_reference_of(parser, ENTITY_ITEM, &retrieve->why_not));
    TRY(parser_expect(parser, "IN"));
    TRY(parser_expect(parser, "RETRIEVE"));
    TRY(parse_retrieve(parser, retrieve));
    code = refuse_record(parser, retrieve, "WHY NOT");
out:
    return code;
}

static enum code parse_show(struct parser *parser, struct statement *statement)
{
    static const char *const words[SHOW_KIND_COUNT] = {"schema",    "fields",   "signals",
                                                       "relations", "profiles", "status",
                                                       "cursors",   "size",     "slate"};
    for (int i = 0; i < SHOW_KIND_COUNT; i++) {
        if (!parser_accept(parser, words[i])) continue;
        statement->show = (enum show_kind)i;
        if (i != SHOW_SLATE) return CODE_OK;
        return parser_operand(parser, "a slate's number or a parameter", &statement->show_slate);
    }
    return parser_expected(
        parser, "SCHEMA, FIELDS, SIGNALS, RELATIONS, PROFILES, STATUS, CURSORS, SIZE or SLATE");
}

/* --- All --- */

static enum code parse_explain(struct parser *parser, struct statement *statement)
{
    enum code code;
    TRY(parser_expect(parser, "RETRIEVE"));
    statement->kind = STATEMENT_RETRIEVE;
    statement->retrieve.explain = true;
    TRY(parse_retrieve(parser, &statement->retrieve));
    code = refuse_record(parser, &statement->retrieve, "EXPLAIN");
out:
    return code;
}

static enum code parse_retract(struct parser *parser, struct statement *statement)
{
    enum code code;
    TRY(parser_expect(parser, "SIGNAL"));
    statement->kind = STATEMENT_SIGNAL;
    code = parse_signal(parser, true, &statement->signal);
out:
    return code;
}

static enum code parse_cursor_word(struct parser *parser, enum cursor_action action,
                                   struct statement *statement)
{
    enum code code;
    TRY(parser_expect(parser, "CURSOR"));
    statement->kind = STATEMENT_CURSOR;
    code = parse_cursor(parser, action, &statement->cursor);
out:
    return code;
}

static const struct {
    const char *word;
    enum statement_kind kind;
} starts[] = {
    {"define", STATEMENT_DEFINE},     {"put", STATEMENT_PUT},
    {"patch", STATEMENT_PATCH},       {"delete", STATEMENT_DELETE},
    {"signal", STATEMENT_SIGNAL},     {"relate", STATEMENT_RELATE},
    {"unrelate", STATEMENT_UNRELATE}, {"transaction", STATEMENT_TRANSACTION},
    {"retrieve", STATEMENT_RETRIEVE}, {"why", STATEMENT_WHY_NOT},
    {"show", STATEMENT_SHOW},         {"checkpoint", STATEMENT_CHECKPOINT},
    {"forget", STATEMENT_FORGET},     {"tail", STATEMENT_TAIL},
    {"export", STATEMENT_EXPORT},     {"next", STATEMENT_NEXT_PAGE},
};

static enum code parse_kind(struct parser *parser, uint64_t start, struct statement *statement)
{
    switch (statement->kind) {
    case STATEMENT_DEFINE:
        if (!parser_accept(parser, "cursor"))
            return parse_define(parser, start, &statement->define);
        statement->kind = STATEMENT_CURSOR;
        return parse_cursor(parser, CURSOR_DEFINE, &statement->cursor);
    case STATEMENT_PUT:
    case STATEMENT_PATCH:
        return parse_put(parser, &statement->put);
    case STATEMENT_DELETE:
    case STATEMENT_FORGET:
        return parser_reference(parser, &statement->delete);
    case STATEMENT_SIGNAL:
        return parse_signal(parser, false, &statement->signal);
    case STATEMENT_RELATE:
    case STATEMENT_UNRELATE:
        return parse_relate(parser, statement->kind == STATEMENT_RELATE, &statement->relate);
    case STATEMENT_TRANSACTION:
        return parse_transaction(parser, statement);
    case STATEMENT_RETRIEVE:
        return parse_retrieve(parser, &statement->retrieve);
    case STATEMENT_WHY_NOT:
        return parse_why_not(parser, &statement->retrieve);
    case STATEMENT_SHOW:
        return parse_show(parser, statement);
    case STATEMENT_NEXT_PAGE:
        return parse_page(parser, &statement->page);
    case STATEMENT_TAIL:
        return parse_tail(parser, &statement->tail);
    case STATEMENT_EXPORT:
        return parse_export(parser, &statement->export);
    case STATEMENT_CURSOR: /* only by its words */
    case STATEMENT_CHECKPOINT:
        break;
    }
    return CODE_OK;
}

static enum code no_statement(struct parser *parser)
{
    static const char *const words[] = {"DEFINE",      "PUT",    "PATCH",    "DELETE",   "SIGNAL",
                                        "RETRACT",     "RELATE", "UNRELATE", "RETRIEVE", "EXPLAIN",
                                        "TRANSACTION", "SHOW",   "TAIL",     "FORGET",   "ADVANCE",
                                        "DROP",        "EXPORT", "NEXT",     "RENAME"};
    enum code code = parser_expected(
        parser, "a statement (DEFINE, PUT, SIGNAL, RELATE, RETRIEVE, EXPLAIN, WHY NOT, SHOW, ...)");
    if (parser->token.kind == TOKEN_WORD)
        parser_suggest(parser, parser->token.text, words, sizeof words / sizeof *words);
    return code;
}

static enum code parse_statement(struct parser *parser, struct statement *statement)
{
    uint64_t start = parser->token.position;
    enum code code;
    TRY(parser_enter(parser));
    if (parser_accept(parser, "explain")) {
        code = parse_explain(parser, statement);
    } else if (parser_accept(parser, "retract")) {
        code = parse_retract(parser, statement);
    } else if (parser_accept(parser, "advance")) {
        code = parse_cursor_word(parser, CURSOR_ADVANCE, statement);
    } else if (parser_accept(parser, "drop")) {
        statement->kind = STATEMENT_DEFINE;
        code = parser_at(parser, "cursor") ? parse_cursor_word(parser, CURSOR_DROP, statement)
                                           : parse_drop(parser, &statement->define);
    } else if (parser_accept(parser, "rename")) {
        statement->kind = STATEMENT_DEFINE;
        code = parse_rename(parser, &statement->define);
    } else {
        size_t i = 0, count = sizeof starts / sizeof *starts;
        while (i < count && !parser_accept(parser, starts[i].word))
            i++;
        if (i < count) statement->kind = starts[i].kind;
        code = i < count ? parse_kind(parser, start, statement) : no_statement(parser);
    }
    parser_leave(parser);
out:
    return code;
}

static enum code check_text(struct slice text, struct error *error)
{
    size_t bad_at;
    if (text.bytes > STATEMENT_BYTES_MAXIMUM) {
        error_set(error, CODE_LIMIT, AREA_QUERY, "the statement has %zu bytes, the limit is %d",
                  text.bytes, STATEMENT_BYTES_MAXIMUM);
        error_hint(error, "bind long values as parameters");
        return CODE_LIMIT;
    }
    if (!utf8_valid(text, &bad_at)) {
        error_set(error, CODE_INVALID, AREA_QUERY, "the statement is not valid UTF-8");
        error_at(error, bad_at);
        error_hint(error, "convert it to UTF-8");
        return CODE_INVALID;
    }
    const uint8_t *nul = text.bytes > 0 ? memchr(text.data, 0, text.bytes) : NULL;
    if (nul) {
        error_set(error, CODE_INVALID, AREA_QUERY, "the statement holds U+0000");
        error_at(error, (uint64_t)(nul - text.data));
        error_hint(error, "leave the character out");
        return CODE_INVALID;
    }
    return CODE_OK;
}

enum code statement_parse(struct slice text, struct arena *arena, struct statement *statement,
                          struct error *error)
{
    struct parser parser = {.text = text, .arena = arena, .error = error};
    enum code code;
    *statement = (struct statement){0};
    TRY(check_text(text, error));
    parser.parameters = arena_array(arena, STATEMENT_PARAMETERS_MAXIMUM, sizeof *parser.parameters);
    if (!parser.parameters) return parser_no_memory(&parser);
    lexer_init(&parser.lexer, text);
    parser_advance(&parser);
    uint64_t start = parser.token.position;
    TRY(parse_statement(&parser, statement));
    statement->text = parser_text_from(&parser, start);
    if (statement->kind == STATEMENT_DEFINE) statement->define.text = statement->text;
    statement->parameters = parser.parameters;
    statement->parameter_count = parser.parameter_count;
    (void)parser_accept_symbol(&parser, ";");
    if (parser.token.kind != TOKEN_END) {
        code = parser_expected(&parser, "the end of the statement");
        error_hint(error, "';' ends a statement, and one is prepared at a time");
    }
out:
    return code;
}

size_t statement_bytes(struct slice script, bool *blank)
{
    struct lexer lexer;
    size_t depth = 0;
    lexer_init(&lexer, script);
    *blank = true;
    for (;;) {
        struct token token = lexer_next(&lexer);
        if (token.kind == TOKEN_END) return 0;
        if (token_is_symbol(&token, ";") && depth == 0) return lexer.at;
        *blank = false;
        if (token_is_symbol(&token, "}") && depth > 0) depth--;
        if (!token_is_symbol(&token, "{")) continue;
        /* A JSON object, whose strings the lexer does not know, or a transaction. */
        struct slice rest = slice_of(script.data + token.position, script.bytes - token.position);
        size_t after = 1;
        while (after < rest.bytes && strchr(" \t\r\n", rest.data[after]))
            after++;
        bool is_json = after < rest.bytes && (rest.data[after] == '"' || rest.data[after] == '}');
        size_t end = is_json ? object_end(rest, 0) : 0;
        if (is_json && end == 0) return 0;
        if (is_json) {
            lexer.at = (size_t)token.position + end;
        } else {
            depth++;
        }
    }
}
