"""Steps and errors of SciPy's solve_ivp with RK45 and Radau.

python -m pip install numpy scipy && python odes.py < problems.json

A problem contains equations, numbers of the parameters, initial values, times, events and absolute tolerances per unit
of rtol. The result has accepted steps, rejected steps and states for each problem, method and rtol.
"""

import json
import math
import sys

import numpy as np
from scipy.integrate import RK45, Radau
from scipy.integrate._ivp import radau as radau_module

given = json.load(sys.stdin)
attempts = 0
last_attempt = None
solve_stages = radau_module.solve_collocation_system


def counted(fun, t, y, h, *rest):
    """A second attempt with the same step and a new Jacobian is part of the same step."""
    global attempts, last_attempt
    if last_attempt != (t, h):
        attempts += 1
        last_attempt = (t, h)
    return solve_stages(fun, t, y, h, *rest)


radau_module.solve_collocation_system = counted


def compile_rates(problem):
    names = list(problem["initial"])
    text = ", ".join(problem["equations"][name].replace("^", "**") for name in names)
    functions = {name: getattr(math, name) for name in ("sin", "cos", "exp", "log", "sqrt")}
    code = compile(f"lambda t, {', '.join(names)}: ({text},)", "rates", "eval")

    def with_numbers(numbers):
        return eval(code, {**functions, **problem["parameters"], **numbers})

    return names, with_numbers


def integrate(problem, method, rtol):
    """Steps from event to event, and the states at the times from the dense output."""
    global attempts, last_attempt
    names, with_numbers = compile_rates(problem)
    y = np.array([problem["initial"][name] for name in names], dtype=float)
    atol = np.array(problem["atol"]) * rtol
    times = problem["times"]
    stops = sorted({time for time, *_ in problem["events"]} | {times[-1]})
    t = problem["start"]
    numbers = dict(problem["firstInputs"])
    out, accepted, tried = [], 0, 0
    for stop in stops:
        if stop > t:
            rates = with_numbers(numbers)
            solver = method(lambda at, z: rates(at, *z), t, y, stop, rtol=rtol, atol=atol)
            attempts, last_attempt, first = 0, None, solver.nfev
            while solver.status == "running":
                solver.step()
                accepted += 1
                while len(out) < len(times) and times[len(out)] < solver.t:
                    out.append(solver.dense_output()(times[len(out)]).tolist())
            if solver.status == "failed":
                return None
            tried += attempts if method is Radau else (solver.nfev - first) // 6
            t, y = stop, solver.y
        for time, name, value in problem["events"]:
            if time != stop:
                continue
            if name in names:
                y = y.copy()
                y[names.index(name)] += value
            else:
                numbers[name] = value
        # An event precedes the outputs at its time.
        while len(out) < len(times) and times[len(out)] <= t:
            out.append(y.tolist())
    return {"accepted": accepted, "rejected": tried - accepted, "states": out}


methods = {"RK45": RK45, "Radau": Radau}
json.dump(
    [[integrate(problem, methods[given["method"]], rtol) for rtol in problem["tolerances"]] for problem in given["problems"]],
    sys.stdout,
)
