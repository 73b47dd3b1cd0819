"""One fit at a time with SciPy's curve_fit and with lmfit: python single.py.

Commands come as lines of JSON on stdin and are answered on stdout: see serve.py. Times are processor times.
"""

import os
import time

from serve import serve

# The problems are too small for BLAS threads.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import lmfit
import numpy as np
import scipy
from scipy.optimize import curve_fit

clock = time.process_time_ns
given = {}


def model(t, a, b, c):
    return a * np.exp(-b * t) + c


decay = lmfit.Model(model)


def by_scipy(t, y, start):
    return curve_fit(model, t, y, p0=start)[0].tolist()


def by_lmfit(t, y, start):
    return list(decay.fit(y, t=t, **dict(zip("abc", start))).best_values.values())


def answer(command):
    if command["call"] == "open":
        given["t"], given["y"] = np.array(command["t"]), np.array(command["y"])
        given["start"] = command["start"]
        return {"scipy": scipy.__version__, "lmfit": lmfit.__version__}
    fitted = {"scipy": by_scipy, "lmfit": by_lmfit}[command["id"]]
    start = clock()
    found = [fitted(given["t"], y, given["start"]) for y in given["y"][: command["count"]]]
    return {"ns": clock() - start, "values": found}


serve(answer)
