/* What was dropped and renamed is so wherever the state comes from: a recovery by the log alone, by
 * a checkpoint, or by both; AS OF, from nothing and from a base; a copy that follows; a backup; the
 * verifier, which folds the log anew.
 *
 * Any statement may come at any time: definitions of a few names, which are taken, given up, given
 * to others and defined anew, and events that name them.  Half are refused, which is another test's
 * matter (tests/query/alter_test.c).  What the state was at some LSNs is remembered: its hash and
 * its definitions.  Settings: crash/seeds.h. */
#include "crash/seeds.h"
#include "property/directory.h"

#include <stdarg.h>

enum { STEPS = 900, NAMES = 3, IDS = 9, TEXT_BYTES = 1024 };

/* How often what was accepted, and lives ended. */
static struct {
    size_t defined, defined_anew, dropped, renamed, written, kills, closes;
} said;

/* --- What is said --- */

static const char *pick(struct run *run, const char *const *list, unsigned count)
{
    return list[one_of(run, count)];
}
#define PICK(run, list) pick(run, list, (unsigned)(sizeof(list) / sizeof *(list)))

/* Bodies of definitions; in the place of % comes the number of a name. */
static const char *const field_bodies[] = {"KEYWORD", "KEYWORD", "KEYWORD[]",         "TEXT",
                                           "INTEGER", "FLOAT",   "REFERENCES creator"};
static const char *const signal_bodies[] = {
    "ON item HALF LIFE 1h WINDOWS 1h, 24h",
    "ON item HALF LIFE 1h, 7d WINDOWS 1h, 24h, 30d",
    "ON item HALF LIFE 1h WINDOWS 1h, 24h VELOCITY 1h TRENDING HALF LIFE 2h POPULAR 1h PER f%",
    "ON item HALF LIFE 24h TOTALS PER f% DISTINCT USERS 24h",
    "ON item UNIQUE PER USER POSITIVE",
    "ON item UNIQUE PER USER POSITIVE WINDOWS 24h",
    "ON item WINDOWS 24h VALUE MIN MAX NEGATIVE BELOW 1",
    "ON item WINDOWS 24h CAP 2 PER USER PER item PER 1h, 9 PER USER PER 24h TRUST user.f%",
    "ON user HALF LIFE 1h UNIQUE PER USER",
    "ON creator WINDOWS 24h ALLOW UNKNOWN",
};
static const char *const relation_bodies[] = {
    "FROM user TO creator",
    "FROM user TO user",
    "FROM item TO user",
    "FROM user TO item EXCLUDING",
};
static const char *const profile_bodies[] = {
    "FROM all SCORE count(s%)",
    "FROM popular(s%, 1h), newest(5) SCORE decay(s%, 1h) + last(user, s%)",
    "FROM all SCORE related(user, r%) + coalesce(item.f%, 0)",
    "FROM all SCORE exposure(user, item.f%) + affinity(user, item.f%)",
    "FROM all SCORE if(context.c% = 'tv', 1, 0) DIVERSIFY max 1 per f%",
};
static const char *const kinds[] = {"item", "item", "item", "user", "creator"};

/* Sets the body with a name's number for each %. */
static void spell(struct run *run, const char *body, char out[TEXT_BYTES])
{
    size_t used = 0;
    for (; *body; body++)
        out[used++] = *body == '%' ? (char)('0' + one_of(run, NAMES)) : *body;
    out[used] = '\0';
}

__attribute__((format(printf, 2, 3))) static void say(char out[TEXT_BYTES], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out, TEXT_BYTES, format, arguments);
    va_end(arguments);
}

static void draw_definition(struct run *run, char text[TEXT_BYTES])
{
    unsigned name = one_of(run, NAMES);
    char body[TEXT_BYTES];
    switch (one_of(run, 9)) {
    case 0:
    case 1:
        say(text, "DEFINE FIELD f%u ON %s %s", name, PICK(run, kinds), PICK(run, field_bodies));
        return;
    case 2:
        say(text, "DEFINE EMBEDDING e%u ON item DIMENSIONS %u", name, 1 + one_of(run, 2));
        return;
    case 3:
        spell(run, PICK(run, relation_bodies), body);
        say(text, "DEFINE RELATION r%u %s", name, body);
        return;
    case 4:
        say(text, "DEFINE EXPOSURE ON item.f%u HALF LIFE %uh", name, 1 + one_of(run, 2));
        return;
    case 5:
        say(text, "DEFINE CONTEXT c%u KEYWORD", name);
        return;
    case 6:
        spell(run, PICK(run, profile_bodies), body);
        say(text, "DEFINE PROFILE p%u AS %s", name, body);
        return;
    default:
        spell(run, PICK(run, signal_bodies), body);
        say(text, "DEFINE SIGNAL s%u %s", name, body);
    }
}

/* One that there is, with another half-life or window in front of those that it has. */
static void draw_definition_anew(struct run *run, char text[TEXT_BYTES])
{
    static const char *const clauses[] = {" HALF LIFE ", " WINDOWS "};
    const struct schema *schema = run->db->database->schema;
    const char *clause = PICK(run, clauses);
    unsigned hours = 2 + one_of(run, 50);
    draw_definition(run, text);
    if (schema->definition_count == 0) return;
    const struct defined *defined =
        &schema->definitions[one_of(run, (unsigned)schema->definition_count)];
    char given[TEXT_BYTES];
    say(given, "%.*s", (int)defined->text.bytes, (const char *)defined->text.data);
    char *at = defined->kind == DEFINE_SIGNAL ? strstr(given, clause) : NULL;
    if (!at) return;
    say(text, "%.*s%s%uh, %s", (int)(at - given), given, clause, hours, at + strlen(clause));
}

/* "SIGNAL s1", "FIELD f2 ON item" */
static void draw_name(struct run *run, char text[64])
{
    static const struct {
        const char *word, *letter;
        bool on;
    } things[] = {{"SIGNAL", "s", false},  {"SIGNAL", "s", false},   {"FIELD", "f", true},
                  {"FIELD", "f", true},    {"EMBEDDING", "e", true}, {"RELATION", "r", false},
                  {"CONTEXT", "c", false}, {"PROFILE", "p", false},  {"PROFILE", "p", false}};
    unsigned at = one_of(run, sizeof things / sizeof *things), name = one_of(run, NAMES);
    const char *kind = PICK(run, kinds);
    snprintf(text, 64, "%s %s%u%s%s", things[at].word, things[at].letter, name,
             things[at].on ? " ON " : "", things[at].on ? kind : "");
}

static void draw_alteration(struct run *run, char text[TEXT_BYTES])
{
    static const char letters[] = "serpcf";
    char name[64];
    draw_name(run, name);
    if (choose_one_in(&run->choices, 8))
        say(text, "DROP EXPOSURE ON item.f%u", one_of(run, NAMES));
    else if (choose_one_in(&run->choices, 2))
        say(text, "DROP %s", name);
    else
        say(text, "RENAME %s TO %c%u", name, letters[one_of(run, sizeof letters - 1)],
            one_of(run, NAMES));
}

/* Mostly of what there is; ITEM s0 where that is nothing, and now and then. */
static struct slice draw_signal(struct run *run, enum entity_kind *kind, char name[8])
{
    const struct schema *schema = run->db->database->schema;
    size_t at = one_of(run, (unsigned)schema->signal_count);
    snprintf(name, 8, "s%u", one_of(run, NAMES));
    *kind = ENTITY_ITEM;
    if (schema->signals[at].dropped || choose_one_in(&run->choices, 8)) return slice_of_text(name);
    *kind = schema->signals[at].kind;
    return schema->signals[at].name;
}

static const char *draw_value(struct run *run, const struct field *field)
{
    static const char *const words[] = {"\"jazz\"", "\"soul\"", "\"dub\"", "null"};
    static const char *const lists[] = {"[\"jazz\"]", "[\"soul\", \"jazz\"]", "[\"dub\", \"a\"]"};
    static const char *const numbers[] = {"0.25", "0.5", "1", "null"};
    static const char *const wholes[] = {"1", "2", "3", "4"};
    switch (field->type) {
    case FIELD_KEYWORD:
    case FIELD_TEXT:
        return PICK(run, words);
    case FIELD_KEYWORD_LIST:
        return PICK(run, lists);
    case FIELD_FLOAT:
        return PICK(run, numbers);
    default:
        return PICK(run, wholes);
    }
}

static void draw_put(struct run *run, char text[TEXT_BYTES])
{
    const struct schema *schema = run->db->database->schema;
    const char *kind = PICK(run, kinds), *verb = choose_one_in(&run->choices, 2) ? "PUT" : "PATCH";
    unsigned id = 1 + one_of(run, IDS), name = one_of(run, NAMES);
    if (choose_one_in(&run->choices, 8)) {
        say(text, "PATCH item %u {\"e%u\": [1]}", id, name);
    } else if (schema->field_count == 0 || choose_one_in(&run->choices, 6)) {
        say(text, "PUT %s %u {}", kind, id);
    } else {
        const struct field *field = &schema->fields[one_of(run, (unsigned)schema->field_count)];
        say(text, "%s %s %u {\"%.*s\": %s}", verb, entity_kind_name(field->kind), id,
            (int)field->name.bytes, (const char *)field->name.data, draw_value(run, field));
    }
}

static void draw_event(struct run *run, char text[TEXT_BYTES])
{
    const char *verb = choose_one_in(&run->choices, 8) ? "RETRACT " : "";
    char letters[8];
    enum entity_kind kind;
    struct slice name = draw_signal(run, &kind, letters);
    unsigned id = 1 + one_of(run, IDS), user = 1 + one_of(run, IDS), value = one_of(run, 3);
    if (choose_one_in(&run->choices, 8))
        say(text, "SIGNAL impression ON item %u BY user %u", id, user);
    else if (choose_one_in(&run->choices, 6))
        say(text, "SIGNAL %.*s ON item %u BY user %u VALUE %u", (int)name.bytes,
            (const char *)name.data, id, user, value);
    else
        say(text, "%sSIGNAL %.*s ON %s %u BY user %u", verb, (int)name.bytes,
            (const char *)name.data, entity_kind_name(kind), id, user);
}

static void draw_edge(struct run *run, char text[TEXT_BYTES])
{
    const struct schema *schema = run->db->database->schema;
    unsigned id = 1 + one_of(run, IDS), other = 1 + one_of(run, IDS);
    const char *verb = choose_one_in(&run->choices, 4) ? "UNRELATE" : "RELATE";
    say(text, "RELATE user %u r%u user %u", id, one_of(run, NAMES), other);
    if (schema->relation_count == 0) return;
    const struct relation *relation =
        &schema->relations[one_of(run, (unsigned)schema->relation_count)];
    say(text, "%s %s %u %.*s %s %u", verb, entity_kind_name(relation->from), id,
        (int)relation->name.bytes, (const char *)relation->name.data,
        entity_kind_name(relation->to), other);
}

static void draw_write(struct run *run, char text[TEXT_BYTES])
{
    unsigned id = 1 + one_of(run, IDS), name = one_of(run, NAMES);
    switch (one_of(run, 18)) {
    case 0:
    case 1:
        draw_edge(run, text);
        return;
    case 2:
        say(text, choose_one_in(&run->choices, 2) ? "FORGET user %u" : "DELETE item %u", id);
        return;
    case 3:
        say(text, "RETRIEVE items FOR user %u USING p%u LIMIT 3 RECORD", id, name);
        return;
    case 4:
    case 5:
    case 6:
    case 7:
        draw_put(run, text);
        return;
    default:
        draw_event(run, text);
    }
}

static bool say_something(struct run *run)
{
    char text[TEXT_BYTES];
    bool accepted, is_definition = choose_one_in(&run->choices, 4), alters = false;
    run->now_ms += (int64_t)choose(&run->choices, 2000);
    if (!is_definition) {
        draw_write(run, text);
    } else {
        alters = choose_one_in(&run->choices, 3);
        if (alters)
            draw_alteration(run, text);
        else if (choose_one_in(&run->choices, 3))
            draw_definition_anew(run, text);
        else
            draw_definition(run, text);
    }
    size_t signals = run->db->database->schema->signal_count;
    if (!run_text(run, text, &accepted)) return false;
    if (!accepted) return true;
    bool is_signal = strncmp(text, "DEFINE SIGNAL", 13) == 0;
    bool anew = is_signal && run->db->database->schema->signal_count == signals;
    said.written += !is_definition;
    said.dropped += alters && text[0] == 'D';
    said.renamed += alters && text[0] == 'R';
    said.defined += is_definition && !alters;
    said.defined_anew += anew;
    return true;
}

/* --- What becomes of it --- */

/* Ends a life, by a kill with what the log has since the last checkpoint or right behind one, or by
 * a close. */
static bool come_again(struct run *run)
{
    unsigned how = one_of(run, 3);
    if (!remember(run)) return false;
    if (how == 1 && !checkpoint(run)) return false;
    said.kills += how < 2;
    said.closes += how == 2;
    if (how < 2)
        kill_it(run);
    else if (!close_it(run))
        return false;
    return open_at(run, run->source) && is_as_before(run);
}

static bool step(struct run *run)
{
    struct choices *choices = &run->choices;
    bool right = say_something(run);
    if (right && choose_one_in(choices, 20)) right = remember(run);
    if (right && choose_one_in(choices, 15)) right = backfill_on(run);
    if (right && choose_one_in(choices, 90)) right = checkpoint(run);
    if (right && choose_one_in(choices, 110)) right = come_again(run);
    if (right && choose_one_in(choices, 60)) right = follow_on(run);
    return right;
}

/* Of what both logs hold TAIL has the same rows: what was dropped since is called as it was last.
 */
static bool both_tell_the_same(struct run *run)
{
    tidal_db *source = run->db;
    if (!open_at(run, run->copy)) return false;
    tidal_db *copy = run->db;
    lsn from = oldest_of(source), oldest = oldest_of(copy);
    if (oldest > from) from = oldest;
    uint64_t told = hash_of_tail(source, from);
    bool same = told != 0 && hash_of_tail(copy, from) == told && close_it(run);
    run->db = source;
    return same;
}

/* The backup is made among what is said, with a log behind its checkpoint. */
static bool the_backup_is_the_same(struct run *run)
{
    tidal_error error;
    if (tidal_restore(run->backup, run->restored, NULL, &error) != TIDAL_OK) {
        fprintf(stderr, "    restore: %s\n", error.message);
        return false;
    }
    return is_verified(run->restored);
}

static bool opens_as(struct run *run, const char *path, const struct mark *mark)
{
    struct mark now;
    return open_at(run, path) && mark_of(run, run->db->database, &now) && same_mark(mark, &now) &&
           close_it(run);
}

static void from_everywhere_it_is_the_same(struct test *t)
{
    static struct run run;
    struct tally tally = {0};
    struct seeds seeds = seeds_wanted(ROUNDS(5, 1));
    uint64_t seed, rounds = 0;
    for (; seeds_next(&seeds, &seed); rounds++) {
        tidal_error error;
        struct mark backed_up;
        CHECK(begin(&run, seed, &tally));
        for (int i = 0; i < STEPS; i++) {
            bool right = step(&run);
            if (!right) fprintf(stderr, "    seed %" PRIu64 ", step %d\n", seed, i);
            CHECK(right);
            if (i != STEPS / 2) continue;
            CHECK(remember(&run));
            backed_up = run.marks[run.mark_count - 1];
            CHECK_EQ(tidal_backup(run.db, run.backup, NULL, &error), TIDAL_OK);
        }
        CHECK(the_past_is_the_same(&run));
        CHECK(the_copy_is_the_same(&run));
        CHECK(is_verified(run.source));
        CHECK(is_verified(run.copy));
        CHECK(the_backup_is_the_same(&run));
        CHECK(both_tell_the_same(&run));
        CHECK(close_it(&run));
        const struct mark last = run.marks[run.mark_count - 1];
        CHECK(opens_as(&run, run.copy, &last));
        CHECK(opens_as(&run, run.restored, &backed_up));
        CHECK(open_at(&run, run.source) && is_as_before(&run));
        CHECK(end(&run));
    }
    printf("%zu writes; %zu definitions (%zu anew), %zu drops, %zu renames; %zu refused\n",
           said.written, said.defined, said.defined_anew, said.dropped, said.renamed,
           tally.refused);
    printf("%zu kills, %zu closes, %zu checkpoints; %zu moments, %zu of them from a base; %zu "
           "changes of backfills\n",
           said.kills, said.closes, tally.checkpoints, tally.moments, tally.bases, tally.brought);
    CHECK(said.written > 100 * rounds && said.defined > 20 * rounds);
    CHECK(said.dropped > 8 * rounds && said.renamed > 8 * rounds && said.defined_anew > rounds);
    CHECK(said.kills > rounds && said.closes > 0 && tally.checkpoints > rounds);
    CHECK(tally.moments > 5 * rounds && tally.bases > 2 * rounds && tally.brought > 0);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(from_everywhere_it_is_the_same));
}
