/* What definitions of several kinds are held to. */
#include "schema/builder.h"

#include "schema/names.h"

#include <math.h>

bool duration_check(const struct duration *duration, const char *what,
                    struct violations *violations)
{
    double ms = duration->milliseconds;
    if (isnan(ms) || isinf(ms)) {
        violations_add(violations, duration->position, "write a number and a unit, as in 24h",
                       "%s is not finite", what);
    } else if (ms <= 0) {
        violations_add(violations, duration->position, "write a duration above 0, as in 24h",
                       "%s is %s", what, ms < 0 ? "negative" : "zero");
    } else if (ms > (double)DURATION_MAXIMUM_MS) {
        violations_add(violations, duration->position, "use at most 366d",
                       "%s is longer than 366 days", what);
    } else if (ms != (double)(int64_t)ms) {
        violations_add(violations, duration->position, "use whole milliseconds",
                       "%s is not a whole number of milliseconds", what);
    } else {
        return true;
    }
    return false;
}

/* How many of a kind stand. */
static size_t count_live(const struct schema *schema, enum definition_kind kind)
{
    size_t count = kind == DEFINE_SIGNAL ? BUILTIN_SIGNALS : 0;
    for (size_t i = 0; i < schema->definition_count; i++) {
        const struct defined *defined = &schema->definitions[i];
        bool counted = kind == DEFINE_SIGNAL && signal_is_builtin((signal_id)defined->id);
        count += defined->kind == kind && !counted;
    }
    return count;
}

void builder_check_count(const struct schema *schema, const struct builder_limit *limit,
                         uint64_t position, struct violations *violations)
{
    size_t live = count_live(schema, limit->kind);
    if (live >= limit->live) {
        violations_add(violations, position, "the limit is fixed", "there are already %zu %s", live,
                       limit->what);
    } else if (limit->ids > 0 && limit->given >= limit->ids) {
        violations_add(
            violations, position, "what is dropped keeps its number: rename what is left",
            "%zu %s have been defined, with those that were dropped", limit->given, limit->what);
    }
}
