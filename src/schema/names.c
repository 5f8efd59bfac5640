#include "schema/names.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* Words that begin a statement or a clause, or that an expression could not tell from a name.
 * Sorted.  Names of functions, sources and types stay free: their places are their own. */
static const char *const reserved_words[] = {
    "and",      "as",        "asc",       "at",      "by",        "context",  "define",  "delete",
    "desc",     "diversify", "embedding", "exclude", "excluding", "explain",  "explore", "false",
    "field",    "for",       "from",      "if",      "in",        "is",       "item",    "items",
    "limit",    "matching",  "missing",   "near",    "not",       "now",      "null",    "on",
    "or",       "patch",     "profile",   "put",     "relate",    "relation", "rescore", "retract",
    "retrieve", "returning", "score",     "seed",    "signal",    "times",    "to",      "true",
    "unrelate", "user",      "using",     "where",   "why",       "windows",
};

static int compare_word(struct slice name, const char *word)
{
    return slice_compare(name, slice_of(word, strlen(word)));
}

bool name_reserved(struct slice name)
{
    size_t low = 0, high = sizeof reserved_words / sizeof *reserved_words;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_word(name, reserved_words[middle]);
        if (order == 0) return true;
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return false;
}

int name_printed_bytes(struct slice name)
{
    size_t bytes = name.bytes;
    if (bytes > LIMIT_NAME_BYTES) {
        bytes = LIMIT_NAME_BYTES;
        while (bytes > 0 && (name.data[bytes] & 0xc0) == 0x80)
            bytes--;
    }
    return (int)bytes;
}

static bool spelt_well(struct slice name)
{
    if (name.bytes == 0 || name.bytes > LIMIT_NAME_BYTES) return false;
    if (name.data[0] < 'a' || name.data[0] > 'z') return false;
    for (size_t i = 1; i < name.bytes; i++) {
        uint8_t c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
    }
    return true;
}

bool name_check(const struct name *name, const char *what, struct violations *violations)
{
    if (name->text.bytes > LIMIT_NAME_BYTES) {
        violations_add(violations, name->position, "use at most 64 bytes",
                       "%s name '%.*s...' is too long", what, NAME_ARGUMENTS(name->text));
        return false;
    }
    if (!spelt_well(name->text)) {
        violations_add(violations, name->position,
                       "begin with a letter a-z, then use a-z, 0-9 and '_'",
                       "%s name '%.*s' is not a valid name", what, NAME_ARGUMENTS(name->text));
        return false;
    }
    if (name_reserved(name->text)) {
        violations_add(violations, name->position, "choose another name",
                       "%s name '%.*s' is a reserved word", what, NAME_ARGUMENTS(name->text));
        return false;
    }
    return true;
}

void suggestion_init(struct suggestion *suggestion, struct slice wanted)
{
    /* Two letters exchanged are two edits; a short name is soon near another. */
    size_t limit = wanted.bytes <= 4 ? 1 : wanted.bytes <= 8 ? 2 : 3;
    *suggestion = (struct suggestion){.wanted = wanted, .distance = limit + 1};
}

void suggestion_offer(struct suggestion *suggestion, struct slice candidate)
{
    /* The distance costs the product of the lengths; what is no name is near none. */
    if (suggestion->wanted.bytes > LIMIT_NAME_BYTES || suggestion->distance == 0) return;
    size_t limit = suggestion->distance - 1;
    size_t distance = edit_distance(suggestion->wanted, candidate, limit);
    if (distance > limit) return;
    suggestion->best = candidate;
    suggestion->distance = distance;
}

void suggestion_hint(struct slice best, const char *otherwise, char out[HINT_BYTES])
{
    if (best.bytes > 0) {
        snprintf(out, HINT_BYTES, "did you mean '%.*s'?", NAME_ARGUMENTS(best));
    } else {
        snprintf(out, HINT_BYTES, "%s", otherwise);
    }
}

struct slice schema_suggest_signal(const struct schema *schema, struct slice name)
{
    struct suggestion suggestion;
    suggestion_init(&suggestion, name);
    for (size_t i = 0; i < schema->signal_count; i++)
        suggestion_offer(&suggestion, schema->signals[i].name);
    return suggestion.best;
}

struct slice schema_suggest_field(const struct schema *schema, enum entity_kind kind,
                                  struct slice name)
{
    struct suggestion suggestion;
    suggestion_init(&suggestion, name);
    for (size_t i = 0; i < schema->field_count; i++) {
        if (schema->fields[i].kind == kind) suggestion_offer(&suggestion, schema->fields[i].name);
    }
    return suggestion.best;
}

struct slice suggest_relation(const struct schema *schema, struct slice name)
{
    struct suggestion suggestion;
    suggestion_init(&suggestion, name);
    for (size_t i = 0; i < schema->relation_count; i++)
        suggestion_offer(&suggestion, schema->relations[i].name);
    return suggestion.best;
}
