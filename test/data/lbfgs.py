"""Writes lbfgs.json: points of torch.optim.LBFGS with its strong Wolfe search, one for each iteration.

python -m pip install torch && python test/data/lbfgs.py
"""

import json
import pathlib

import torch

torch.set_default_dtype(torch.float64)


def rosenbrock(x):
    return ((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2).sum()


def beale(x):
    u, v = x
    return sum((c - u * (1 - v**k)) ** 2 for k, c in ((1, 1.5), (2, 2.25), (3, 2.625)))


def himmelblau(x):
    u, v = x
    return (u * u + v - 11) ** 2 + (u + v * v - 7) ** 2


def bowl(x):
    curvatures = torch.linspace(1, 100, len(x)) if len(x) > 1 else torch.tensor([100.0])
    return (curvatures * x * x).sum() / 2


cases = [
    ("rosenbrock", rosenbrock, [-1.5, 2.0], 10),
    ("rosenbrock", rosenbrock, [-1.2, 1.0, 0.5, 1.5, -0.3], 10),
    ("rosenbrock", rosenbrock, [-1.2, 1.0, 0.5, 1.5, -0.3], 2),
    ("beale", beale, [-3.0, -2.0], 10),
    ("himmelblau", himmelblau, [0.5, -4.0], 10),
    ("bowl", bowl, [3.0, -2.0, 1.0, 4.0, -5.0, 6.0], 10),
]


def run(objective, start, history):
    x = torch.tensor(start, requires_grad=True)
    # A search may try max_eval - 1 points.
    limits = {"max_iter": 1, "max_eval": 26, "tolerance_grad": 0}
    optimizer = torch.optim.LBFGS([x], history_size=history, line_search_fn="strong_wolfe", **limits)
    calls = 0

    def closure():
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        value = objective(x)
        value.backward()
        return value

    points, evaluations = [], []
    for _ in range(25):
        optimizer.step(closure)
        # Each step asks once more for what the one before has ended with.
        asked = calls - len(points)
        if evaluations and asked == evaluations[-1]:
            break
        points.append(x.tolist())
        evaluations.append(asked)
    return {"points": points, "evaluations": evaluations}


found = [{"objective": n, "start": s, "history": h, **run(f, s, h)} for n, f, s, h in cases]
text = json.dumps({"torch": torch.__version__, "runs": found}).replace("]], ", "]],\n").replace("}, ", "},\n")
pathlib.Path(__file__).with_suffix(".json").write_text(text + "\n")
