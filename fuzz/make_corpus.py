#!/usr/bin/env python3
"""Writes the seed corpora of the fuzz targets to fuzz/corpus: the same bytes on every machine.
Inputs that a fuzzer found are added beside them by hand, under a name that says what they are."""

import os
import random
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def write(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


# --- Numbers as src/base/bytes.h writes them ---

def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def signed(number):
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def string(text):
    return varint(len(text.encode())) + text.encode()


# --- Texts ---

STATEMENTS = {
    "define_field": "DEFINE FIELD subtitle ON item TEXT (analyzer = english, weight = 2)",
    "define_embedding": "DEFINE EMBEDDING content ON item DIMENSIONS 3 METRIC cosine;",
    "define_signal": "DEFINE SIGNAL play ON item HALF LIFE 1h, 24h, 7d WINDOWS 1h, 24h "
                     "VELOCITY 1h LATENESS 12h VALUE MIN MAX UNIQUE PER USER ALLOW UNKNOWN "
                     "POSITIVE FROM 4 NEGATIVE BELOW 2",
    "define_signal_quotas": "DEFINE SIGNAL play ON item CAP 3 PER USER PER item PER 1h, 200 PER "
                            "USER PER 24h SUBLINEAR PER 24h TRUST user.trust",
    "define_distinct": "DEFINE SIGNAL play ON item WINDOWS 24h DISTINCT USERS 30d",
    "define_totals": "DEFINE SIGNAL play ON item HALF LIFE 7d TOTALS PER category, creator",
    "drop_signal": "DROP SIGNAL view",
    "drop_field": "DROP FIELD category ON item;",
    "drop_exposure": "DROP EXPOSURE ON item.creator",
    "drop_profile": "DROP PROFILE home VERSION 2",
    "drop_profiles": "DROP PROFILE home",
    "drop_relation": "DROP RELATION follows",
    "drop_embedding": "DROP EMBEDDING look ON item",
    "drop_context": "DROP CONTEXT device",
    "rename_signal": "RENAME SIGNAL view TO watch",
    "rename_field": "RENAME FIELD category ON item TO genre",
    "rename_embedding": "RENAME EMBEDDING look ON item TO content",
    "rename_relation": "RENAME RELATION follows TO likes",
    "rename_context": "RENAME CONTEXT device TO screen;",
    "rename_profile": "RENAME PROFILE home TO front",
    "define_relation": "DEFINE RELATION mutes FROM user TO creator EXCLUDING",
    "define_context": "DEFINE CONTEXT hour INTEGER",
    "define_exposure": "DEFINE EXPOSURE ON item.creator HALF LIFE 6h;",
    "define_profile": "DEFINE PROFILE for_you VERSION 3 AS FROM newest(100), trending(view, 1h, "
                      "50), related(user follows creator, 20) SCORE 2 * velocity(view, 1h) - "
                      "0.5 * age(item.published) TIMES freshness(item.published, 7d) EXCLUDE "
                      "seen(30d), blocked, hidden DIVERSIFY max 2 per category",
    "put": "PUT item 1001 KEY 'film-7' {\"title\": \"It's; \\\"}\", \"tags\": [\"a\", \"b\"], "
           "\"year\": 1999, \"look\": [1, 0.5, -2e3], \"published\": \"2026-11-01T10:00:00Z\"};",
    "patch": "PATCH item KEY 'it''s' {\"year\": null, \"look\": null}",
    "put_parameter": "PUT user $id KEY $key $body",
    "delete": "DELETE creator 18446744073709551615 -- the last\n;",
    "signal": "SIGNAL vote ON item 5 BY USER KEY 'u' VALUE -2.5 AT '2026-11-01' KEY 'once'",
    "retract": "RETRACT SIGNAL like ON item $i BY USER $u AT 1793527200000",
    "relate": "RELATE user 1 follows creator KEY 'ada' WEIGHT 0.25 AT 12",
    "transaction": "TRANSACTION { PUT item 1 {}; SIGNAL view ON item 1 BY USER 2; UNRELATE user 2 "
                   "likes item 1; PATCH item 1 { \"title\": \"}\" }; };",
    "retrieve": "RETRIEVE items FOR USER 7 FROM newest(10) WHERE category IN ('a', $c) AND "
                "NOT (year < 2000 OR title IS MISSING) RETURNING id, key, score, item.title, "
                "explain LIMIT 10 OFFSET 5 NOW '2026-11-01' SEED 42 AT LEAST $lsn",
    "retrieve_ranking": "RETRIEVE items FROM all SCORE coalesce(item.rating, -1) / (1 + "
                        "log2(1 + count(view, 24h))) + if(item.live, 1, 0) EXCLUDE hidden LIMIT 3",
    "why_not": "WHY NOT item 7 IN RETRIEVE items FROM newest(10) WHERE year >= 2000",
    "explain": "EXPLAIN RETRIEVE items FROM trending(view, 1h)",
    "record": "RETRIEVE items FOR USER 7 USING home LIMIT 5 RETURNING slate, id CONTEXT surface = "
              "'home' RECORD FEATURES",
    "export": "EXPORT TRAINING FROM SLATES SINCE LSN $lsn WHERE profile = 'home' AND user = $u "
              "LABEL like WITHIN 30m LIMIT 10",
    "cite": "SIGNAL impression ON item 7 BY USER 42 AT 5 KEY 'k' SLATE $s POSITION 3; "
            "SHOW SLATE 12",
    "show": "SHOW SCHEMA; SHOW STATUS; CHECKPOINT; -- a script",
    "cursors": "DEFINE CURSOR search FROM $lsn; TAIL CURSOR search WAIT 1s; ADVANCE CURSOR search "
               "TO 7; DROP CURSOR search; SHOW CURSORS;",
    "tail": "TAIL FROM $lsn WHERE kind = 'signal' AND name IN ('like', $x) AND id IN $ids AND "
            "user != 42 LIMIT 5 WAIT 500ms",
    "nested": "RETRIEVE items FROM all WHERE " + "NOT (" * 15 + "live" + ")" * 15,
}

QUESTIONS = {
    "all": "RETRIEVE items FROM all",
    "hot": "RETRIEVE items FOR USER 1 USING hot LIMIT 10",
    "where": "RETRIEVE items FROM all WHERE genre = 'g1' AND year > 2000 OR tags = 't3'",
    "where_types": "RETRIEVE items FROM all WHERE (rating >= 2.5 AND live = true AND published < "
                   "'2026-11-01') OR creator = 2 OR title IS MISSING",
    "parameters": "RETRIEVE items FOR USER $u FROM all WHERE genre IN $l AND year > $n AND rating "
                  "> $x AND genre != $t LIMIT $n",
    "signals": "RETRIEVE items FROM all SCORE decay(view, 1h) + rate(view, 24h) + count(view, 7d) "
               "- sum(vote, 24h) + mean(vote, 24h) + velocity(view, 24h) LIMIT 40",
    "ratio": "RETRIEVE items FROM newest(30) SCORE ratio(like, view, prior 20 MEAN 0.1) TIMES "
             "saturate(count(view), 3)",
    "unique": "RETRIEVE items FROM all SCORE unique(view, 30m) / max(count(view, 7d), 1) WHERE "
              "unique(view, 7d) >= 1",
    "prior": "RETRIEVE items FROM all SCORE ratio(like, view, 24h, prior 20 FROM item.genre) + "
             "wilson(view, vote, 24h, 1.96) + thompson(like, view, 24h, 7, prior 5 FROM creator) + "
             "mean(vote, 24h, prior 3 FROM item.tags) + effective(view, 24h)",
    "user": "RETRIEVE items FOR USER 1 FROM related(user follows creator, 20), newest(20) SCORE "
            "affinity(user, item.genre) + 0.5 * related(user follows creator) - if(seen(7d), 1, 0)",
    "personal": "RETRIEVE items FOR USER 1 FROM all SCORE "
                "affinity(user, item.tags, 5h) - exposure(user, item.creator) - exposure(user, "
                "item.tags) / 3 + since(user, like) TIMES 1 / (1 + times_seen(user) + "
                "coalesce(last_seen(user), 0)) WHERE last(user, hide) IS MISSING",
    "coengaged": "RETRIEVE items FOR USER 1, ITEM 3 FROM coengaged(item, 5), coengaged(user.recent("
                 "like, 20), 9) SCORE coengagement(user.recent(3)) + coengagement(item) RETURNING "
                 "id, source, score, explain",
    "math": "RETRIEVE items FROM all SCORE log(max(1, item.year)) + sqrt(abs(item.rating)) + "
            "pow(2, clamp(item.rating, -1, 3)) + min(1, 2) * max(3, item.year) / 7",
    "gates": "RETRIEVE items FOR USER 2 FROM all EXCLUDE seen(30d), blocked, hidden DIVERSIFY max "
             "1 per genre, max 2 per creator LIMIT 5",
    "columns": "RETRIEVE items FOR USER 1 FROM newest(9) SCORE freshness(item.published, 24h) "
               "RETURNING id, key, score, rank, source, title, tags, look, published, explain",
    "lines": "RETRIEVE items FOR USER 1 FROM newest(20) SCORE 0.3 * item.rating + 1e300 * "
             "item.year - mean(vote, 24h) / 3 TIMES freshness(item.published, 7d) TIMES 0.7 "
             "RETURNING score, explain",
    "served": "RETRIEVE items FOR USER 1 FROM all EXCLUDE served(10m), seen(7d) LIMIT 5",
    "time": "RETRIEVE items FROM trending(view, 24h, 5) NOW '2026-11-02T00:00:00Z' SEED 7 OFFSET 2",
    "context": "RETRIEVE items FROM all SCORE if(context.device = 'tv', 1, item.rating)",
    "explain": "EXPLAIN RETRIEVE items FOR USER 1 USING hot WHERE live = true",
    "why_not": "WHY NOT item 5 IN RETRIEVE items FOR USER 1 USING hot WHERE year > 1991 LIMIT 3",
    "why_not_absent": "WHY NOT item KEY 'x' IN RETRIEVE items FROM all",
}

JSON = {
    "fields": '{"title": "Un \\u00e9t\\u00e9", "category": "film", "tags": ["a", "b"], "year": '
              '1999, "rating": 4.5e0, "live": true, "published": "2026-11-01T10:00:00.5+01:00", '
              '"creator": 18446744073709551615, "look": [1, -0.5, 3e38]}',
    "nulls": '{"title":null,"tags":null,"look":null}',
    "user": ' {"country" : "fr"} ',
    "escapes": '"\\"\\\\\\/\\b\\f\\n\\r\\t\\ud83d\\ude00\\uffff"',
    "surrogates": '["\\ud800", "\\udc00\\ud800"]',
    "numbers": "[0, -0, -0.0, 1e308, 1e-400, 5e-324, 9223372036854775807, -9223372036854775808]",
    "large": "[9223372036854775808, 18446744073709551615]",
    "too_large": "[18446744073709551616]",
    "deep": "[" * 64 + "]" * 64,
    "too_deep": '{"a":' * 65 + "1" + "}" * 65,
    "twice": '{"a": 1, "b": 2, "\\u0061": 3}',
    "utf8": '"é€😀\x7f"',
    "bad_utf8": b'"\xed\xa0\x80\xc0\x80"',
    "trailing": "{} {}",
    "wrong_types": '{"year": 1.5, "tags": ["a", 1], "look": [1, 2], "published": "soon"}',
    "long_number": "0." + "3" * 399,
}


# --- Changes (docs/formats/change.md) ---

def entity(kind, identity):
    if isinstance(identity, str):
        return bytes([kind | 0x80]) + string(identity)
    return bytes([kind]) + varint(identity)


def put(kind, who, fields, embeddings, key=""):
    out = bytes([kind]) + who + string(key) + varint(len(fields))
    for number, value in fields:
        out += varint(number) + value
    out += varint(len(embeddings))
    for number, value in embeddings:
        out += varint(number) + value
    return out


def vector(numbers):
    return b"\x09" + varint(len(numbers)) + struct.pack(f"<{len(numbers)}f", *numbers)


VALUES = [(0, b"\x06" + string("a title")), (1, b"\x06" + string("film")),
          (2, b"\x07" + varint(2) + string("a") + string("b")), (3, b"\x03" + signed(1999)),
          (4, b"\x04" + struct.pack("<d", 4.5)), (5, b"\x02"),
          (6, b"\x05" + signed(1793527200000)), (7, b"\x08" + varint(2**64 - 1))]
SIGNAL = bytes([5]) + varint(4) + bytes([7]) + entity(0, 5) + entity(1, 9) + signed(-3 << 15) + \
    signed(1793527200000)
RELATE = bytes([6]) + varint(0) + bytes([1]) + entity(1, 1) + entity(2, "ada") + \
    struct.pack("<f", 0.25) + signed(12)

CITES = bytes([5]) + varint(4) + bytes([0x17]) + entity(0, 5) + entity(1, 9) + signed(-3 << 15) + \
    signed(1793527200000) + varint(1234) + varint(3)
SLATE = bytes([11, 7]) + entity(1, 42) + string("home") + varint(2) + \
    string("RETRIEVE items FOR user 42 USING home RECORD FEATURES") + string("tv") + varint(7) + \
    signed(1793527200000) + varint(300) + varint(20) + varint(2) + string("newest(100)") + \
    string("all") + varint(2) + string("count(view, 1h)") + string("item.year") + varint(2) + \
    varint(5) + struct.pack("<d", 1.5) + varint(3) + varint(0) + struct.pack("<dd", 2, 1999) + \
    varint(300) + struct.pack("<d", 0) + varint(2) + varint(2) + struct.pack("<d", 1)

CHANGES = {
    "define": bytes([1]) + string("DEFINE FIELD x ON item TEXT"),
    "put": put(2, entity(0, 1001), VALUES, [(0, vector([1, 0.5, -2]))], "film-7"),
    "put_empty": put(2, entity(2, "k"), [], []),
    "patch": put(3, entity(0, 7), [(0, b"\x00"), (5, b"\x01")], [(0, b"\x00")]),
    "delete": bytes([4]) + entity(1, 2**63),
    "signal": SIGNAL,
    "signal_plain": bytes([5]) + varint(2) + bytes([0]) + entity(0, 5),
    "retract": bytes([5]) + varint(3) + bytes([9]) + entity(0, 5) + entity(1, "u"),
    "relate": RELATE,
    "unrelate": bytes([7]) + varint(1) + bytes([0]) + entity(1, 1) + entity(2, 2),
    "transaction": bytes([8]) + varint(3) + SIGNAL + RELATE + put(2, entity(0, 1), VALUES[:1], []),
    "forget": bytes([9]) + entity(1, 42),
    "forget_key": bytes([9]) + entity(1, "ann"),
    "cursor_define": bytes([10, 1]) + string("search") + varint(300),
    "cursor_advance": bytes([10, 2]) + string("search") + varint(2**64 - 1),
    "cursor_drop": bytes([10, 3]) + string("search"),
    "drop": bytes([13]) + string("DROP SIGNAL view"),
    "rename": bytes([14]) + string("RENAME SIGNAL view TO watch"),
    "slate": SLATE,
    "slate_empty": bytes([11, 0]) + string("") + bytes(7),
    "signal_cites": CITES,
    "transaction_cites": bytes([8]) + varint(2) + RELATE + CITES,
    "trailing": bytes([4]) + entity(1, 5) + b"\x00",
    "long_varint": bytes([4, 1, 0x85, 0x00]),
}


# --- Rows (docs/formats/rows.md), as rows_fuzz.c takes them ---

def row(keyspace, identity, suffix, value):
    return bytes([keyspace, identity, len(suffix)]) + suffix + struct.pack("<H", len(value)) + value


def entity_row(ordinal, *puts, created=1700000000000):
    pieces = b"".join(struct.pack("<I", len(data) + 1) + b"\x01" + data for data in puts)
    return bytes([1, 1]) + struct.pack("<Iq", ordinal, created) + pieces


def ledger_row(decays, rings, minimum_maximum=False):
    out = bytes([1, int(minimum_maximum)]) + signed(1700000000000) + signed(3) + signed(3 << 16)
    if minimum_maximum:
        out += signed(-1) + signed(5 << 16)
    out += bytes([len(decays)])
    for half_life, spare, total in decays:
        out += varint(half_life) + bytes([spare]) + signed(total)
    out += bytes([len(rings)])
    for hop, longest, buckets in rings:
        out += varint(hop) + varint(longest) + varint(len(buckets))
        for index, (number, count) in enumerate(buckets):
            out += (varint(number) if index else signed(number)) + signed(count)
            out += signed(count << 16)
            if minimum_maximum:
                out += signed(-1) + signed(5 << 16)
    return out


HOUR, DAY = 3600000, 86400000
LEDGER = ledger_row([(HOUR, 0, 1 << 30), (7 * DAY, 0, 1 << 40)],
                    [(300000, HOUR, [(5666656, 2), (10, 1)]), (HOUR, 7 * DAY, [(472222, 3)])])
BEHAVIOUR = bytes([1, 7]) + varint(2) + signed(1700000000000) + signed(1700000000000) + \
    signed(1600000000000) + varint(2) + varint(3) + bytes([3]) + signed(1700000000000) + \
    signed(1 << 16) + varint(4) + bytes([0]) + signed(5)
# A like that weighed a third, and what of a user counted: signal, kind, subject, period, count.
WEIGHED = bytes([2, 1]) + varint(1) + signed(1700000000000) + varint(1) + varint(3) + \
    bytes([11]) + signed(1700000000000) + signed(1 << 16) + bytes([85])
COUNTERS = ((5, 0, 9, 472222, 3), (5, 0, 9, 472223, 1), (5, 1, None, 19675, 4),
            (5, 2, 9, 19675, 4))


def quota_row(counters, newest=1700000000000):
    out = b"\x01" + signed(newest) + varint(len(counters))
    for signal, kind, subject, period, count in counters:
        out += varint(signal) + bytes([kind]) + (b"" if subject is None else varint(subject))
        out += signed(period) + varint(count)
    return out


EXPOSURE = bytes([1, 2]) + struct.pack("<Q", 2) + signed(1700000000000) + signed(1 << 83) + \
    struct.pack("<Q", 2**64 - 1) + signed(1600000000000) + signed(7)
EDGE = bytes([1]) + struct.pack("<f", 0.5) + signed(1700000000000)


GROUP = bytes([1]) + signed(1700000000000) + signed(3) + signed(3 << 16) + bytes([2]) + \
    varint(HOUR) + bytes([13]) + signed(1 << 40) + varint(7 * DAY) + bytes([2]) + signed(1 << 30)


def unique_row(users, registers=None):
    """Users: (time, hash), ascending; registers: of each, (time, rank)."""
    out, before = bytes([1, len(users)]), None
    for time, number in users:
        out += signed(time) if before is None else varint(time - before)
        out += struct.pack("<Q", number)
        before = time
    for marks in registers or []:
        out += bytes([len(marks)])
        out += b"".join(varint(before - time) + bytes([rank]) for time, rank in marks)
    return out


def crowd():
    """64 users of a register of their own each, and older ones who are marks alone."""
    users = [(1700000000000 + i, i << 56 | 1 << 55 >> i % 20) for i in range(64)]
    registers = [[(time, 1 + number % 64 % 20)] for number, (time, _) in enumerate(users)]
    registers += [[(1699999000000, 9), (1699999500000, 3)]] + [[] for _ in range(191)]
    return unique_row(users, registers)


def edge_suffix(relation, to):
    return struct.pack(">HQ", relation, to)


def coengagement_row(epoch, total, *neighbours, generation=0):
    out = bytes([1, generation]) + signed(epoch) + varint(total) + varint(len(neighbours))
    for distance, generation, counter, error in neighbours:
        out += varint(distance) + bytes([generation]) + varint(counter) + varint(error)
    return out


def trend_row(level, peak, users):
    out = bytes([1, level, int(peak is not None)])
    if peak is not None:
        out += signed(peak[0]) + signed(peak[1])
    return out + varint(len(users)) + b"".join(
        struct.pack("<Q", who) + signed(time) for who, time in users)


RISING = b"\x00\x06"
TREND = trend_row(0, (236138 << 36, 1700000000000), [(7, 1700000000000), (9, 1699999999000)])
# --- Rows of what was served, as served_fuzz.c takes them ---

def served(surfaces):
    out = bytes([1]) + varint(len(surfaces))
    for name, entries in surfaces:
        out += string(name) + varint(len(entries))
        for slate, position, item in entries:
            out += varint(slate) + varint(position) + signed(1700000000000) + varint(item)
    return out


def served_row(user, surfaces):
    value = served(surfaces)
    return bytes([user]) + struct.pack("<H", len(value)) + value


SERVED = {
    "two_users": served_row(1, [("", [(9, 1, 5), (9, 2, 6), (12, 1, 7)]), ("home", [(10, 21, 5)])])
                 + served_row(2, [("home", [(9, 1, 5)])]),
    "far_positions": served_row(1, [("", [(9, 2**32 - 1, 5), (9, 2**32 - 1, 6)])]),
    "eight_surfaces": served_row(3, [(name, [(index + 1, 1, 5)])
                                     for index, name in enumerate("abcdefgh")]),
    "nine_surfaces": served_row(3, [(name, [(1, 1, 5)]) for name in "abcdefghi"]),
    "twice": served_row(1, [("", [(9, 1, 5), (10, 1, 5)])]),
    "newer_version": b"\x01\x01\x00\x02",
}

# What a backfill brings: of a pair the half-life and ring that have a gap, and no more.
BROUGHT = ledger_row([(7 * DAY, 2, 1 << 40)], [(HOUR, 7 * DAY, [(472100, 5), (122, 3)])])


def backfill(signal, defined, pairs=(), since=None):
    out = bytes([12]) + varint(signal) + varint(defined) + bytes([int(since is not None)])
    out += b"" if since is None else signed(since)
    out += varint(len(pairs))
    for identity, pair in pairs:
        out += varint(identity) + varint(len(pair)) + pair
    return out


CHANGES |= {
    "backfill": backfill(2, 7, [(5, BROUGHT), (2**64 - 1, LEDGER)]),
    "backfill_of_an_empty_row": backfill(2, 7, [(5, b"")]),
    "backfill_ends_complete": backfill(2, 2**63, since=-2**63),
    "backfill_ends_in_part": backfill(4, 7, since=1700000000000),
    "backfill_ends_with_nothing": backfill(4, 7, since=2**63 - 1),
}


def gaps_row(*signals):
    """Signals: (number, LSN, gaps), gaps: (place, due, since, whole of a ring)."""
    out = b"\x01" + varint(len(signals))
    for signal, defined, gaps in signals:
        out += varint(signal) + varint(defined) + bytes([len(gaps)])
        for place, due, since, whole in gaps:
            out += bytes([place, int(due)]) + signed(since)
            out += varint(whole) if place >= 128 else b""
    return out


def gaps(row_of_gaps, brought, *rows):
    return b"\x60" + b"".join(struct.pack("<H", len(data)) + data
                              for data in (row_of_gaps, brought)) + b"".join(rows)


VIEW_GAPS = (2, 7, [(1, True, 1700000000000, 0), (129, True, 1700000000000, DAY)])
NOBODY = entity(0, 0)
ROWS = {
    "trending": b"\x40" + row(0, 1, RISING, TREND) + row(0, 2, RISING, trend_row(0, None, [])),
    "trending_sample": b"\x40" + row(0, 3, RISING, trend_row(3, (1 << 61, 0), [(
        2**60, 1700000000000)])) + row(0, 4, RISING, TREND) + row(0, 5, RISING, TREND),
    "trending_far_time": b"\x40" + row(0, 1, RISING, trend_row(0, (1, 2**62), [])),
    "trending_no_such": b"\x40" + row(0, 1, b"\x00\x02", TREND),
    "entities": b"\x00" + row(0, 5, b"", entity_row(0, put(2, NOBODY, VALUES, [(
        0, vector([1, 2, 3]))], "film-5"))) + row(0, 6, b"", entity_row(1, put(
            2, NOBODY, VALUES[2:4], []))) + row(1, 1, b"", entity_row(0, put(
                2, entity(1, 0), [(8, b"\x06" + string("fr"))], []))),
    "entities_pieces": b"\x00" + row(0, 5, b"", entity_row(
        0, put(2, NOBODY, VALUES[:2], [], "k"), put(2, NOBODY, VALUES[2:], []))),
    "entities_deleted": b"\x00" + row(0, 5, b"", bytes([1, 0]) + struct.pack("<Iq", 0, 0)),
    "entities_gap": b"\x00" + row(0, 5, b"", entity_row(3)),
    "entities_lost": b"\x04" + row(0, 5, b"", entity_row(0)),
    "entities_same_ordinal": b"\x00" + row(0, 5, b"", entity_row(0))
                             + row(0, 6, b"", entity_row(0)),
    "entities_same_key": b"\x00" + row(0, 5, b"", entity_row(0, put(2, NOBODY, [], [], "k")))
                         + row(0, 6, b"", entity_row(1, put(2, NOBODY, [], [], "k"))),
    "ledger": b"\x01" + row(0, 1, b"\x00\x02", LEDGER) + row(0, 2, b"\x00\x02", LEDGER),
    "ledger_other_layout": b"\x01" + row(0, 1, b"\x00\x02", ledger_row([(DAY, 3, 5)], [])),
    "ledger_extremes": b"\x01" + row(0, 1, b"\x00\x03", ledger_row(
        [(HOUR, 0, -2**126), (7 * DAY, 60, 2**126)], [(DAY, 30 * DAY, [(19674, 1), (1, -1)])],
        True)),
    "gaps": gaps(gaps_row(VIEW_GAPS), BROUGHT, row(0, 1, b"\x00\x02", LEDGER),
                 row(0, 2, b"\x00\x02", LEDGER)),
    "gaps_in_part": gaps(gaps_row((2, 0, [(0, False, 1600000000000, 0)]), (4, 9, [
        (0, True, 1700000000000, 0), (128, False, -5, 0)])), BROUGHT + b"\x00"),
    "gaps_of_all": gaps(gaps_row((2, 2**64 - 1, [(place, True, 2**62, 366 * DAY)
                                                 for place in (0, 1, 128, 129)])), LEDGER,
                        row(0, 1, b"\x00\x02", LEDGER)),
    "gaps_brought_is_newer": gaps(gaps_row(VIEW_GAPS), BROUGHT[:2] + signed(1700000000001)
                                  + BROUGHT[2 + len(signed(1700000000000)):],
                                  row(0, 1, b"\x00\x02", LEDGER)),
    "gaps_of_no_signal": gaps(gaps_row((60, 7, [(0, True, 5, 0)])), b""),
    "gaps_due_of_nothing": gaps(gaps_row((2, 7, [(0, False, 5, 0)])), b""),
    "gaps_none": gaps(b"\x01\x00", b""),
    "unique": b"\x30" + row(0, 1, b"\x00\x02", unique_row([(1700000000000, 5), (1700000000000, 9),
                                                            (1700000000007, 1)]))
              + row(0, 2, b"\x00\x02", crowd()),
    "unique_same_user": b"\x30" + row(0, 1, b"\x00\x02", unique_row([(1700000000000, 5),
                                                                      (1700000000001, 5)])),
    "unique_without_sketch": b"\x30" + row(0, 1, b"\x00\x02", unique_row([
        (1700000000000 + i, i) for i in range(64)])),
    "groups": b"\x50" + row(0, 0, struct.pack(">HHQ", 2, 1, 5), GROUP)
              + row(0, 0, struct.pack(">HHQ", 2, 7, 2**64 - 1), GROUP),
    "groups_by_no_field": b"\x50" + row(0, 0, struct.pack(">HHQ", 2, 3, 5), GROUP),
    "edges": b"\x02" + row(1, 1, edge_suffix(0, 2), EDGE) + row(1, 1, edge_suffix(1, 3), EDGE)
             + row(1, 2, edge_suffix(2, 1), EDGE),
    "edges_unknown": b"\x02" + row(1, 1, edge_suffix(9, 2), EDGE),
    "behaviour": b"\x03" + row(1, 1, struct.pack(">BQ", 0, 5), BEHAVIOUR)
                 + row(1, 2, struct.pack(">BQ", 2, 1), BEHAVIOUR),
    "behaviour_seen": b"\x03" + row(1, 2, struct.pack(">BQ", 0, 1), bytes([1, 1]) + varint(
        2**32 - 1) + signed(-62135596800000) + varint(0)),
    "behaviour_weighed": b"\x03" + row(1, 1, struct.pack(">BQ", 0, 5), WEIGHED),
    "behaviour_weighed_in_vain": b"\x03" + row(1, 1, struct.pack(">BQ", 0, 5),
                                               b"\x02" + BEHAVIOUR[1:]),
    "quotas": b"\x10" + row(1, 2, b"", quota_row(COUNTERS))
              + row(1, 3, b"", quota_row(COUNTERS[2:]))
              + row(0, 0, b"", b"\x01" + varint(2) + varint(2) + varint(7) + varint(5) + varint(1)),
    "quotas_over": b"\x10" + row(1, 2, b"", quota_row([(5, 0, 2**64 - 1, -2**63, 1),
                                                      (5, 1, None, 2**63 - 1, 1000)], -2**63)),
    "quotas_beyond_the_cap": b"\x10" + row(1, 2, b"", quota_row([(5, 0, 9, 472222, 4)])),
    "quotas_of_another_signal": b"\x10" + row(1, 2, b"", quota_row([(2, 0, 9, 472222, 1)])),
    "exposure": b"\x20" + row(1, 1, b"\x00\x07", EXPOSURE) + row(1, 2, b"\x00\x07", bytes(
        [1, 1]) + struct.pack("<Q", 9) + signed(5) + signed(0)),
    "exposure_full": b"\x20" + row(1, 2, b"\x00\x07", bytes([1, 32]) + b"".join(struct.pack(
        "<Q", topic) + signed(1700000000000 - topic) + signed(2**126) for topic in range(32))),
    "exposure_of_no_field": b"\x20" + row(1, 1, b"\x00\x01", EXPOSURE),
    "coengagement": b"\x80" + row(0, 1, b"", coengagement_row(691, 200000, (2, 0, 90000, 0), (
        3, 0, 70000, 4000))) + row(0, 2, b"", coengagement_row(690, 1 << 40, (1, 0, 2**31 - 1, 0)))
                    + row(0, 5, b"", coengagement_row(691, 0, (1, 0, 70000, 70000))),
    "coengagement_void": b"\x80" + row(0, 1, b"", coengagement_row(691, 70000, (2, 0, 66000, 0), (
        7, 3, 1, 1))) + row(0, 9, b"", coengagement_row(691, 1))
                         + row(0, 2, b"", coengagement_row(-2**30, 0, generation=9)),
    "coengagement_full": b"\x80" + row(0, 1, b"", coengagement_row(691, 1 << 30, *(
        (2 if i == 0 else 1, 0, 70000 + i, i) for i in range(32)))) + b"".join(row(
            0, 2 + i, b"", coengagement_row(691, 1)) for i in range(32)),
    "coengagement_lost": b"\x80" + row(0, 1, b"", coengagement_row(691, 1, (2, 0, 5, 0))),
    "coengagement_own": b"\x80" + row(0, 1, b"", coengagement_row(691, 1, (1, 0, 5, 0))),
    "newer_version": b"\x02" + row(1, 1, edge_suffix(0, 2), b"\x02" + EDGE[1:]),
}


def change_format(name, data):
    if data[0] in (12, 13, 14):
        return b"\x04"
    if data[0] == 11 or name.endswith("_cites"):
        return b"\x03"
    return b"\x02" if data[0] in (9, 10) else b"\x01"


def main():
    for target, texts in (("statement", STATEMENTS), ("retrieve", QUESTIONS), ("json", JSON),
                          ("change", {name: change_format(name, data) + data
                                      for name, data in CHANGES.items()}),
                          ("rows", ROWS), ("served", SERVED)):
        for name, data in texts.items():
            write(target, name, data)
    # A log is made from decisions: any bytes are some.
    generator = random.Random(2026)
    for index in range(12):
        write("wal", f"decisions_{index:02}", b"\x01" + generator.randbytes(40 + 40 * index))
    write("wal", "simplest", b"\x01")
    write("wal", "segment_magic", b"\x00TIDALWAL\x01\x00\x00\x00\x00\x10\x00\x00" + bytes(176))


if __name__ == "__main__":
    main()
