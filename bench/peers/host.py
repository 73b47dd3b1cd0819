"""A process in which one Python library does the work: python host.py <torch|deepspeed|optax> <threads>.

Commands come as lines of JSON on stdin and are answered on stdout; host.mjs is the same for JavaScript.
"""

import gc
import json
import os
import sys
import time

import numpy as np

# What a library prints must not be taken for an answer.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

LIBRARY, THREADS = sys.argv[1], int(sys.argv[2])
clock = time.perf_counter_ns


def values(lengths, k):
    """As `values` in values.mjs."""
    i = np.arange(sum(lengths), dtype=np.uint32) + np.uint32(1 + k * 7919)
    flat = ((i * np.uint32(0x9E3779B1)) >> np.uint32(8)).astype(np.float32) / np.float32(2**24) - np.float32(0.5)
    return [part.copy() for part in np.split(flat, np.cumsum(lengths)[:-1])]


def pick(tensors, indices):
    return np.concatenate([np.asarray(tensor).reshape(-1) for tensor in tensors])[indices].tolist()


class Torch:
    """Torch's fused optimizers, foreach where a rule has no fused one."""

    @staticmethod
    def open():
        torch.set_num_threads(THREADS)
        return {"version": torch.__version__, "capability": torch.backends.cpu.get_cpu_capability()}

    def __init__(self, rule, lengths, s):
        self.params = [torch.nn.Parameter(torch.from_numpy(tensor).clone()) for tensor in values(lengths, 0)]
        self.lengths, self.norm = lengths, s["norm"]
        optim, lr, p = torch.optim, s["lr"], self.params
        adam = {"lr": lr, "betas": (s["beta1"], s["beta2"]), "eps": s["eps"]}
        self.optimizer = {
            "adam": lambda: optim.Adam(p, fused=True, **adam),
            "adamw": lambda: optim.AdamW(p, fused=True, weight_decay=s["weightDecay"], **adam),
            "train": lambda: optim.AdamW(p, fused=True, weight_decay=s["weightDecay"], **adam),
            "sgd": lambda: optim.SGD(p, lr=lr, momentum=s["momentum"], fused=True),
            "adagrad": lambda: optim.Adagrad(p, lr=lr, eps=s["adagradEps"], fused=True),
            "rmsprop": lambda: optim.RMSprop(p, lr=lr, alpha=s["alpha"], eps=s["eps"], foreach=True),
            "radam": lambda: optim.RAdam(p, foreach=True, **adam),
        }[rule]()
        self.about = {"form": "foreach" if rule in ("rmsprop", "radam") else "fused"}
        self.run = self.train if rule == "train" else self.steps

    def gradients(self, k):
        self.given = [torch.from_numpy(tensor) for tensor in values(self.lengths, k)]
        for p, g in zip(self.params, self.given):
            p.grad = g.clone()

    def steps(self, count):
        step = self.optimizer.step
        for _ in range(count):
            step()

    def train(self, count):
        """Clips, updates and zeroes; new gradients are written before each, and not timed."""
        ns = 0
        for _ in range(count):
            for p, g in zip(self.params, self.given):
                p.grad.copy_(g)
            start = clock()
            torch.nn.utils.clip_grad_norm_(self.params, self.norm)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=False)
            ns += clock() - start
        return ns

    def read(self, indices):
        return pick([p.detach().numpy() for p in self.params], indices)


class DeepSpeed(Torch):
    """DeepSpeedCPUAdam."""

    @staticmethod
    def open():
        torch.set_num_threads(THREADS)
        return {"version": deepspeed.__version__}

    def __init__(self, rule, lengths, s):
        self.params = [torch.nn.Parameter(torch.from_numpy(tensor).clone()) for tensor in values(lengths, 0)]
        self.lengths = lengths
        self.optimizer = deepspeed.ops.adam.DeepSpeedCPUAdam(
            self.params,
            lr=s["lr"],
            betas=(s["beta1"], s["beta2"]),
            eps=s["eps"],
            weight_decay=s["weightDecay"] if rule == "adamw" else 0,
            adamw_mode=rule == "adamw",
        )
        self.about, self.run = {}, self.steps


class Optax:
    """An Optax optimizer's update and apply_updates in one jitted function that may reuse their memory."""

    @staticmethod
    def open():
        return {"version": optax.__version__, "jax": jax.__version__}

    def __init__(self, rule, lengths, s):
        lr, adam = s["lr"], {"b1": s["beta1"], "b2": s["beta2"], "eps": s["eps"]}
        optimizer = {
            "adam": lambda: optax.adam(lr, **adam),
            "adamw": lambda: optax.adamw(lr, weight_decay=s["weightDecay"], **adam),
            "sgd": lambda: optax.sgd(lr, momentum=s["momentum"]),
            "adagrad": lambda: optax.adagrad(lr, initial_accumulator_value=0.0, eps=s["adagradEps"]),
            "rmsprop": lambda: optax.rmsprop(lr, decay=s["alpha"], eps=s["eps"], eps_in_sqrt=False),
            "radam": lambda: optax.radam(lr, threshold=s["threshold"], **adam),
        }[rule]()
        self.lengths = lengths
        self.about = {"epsInRoot": True} if rule == "adagrad" else {}
        self.params = [jnp.array(tensor) for tensor in values(lengths, 0)]
        self.state = optimizer.init(self.params)

        def step(params, state, grads):
            updates, state = optimizer.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        self.step = jax.jit(step, donate_argnums=(0, 1))

    def gradients(self, k):
        self.grads = jax.block_until_ready([jnp.array(tensor) for tensor in values(self.lengths, k)])

    def run(self, count):
        params, state, grads, step = self.params, self.state, self.grads, self.step
        for _ in range(count):
            params, state = step(params, state, grads)
        # Calls are queued: one wait at the end is to its advantage.
        self.params, self.state = jax.block_until_ready((params, state))

    def read(self, indices):
        return pick(self.params, indices)


def load():
    global torch, deepspeed, jax, jnp, optax
    if LIBRARY == "optax":
        # XLA makes as many threads as there are processors, so one thread is one processor.
        if THREADS < os.cpu_count() and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-THREADS:])
        os.environ["JAX_PLATFORMS"] = "cpu"
        import jax
        import jax.numpy as jnp
        import optax

        return Optax
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    os.environ["DS_ACCELERATOR"] = "cpu"
    import torch

    if LIBRARY == "deepspeed":
        import deepspeed
        import deepspeed.ops.adam

        return DeepSpeed
    return Torch


subjects = {}


def answer(command):
    global Library
    call, subject = command["call"], subjects.get(command.get("id"))
    if call == "open":
        Library = load()
        return Library.open()
    if call == "make":
        subjects[command["id"]] = Library(command["rule"], command["lengths"], command["settings"])
        return subjects[command["id"]].about
    if call == "gradients":
        subject.gradients(command["k"])
    elif call == "run":
        start = clock()
        own = subject.run(command["count"])
        ns = clock() - start
        # OpenMP's threads spin for a while, which is not to be the next one's loss.
        time.sleep(0.005)
        return {"ns": own or ns}
    elif call == "read":
        return {"values": subject.read(command["indices"])}
    elif call == "drop":
        subjects.pop(command["id"], None)
        del subject
        gc.collect()
    return {}


for line in sys.stdin:
    try:
        reply = answer(json.loads(line))
    except Exception as error:  # Whatever goes wrong in a library is an answer too.
        reply = {"error": f"{type(error).__name__}: {error}".split("\n")[0]}
    answers.write(json.dumps(reply) + "\n")
    answers.flush()
