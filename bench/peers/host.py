"""A process in which one Python library does the work: python host.py <library> <threads>.

Commands come as lines of JSON on stdin and are answered on stdout, by serve.py; host.mjs is the same for JavaScript.
"""

import gc
import importlib.metadata
import importlib.util
import math
import os
import sys
import time
import types

from serve import serve

import numpy as np

LIBRARY, THREADS = sys.argv[1], int(sys.argv[2])
clock = time.perf_counter_ns


def values(shapes, k):
    """The values of `values` in values.mjs, in the given shapes."""
    lengths = [math.prod(shape) for shape in shapes]
    i = np.arange(sum(lengths), dtype=np.uint32) + np.uint32(1 + k * 7919)
    flat = ((i * np.uint32(0x9E3779B1)) >> np.uint32(8)).astype(np.float32) / np.float32(2**24) - np.float32(0.5)
    parts = np.split(flat, np.cumsum(lengths)[:-1])
    return [part.reshape(shape).copy() for part, shape in zip(parts, shapes)]


def pick(tensors, indices):
    return np.concatenate([np.asarray(tensor).reshape(-1) for tensor in tensors])[indices].tolist()


class OnTorch:
    """Optimizers that update torch's parameters."""

    # Rules whose step overwrites the gradients or zeroes them.
    spends = ()

    @staticmethod
    def open():
        torch.set_num_threads(THREADS)
        return {"version": importlib.metadata.version(LIBRARY)}

    def __init__(self, rule, shapes, s):
        self.params = [torch.nn.Parameter(torch.from_numpy(tensor).clone()) for tensor in values(shapes, 0)]
        self.shapes, self.norm, self.about = shapes, s["norm"], {}
        adam = {"lr": s["lr"], "betas": (s["beta1"], s["beta2"]), "eps": s["eps"]}
        self.optimizer = self.make(rule, self.params, s, adam)
        self.run = self.anew if rule in self.spends else self.steps

    def gradients(self, k):
        self.given = [torch.from_numpy(tensor) for tensor in values(self.shapes, k)]
        for p, g in zip(self.params, self.given):
            p.grad = g.clone()

    def steps(self, count):
        step = self.optimizer.step
        for _ in range(count):
            step()

    def anew(self, count):
        """New gradients are written before each step, and not timed."""
        ns = 0
        for _ in range(count):
            for p, g in zip(self.params, self.given):
                p.grad.copy_(g)
            start = clock()
            self.step()
            ns += clock() - start
        return ns

    def step(self):
        self.optimizer.step()

    def read(self, indices):
        return pick([p.detach().numpy() for p in self.params], indices)


class Torch(OnTorch):
    """PyTorch's fused optimizers, or foreach if a rule has no fused form, although foreach is slower for one tensor."""

    spends = ("train",)

    @staticmethod
    def open():
        torch.set_num_threads(THREADS)
        return {"version": torch.__version__, "capability": torch.backends.cpu.get_cpu_capability()}

    def make(self, rule, p, s, adam):
        optim, lr = torch.optim, s["lr"]
        forms = {"rmsprop": "foreach", "radam": "foreach", "adafactor": "by tensor", "muon": "by tensor"}
        self.about = {"form": forms.get(rule, "fused")}
        return {
            "adam": lambda: optim.Adam(p, fused=True, **adam),
            "adamw": lambda: optim.AdamW(p, fused=True, weight_decay=s["weightDecay"], **adam),
            "train": lambda: optim.AdamW(p, fused=True, weight_decay=s["weightDecay"], **adam),
            "sgd": lambda: optim.SGD(p, lr=lr, momentum=s["momentum"], fused=True),
            "adagrad": lambda: optim.Adagrad(p, lr=lr, eps=s["adagradEps"], fused=True),
            "rmsprop": lambda: optim.RMSprop(p, lr=lr, alpha=s["alpha"], eps=s["eps"], foreach=True),
            "radam": lambda: optim.RAdam(p, foreach=True, **adam),
            "adafactor": lambda: optim.Adafactor(p, lr=lr, foreach=False),
            "muon": lambda: optim.Muon(p, **muon(s), adjust_lr_fn="original"),
        }[rule]()

    def step(self):
        """The step of `train`, which clips, updates and zeroes gradients."""
        torch.nn.utils.clip_grad_norm_(self.params, self.norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=False)


def muon(s):
    return {name: s[name] for name in ("lr", "momentum", "nesterov")} | {"weight_decay": s["weightDecay"]}


class DeepSpeed(OnTorch):
    """DeepSpeedCPUAdam."""

    def make(self, rule, p, s, adam):
        isW = rule == "adamw"
        decay = s["weightDecay"] if isW else 0
        return deepspeed.ops.adam.DeepSpeedCPUAdam(p, weight_decay=decay, adamw_mode=isW, **adam)


class Timm(OnTorch):
    """timm.optim."""

    def make(self, rule, p, s, adam):
        decay = {"weight_decay": s["weightDecay"]}
        if rule == "lars":
            self.about = {"options": {"denominator": "sum", "lrPlacement": "outside"}}
        elif rule == "adafactor":
            # A given lr is not scaled by the parameters. The default is scaled, and is 0.01 for 10⁴ steps.
            self.about = {"options": {"lr": 1e-2}}
        return {
            "lamb": lambda: timm.optim.Lamb(p, max_grad_norm=None, foreach=False, **adam, **decay),
            "lars": lambda: timm.optim.Lars(
                p,
                lr=s["lr"],
                momentum=s["momentum"],
                trust_coeff=s["trustCoefficient"],
                eps=s["eps"],
                foreach=False,
                **decay,
            ),
            "novograd": lambda: timm.optim.NvNovoGrad(p, **adam, **decay),
            "adafactor": lambda: timm.optim.Adafactor(p),
            "muon": lambda: timm.optim.Muon(
                p, **muon(s), ns_coefficients="original", adjust_lr_fn="original"
            ),
        }[rule]()


class Prodigy(OnTorch):
    """prodigyopt."""

    def make(self, rule, p, s, adam):
        bias = s["useBiasCorrection"]
        return prodigyopt.Prodigy(p, d0=s["d0"], weight_decay=s["weightDecay"], use_bias_correction=bias, **adam)


class ScheduleFree(OnTorch):
    """schedulefree, whose parameters are y during training."""

    spends = ("scheduleFreeAdamW",)

    def make(self, rule, p, s, adam):
        made = schedulefree.AdamWScheduleFree(p, weight_decay=s["weightDecay"], foreach=False, **adam)
        made.train()
        return made

    def read(self, indices):
        self.optimizer.eval()
        found = super().read(indices)
        self.optimizer.train()
        return found


class Stable(OnTorch):
    """pytorch_optimizer."""

    def make(self, rule, p, s, adam):
        return pytorch_optimizer.StableAdamW(p, weight_decay=s["weightDecay"], foreach=False, **adam)


class Optax:
    """update and apply_updates of an Optax optimizer in one jitted function with donated memory."""

    @staticmethod
    def open():
        return {"version": optax.__version__, "jax": jax.__version__}

    def __init__(self, rule, shapes, s):
        lr, adam = s["lr"], {"b1": s["beta1"], "b2": s["beta2"], "eps": s["eps"]}
        decay, contrib = {"weight_decay": s["weightDecay"]}, optax.contrib
        # Rows are the fan-out, as in PyTorch. Otherwise Optax would scale for the transposed matrix.
        rows = contrib.MuonDimensionNumbers(reduction_axis=1, output_axis=0)
        optimizer = {
            "adam": lambda: optax.adam(lr, **adam),
            "adamw": lambda: optax.adamw(lr, weight_decay=s["weightDecay"], **adam),
            "sgd": lambda: optax.sgd(lr, momentum=s["momentum"]),
            "adagrad": lambda: optax.adagrad(lr, initial_accumulator_value=0.0, eps=s["adagradEps"]),
            "rmsprop": lambda: optax.rmsprop(lr, decay=s["alpha"], eps=s["eps"], eps_in_sqrt=False),
            "radam": lambda: optax.radam(lr, threshold=s["threshold"], **adam),
            "lamb": lambda: optax.lamb(lr, **adam, **decay),
            "lars": lambda: optax.lars(
                lr, momentum=s["momentum"], trust_coefficient=s["trustCoefficient"], eps=s["eps"], **decay
            ),
            "novograd": lambda: optax.novograd(lr, **adam, **decay),
            "prodigy": lambda: contrib.prodigy(
                lr, betas=(s["beta1"], s["beta2"]), eps=s["eps"], estim_lr0=s["d0"], **decay
            ),
            "scheduleFreeAdamW": lambda: contrib.schedule_free_adamw(lr, **adam, **decay),
            "adafactor": lambda: optax.adafactor(lr, min_dim_size_to_factor=1),
            "muon": lambda: contrib.muon(
                lr,
                beta=s["momentum"],
                nesterov=s["nesterov"],
                muon_weight_dimension_numbers=[rows for _ in shapes],
                **decay,
            ),
        }[rule]()
        self.rule, self.shapes = rule, shapes
        self.about = {"epsInRoot": True} if rule == "adagrad" else {}
        self.params = [jnp.array(tensor) for tensor in values(shapes, 0)]
        # Copies, because donated arrays must not occur twice, and some states start with the parameters themselves.
        self.state = optimizer.init([jnp.array(tensor) for tensor in values(shapes, 0)])

        def step(params, state, grads):
            updates, state = optimizer.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        self.step = jax.jit(step, donate_argnums=(0, 1))

    def gradients(self, k):
        self.grads = jax.block_until_ready([jnp.array(tensor) for tensor in values(self.shapes, k)])

    def run(self, count):
        params, state, grads, step = self.params, self.state, self.grads, self.step
        for _ in range(count):
            params, state = step(params, state, grads)
        # Calls are queued, so waiting only once at the end favors Optax.
        self.params, self.state = jax.block_until_ready((params, state))

    def read(self, indices):
        if self.rule == "scheduleFreeAdamW":
            return pick(optax.contrib.schedule_free_eval_params(self.state, self.params), indices)
        return pick(self.params, indices)


def load():
    global torch, deepspeed, timm, prodigyopt, schedulefree, pytorch_optimizer, jax, jnp, optax
    if LIBRARY == "optax":
        # XLA starts one thread per processor, so the number of threads is set by the CPU affinity.
        if THREADS < os.cpu_count() and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-THREADS:])
        os.environ["JAX_PLATFORMS"] = "cpu"
        import jax
        import jax.numpy as jnp
        import optax
        import optax.contrib

        return Optax
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    os.environ["DS_ACCELERATOR"] = "cpu"
    import torch

    if LIBRARY == "deepspeed":
        import deepspeed
        import deepspeed.ops.adam

        return DeepSpeed
    if LIBRARY == "timm":
        # The package needs torchvision for its models, from which its optimizers use only one function for groups.
        package, models = types.ModuleType("timm"), types.ModuleType("timm.models")
        package.__path__ = importlib.util.find_spec("timm").submodule_search_locations
        models.group_parameters = None
        sys.modules |= {"timm": package, "timm.models": models}
        import timm.optim

        return Timm
    if LIBRARY == "prodigyopt":
        import prodigyopt

        return Prodigy
    if LIBRARY == "schedulefree":
        import schedulefree

        return ScheduleFree
    if LIBRARY == "pytorch_optimizer":
        import pytorch_optimizer

        return Stable
    return Torch


subjects = {}


def answer(command):
    global Library
    call, subject = command["call"], subjects.get(command.get("id"))
    if call == "open":
        Library = load()
        return Library.open()
    if call == "make":
        subjects[command["id"]] = Library(command["rule"], command["shapes"], command["settings"])
        return subjects[command["id"]].about
    if call == "gradients":
        subject.gradients(command["k"])
    elif call == "run":
        start = clock()
        own = subject.run(command["count"])
        ns = clock() - start
        # OpenMP threads spin for a while, which must not slow the next library.
        time.sleep(0.005)
        return {"ns": own or ns}
    elif call == "read":
        return {"values": subject.read(command["indices"])}
    elif call == "drop":
        subjects.pop(command["id"], None)
        del subject
        gc.collect()
    return {}


serve(answer)
