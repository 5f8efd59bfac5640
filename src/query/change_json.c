#include "query/change_json.h"

#include "base/text.h"
#include "query/number.h"
#include "query/result.h"

#include <inttypes.h>

static void put_text(struct buffer *out, const char *text)
{
    buffer_append(out, text, strlen(text));
}

/* A declared name, or its number where that is all that is known. */
static void put_name(struct buffer *out, const struct slice *name, unsigned id)
{
    if (name) {
        json_quote(out, *name);
    } else {
        buffer_printf(out, "\"#%u\"", id);
    }
}

static void put_time(struct buffer *out, int64_t time_ms)
{
    char text[TIME_TEXT_BYTES];
    time_format(time_ms, text);
    json_quote(out, slice_of(text, strlen(text)));
}

static void put_float(struct buffer *out, float number)
{
    char text[DOUBLE_TEXT_BYTES];
    float_format_short(number, text);
    put_text(out, text);
}

static void put_double(struct buffer *out, double number)
{
    char text[DOUBLE_TEXT_BYTES];
    double_format_short(number, text);
    put_text(out, text);
}

static void put_entity(struct buffer *out, const struct entity_reference *entity)
{
    buffer_printf(out, "{\"kind\":\"%s\",", entity_kind_name(entity->kind));
    if (entity->key.bytes > 0) {
        put_text(out, "\"key\":");
        json_quote(out, entity->key);
    } else {
        buffer_printf(out, "\"id\":%" PRIu64, entity->id);
    }
    put_text(out, "}");
}

static void put_list(struct buffer *out, const struct value *value)
{
    put_text(out, "[");
    for (size_t i = 0; i < value->list.count; i++) {
        if (i > 0) put_text(out, ",");
        json_quote(out, value->list.texts[i]);
    }
    put_text(out, "]");
}

static void put_vector(struct buffer *out, const struct value *value)
{
    put_text(out, "[");
    for (size_t i = 0; i < value->vector.dimensions; i++) {
        if (i > 0) put_text(out, ",");
        put_float(out, value->vector.numbers[i]);
    }
    put_text(out, "]");
}

static void put_value(struct buffer *out, const struct value *value)
{
    switch (value->type) {
    case VALUE_MISSING:
    case VALUE_ID_LIST: /* no field holds one */
        put_text(out, "null");
        break;
    case VALUE_BOOLEAN:
        put_text(out, value->boolean ? "true" : "false");
        break;
    case VALUE_INTEGER:
    case VALUE_DURATION:
        buffer_printf(out, "%" PRId64, value->integer);
        break;
    case VALUE_FLOAT:
        put_double(out, value->number);
        break;
    case VALUE_TIMESTAMP:
        put_time(out, value->integer);
        break;
    case VALUE_TEXT:
        json_quote(out, value->text);
        break;
    case VALUE_TEXT_LIST:
        put_list(out, value);
        break;
    case VALUE_REFERENCE:
        buffer_printf(out, "%" PRIu64, value->reference);
        break;
    case VALUE_VECTOR:
        put_vector(out, value);
        break;
    }
}

static void put_values(struct buffer *out, const struct put_change *put,
                       const struct schema *schema)
{
    put_text(out, ",\"values\":{");
    for (size_t i = 0; i < put->field_count; i++) {
        const struct field_value *given = &put->fields[i];
        bool known = schema && given->field < schema->field_count;
        if (i > 0) put_text(out, ",");
        put_name(out, known ? &schema->fields[given->field].name : NULL, given->field);
        put_text(out, ":");
        put_value(out, &given->value);
    }
    for (size_t i = 0; i < put->embedding_count; i++) {
        const struct embedding_value *given = &put->embeddings[i];
        bool known = schema && given->embedding < schema->embedding_count;
        if (i + put->field_count > 0) put_text(out, ",");
        put_name(out, known ? &schema->embeddings[given->embedding].name : NULL, given->embedding);
        put_text(out, ":");
        put_value(out, &given->value);
    }
    put_text(out, "}");
}

static void put_put(struct buffer *out, const struct put_change *put, const struct schema *schema)
{
    put_text(out, ",\"entity\":");
    put_entity(out, &put->entity);
    if (put->key.bytes > 0) {
        put_text(out, ",\"key\":");
        json_quote(out, put->key);
    }
    put_values(out, put, schema);
}

static void put_signal(struct buffer *out, const struct signal_change *signal,
                       const struct schema *schema)
{
    bool known = schema && signal->signal < schema->signal_count;
    put_text(out, ",\"name\":");
    put_name(out, known ? &schema->signals[signal->signal].name : NULL, signal->signal);
    if (known && schema->signals[signal->signal].dropped) put_text(out, ",\"dropped\":true");
    put_text(out, ",\"entity\":");
    put_entity(out, &signal->entity);
    if (signal->has_user) {
        put_text(out, ",\"user\":");
        put_entity(out, &signal->user);
    }
    put_text(out, ",\"value\":");
    put_double(out, (double)signal->value / (double)SIGNAL_VALUE_ONE);
    if (signal->has_time) {
        put_text(out, ",\"time\":");
        put_time(out, signal->time_ms);
    }
    if (signal->slate > 0) buffer_printf(out, ",\"slate\":%" PRIu64, signal->slate);
    if (signal->position > 0) buffer_printf(out, ",\"position\":%" PRIu32, signal->position);
}

static void put_relate(struct buffer *out, const struct relate_change *relate, bool weighs,
                       const struct schema *schema)
{
    bool known = schema && relate->relation < schema->relation_count;
    put_text(out, ",\"name\":");
    put_name(out, known ? &schema->relations[relate->relation].name : NULL, relate->relation);
    if (known && schema->relations[relate->relation].dropped) put_text(out, ",\"dropped\":true");
    put_text(out, ",\"from\":");
    put_entity(out, &relate->from);
    put_text(out, ",\"to\":");
    put_entity(out, &relate->to);
    if (weighs) {
        put_text(out, ",\"weight\":");
        put_float(out, relate->weight);
    }
    if (relate->has_time) {
        put_text(out, ",\"time\":");
        put_time(out, relate->time_ms);
    }
}

static void put_cursor(struct buffer *out, const struct cursor_change *cursor)
{
    static const char *const actions[] = {
        [CURSOR_DEFINE] = "define", [CURSOR_ADVANCE] = "advance", [CURSOR_DROP] = "drop"};
    buffer_printf(out, ",\"action\":\"%s\",\"name\":", actions[cursor->action]);
    json_quote(out, cursor->name);
    if (cursor->action != CURSOR_DROP)
        buffer_printf(out, ",\"position\":%" PRIu64, cursor->position);
}

/* Rows are of the ledger's own format: how many they are must do. */
static void put_backfill(struct buffer *out, const struct backfill_change *backfill,
                         const struct schema *schema)
{
    if (backfill->signal < schema->signal_count) {
        put_text(out, ",\"signal\":");
        json_quote(out, schema->signals[backfill->signal].name);
    }
    buffer_printf(out, ",\"defined\":%" PRIu64 ",\"pairs\":%zu", backfill->defined,
                  backfill->pair_count);
    if (!backfill->ends) return;
    put_text(out, ",\"ends\":true");
    if (backfill->since_ms > INT64_MIN && backfill->since_ms < INT64_MAX)
        buffer_printf(out, ",\"since\":%" PRId64, backfill->since_ms);
}

static void put_texts(struct buffer *out, const struct slice *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put_text(out, i > 0 ? "," : "");
        json_quote(out, texts[i]);
    }
}

static void put_served(struct buffer *out, const struct slate_change *slate, size_t index)
{
    const struct served_item *item = &slate->items[index];
    buffer_printf(out,
                  "%s{\"position\":%" PRIu64 ",\"id\":%" PRIu64 ",\"score\":", index > 0 ? "," : "",
                  slate->offset + index + 1, item->item);
    put_double(out, item->score);
    buffer_printf(out, ",\"sources\":%" PRIu32, item->sources);
    if (slate->feature_count > 0) {
        put_text(out, ",\"features\":");
        features_to_json(slate, item, out);
    }
    put_text(out, "}");
}

static void put_slate(struct buffer *out, const struct slate_change *slate)
{
    if (slate->has_user) {
        put_text(out, ",\"user\":");
        put_entity(out, &slate->user);
    }
    if (slate->profile.bytes > 0) {
        put_text(out, ",\"profile\":");
        json_quote(out, slate->profile);
        buffer_printf(out, ",\"version\":%" PRIu32, slate->version);
    }
    if (slate->surface.bytes > 0) {
        put_text(out, ",\"surface\":");
        json_quote(out, slate->surface);
    }
    put_text(out, ",\"query\":");
    json_quote(out, slate->query);
    put_text(out, ",\"time\":");
    put_time(out, slate->now_ms);
    buffer_printf(out, ",\"seed\":%" PRIu64 ",\"read_lsn\":%" PRIu64 ",\"sources\":[", slate->seed,
                  slate->read_at);
    put_texts(out, slate->sources, slate->source_count);
    put_text(out, "],\"items\":[");
    for (size_t i = 0; i < slate->item_count; i++)
        put_served(out, slate, i);
    put_text(out, "]");
}

/* All but a transaction, and without the closing brace. */
static void put_part(struct buffer *out, const struct change *change, const struct schema *schema)
{
    buffer_printf(out, "{\"kind\":\"%s\"", change_word(change));
    switch (change->kind) {
    case CHANGE_DEFINE:
    case CHANGE_DROP:
    case CHANGE_RENAME:
        put_text(out, ",\"text\":");
        json_quote(out, change->define);
        break;
    case CHANGE_PUT:
    case CHANGE_PATCH:
        put_put(out, &change->put, schema);
        break;
    case CHANGE_DELETE:
    case CHANGE_FORGET:
        put_text(out, ",\"entity\":");
        put_entity(out, &change->delete);
        break;
    case CHANGE_SIGNAL:
        put_signal(out, &change->signal, schema);
        break;
    case CHANGE_RELATE:
    case CHANGE_UNRELATE:
        put_relate(out, &change->relate, change->kind == CHANGE_RELATE, schema);
        break;
    case CHANGE_CURSOR:
        put_cursor(out, &change->cursor);
        break;
    case CHANGE_SLATE:
        put_slate(out, change->slate);
        break;
    case CHANGE_BACKFILL:
        put_backfill(out, &change->backfill, schema);
        break;
    case CHANGE_TRANSACTION:
        break;
    }
}

/* Counts in digits. */
static void put_feature(struct buffer *out, double number)
{
    bool is_count = number >= 0 && number < 1e15 && (double)(int64_t)number == number;
    if (is_count) {
        buffer_printf(out, "%" PRId64, (int64_t)number);
    } else {
        put_double(out, number);
    }
}

void features_to_json(const struct slate_change *slate, const struct served_item *item,
                      struct buffer *out)
{
    put_text(out, "{");
    for (size_t i = 0; i < slate->feature_count; i++) {
        put_text(out, i > 0 ? "," : "");
        json_quote(out, slate->features[i]);
        put_text(out, ":");
        if (item->missing >> i & 1) {
            put_text(out, "null");
        } else {
            put_feature(out, item->features[i]);
        }
    }
    put_text(out, "}");
}

const char *change_word(const struct change *change)
{
    if (change->kind == CHANGE_SIGNAL && change->signal.retract) return "retract";
    return change_kind_name(change->kind);
}

void change_to_json(const struct change *change, const struct schema *schema, struct buffer *out)
{
    put_part(out, change, schema);
    if (change->kind == CHANGE_TRANSACTION) {
        put_text(out, ",\"changes\":[");
        for (size_t i = 0; i < change->transaction.count; i++) {
            if (i > 0) put_text(out, ",");
            put_part(out, &change->transaction.changes[i], schema);
            put_text(out, "}");
        }
        put_text(out, "]");
    }
    put_text(out, "}");
}
