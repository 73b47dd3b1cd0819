"""Writes starts.json: Sobol's sequence by SciPy, and random starts by a second implementation, in whole numbers.

python -m pip install scipy && python test/data/starts.py
"""

import json
import pathlib
import warnings
from fractions import Fraction

import scipy
from scipy.stats import qmc

MASK = 2**32 - 1


def finalise(h):
    h ^= h >> 16
    h = h * 0x85EBCA6B & MASK
    h ^= h >> 13
    h = h * 0xC2B2AE35 & MASK
    return h ^ h >> 16


def rotate(x, k):
    return (x << k | x >> 32 - k) & MASK


def words(s):
    """xoshiro128** 1.1, as its authors have it."""
    while True:
        yield rotate(s[1] * 5 & MASK, 7) * 9 & MASK
        t = s[1] << 9 & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotate(s[3], 11)


def seeded(seed):
    return words([finalise(seed + k * 0x9E3779B9 & MASK) for k in (1, 2, 3, 4)])


def fraction(source):
    high = next(source) >> 5
    return Fraction(high << 26 | next(source) >> 6, 2**53)


def below(count, source):
    while (word := next(source)) >= 2**32 - 2**32 % count:
        pass
    return word % count


def uniform(dimensions, count, seed):
    source = seeded(seed)
    rows = [[float(fraction(source)) for _ in range(dimensions)] for _ in range(count)]
    return [list(column) for column in zip(*rows)]


def latin(dimensions, count, seed):
    source = seeded(seed)
    fine = 2 ** (53 - (count - 1).bit_length())
    columns = []
    for _ in range(dimensions):
        parts = [0] * count
        for i in range(count):
            other = below(i + 1, source)
            parts[i] = parts[other]
            parts[other] = i
        places = [int(fraction(source) * fine) for _ in range(count)]
        columns.append([float((part + Fraction(place, fine)) / count) for part, place in zip(parts, places)])
    return columns


def sobol(count):
    warnings.simplefilter("ignore")
    engine = qmc.Sobol(40, scramble=False, bits=32)
    return [[int(x * 2**32) for x in column] for column in engine.random(count).T]


long = sobol(2**14)
known = words([1, 2, 3, 4])
# As rand_xoshiro has them from its authors' own program.
assert [next(known) for _ in range(5)] == [11520, 0, 5927040, 70819200, 2031721883]
first = seeded(42)
found = {
    "scipy": scipy.__version__,
    "sobol": [column[:17] for column in long],
    "far": [[column[i] for i in (1000, 4095, 16383)] for column in long],
    "words": [next(first) for _ in range(8)],
    "uniform": uniform(3, 5, 42),
    "latinHypercube": latin(3, 7, 42),
}
text = json.dumps(found).replace("], ", "],\n").replace(', "', ',\n"')
pathlib.Path(__file__).with_name("starts.json").write_text(text + "\n")
