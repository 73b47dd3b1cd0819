"""NLopt's LD_LBFGS (in C) on the problems of bench/solver-time.mjs: lbfgs_c.py <compiled lbfgs_c.c>. Reads a JSON list of problems."""

import ctypes
import json
import sys
from pathlib import Path

import nlopt

library = next(Path(nlopt.__file__).parent.glob("_nlopt*.so"))
ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
own = ctypes.CDLL(sys.argv[1])
for problem in json.load(sys.stdin):
    starts = [x for start in problem["starts"] for x in start]
    numbers = (ctypes.c_double * len(starts))(*starts)
    out = (ctypes.c_double * 4)()
    own.measure(len(problem["starts"]), problem["size"], int(problem["bounded"]), numbers, out)
    print(json.dumps({"seconds": out[0], "evaluations": out[1], "alone": out[2], "reached": out[3]}))
