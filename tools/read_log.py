#!/usr/bin/env python3
"""read_log.py DIR: verifies the log in DIR/wal and prints its entries, a JSON object a line.

Written from docs/formats/wal.md alone, as somebody would for whom the library is lost; "rule 3"
and so on are those of the page's section "Reading".  It also looks at what readers need not: the
order of times, reserved bytes and padding, and the identities of changes.  Exit code 1: damaged."""

import json
import os
import re
import struct
import sys

from blake3 import blake3

PAGE, MINIMUM, TIME = 4096, 65536, 1 << 61


class Damage(Exception):
    pass


class Segment:
    def __init__(self, directory, name):
        self.name, self.number = name, int(name[:20])
        with open(os.path.join(directory, name), "rb") as file:
            self.data = file.read()
        head = self.data[:192]
        self.verifies = (len(head) == 192 and head[:8] == b"TIDALWAL" and
                         blake3(head[:160]) == head[160:])
        if not self.verifies:
            return
        version, page, self.inside, self.first = struct.unpack_from("<IIQQ", head, 8)
        self.database, self.chain = head[32:48], head[48:64]
        self.oldest, _, self.size, self.durable = struct.unpack_from("<QqQQ", head, 64)
        window_time, = struct.unpack_from("<q", head, 112)
        last_time, self.torn = struct.unpack_from("<qQ", head, 128)
        if version > 1:
            raise Damage(f"{name}: version {version} is newer than this program")
        self.verifies = (version == 1 and page == PAGE and self.first > 0 and
                         self.durable >= self.first - 1 and abs(last_time) < TIME and
                         abs(window_time) < TIME)

    def frame(self, at):
        """A whole frame of this segment, or None."""
        length, kind, count, first, segment, durable, time = struct.unpack_from(
            "<IHHQQQq", self.data[at:at + 40].ljust(40, b"\0"))
        data = self.data[at:at + length]
        if not 96 <= length <= 4 << 20 or len(data) < length or segment != self.number:
            return None
        digest = blake3(data[:64] + bytes(32) + data[96:])
        if digest != data[64:96]:
            return None
        return {"kind": kind, "count": count, "first": first, "durable": durable, "time": time,
                "reserved": data[40:48], "chain": data[48:64], "hash": digest[:16],
                "body": data[96:],
                "next": at + -(-length // PAGE) * PAGE, "end": at + length}

    def walk(self, stop=lambda next_lsn, chain: False):
        """Rule 3: the frames that count; sets `at`, `next` and `end_chain`, behind the last."""
        self.at, self.next, self.end_chain = PAGE, self.first, self.chain
        while not stop(self.next, self.end_chain):
            frame = self.frame(self.at)
            if not frame or frame["first"] != self.next or frame["chain"] != self.end_chain:
                return
            frame["entries"] = entries(frame, f"{self.name} at {self.at}")
            frame["place"] = f"{self.name} at {self.at}"
            frame["padding"] = self.data[frame["end"]:frame["next"]]
            self.at, self.end_chain = frame["next"], frame["hash"]
            self.next += frame["count"]
            yield frame

    def remains(self, at):
        """Rules 1, 4 and 5: whole frames from `at` on, and where the last page ends that is not
        zero."""
        found, end = [], at
        while at < len(self.data):
            frame = self.frame(at)
            page = self.data[at:at + PAGE]
            if frame:
                found.append(frame)
            at = frame["next"] if frame else at + PAGE
            end = at if frame or page.strip(b"\0") else end
        return found, end


def entries(frame, place):
    """Rule 3: the entries of a frame that counts; one that makes no sense is damage."""
    body, found, at = frame["body"], [], 0
    sane = abs(frame["time"]) < TIME
    if frame["kind"] != 1:
        if not sane or frame["count"] or len(body) != {2: 16, 3: 0, 4: 0}.get(frame["kind"], -1):
            raise Damage(f"{place}: a frame makes no sense")
        return found
    for index in range(frame["count"]):
        if at + 24 > len(body):
            break
        size, kind, flags = struct.unpack_from("<IHH", body, at)
        end = at + 24 + -(-size // 8) * 8
        if size > 1 << 20 or end > len(body):
            break
        found.append({"lsn": frame["first"] + index, "time_ms": frame["time"], "type": kind,
                      "flags": flags, "identity": body[at + 8:at + 24].hex(),
                      "payload": body[at + 24:at + 24 + size].hex()})
        at = end
    if (not sane or at != len(body) or len(found) != frame["count"] or not found or
            not 0 < frame["first"] <= (1 << 64) - 65536):
        raise Damage(f"{place}: a frame makes no sense")
    return found


def look_closer(frame, last_time):
    """What a reader need not look at."""
    if frame["reserved"].strip(b"\0") or frame["padding"].strip(b"\0"):
        print(f"{frame['place']}: reserved bytes or padding are not zero", file=sys.stderr)
    if frame["entries"] and frame["time"] < last_time:
        print(f"{frame['place']}: time goes back", file=sys.stderr)
    for entry in frame["entries"]:
        payload = bytes.fromhex(entry["payload"])
        content = b"tidal.event.1" + struct.pack("<H", entry["type"]) + payload
        expected = bytes(16) if entry["flags"] & 2 else blake3(content)[:16]
        if entry["type"] == 1 and not entry["flags"] & 1 and entry["identity"] != expected.hex():
            print(f"LSN {entry['lsn']}: its identity is not that of its content", file=sys.stderr)


def find_segments(directory):
    """Rule 1."""
    names = sorted(n for n in os.listdir(directory) if re.fullmatch(r"[0-9]{20}\.wal", n))
    found = [Segment(directory, name) for name in names if 0 < int(name[:20]) < (1 << 64) - 1]
    for segment in reversed(found):
        if segment.verifies:
            break
        if len(segment.data) < MINIMUM or segment.remains(PAGE)[0]:
            raise Damage(f"{segment.name}: the header is damaged, or the file is cut off")
    good = [segment for segment in found if segment.verifies]
    for segment in good:
        if len(segment.data) < segment.size or segment.inside != segment.number or \
                segment.database != good[0].database:
            raise Damage(f"{segment.name}: cut off, or of another log")
    return good


def begin(segments):
    """Rule 2, for a reader without the store: (must, segments from where reading begins)."""
    must = max([1] + [segment.oldest for segment in segments])
    for segment in reversed(segments):
        said = []
        try:
            for frame in segment.walk():
                if frame["kind"] == 2:
                    said.append(struct.unpack("<QQ", frame["body"])[1])
        except Damage:
            pass
        must = max([must] + said)
        if said:
            break
    starts = [i for i, segment in enumerate(segments) if segment.first <= must]
    if segments and not starts:
        raise Damage(f"the head of the log is missing: LSN {must} must be in it")
    return must, segments[starts[-1]:] if starts else []


def read(directory, show):
    must, segments = begin(find_segments(directory))
    durable, last_time = must - 1, -TIME
    if not segments:
        return "the log is new"
    for segment, following in zip(segments, segments[1:] + [None]):
        durable = max(durable, segment.durable)

        def goes_on(next_lsn, chain, following=following):
            return following and (following.first, following.chain) == (next_lsn, chain)

        for frame in segment.walk(goes_on):
            durable = max(durable, frame["durable"])
            if frame["kind"] == 2:
                durable = max(durable, struct.unpack("<QQ", frame["body"])[1] - 1)
            look_closer(frame, last_time)
            last_time = frame["time"] if frame["entries"] else last_time
            for entry in frame["entries"]:
                show(entry)
        if following and not goes_on(segment.next, segment.end_chain):
            raise Damage(f"{segment.name} at {segment.at}: LSN {segment.next} does not follow")
    behind, end = segment.remains(segment.at)
    durable = max([durable] + [frame["durable"] for frame in behind])
    if segment.next - 1 < durable:
        raise Damage(f"{segment.name} at {segment.at}: ends at LSN {segment.next - 1}, "
                     f"{durable} was durable")
    told = segment.torn if segment.next == segment.durable + 1 else 0
    return f"LSN {segments[0].first} to {segment.next - 1}, {end - segment.at or told} torn bytes"


def main(arguments):
    if len(arguments) != 1:
        sys.exit("usage: read_log.py DIR")
    try:
        directory = os.path.join(arguments[0], "wal")
        print(read(directory, lambda entry: print(json.dumps(entry))), file=sys.stderr)
    except Damage as damage:
        sys.exit(f"damaged: {damage}")


if __name__ == "__main__":
    main(sys.argv[1:])
