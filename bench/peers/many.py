"""Many runs with jax and Optax: python many.py <float32 or float64> <threads>.

Commands come as lines of JSON on stdin and are answered on stdout: see serve.py. One loop advances all
runs of a batch: the gradient is vmapped, Optax's state has a column for each array and one count. (A vmap
over whole loops would compute the bias correction run by run, which takes five times as long.)
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from serve import serve

import numpy as np

DTYPE, THREADS = np.dtype(sys.argv[1]), int(sys.argv[2])
# XLA starts one thread per processor, so the number of threads is set by the CPU affinity.
if THREADS < os.cpu_count() and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-THREADS:])
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import optax
from jax import lax

if DTYPE == np.float64:
    jax.config.update("jax_enable_x64", True)

clock = time.perf_counter_ns


def rosenbrock(data):
    def value(p):
        x, y = p
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2

    return jax.vmap(jax.grad(value))


def residual(p, t, y):
    a, b, c = p
    return (a * jnp.exp(-b * t) + c - y) ** 2


def exponential(data):
    """The straightforward form: a sum over the rows."""
    t, y = data
    return jax.vmap(jax.grad(lambda p: jnp.sum(residual(p, t, y))))


def exponential_by_row(data):
    """Row by row for all runs, so that no array has runs × rows elements."""
    t, y = data
    of_row = jax.vmap(jax.grad(residual), in_axes=(0, None, None))

    def gradient(p):
        def add(k, sums):
            return jax.tree.map(jnp.add, sums, of_row(p, t[k], y[k]))

        return lax.fori_loop(0, len(t), add, jax.tree.map(jnp.zeros_like, p))

    return gradient


gradients = {
    "rosenbrock": rosenbrock,
    "exponential": exponential,
    "exponential by row": exponential_by_row,
}


def loop(gradient, optimizer, tolerance):
    """Advances the runs of a batch until each has a step below the tolerance or reaches the maximum of updates."""

    def advance(starts, most):
        def goes_on(carry):
            _, _, lives, _, t = carry
            return jnp.any(lives) & (t < most)

        def update(carry):
            p, state, lives, iterations, t = carry
            updates, state = optimizer.update(gradient(p), state, p)
            stepped = optax.apply_updates(p, updates)
            change = jnp.zeros_like(p[0])
            for now, then in zip(stepped, p):
                change = jnp.maximum(change, jnp.abs(now - then))
            p = jax.tree.map(lambda now, then: jnp.where(lives, now, then), stepped, p)
            iterations = jnp.where(lives, t + 1, iterations)
            return p, state, lives & (change >= tolerance), iterations, t + 1

        count = starts[0].shape
        lives, iterations = jnp.ones(count, bool), jnp.zeros(count, jnp.int32)
        p, _, _, iterations, _ = lax.while_loop(
            goes_on, update, (starts, optimizer.init(starts), lives, iterations, jnp.int32(0))
        )
        return p, iterations

    return advance


class Many:
    """Runs the batches sequentially, or divided among two callers."""

    def __init__(self, s):
        adam = s["adam"]
        optimizer = optax.adam(adam["lr"], b1=adam["beta1"], b2=adam["beta2"], eps=adam["eps"])
        data = [jnp.array(np.array(column, DTYPE)) for column in s["data"]]
        advance = loop(gradients[s["form"]](data), optimizer, s["tolerance"])
        if s["batch"] * s["callers"] == s["runs"]:
            self.sweep = jax.jit(advance)
            shape = (s["callers"], s["batch"])
        else:
            self.sweep = jax.jit(lambda starts, most: lax.map(lambda batch: advance(batch, most), starts))
            shape = (s["callers"], -1, s["batch"])
        starts = [np.fromfile(path, DTYPE).reshape(shape) for path in s["starts"]]
        self.parts = [tuple(jnp.array(column[k]) for column in starts) for k in range(s["callers"])]
        self.callers = ThreadPoolExecutor(s["callers"])
        self.most = s["most"]

    def run(self, most):
        one = lambda part: jax.block_until_ready(self.sweep(part, most or self.most))
        self.found = [one(self.parts[0])] if len(self.parts) == 1 else list(self.callers.map(one, self.parts))

    def write(self, path):
        """Writes the parameters and then the numbers of updates, run by run."""
        flat = lambda column: np.concatenate([np.asarray(part).reshape(-1) for part in column])
        columns = [flat(column) for column in zip(*(p for p, _ in self.found))]
        iterations = flat(iterations for _, iterations in self.found)
        with open(path, "wb") as file:
            for column in [*columns, iterations.astype(np.uint32)]:
                file.write(column.tobytes())


subjects = {}


def answer(command):
    call, subject = command["call"], subjects.get(command.get("id"))
    if call == "open":
        return {"version": optax.__version__, "jax": jax.__version__}
    if call == "make":
        subjects[command["id"]] = Many(command)
    elif call == "run":
        start = clock()
        subject.run(command.get("most"))
        return {"ns": clock() - start}
    elif call == "write":
        subject.write(command["path"])
    elif call == "drop":
        subjects.pop(command["id"], None)
    return {}


serve(answer)
