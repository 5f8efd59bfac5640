#include "relations/edges.h"

#include "base/choices.h"
#include "harness/fold_rows.h"
#include "harness/test.h"

#include <stdlib.h>

#define START INT64_C(1700000000000)

enum { FOLLOWS, BLOCKS, MUTES, WORLD_RELATIONS }; /* user to creator, to creator, to user */

struct world {
    struct memory memory;
    struct schema schema;
    struct relation relations[WORLD_RELATIONS];
    struct fold fold;
    struct edges *edges;
    struct error error;
};

static entity_id world_id(ordinal entity)
{
    /* Not in the order of ordinals. */
    return (UINT64_C(1) << 35) + (uint64_t)(entity ^ 0x155) * 2;
}

static ordinal world_ordinal(void *context, enum entity_kind kind, entity_id id)
{
    (void)context;
    (void)kind;
    return (ordinal)((id - (UINT64_C(1) << 35)) / 2) ^ 0x155;
}

static enum code world_create(struct world *world)
{
    return edges_create(&world->memory, world_ordinal, NULL, &world->fold, &world->edges,
                        &world->error);
}

static void world_schema(struct world *world)
{
    memset(world, 0, sizeof *world);
    memory_init(&world->memory, 0);
    world->relations[FOLLOWS] =
        (struct relation){.id = FOLLOWS, .from = ENTITY_USER, .to = ENTITY_CREATOR};
    world->relations[BLOCKS] = (struct relation){
        .id = BLOCKS, .from = ENTITY_USER, .to = ENTITY_CREATOR, .excluding = true};
    world->relations[MUTES] =
        (struct relation){.id = MUTES, .from = ENTITY_USER, .to = ENTITY_USER, .excluding = true};
    world->schema.relations = world->relations;
    world->schema.relation_count = WORLD_RELATIONS;
}

static bool world_init(struct world *world)
{
    world_schema(world);
    return world_create(world) == CODE_OK;
}

static void world_release(struct world *world)
{
    world->fold.ops->free(world->fold.state);
    memory_release(&world->memory);
}

static enum code world_relate(struct world *world, relation_id relation, ordinal from, ordinal to,
                              float weight)
{
    /* A weight below 0 takes the edge away. */
    struct change change = {.kind = weight < 0 ? CHANGE_UNRELATE : CHANGE_RELATE,
                            .relate = {.relation = relation, .weight = weight}};
    struct resolved_change resolved = {.schema = &world->schema,
                                       .change = &change,
                                       .subject = from,
                                       .subject_id = world_id(from),
                                       .other = to,
                                       .other_id = world_id(to),
                                       .time_ms = START + (int64_t)(weight * 1000)};
    return world->fold.ops->apply(world->fold.state, &resolved, &world->error);
}

static enum code world_delete(struct world *world, enum entity_kind kind, ordinal entity)
{
    struct change change = {.kind = CHANGE_DELETE, .delete = {.kind = kind}};
    struct resolved_change resolved = {.schema = &world->schema,
                                       .change = &change,
                                       .subject = entity,
                                       .subject_id = world_id(entity),
                                       .other = ORDINAL_NONE};
    return world->fold.ops->apply(world->fold.state, &resolved, &world->error);
}

static bool world_check(struct world *world)
{
    return fold_check(&world->fold);
}

/* The model: a matrix of weights, below 0 where there is no edge. */
enum { SIDE = 24 };

struct model {
    float weight[WORLD_RELATIONS][SIDE][SIDE];
};

static void model_clear(struct model *model)
{
    for (int r = 0; r < WORLD_RELATIONS; r++)
        for (int i = 0; i < SIDE; i++)
            for (int j = 0; j < SIDE; j++)
                model->weight[r][i][j] = -1;
}

static void model_delete(struct model *model, enum entity_kind kind, ordinal entity)
{
    for (int r = 0; r < WORLD_RELATIONS; r++) {
        for (int i = 0; i < SIDE; i++) {
            if (kind == ENTITY_USER) model->weight[r][entity][i] = -1;
            if (kind == (r == MUTES ? ENTITY_USER : ENTITY_CREATOR))
                model->weight[r][i][entity] = -1;
        }
    }
}

static bool same_walks(const struct world *world, const struct model *model, relation_id relation,
                       ordinal entity)
{
    size_t out = 0, in = 0, out_expected = 0, in_expected = 0;
    entity_id before = 0;
    struct edge_walk walk = edges_out(world->edges, relation, entity);
    for (const struct edge *edge; (edge = edge_next(&walk)); out++) {
        if (edge->id <= before || edge->id != world_id(edge->other)) return false;
        if (edge->weight != model->weight[relation][entity][edge->other]) return false;
        before = edge->id;
    }
    before = 0;
    walk = edges_in(world->edges, relation, entity);
    for (const struct edge *edge; (edge = edge_next(&walk)); in++) {
        if (edge->id <= before || edge->id != world_id(edge->other)) return false;
        if (edge->weight != model->weight[relation][edge->other][entity]) return false;
        before = edge->id;
    }
    for (int i = 0; i < SIDE; i++) {
        out_expected += model->weight[relation][entity][i] >= 0;
        in_expected += model->weight[relation][i][entity] >= 0;
    }
    return out == out_expected && in == in_expected &&
           edges_out_count(world->edges, relation, entity) == out &&
           edges_in_count(world->edges, relation, entity) == in;
}

static bool same_edges(const struct world *world, const struct model *model)
{
    for (relation_id r = 0; r < WORLD_RELATIONS; r++) {
        for (ordinal i = 0; i < SIDE; i++) {
            if (!same_walks(world, model, r, i)) return false;
            for (ordinal j = 0; j < SIDE; j++) {
                const struct edge *edge = edges_find(world->edges, r, i, j);
                float expected = model->weight[r][i][j];
                if ((edge != NULL) != (expected >= 0)) return false;
                if (edge && (edge->weight != expected ||
                             edge->time_ms != START + (int64_t)(expected * 1000)))
                    return false;
            }
        }
    }
    return true;
}

static enum code model_step(struct choices *choices, struct world *world, struct model *model)
{
    ordinal from = (ordinal)choose(choices, SIDE - 1), to = (ordinal)choose(choices, SIDE - 1);
    if (choose_one_in(choices, 60)) {
        enum entity_kind kind = (enum entity_kind)choose(choices, ENTITY_KIND_COUNT - 1);
        model_delete(model, kind, from);
        return world_delete(world, kind, from);
    }
    relation_id relation = (relation_id)choose(choices, WORLD_RELATIONS - 1);
    float weight = choose_one_in(choices, 3) ? -1 : (float)choose(choices, 8) / 8;
    model->weight[relation][from][to] = weight;
    return world_relate(world, relation, from, to, weight);
}

static void agrees_with_a_matrix_through_reloads(struct test *t)
{
    static struct model model;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct choices choices;
        struct world world;
        struct store *store;
        choices_from_seed(&choices, seed, NULL);
        CHECK(world_init(&world));
        CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
        model_clear(&model);
        for (int step = 0; step < 3000; step++) {
            CHECK_EQ(model_step(&choices, &world, &model), CODE_OK);
            if (step % 50 != 49) continue;
            CHECK(world_check(&world));
            CHECK(same_edges(&world, &model));
            if (!choose_one_in(&choices, 3)) continue;
            CHECK_EQ(fold_checkpoint(&world.fold, store, &world.error), CODE_OK);
            world.fold.ops->free(world.fold.state);
            CHECK_EQ(world_create(&world), CODE_OK);
            CHECK_EQ(world.fold.ops->load(world.fold.state, store, &world.schema, &world.error),
                     CODE_OK);
            CHECK(same_edges(&world, &model));
        }
        store_close(store);
        world_release(&world);
        choices_release(&choices);
    }
}

static void a_block_removes_both_ways_and_evidence_names_it(struct test *t)
{
    struct world world;
    relation_id by = ID_NONE;
    CHECK(world_init(&world));
    CHECK_EQ(world_relate(&world, FOLLOWS, 1, 2, 1), CODE_OK);
    CHECK(!edges_excluded(world.edges, 1, ENTITY_CREATOR, 2, &by)); /* follows excludes nobody */
    CHECK_EQ(world_relate(&world, BLOCKS, 1, 2, 1), CODE_OK);
    CHECK(edges_excluded(world.edges, 1, ENTITY_CREATOR, 2, &by));
    CHECK_EQ(by, BLOCKS);
    CHECK(!edges_excluded(world.edges, 2, ENTITY_CREATOR, 1, NULL));
    CHECK(!edges_excluded(world.edges, 1, ENTITY_USER, 2, NULL)); /* a user of the same number */
    CHECK_EQ(world_relate(&world, MUTES, 3, 4, 0.5f), CODE_OK);
    CHECK(edges_excluded(world.edges, 3, ENTITY_USER, 4, &by));
    CHECK_EQ(by, MUTES);
    CHECK(edges_excluded(world.edges, 4, ENTITY_USER, 3, NULL)); /* the muted one as well */
    CHECK_EQ(world_relate(&world, MUTES, 3, 4, -1), CODE_OK);
    CHECK(!edges_excluded(world.edges, 4, ENTITY_USER, 3, NULL));
    world_release(&world);
}

static void an_edge_is_there_once_and_the_last_word_counts(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    CHECK_EQ(world_relate(&world, FOLLOWS, 1, 2, 0.75f), CODE_OK);
    CHECK_EQ(world_relate(&world, FOLLOWS, 1, 2, 0.25f), CODE_OK);
    CHECK_EQ(edges_in_count(world.edges, FOLLOWS, 2), 1);
    const struct edge *edge = edges_find(world.edges, FOLLOWS, 1, 2);
    CHECK(edge && edge->weight == 0.25f);
    CHECK(!edges_find(world.edges, FOLLOWS, 2, 1));
    CHECK(!edges_find(world.edges, FOLLOWS, 1, 2000));
    CHECK_EQ(world_relate(&world, FOLLOWS, 7, 2, -1), CODE_OK); /* never was */
    CHECK_EQ(edges_in_count(world.edges, FOLLOWS, 2), 1);
    world_release(&world);
}

static void many_followers_stay_in_order(struct test *t)
{
    enum { MANY = 5000 };
    struct world world;
    struct choices choices;
    choices_from_seed(&choices, 4, NULL);
    CHECK(world_init(&world));
    ordinal *users = calloc(MANY, sizeof *users);
    for (ordinal i = 0; i < MANY; i++)
        users[i] = i;
    for (size_t i = MANY; i > 1; i--) {
        size_t j = choose(&choices, i - 1);
        ordinal swap = users[i - 1];
        users[i - 1] = users[j];
        users[j] = swap;
    }
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(world_relate(&world, FOLLOWS, users[i], 7, 1), CODE_OK);
    CHECK(world_check(&world));
    CHECK_EQ(edges_in_count(world.edges, FOLLOWS, 7), MANY);
    for (int i = 0; i < MANY; i += 2)
        CHECK_EQ(world_relate(&world, FOLLOWS, users[i], 7, -1), CODE_OK);
    CHECK(world_check(&world));
    CHECK_EQ(edges_in_count(world.edges, FOLLOWS, 7), MANY / 2);
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(edges_find(world.edges, FOLLOWS, users[i], 7) != NULL, i % 2);
    size_t full = world.fold.ops->bytes(world.fold.state);
    CHECK_EQ(world_delete(&world, ENTITY_CREATOR, 7), CODE_OK);
    CHECK_EQ(edges_in_count(world.edges, FOLLOWS, 7), 0);
    CHECK(world.fold.ops->bytes(world.fold.state) < full);
    CHECK(world_check(&world));
    free(users);
    choices_release(&choices);
    world_release(&world);
}

static void a_checkpoint_that_failed_is_made_good_by_the_next(struct test *t)
{
    struct world world;
    struct store *store;
    struct store_batch *batch;
    CHECK(world_init(&world));
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    CHECK_EQ(store_batch_create(store, &batch, &world.error), CODE_OK);
    for (ordinal i = 0; i < 20; i++)
        CHECK_EQ(world_relate(&world, FOLLOWS, i, 3, 1), CODE_OK);
    world.fold.ops->seal(world.fold.state);
    CHECK_EQ(world.fold.ops->write(world.fold.state, batch, &world.error), CODE_OK);
    CHECK_EQ(store_batch_count(batch), 20);
    CHECK_EQ(world_relate(&world, FOLLOWS, 5, 3, -1), CODE_OK);
    CHECK_EQ(world_relate(&world, FOLLOWS, 5, 4, 1), CODE_OK);
    world.fold.ops->sealed(world.fold.state, false);
    CHECK_EQ(fold_checkpoint(&world.fold, store, &world.error), CODE_OK);
    CHECK_EQ(world.fold.ops->dirty_bytes(world.fold.state), 0);
    world.fold.ops->free(world.fold.state);
    CHECK_EQ(world_create(&world), CODE_OK);
    CHECK_EQ(world.fold.ops->load(world.fold.state, store, &world.schema, &world.error), CODE_OK);
    CHECK_EQ(edges_in_count(world.edges, FOLLOWS, 3), 19);
    CHECK_EQ(edges_in_count(world.edges, FOLLOWS, 4), 1);
    CHECK(!edges_find(world.edges, FOLLOWS, 5, 3));
    store_batch_free(batch);
    store_close(store);
    world_release(&world);
}

static enum code load_fresh(struct world *world, struct store *store)
{
    enum code code = world_create(world);
    if (code != CODE_OK) return code;
    code = world->fold.ops->load(world->fold.state, store, &world->schema, &world->error);
    world->fold.ops->free(world->fold.state);
    return code;
}

static void damaged_rows_are_refused(struct test *t)
{
    struct world world;
    struct store *store;
    CHECK(world_init(&world));
    world.fold.ops->free(world.fold.state);
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    uint8_t suffix[10] = {0, FOLLOWS};
    store_u64_be(suffix + 2, world_id(2));
    struct key key = key_build(world_id(1), TAG_EDGE, slice_of(suffix, sizeof suffix));
    static const uint8_t good[] = {1, 0, 0, 0x80, 0x3f, 2}, nan[] = {1, 0, 0, 0xc0, 0x7f, 2},
                         newer[] = {2, 0, 0, 0x80, 0x3f, 2}, longer[] = {1, 0, 0, 0x80, 0x3f, 2, 0};
    static const struct {
        const uint8_t *bytes;
        size_t count;
        enum code code;
    } cases[] = {{good, 6, CODE_OK},     {good, 5, CODE_CORRUPT},  {good, 0, CODE_CORRUPT},
                 {nan, 6, CODE_CORRUPT}, {newer, 6, CODE_VERSION}, {longer, 7, CODE_CORRUPT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_EQ(store_put(store, KEYSPACE_USERS, key_slice(&key),
                           slice_of(cases[i].bytes, cases[i].count), &world.error),
                 CODE_OK);
        CHECK_EQ(load_fresh(&world, store), cases[i].code);
    }
    CHECK_EQ(store_delete(store, KEYSPACE_USERS, key_slice(&key), &world.error), CODE_OK);
    suffix[1] = WORLD_RELATIONS; /* a relation that is not declared */
    key = key_build(world_id(1), TAG_EDGE, slice_of(suffix, sizeof suffix));
    CHECK_EQ(store_put(store, KEYSPACE_USERS, key_slice(&key), slice_of(good, 6), &world.error),
             CODE_OK);
    CHECK_EQ(load_fresh(&world, store), CODE_CORRUPT);
    store_close(store);
    memory_release(&world.memory);
}

static void no_memory_is_an_error_at_every_place(struct test *t)
{
    static struct model model;
    unsigned long long last = 0;
    for (unsigned long long fail_at = 1; fail_at == last + 1; fail_at++) {
        struct world world;
        world_schema(&world);
        world.memory.fail_at_call = fail_at;
        enum code code = world_create(&world);
        if (code != CODE_OK) {
            CHECK_EQ(code, CODE_NO_MEMORY);
            last = fail_at;
            memory_release(&world.memory);
            continue;
        }
        struct choices choices;
        choices_from_seed(&choices, 9, NULL);
        for (int i = 0; i < 150 && code == CODE_OK; i++)
            code = model_step(&choices, &world, &model);
        for (ordinal i = 0; i < 600 && code == CODE_OK; i++)
            code = world_relate(&world, FOLLOWS, i, 1, 1);
        if (code == CODE_OK) code = world_delete(&world, ENTITY_CREATOR, 1);
        if (code != CODE_OK) {
            CHECK_EQ(code, CODE_NO_MEMORY);
            last = fail_at;
        }
        choices_release(&choices);
        world_release(&world); /* asserts that nothing was lost */
    }
    CHECK(last > 100);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(agrees_with_a_matrix_through_reloads),
               CASE(a_block_removes_both_ways_and_evidence_names_it),
               CASE(an_edge_is_there_once_and_the_last_word_counts),
               CASE(many_followers_stay_in_order),
               CASE(a_checkpoint_that_failed_is_made_good_by_the_next),
               CASE(damaged_rows_are_refused), CASE(no_memory_is_an_error_at_every_place));
}
