"""Writes equations.json: points of published rules that docs/equations.md writes as their equations.

python -m pip install torch pytorch_optimizer jax optax && python test/data/equations.py
"""

import importlib.metadata
import json
import pathlib
import random

import jax
import optax
import pytorch_optimizer
import torch

jax.config.update("jax_enable_x64", True)
torch.set_default_dtype(torch.float64)

STEPS = 24
LENGTHS = {"a": 4, "b": 2}

draw = random.Random(3)


def numbers(scale):
    return {name: [round(draw.uniform(-scale, scale), 3) for _ in range(n)] for name, n in LENGTHS.items()}


initial = numbers(2)
# The sizes of gradients change, one is 0 for a while, and one for good.
gradients = [numbers(draw.choice([0.01, 1, 1, 10])) for _ in range(STEPS)]
for t, gradient in enumerate(gradients):
    gradient["a"][1] = 0
    if t < 3:
        gradient["b"][0] = 0


def of_torch(make, options):
    parameters = {name: torch.tensor(values, requires_grad=True) for name, values in initial.items()}
    optimizer = make(list(parameters.values()), foreach=False, **options)
    points = []
    for gradient in gradients:
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(gradient[name])
        optimizer.step()
        points.append({name: parameter.tolist() for name, parameter in parameters.items()})
    return points


def of_optax(optimizer):
    parameters = {name: jax.numpy.array(values) for name, values in initial.items()}
    state = optimizer.init(parameters)
    points = []
    for gradient in gradients:
        arrays = {name: jax.numpy.array(values) for name, values in gradient.items()}
        updates, state = optimizer.update(arrays, state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        points.append({name: parameter.tolist() for name, parameter in parameters.items()})
    return points


contrib = optax.contrib
runs = {
    "madgrad": of_torch(pytorch_optimizer.MADGRAD, {"lr": 0.05}),
    "acprop": of_optax(contrib.acprop(0.05, b2=0.99, eps=1e-8, eps_root=1e-8)),
    "fromage": of_torch(pytorch_optimizer.Fromage, {"lr": 0.05}),
    "cocob": of_optax(contrib.cocob()),
    "optimistic": of_optax(optax.optimistic_gradient_descent(0.05, beta=0.5)),
    "tiger": of_torch(pytorch_optimizer.Tiger, {"lr": 0.05, "weight_decay": 0.1}),
    "adamod": of_torch(pytorch_optimizer.AdaMod, {"lr": 0.05, "betas": (0.9, 0.99, 0.95)}),
    "qhm": of_torch(pytorch_optimizer.QHM, {"lr": 0.05, "momentum": 0.95, "nu": 0.7}),
    "dog": of_optax(contrib.dog()),
    "gravity": of_torch(pytorch_optimizer.Gravity, {"lr": 0.05, "alpha": 0.0}),
}

text = json.dumps(
    {
        "pytorch_optimizer": importlib.metadata.version("pytorch_optimizer"),
        "optax": optax.__version__,
        "initial": initial,
        "gradients": gradients,
        "runs": runs,
    }
)
pathlib.Path(__file__).with_suffix(".json").write_text(text.replace('], "', '],\n"').replace('}, {"', '},\n{"') + "\n")
