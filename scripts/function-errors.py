"""Measures the float64 functions of crates/kernels on x86-64, where a long double has 64 bits, after
`pip install numpy`: python3 scripts/function-errors.py exp 30000000

Prints the largest error in units of the last place and its arguments, separately for subnormal values.
"""

import subprocess
import sys

import numpy as np

NAMES = {"pow": np.power, "atan": np.arctan}


def errors(actual, exact):
    """The errors; infinite if only one value is NaN, or if a sign is wrong."""
    rounded = exact.astype(np.float64)
    same = (actual == rounded) | (np.isnan(actual) & np.isnan(rounded))
    trivial = (rounded == 0) | ~np.isfinite(rounded)
    # Infinity counts as 2¹⁰²⁴, the successor of the largest finite number.
    finite = np.where(np.isinf(actual), np.sign(actual) * np.exp2(np.longdouble(1024)), actual)
    exponent = np.maximum(np.frexp(exact)[1] - 1, -1022)
    found = np.abs(finite - exact) / np.exp2((exponent - 52).astype(np.longdouble))
    wrong = np.isnan(found) | (np.signbit(actual) != np.signbit(rounded))
    found = np.where(trivial & same, 0, np.where(wrong, np.inf, found))
    return np.where(np.isnan(actual) & np.isnan(rounded), 0, found)


def main(name, count):
    function = NAMES.get(name) or getattr(np, name)
    command = f"cargo run --release -q -p antigrad-kernels --example functions -- write {name} {count}"
    worst = {"normal": (0, 0, 0), "subnormal": (0, 0, 0)}
    with subprocess.Popen(command.split(), stdout=subprocess.PIPE) as process:
        while block := process.stdout.read(24 * 2**16):
            x, y, value = np.frombuffer(block).reshape(-1, 3).T
            wide = [np.longdouble(x), np.longdouble(y)]
            found = errors(value, function(*wide[: 2 if name == "pow" else 1]))
            is_small = np.abs(value) < np.finfo(np.float64).tiny
            for kind, of_kind in ("normal", ~is_small), ("subnormal", is_small):
                at = np.argmax(np.where(of_kind, found, 0))
                if of_kind.any() and found[at] > worst[kind][0]:
                    worst[kind] = (float(found[at]), float(x[at]), float(y[at]))
    print(name, worst)


np.seterr(all="ignore")
main(sys.argv[1], int(sys.argv[2]))
