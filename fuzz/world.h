/* A small schema for fuzz targets, and what holds of every change. */
#ifndef TIDAL_FUZZ_WORLD_H
#define TIDAL_FUZZ_WORLD_H

#include "fuzz/fuzz.h"
#include "schema/change.h"
#include "unit/schema/declare.h"

/* A signal with every quota: id 5, after those of declare_everything. */
static inline struct definition fuzz_limited_signal(void)
{
    static struct quota_definition caps[] = {
        {.maximum = 3, .per_subject = true, .kind = ENTITY_ITEM, .period = {HOUR_MS, 0}},
        {.maximum = 1000, .period = {DAY_MS, 0}}};
    struct definition definition = define_signal("listen");
    definition.signal.caps = caps;
    definition.signal.cap_count = 2;
    definition.signal.is_sublinear = definition.signal.trusts = true;
    definition.signal.sublinear = lasting(DAY_MS, 0);
    definition.signal.trust = named("trust", 0);
    return definition;
}

/* A signal that trends: id 6. */
static inline struct definition define_rising(void)
{
    static struct duration windows[] = {{3600000, 1}, {86400000, 2}};
    struct definition rising = define_signal("rising");
    rising.signal.half_lives = windows;
    rising.signal.half_life_count = 1;
    rising.signal.windows = windows;
    rising.signal.window_count = 2;
    rising.signal.velocities = windows;
    rising.signal.velocity_count = 1;
    rising.signal.trends = true;
    rising.signal.trending = windows[0];
    rising.signal.populars = windows;
    rising.signal.popular_count = 1;
    return rising;
}

/* declare_everything, an embedding `look` of three dimensions, a signal `listen` with quotas,
 * exposure by creator, a signal that is `rising`; made once, and kept. */
static inline const struct schema *fuzz_schema(void)
{
    static struct declared declared;
    if (!declared.schema) {
        declared_init(&declared);
        declare_everything(&declared);
        must_declare(&declared, define_embedding("look", 3));
        must_declare(&declared, define_field("trust", ENTITY_USER, FIELD_FLOAT));
        must_declare(&declared, fuzz_limited_signal());
        must_declare(&declared, define_exposure("creator", HOUR_MS));
        must_declare(&declared, define_rising());
    }
    return declared.schema;
}

/* A change that passes the check has one encoding, which gives the same change back. */
static inline void fuzz_check_change(const struct change *change, const struct schema *schema,
                                     struct arena *arena)
{
    struct buffer bytes, again;
    struct change decoded;
    struct error error = {.message = ""};
    if (change_check(change, schema, &error) != CODE_OK) {
        FUZZ_CHECK(error.message[0] != '\0');
        return;
    }
    buffer_init(&bytes, arena->memory, CHANGE_BYTES_MAXIMUM);
    buffer_init(&again, arena->memory, CHANGE_BYTES_MAXIMUM);
    if (change_encode(change, &bytes, &error) == CODE_OK) {
        FUZZ_CHECK(change_decode(buffer_slice(&bytes), arena, &decoded, &error) == CODE_OK);
        FUZZ_CHECK(change_check(&decoded, schema, &error) == CODE_OK);
        FUZZ_CHECK(change_encode(&decoded, &again, &error) == CODE_OK);
        FUZZ_CHECK(slice_equal(buffer_slice(&bytes), buffer_slice(&again)));
    }
    buffer_release(&bytes);
    buffer_release(&again);
}

#endif
