/* CAP, SUBLINEAR and TRUST of a DEFINE SIGNAL. */
#include "query/parser.h"

/* 3 PER USER PER item PER 1h; 100 PER USER PER 24h */
static enum code parse_cap(struct parser *parser, struct quota_definition *cap)
{
    enum code code;
    *cap = (struct quota_definition){.position = parser->token.position};
    TRY(parser_integer(parser, &cap->maximum));
    TRY(parser_expect(parser, "PER"));
    TRY(parser_expect(parser, "USER"));
    TRY(parser_expect(parser, "PER"));
    cap->per_subject =
        parser_at(parser, "item") || parser_at(parser, "user") || parser_at(parser, "creator");
    if (cap->per_subject) {
        TRY(parser_kind(parser, false, &cap->kind));
        TRY(parser_expect(parser, "PER"));
    }
    code = parser_duration(parser, &cap->period);
out:
    return parser_form(parser, code, "3 PER USER PER item PER 1h, or 200 PER USER PER 24h");
}

enum code parse_quotas(struct parser *parser, struct signal_definition *signal)
{
    struct list list = {0};
    enum code code = CODE_OK;
    do {
        struct quota_definition *cap = list_add(parser, &list, sizeof *cap);
        if (!cap) return parser_no_memory(parser);
        TRY(parse_cap(parser, cap));
    } while (parser_accept_symbol(parser, ","));
    signal->caps = list.items;
    signal->cap_count = list.count;
out:
    return code;
}

enum code parse_sublinear(struct parser *parser, struct signal_definition *signal)
{
    enum code code;
    signal->is_sublinear = true;
    TRY(parser_expect(parser, "PER"));
    code = parser_duration(parser, &signal->sublinear);
out:
    return code;
}

enum code parse_trust(struct parser *parser, struct signal_definition *signal)
{
    enum code code;
    signal->trusts = true;
    TRY(parser_expect(parser, "USER"));
    TRY(parser_expect_symbol(parser, "."));
    code = parser_name(parser, "a field of user", &signal->trust);
out:
    return parser_form(parser, code, "TRUST user.trust");
}
