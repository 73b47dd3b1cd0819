"""CPU times of a model with two compartments in SciPy and CVODES: fits of patients, and simulations with sensitivities.

python -m pip install numpy scipy casadi && python ode-times.py < problem.json

The part with CVODES needs CasADi, whose package contains CVODES. Without CasADi, the part is null.
"""

import json
import sys
import time

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares

given = json.load(sys.stdin)
times = np.array(given["t"])
dose, *start = given["start"]
tolerances = {"rtol": given["rtol"], "atol": given["atol"]}


def timed(run, calls=1):
    begin = time.process_time()
    for _ in range(calls):
        result = run()
    return (time.process_time() - begin) / calls, result


def curve(p, method):
    v, k10, k12, k21 = p

    def rates(t, z):
        out, back = k12 * z[0], k21 * z[1]
        return (back - k10 * z[0] - out, out - back)

    return solve_ivp(rates, (0, times[-1]), (dose / v, 0), method=method, t_eval=times, **tolerances).y[0]


def fit(y, method):
    # Steps of 1e-4 keep the errors of the integration out of the differences.
    return least_squares(lambda p: (curve(p, method) - y) / y, start, method="lm", diff_step=1e-4).x.tolist()


def simulate():
    """The states and their derivatives by the dose, the volume, k10, k12 and k21."""
    v, k10, k12, k21 = start
    matrix = np.array([[-k10 - k12, k21], [k12, -k21]])
    forces = np.zeros((2, 5))

    def rates(t, z):
        y = z.reshape(6, 2)
        forces[0, 2] = forces[0, 3] = -y[0, 0]
        forces[1, 3] = y[0, 0]
        forces[0, 4], forces[1, 4] = y[0, 1], -y[0, 1]
        out = y @ matrix.T
        out[1:] += forces.T
        return out.ravel()

    z = np.zeros(12)
    z[0], z[2], z[4] = dose / v, 1 / v, -dose / v**2
    return solve_ivp(rates, (0, times[-1]), z, method="LSODA", t_eval=times, **tolerances).y[:, -1].tolist()


def cvodes():
    """A function that integrates the states and their forward sensitivities by CVODES."""
    try:
        import casadi
    except ImportError:
        return None
    x, p = casadi.SX.sym("x", 2), casadi.SX.sym("p", 5)
    out, back = p[3] * x[0], p[4] * x[1]
    ode = {"x": x, "p": p, "ode": casadi.vertcat(back - p[2] * x[0] - out, out - back)}
    options = {"reltol": given["rtol"], "abstol": given["atol"], "fsens_err_con": False}
    one = casadi.integrator("one", "cvodes", ode, 0, times, options)
    forward = one.forward(5)
    values = np.array(given["start"])
    x0 = np.array([dose / values[1], 0])
    seeds = np.zeros((2, 5))
    seeds[0, 0], seeds[0, 1] = 1 / values[1], -dose / values[1] ** 2
    inputs = {"x0": x0, "p": values, "fwd_x0": seeds, "fwd_p": np.eye(5)}
    names = forward.name_in()

    def run():
        # The derivative integrates the states again. It needs the place of the states, not their values.
        states = np.zeros((2, len(times)))
        found = forward.call([inputs.get(name, states if name == "out_xf" else 0) for name in names])
        return np.array(found[0])

    return run


if given.get("sets"):
    found = [timed(lambda: [fit(np.array(y), method) for y in given["sets"]]) for method in ("RK45", "LSODA")]
    json.dump([{"seconds": seconds / len(given["sets"]), "values": values} for seconds, values in found], sys.stdout)
else:
    native = cvodes()
    simulate()
    json.dump(
        {
            "lsoda": min(timed(simulate, 20) for _ in range(5)),
            "cvodes": native and min(timed(lambda: native()[:, 11::12].T.ravel().tolist(), 50) for _ in range(5)),
        },
        sys.stdout,
    )
