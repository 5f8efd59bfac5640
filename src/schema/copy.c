#include "schema/copy.h"

#include <string.h>

void copier_init(struct copier *copier, struct arena *arena, struct slice text)
{
    *copier = (struct copier){.arena = arena};
    copier->to = copy_slice(copier, text);
    copier->from = text;
}

size_t copier_start(const struct copier *copier, size_t offset)
{
    size_t start = offset;
    for (size_t i = 0; i < copier->edit_count && copier->edits[i].offset < offset; i++)
        start = start - copier->edits[i].bytes + copier->replacement_bytes;
    return start;
}

size_t copier_end(const struct copier *copier, size_t offset)
{
    size_t end = offset;
    for (size_t i = 0; i < copier->edit_count; i++) {
        const struct edit *edit = &copier->edits[i];
        if (edit->offset + edit->bytes > offset) break;
        end = end - edit->bytes + copier->replacement_bytes;
    }
    return end;
}

void copier_init_edited(struct copier *copier, struct arena *arena, struct slice text,
                        const struct edit *edits, size_t edit_count, struct slice replacement)
{
    *copier = (struct copier){.arena = arena,
                              .edits = edits,
                              .edit_count = edit_count,
                              .replacement_bytes = replacement.bytes};
    size_t bytes = copier_end(copier, text.bytes), done = 0, at = 0;
    char *copy = arena_array(arena, bytes, 1);
    if (!copy) {
        copier->failed = true;
        return;
    }
    for (size_t i = 0; i <= edit_count; i++) {
        size_t until = i < edit_count ? edits[i].offset : text.bytes;
        memcpy(copy + at, text.data + done, until - done);
        at += until - done;
        if (i == edit_count) break;
        memcpy(copy + at, replacement.data, replacement.bytes);
        at += replacement.bytes;
        done = until + edits[i].bytes;
    }
    copier->from = text;
    copier->to = slice_of(copy, bytes);
}

static bool lies_in(struct slice part, struct slice whole)
{
    uintptr_t start = (uintptr_t)part.data, base = (uintptr_t)whole.data;
    return part.bytes <= whole.bytes && start >= base && start - base <= whole.bytes - part.bytes;
}

struct slice copy_slice(struct copier *copier, struct slice slice)
{
    if (slice.bytes == 0) return slice_of("", 0);
    if (copier->from.bytes > 0 && lies_in(slice, copier->from)) {
        size_t offset = (size_t)(slice.data - copier->from.data);
        size_t start = copier_start(copier, offset);
        return slice_of(copier->to.data + start, copier_end(copier, offset + slice.bytes) - start);
    }
    const char *copy = arena_copy(copier->arena, slice.data, slice.bytes);
    if (!copy) {
        copier->failed = true;
        return slice_of("", 0);
    }
    return slice_of(copy, slice.bytes);
}

void *copy_array(struct copier *copier, const void *array, size_t count, size_t spare,
                 size_t element_bytes)
{
    size_t capacity;
    if (!size_add(count, spare, &capacity)) {
        copier->failed = true;
        return NULL;
    }
    if (capacity == 0) return NULL;
    void *copy = arena_array(copier->arena, capacity, element_bytes);
    if (!copy) {
        copier->failed = true;
        return NULL;
    }
    if (count > 0) memcpy(copy, array, count * element_bytes);
    return copy;
}

static void copy_name(struct copier *copier, struct name *name)
{
    name->text = copy_slice(copier, name->text);
}

static void copy_value(struct copier *copier, struct value *value)
{
    if (value->type == VALUE_TEXT) {
        value->text = copy_slice(copier, value->text);
    } else if (value->type == VALUE_TEXT_LIST) {
        struct slice *texts =
            copy_array(copier, value->list.texts, value->list.count, 0, sizeof *texts);
        for (size_t i = 0; texts && i < value->list.count; i++)
            texts[i] = copy_slice(copier, texts[i]);
        value->list.texts = texts;
    } else if (value->type == VALUE_VECTOR) {
        value->vector.numbers = copy_array(copier, value->vector.numbers, value->vector.dimensions,
                                           0, sizeof *value->vector.numbers);
    }
}

static struct expression **copy_expressions(struct copier *copier,
                                            struct expression *const *expressions, size_t count)
{
    struct expression **copies = copy_array(copier, expressions, count, 0, sizeof(void *));
    for (size_t i = 0; copies && i < count; i++)
        copies[i] = copy_expression(copier, expressions[i]);
    return copies;
}

struct expression *copy_expression(struct copier *copier, const struct expression *expression)
{
    struct expression *copy = copy_array(copier, expression, 1, 0, sizeof *copy);
    if (!copy) return NULL;
    copy->name = copy_slice(copier, copy->name);
    copy->text = copy_slice(copier, copy->text);
    copy->prior_field = copy_slice(copier, copy->prior_field);
    copy_value(copier, &copy->value);
    if (copy->seeds) {
        copy->seeds = copy_array(copier, copy->seeds, 1, 0, sizeof *copy->seeds);
        if (copy->seeds) copy_name(copier, &copy->seeds->signal);
    }
    copy->operands = copy_expressions(copier, copy->operands, copy->operand_count);
    return copy;
}

void copy_ranking(struct copier *copier, const struct ranking_definition *from,
                  struct ranking_definition *to)
{
    *to = *from;
    to->sources = copy_array(copier, from->sources, from->source_count, 0, sizeof *to->sources);
    for (size_t i = 0; to->sources && i < to->source_count; i++) {
        to->sources[i].text = copy_slice(copier, to->sources[i].text);
        copy_name(copier, &to->sources[i].signal);
        copy_name(copier, &to->sources[i].relation);
        copy_name(copier, &to->sources[i].field);
        if (to->sources[i].value)
            to->sources[i].value = copy_expression(copier, to->sources[i].value);
        copy_name(copier, &to->sources[i].seeds.signal);
    }
    to->terms = copy_expressions(copier, from->terms, from->term_count);
    to->factors = copy_expressions(copier, from->factors, from->factor_count);
    to->gates = copy_array(copier, from->gates, from->gate_count, 0, sizeof *to->gates);
    to->caps = copy_array(copier, from->caps, from->cap_count, 0, sizeof *to->caps);
    for (size_t i = 0; to->caps && i < to->cap_count; i++)
        copy_name(copier, &to->caps[i].field);
}

void copy_definition(struct copier *copier, const struct definition *from, struct definition *to)
{
    *to = *from;
    to->text = copier->to;
    if (from->action != DEFINITION_ADD) {
        copy_name(copier, &to->alteration.name);
        copy_name(copier, &to->alteration.to);
        return;
    }
    switch (from->kind) {
    case DEFINE_FIELD:
        copy_name(copier, &to->field.name);
        to->field.analyzer = copy_slice(copier, to->field.analyzer);
        break;
    case DEFINE_EMBEDDING:
        copy_name(copier, &to->embedding.name);
        break;
    case DEFINE_SIGNAL:
        copy_name(copier, &to->signal.name);
        break;
    case DEFINE_RELATION:
        copy_name(copier, &to->relation.name);
        break;
    case DEFINE_EXPOSURE:
        to->exposure.field.text = copy_slice(copier, from->exposure.field.text);
        break;
    case DEFINE_CONTEXT:
        copy_name(copier, &to->context.name);
        break;
    case DEFINE_PROFILE:
        copy_name(copier, &to->profile.name);
        copy_ranking(copier, &from->profile.ranking, &to->profile.ranking);
        break;
    }
}
