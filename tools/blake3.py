"""BLAKE3-256 in plain Python, after section 2 of the paper:
https://github.com/BLAKE3-team/BLAKE3-specs.
Slow, short, and not the code that the library uses."""

import struct

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
      0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
MIXES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
MASK = 0xFFFFFFFF


def compress(chaining, block, counter, length, flags):
    """The chaining value (or, with ROOT, the hash) of a block of 16 words."""
    v = [*chaining, *IV[:4], counter & MASK, counter >> 32, length, flags]
    m = block
    for _ in range(7):
        for i, (a, b, c, d) in enumerate(MIXES):
            v[a] = v[a] + v[b] + m[2 * i] & MASK
            x = v[d] ^ v[a]
            v[d] = x >> 16 | x << 16 & MASK
            v[c] = v[c] + v[d] & MASK
            x = v[b] ^ v[c]
            v[b] = x >> 12 | x << 20 & MASK
            v[a] = v[a] + v[b] + m[2 * i + 1] & MASK
            x = v[d] ^ v[a]
            v[d] = x >> 8 | x << 24 & MASK
            v[c] = v[c] + v[d] & MASK
            x = v[b] ^ v[c]
            v[b] = x >> 7 | x << 25 & MASK
        m = [m[p] for p in PERMUTATION]
    return [v[i] ^ v[i + 8] for i in range(8)]


def words(data):
    return struct.unpack("<16I", data.ljust(64, b"\0"))


def chunk(data, counter, root):
    """The chaining value of at most 1,024 bytes."""
    value = IV
    blocks = [data[i:i + 64] for i in range(0, len(data), 64)] or [b""]
    for i, block in enumerate(blocks):
        last = i == len(blocks) - 1
        flags = (CHUNK_START if i == 0 else 0) | (CHUNK_END | root if last else 0)
        value = compress(value, words(block), counter, len(block), flags)
    return value


def tree(data, counter, root):
    """The left part is the largest power of two of chunks that leaves something to the right."""
    if len(data) <= 1024:
        return chunk(data, counter, root)
    left = 1 << ((len(data) - 1) // 1024).bit_length() - 1
    children = tree(data[:left * 1024], counter, 0) + tree(data[left * 1024:], counter + left, 0)
    return compress(IV, children, 0, 64, PARENT | root)


def blake3(data):
    return struct.pack("<8I", *tree(bytes(data), 0, ROOT))
