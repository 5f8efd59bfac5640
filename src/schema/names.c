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
    /* A short name is soon near another. */
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

/* What may have a name, or have had it. */
struct named {
    enum definition_kind kind;
    enum entity_kind of; /* of a field or an embedding */
    struct slice name;
    bool dropped;
};

static struct named named_get(const struct schema *schema, enum definition_kind kind, size_t id)
{
    struct named named = {.kind = kind, .of = ENTITY_ITEM};
    if (kind == DEFINE_FIELD) {
        const struct field *field = &schema->fields[id];
        named = (struct named){kind, field->kind, field->name, field->dropped};
    } else if (kind == DEFINE_EMBEDDING) {
        const struct embedding *embedding = &schema->embeddings[id];
        named = (struct named){kind, embedding->kind, embedding->name, embedding->dropped};
    } else if (kind == DEFINE_SIGNAL) {
        named.name = schema->signals[id].name;
        named.dropped = schema->signals[id].dropped;
    } else if (kind == DEFINE_RELATION) {
        named.name = schema->relations[id].name;
        named.dropped = schema->relations[id].dropped;
    } else if (kind == DEFINE_CONTEXT) {
        named.name = schema->contexts[id].name;
        named.dropped = schema->contexts[id].dropped;
    } else {
        named.name = schema->profiles[id].name;
        named.dropped = schema->profiles[id].dropped;
    }
    return named;
}

static size_t named_count(const struct schema *schema, enum definition_kind kind)
{
    const size_t counts[] = {
        [DEFINE_FIELD] = schema->field_count,     [DEFINE_EMBEDDING] = schema->embedding_count,
        [DEFINE_SIGNAL] = schema->signal_count,   [DEFINE_RELATION] = schema->relation_count,
        [DEFINE_CONTEXT] = schema->context_count, [DEFINE_EXPOSURE] = schema->field_count,
        [DEFINE_PROFILE] = schema->profile_count,
    };
    return counts[kind];
}

/* The last one that was called so before; false: none. */
static bool find_former(const struct schema *schema, enum definition_kind kind, enum entity_kind of,
                        struct slice name, struct named *found)
{
    for (size_t i = schema->former_name_count; i > 0; i--) {
        const struct former_name *former = &schema->former_names[i - 1];
        if (former->kind != kind || !slice_equal(former->name, name)) continue;
        *found = named_get(schema, kind, former->id);
        bool by_entity = kind == DEFINE_FIELD || kind == DEFINE_EMBEDDING;
        if (!by_entity || found->of == of) return true;
    }
    return false;
}

/* Offers the names of what stands; the answer: was there one that had just this name? */
static bool offer_all(const struct schema *schema, enum definition_kind kind, enum entity_kind of,
                      struct suggestion *suggestion)
{
    bool dropped = false;
    for (size_t i = 0; i < named_count(schema, kind); i++) {
        struct named named = named_get(schema, kind, i);
        bool by_entity = kind == DEFINE_FIELD || kind == DEFINE_EMBEDDING;
        if (by_entity && named.of != of) continue;
        if (!named.dropped)
            suggestion_offer(suggestion, named.name);
        else
            dropped = dropped || slice_equal(named.name, suggestion->wanted);
    }
    return dropped;
}

void name_hint(const struct schema *schema, enum definition_kind kind, enum entity_kind of,
               struct slice name, const char *otherwise, char out[HINT_BYTES])
{
    struct suggestion suggestion;
    struct named former = {.dropped = false};
    suggestion_init(&suggestion, name);
    bool dropped = offer_all(schema, kind, of, &suggestion);
    bool known = find_former(schema, kind, of, name, &former);
    if (kind == DEFINE_FIELD) {
        struct suggestion ignored;
        suggestion_init(&ignored, name);
        dropped = offer_all(schema, DEFINE_EMBEDDING, of, &ignored) || dropped;
        known = known || find_former(schema, DEFINE_EMBEDDING, of, name, &former);
    }
    if (known && !former.dropped) {
        snprintf(out, HINT_BYTES, "'%.*s' was renamed to '%.*s'", NAME_ARGUMENTS(name),
                 NAME_ARGUMENTS(former.name));
    } else if (known || dropped) {
        snprintf(out, HINT_BYTES, "'%.*s' was dropped", NAME_ARGUMENTS(name));
    } else {
        suggestion_hint(suggestion.best, otherwise, out);
    }
}

const char *definition_kind_name(enum definition_kind kind)
{
    static const char *const names[] = {
        [DEFINE_FIELD] = "field",     [DEFINE_EMBEDDING] = "embedding",
        [DEFINE_SIGNAL] = "signal",   [DEFINE_RELATION] = "relation",
        [DEFINE_CONTEXT] = "context", [DEFINE_EXPOSURE] = "exposure",
        [DEFINE_PROFILE] = "profile",
    };
    return names[kind];
}

bool profile_was_named(const struct schema *schema, size_t profile, struct slice name)
{
    if (slice_equal(schema->profiles[profile].name, name)) return true;
    for (size_t i = 0; i < schema->former_name_count; i++) {
        const struct former_name *former = &schema->former_names[i];
        if (former->kind == DEFINE_PROFILE && former->id == profile &&
            slice_equal(former->name, name))
            return true;
    }
    return false;
}
