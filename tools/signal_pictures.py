#!/usr/bin/env python3
"""Draws the pictures of docs/signals.md from the formulas that they show.

signal_pictures.py FILE          puts each picture into its block, after <!-- picture: NAME -->
signal_pictures.py --check FILE  changes nothing; exit code 1 if a block is not as it would be"""

import math
import re
import sys

WIDTH, HEIGHT = 64, 7


def plot(curves, low=None, high=None, axis=""):
    """curves: (mark, values), WIDTH values each, None where there is none; later ones on top."""
    known = [v for _, values in curves for v in values if v is not None]
    low = min(known) if low is None else low
    high = max(known) if high is None else high
    rows = [[" "] * WIDTH for _ in range(HEIGHT)]
    for mark, values in curves:
        for x, value in enumerate(values):
            if value is None:
                continue
            share = min(max((value - low) / (high - low), 0), 1)
            rows[HEIGHT - 1 - round(share * (HEIGHT - 1))][x] = mark
    labels = [f"{high:.3g}"] + [""] * (HEIGHT - 2) + [f"{low:.3g}"]
    lines = [f"{label:>5} |" + "".join(row).rstrip() for label, row in zip(labels, rows)]
    return "\n".join(lines + [" " * 6 + "+" + "-" * WIDTH, " " * 7 + axis])


def over(hours, function):
    return [function(hours * x / (WIDTH - 1)) for x in range(WIDTH)]


def marks(hours, times, value=0):
    """A mark at each time; nothing elsewhere."""
    columns = {round(t / hours * (WIDTH - 1)) for t in times}
    return [value if x in columns else None for x in range(WIDTH)]


def decayed(times, half_life):
    return lambda t: sum(2 ** (-(t - e) / half_life) for e in times if e <= t)


def rate(times, half_life):
    return lambda t: math.log(2) / half_life * decayed(times, half_life)(t)


def count(times, window):
    return lambda t: sum(t - window < e <= t for e in times)


def decay():
    times = [2, 2.5, 3, 3.5, 4, 12]
    return plot([("1", over(24, decayed(times, 1))), ("6", over(24, decayed(times, 6))),
                 (".", marks(24, times))], 0, 5,
                "24 h; five events early, one at noon; H = 1h and 6h")


def windows():
    times = [1, 1.2, 1.4, 2, 6, 6.1, 6.2, 6.3, 6.4, 6.5]
    return plot([("4", over(12, count(times, 4))), ("1", over(12, count(times, 1))),
                 (".", marks(12, times))], 0, 6, "12 h; events (.), W = 1h and 4h")


def young():
    times = [x / 10 for x in range(1, 241)]
    kernel = rate(times, 12)
    return plot([("r", over(24, kernel)),
                 ("c", over(24, lambda t: kernel(t) / (1 - 2 ** (-max(t, 0.3) / 12))))], 0, 12,
                "24 h; ten events an hour from birth; H = 12h: plain (r), corrected by age (c)")


def velocity():
    def score(t, height):
        now, usual = 20 + height * (8 <= t < 10), 20
        return (now - usual) / math.sqrt(usual + 1)
    small = over(24, lambda t: (1 + 8 * (8 <= t < 10) - 1) / math.sqrt(2))
    return plot([("b", over(24, lambda t: score(t, 8))), ("s", small)], 0, 6,
                "24 h; 8 more an hour from 8:00 to 10:00 at 20 usual ones (b) and at 1 (s)")


def slope():
    short, long = 1, 6

    def value(t):
        # The kernels' answers to a rate that grows from 0 by 1 an hour from hour 6 to hour 12.
        def answer(half_life):
            step, total, s = 0.02, 0.0, 0.0
            while s < 30:
                at = t - s
                total += math.log(2) / half_life * 2 ** (-s / half_life) * step * \
                    min(max(at - 6, 0), 6)
                s += step
            return total
        return (answer(short) - answer(long)) / (long - short) * math.log(2)
    return plot([("*", over(24, value))], 0, 0.5,
                axis="24 h; the rate is 0, grows by 1 an hour from 6:00 to 12:00, stays")


def surge():
    plain = over(24, lambda t: (3 if 8 <= t < 10 else 0.5) / 0.5)
    smooth = over(24, lambda t: ((3 if 8 <= t < 10 else 0.5) + 5) / (0.5 + 5))
    large = over(24, lambda t: ((300 if 8 <= t < 10 else 50) + 5) / (50 + 5))
    return plot([("0", plain), ("L", large), ("s", smooth)], 0, 6,
                "24 h; six times the usual: 3 for 0.5 with n = 0 (0), n = 5 (s); "
                "300 for 50 (L, as 0)")


def ratio():
    n, mean = 20, 0.1
    return plot([("1", [min((x + n * mean) / (x + n), 1) for x in range(WIDTH)]),
                 ("0", [n * mean / (x + n) for x in range(WIDTH)])], 0, 1,
                "views 0 to 63, all of them liked (1) or none (0): prior 20 MEAN 0.1")


def wilson():
    def bound(of, share, z=1.2816):
        if of == 0:
            return 0
        spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
        return (share + z * z / (2 * of) - spread) / (1 + z * z / of)
    return plot([("9", [bound(x, 0.9) for x in range(WIDTH)]),
                 ("6", [bound(x, 0.6) for x in range(WIDTH)])], 0, 1,
                "views 0 to 63, of which 90 % (9) or 60 % (6) were liked")


def thompson():
    def density(a, b):
        log = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
        return [math.exp(log + (a - 1) * math.log((x + 0.5) / WIDTH) +
                         (b - 1) * math.log(1 - (x + 0.5) / WIDTH)) for x in range(WIDTH)]
    return plot([("l", density(2 + 2, 3 + 8)), ("m", density(2 + 60, 8 + 140))], 0, 14,
                "0 .. 1: where draws fall for 2 likes of 5 views (l) and 60 of 200 (m)")


def extremes():
    values = [(2, 3), (5, 5), (9, 2), (15, 4)]
    inside = lambda t: [v for at, v in values if t - 8 < at <= t]
    return plot([("h", over(24, lambda t: max(inside(t), default=None))),
                 ("l", over(24, lambda t: min(inside(t), default=None))),
                 ("o", [next((v for at, v in values if round(at / 24 * (WIDTH - 1)) == x), None)
                        for x in range(WIDTH)])], 1, 5, "24 h; values said (o), within 8h")


def held(peaks, half_life):
    return lambda t: max((z * 2 ** (-(t - at) / half_life) for at, z in peaks if at <= t),
                         default=None)


def trending():
    listed = lambda f, until: lambda t: f(t) if t < until else None
    return plot([("a", over(12, listed(held([(2, 4), (2.5, 7), (3, 9)], 2), 9))),
                 ("b", over(12, listed(held([(6, 3), (6.5, 5)], 2), 12.5)))], 0, 9,
                "12 h; peak of a at 3:00, of b at 6:30; H = 2h; a leaves at 9:00")


def popular():
    steady = [x / 4 for x in range(-4000, 4 * 336)]
    newcomer = [x / 12 for x in range(12 * 72, 12 * 336)]
    return plot([("s", over(336, decayed(steady, 168))), ("n", over(336, decayed(newcomer, 168)))],
                0, 2500, "14 days; H = 7d: steady 4 an hour (s), a newcomer's 12 an hour (n)")


PICTURES = {f.__name__: f for f in (decay, windows, young, velocity, slope, surge, ratio, wilson,
                                    thompson, extremes, trending, popular)}
BLOCK = re.compile(r"<!-- picture: (\w+) -->\n```text\n.*?```\n", re.S)


def draw(match):
    name = match.group(1)
    if name not in PICTURES:
        sys.exit(f"signal_pictures: there is no picture '{name}'")
    return f"<!-- picture: {name} -->\n```text\n{PICTURES[name]()}\n```\n"


def main():
    check = sys.argv[1:2] == ["--check"]
    paths = sys.argv[2:] if check else sys.argv[1:]
    if len(paths) != 1:
        sys.exit(__doc__)
    with open(paths[0], encoding="utf-8") as file:
        text = file.read()
    drawn = BLOCK.sub(draw, text)
    missing = set(PICTURES) - set(re.findall(r"<!-- picture: (\w+) -->", text))
    if missing:
        sys.exit(f"signal_pictures: {paths[0]} does not show {', '.join(sorted(missing))}")
    if check and drawn != text:
        sys.exit(f"signal_pictures: {paths[0]} is not as drawn: "
                 f"tools/signal_pictures.py {paths[0]}")
    if not check:
        with open(paths[0], "w", encoding="utf-8") as file:
            file.write(drawn)


if __name__ == "__main__":
    main()
