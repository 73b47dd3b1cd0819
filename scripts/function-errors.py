"""Measures float64 functions of crates/kernels against MPFR, after `pip install gmpy2`:
python3 scripts/function-errors.py exp 4000000

Prints the largest error in units of the last place and its arguments; powers that are subnormal apart.
"""

import math
import struct
import subprocess
import sys

import gmpy2

PRECISION = 140
context = gmpy2.get_context()
context.precision = PRECISION
context.subnormalize = False


def error(actual, exact):
    """Infinite where one is NaN and the other is not, or where a sign is wrong."""
    if math.isnan(actual) or gmpy2.is_nan(exact):
        return 0.0 if math.isnan(actual) and gmpy2.is_nan(exact) else math.inf
    rounded = float(exact)
    if actual == rounded and (rounded == 0 or math.isinf(rounded)):
        return 0.0 if math.copysign(1, actual) == math.copysign(1, rounded) else math.inf
    if math.isinf(actual):
        # What is next after the largest number.
        actual = math.copysign(1, actual) * gmpy2.mpfr(2) ** 1024
    exponent = max(gmpy2.get_exp(exact) - 1, -1022) if exact else -1022
    return float(abs(actual - exact) / gmpy2.mpfr(2) ** (exponent - 52))


def main(name, count):
    command = f"cargo run --release -q -p antigrad-kernels --example functions -- write {name} {count}"
    worst = {False: (0.0,), True: (0.0,)}
    with subprocess.Popen(command.split(), stdout=subprocess.PIPE) as process:
        while block := process.stdout.read(24 * 4096):
            for x, y, value in struct.iter_unpack("<3d", block):
                exact = gmpy2.mpfr(x) ** gmpy2.mpfr(y) if name == "pow" else getattr(gmpy2, name)(gmpy2.mpfr(x))
                found = error(value, exact)
                kind = abs(value) < sys.float_info.min
                if found > worst[kind][0]:
                    worst[kind] = (found, x, y) if name == "pow" else (found, x)
    print(name, "normal", *worst[False], "subnormal", *worst[True])


main(sys.argv[1], int(sys.argv[2]))
